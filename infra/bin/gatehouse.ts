// The CDK application. Needs no account to synthesise.

import { App, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';
import { declareGatehouse } from '../gatehouse.ts';
import { readStackSettings } from '../settings.ts';

const app = new App();
Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
declareGatehouse(
  app,
  readStackSettings((name) => app.node.tryGetContext(name)),
);
app.synth();
