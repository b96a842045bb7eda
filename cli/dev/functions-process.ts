// The functions with their DynamoDB-compatible server, in a process of their own.

import { z } from 'zod';
import { secret } from '../../core/secret.ts';
import { startFunctions, startLocalDynamoDb } from '../../functions/local.ts';
import { runChild } from './child.ts';

const Settings = z.object({
  port: z.number().int(),
  dynamodbPort: z.number().int(),
  dynamodbPath: z.string(),
  objects: z.string(),
  search: z.string(),
  token: z.string(),
});

runChild(Settings, async (settings) => {
  const dynamodb = await startLocalDynamoDb({ path: settings.dynamodbPath, port: settings.dynamodbPort });
  const functions = await startFunctions({
    port: settings.port,
    objectsDirectory: settings.objects,
    searchDirectory: settings.search,
    dynamoEndpoint: dynamodb.endpoint,
    token: secret(settings.token),
  });
  return {
    async stop() {
      await functions.close();
      await dynamodb.close();
    },
  };
});
