// What Lambda runs. `index` takes the queue of S3's notifications, `api` answers the edge.

import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { S3Client } from '@aws-sdk/client-s3';
import type { SQSBatchResponse, SQSEvent } from 'aws-lambda';
import { streamHandle } from 'hono/aws-lambda';
import { verifySession } from '../core/recording/verify.ts';
import { createFunctionsApp } from './app.ts';
import { CatalogueReader } from './catalogue-table/reader.ts';
import { CatalogueTable } from './catalogue-table/table.ts';
import { CatalogueWriter } from './catalogue-table/writer.ts';
import { readSettings } from './env.ts';
import { reportToConsole } from './faults.ts';
import { indexBatch } from './index-segment/index-batch.ts';
import { indexObject } from './index-segment/index-object.ts';
import { nodeRecordingPlatform } from './recording-platform.ts';
import { s3Reader } from './store/s3-reader.ts';

const settings = readSettings(process.env);
const reader = s3Reader(new S3Client({}), settings.bucket);
const table = new CatalogueTable(new DynamoDBClient({}), settings.table);
const indexing = {
  reader,
  writer: new CatalogueWriter(table),
  platform: nodeRecordingPlatform,
  verify: verifySession,
  connectorKeys: settings.connectorKeys,
  report: reportToConsole,
};

export const index = (event: SQSEvent): Promise<SQSBatchResponse> =>
  indexBatch(event, (key) => indexObject(key, indexing), reportToConsole);

export const api = streamHandle(
  createFunctionsApp({ catalogue: new CatalogueReader(table), reader, platform: nodeRecordingPlatform }),
);
