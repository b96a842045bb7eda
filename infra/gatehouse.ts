// All stacks of a deployment, and how they are joined.

import type { App } from 'aws-cdk-lib';
import type { Settings } from './settings.ts';
import { FunctionsStack } from './stacks/functions-stack.ts';
import { RecordingStack } from './stacks/recording-stack.ts';

export interface GatehouseStacks {
  readonly recording: RecordingStack;
  readonly functions: FunctionsStack;
}

export function declareGatehouse(app: App, settings: Settings): GatehouseStacks {
  const env = { account: settings.account, region: settings.region };
  const recording = new RecordingStack(app, `${settings.deployment}Recording`, { env, settings });
  const functions = new FunctionsStack(app, `${settings.deployment}Functions`, { env, settings, recording });
  return { recording, functions };
}
