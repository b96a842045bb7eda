// The CDK application. Needs no account to synthesise.

import { App, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';
import { readStage } from '../deployment/stage-file.ts';
import { declareGatehouse } from '../gatehouse.ts';
import { readStackSettings, SETTING_NAMES } from '../settings.ts';

const app = new App();
Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
const contextOf = (name: string): unknown => app.node.tryGetContext(name);
const stage: unknown = contextOf('stage');
// With a stage its file says all.
const beside = typeof stage === 'string' ? SETTING_NAMES.filter((name) => contextOf(name) !== undefined) : [];
if (beside.length > 0)
  throw new Error(`settings: ${beside.join(', ')}: belongs into infra/stages/${String(stage)}.yaml`);
declareGatehouse(app, typeof stage === 'string' ? readStage(stage) : readStackSettings(contextOf));
app.synth();
