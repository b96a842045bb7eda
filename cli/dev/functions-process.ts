// The functions with their DynamoDB-compatible server, in a process of their own.

import { z } from 'zod';
import { secret } from '../../core/secret.ts';
import { S3Place, startFunctions, startLocalDynamoDb } from '../../functions/local.ts';
import { runChild } from './child.ts';

const Settings = z.object({
  port: z.number().int(),
  dynamodbPort: z.number().int(),
  dynamodbPath: z.string(),
  objects: z.string(),
  search: z.string(),
  bucket: z
    .object({
      place: S3Place,
      lock: z.object({ mode: z.enum(['COMPLIANCE', 'GOVERNANCE']), days: z.number().int() }),
      store: z.uuid(),
    })
    .optional(),
  token: z.string(),
  edgeKey: z.string(),
});

runChild(Settings, async (settings) => {
  const dynamodb = await startLocalDynamoDb({ path: settings.dynamodbPath, port: settings.dynamodbPort });
  // A bucket that is refused ends the process, and with it the database.
  const functions = await startFunctions({
    port: settings.port,
    objectsDirectory: settings.objects,
    searchDirectory: settings.search,
    bucket: settings.bucket,
    dynamoEndpoint: dynamodb.endpoint,
    token: secret(settings.token),
    edgeKey: settings.edgeKey,
  });
  return {
    notes: functions.notes,
    async stop() {
      await functions.close();
      await dynamodb.close();
    },
  };
});
