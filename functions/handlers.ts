// What Lambda runs. `index` takes the queue of S3's notifications, `api` answers the edge, `fold` is called each minute.

import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { S3Client } from '@aws-sdk/client-s3';
import type { SQSBatchResponse, SQSEvent } from 'aws-lambda';
import { streamHandle } from 'hono/aws-lambda';
import { verifySession } from '../core/recording/verify.ts';
import { createFunctionsApp } from './app.ts';
import { CatalogueReader } from './catalogue-table/reader.ts';
import { CatalogueTable } from './catalogue-table/table.ts';
import { CatalogueWriter } from './catalogue-table/writer.ts';
import { ENV, readSettings } from './env.ts';
import { reportToLambda } from './faults.ts';
import { indexBatch } from './index-segment/index-batch.ts';
import { indexObject } from './index-segment/index-object.ts';
import { nodeRecordingPlatform } from './recording-platform.ts';
import { SearchAnnouncer } from './search/announce.ts';
import { foldAll } from './search/fold.ts';
import { searchIndexRoutes } from './search/routes.ts';
import { SegmentCache } from './search/segment-cache.ts';
import { s3SearchStore } from './search/store/s3-search-store.ts';
import { LOG_OBJECTS } from './store/audit-store.ts';
import { s3AuditStore } from './store/s3-audit-store.ts';
import { s3Reader } from './store/s3-reader.ts';

const settings = readSettings(process.env);
const s3 = new S3Client({});
const reader = s3Reader(s3, settings.bucket);
const { auditLock } = settings;
const auditStore = auditLock && s3AuditStore(s3, settings.bucket, auditLock, Date.now);
const logStore = auditLock && s3AuditStore(s3, settings.bucket, auditLock, Date.now, LOG_OBJECTS);
const table = new CatalogueTable(new DynamoDBClient({}), settings.table);
const indexing = {
  reader,
  writer: new CatalogueWriter(table),
  search: new SearchAnnouncer(table),
  platform: nodeRecordingPlatform,
  verify: verifySession,
  connectorKeys: settings.connectorKeys,
  report: reportToLambda,
};

const { searchBucket } = settings;
const searchIndex =
  searchBucket === undefined
    ? undefined
    : {
        table,
        store: s3SearchStore(s3, searchBucket),
        now: Date.now,
        report: reportToLambda,
      };
/** Of search segments that stay open from one call to the next: less than half of the function's memory. */
const SEARCH_CACHE_BYTES = 768 * 1024 * 1024;

/** Whatever fails is an error of the function, which the next minute tries again. */
export async function fold(): Promise<void> {
  if (!searchIndex) throw new Error(`settings: ${ENV.searchBucket} is missing`);
  await foldAll(searchIndex);
}

export const index = (event: SQSEvent): Promise<SQSBatchResponse> =>
  indexBatch(event, (key) => indexObject(key, indexing), reportToLambda);

export const api = streamHandle(
  createFunctionsApp({
    catalogue: new CatalogueReader(table, reportToLambda),
    reader,
    platform: nodeRecordingPlatform,
    auditStore,
    logStore,
    maxRetainDays: auditLock?.days,
    search:
      searchIndex && searchIndexRoutes({ ...searchIndex, cache: new SegmentCache(searchIndex, SEARCH_CACHE_BYTES) }),
    report: reportToLambda,
  }),
);
