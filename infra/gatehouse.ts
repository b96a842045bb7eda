// All stacks of a deployment, and how they are joined.

import type { App } from 'aws-cdk-lib';
import type { Settings } from './settings.ts';
import { ConnectorStack } from './stacks/connector-stack.ts';
import { EdgeStack } from './stacks/edge-stack.ts';
import { FunctionsStack } from './stacks/functions-stack.ts';
import { RecordingStack } from './stacks/recording-stack.ts';

export interface GatehouseStacks {
  readonly recording: RecordingStack;
  readonly functions: FunctionsStack;
  readonly connector: ConnectorStack | undefined;
  readonly edge: EdgeStack | undefined;
}

export function declareGatehouse(app: App, settings: Settings): GatehouseStacks {
  const env = { account: settings.account, region: settings.region };
  const recording = new RecordingStack(app, `${settings.deployment}Recording`, { env, settings });
  const functions = new FunctionsStack(app, `${settings.deployment}Functions`, { env, settings, recording });
  const { connectorStack } = settings;
  const connector =
    connectorStack &&
    new ConnectorStack(app, `${settings.deployment}Connector`, {
      env: { account: connectorStack.account ?? settings.account, region: connectorStack.region ?? settings.region },
      settings,
      connector: connectorStack,
      archive: connectorStack.archive ?? {
        bucketName: recording.exportValue(recording.bucket.bucketName),
        region: recording.region,
        keyArn: recording.bucket.encryptionKey?.keyArn,
      },
    });
  const edge =
    settings.edge &&
    new EdgeStack(app, `${settings.deployment}Edge`, {
      env,
      edge: settings.edge,
      reserve: settings.reserveConcurrency,
      functionsUrl: functions.url,
    });
  return { recording, functions, connector, edge };
}
