// What Lambda runs. `index` takes the queue of S3's notifications, `api` answers the edge; `fold`, `purge`, `hold` and `reindex`
// run on a schedule.

import { setTimeout } from 'node:timers/promises';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { S3Client } from '@aws-sdk/client-s3';
import type { Context, SQSBatchResponse, SQSEvent } from 'aws-lambda';
import { streamHandle } from 'hono/aws-lambda';
import type { PurgeReport } from '../core/retention/purge.ts';
import { verifySession } from '../core/recording/verify.ts';
import { createFunctionsApp } from './app.ts';
import { CatalogueReader } from './catalogue-table/reader.ts';
import { CatalogueTable } from './catalogue-table/table.ts';
import { CatalogueWriter } from './catalogue-table/writer.ts';
import { ENV, readSettings } from './env.ts';
import { reportToLambda } from './faults.ts';
import { sweepHolds } from './holds/hold-sweep.ts';
import { indexBatch } from './index-segment/index-batch.ts';
import { indexObject } from './index-segment/index-object.ts';
import { keysInTable } from './index-segment/known-keys.ts';
import { DueSessions } from './purge/due.ts';
import { PurgeLedger } from './purge/ledger.ts';
import { type PurgeEvent, purgeRun } from './purge/purge-run.ts';
import { type OrphanEvent, reconcile } from './purge/reconcile.ts';
import { nodeRecordingPlatform } from './recording-platform.ts';
import { ReindexLedger } from './reindex/ledger.ts';
import { type ReindexEvent, reindexRun } from './reindex/run.ts';
import { mayBeTooLarge } from './rendered/in-parts.ts';
import { invokeRender } from './rendered/invoke.ts';
import { boundsOf } from './rendered/bounds.ts';
import { recordingOf, RenderJob } from './rendered/job.ts';
import { renderQueue } from './rendered/render-queue.ts';
import { derivedInRendered, sweepRendered } from './rendered/removal.ts';
import { render } from './rendered/render.ts';
import { s3RenderedStore } from './rendered/s3-rendered-store.ts';
import { SearchAnnouncer } from './search/announce.ts';
import { foldAll } from './search/fold.ts';
import { derivedInSearch } from './search/remove-session.ts';
import { searchIndexRoutes } from './search/routes.ts';
import { SegmentCache } from './search/segment-cache.ts';
import { s3SearchStore } from './search/store/s3-search-store.ts';
import { LOG_OBJECTS } from './store/audit-store.ts';
import { s3AuditStore } from './store/s3-audit-store.ts';
import { s3Reader } from './store/s3-reader.ts';
import { s3VersionStore } from './store/s3-version-store.ts';

const settings = readSettings(process.env);
const s3 = new S3Client({});
const reader = s3Reader(s3, settings.bucket);
const { auditLock } = settings;
const auditStore = auditLock && s3AuditStore(s3, settings.bucket, auditLock, Date.now);
const logStore = auditLock && s3AuditStore(s3, settings.bucket, auditLock, Date.now, LOG_OBJECTS);
const table = new CatalogueTable(new DynamoDBClient({}), settings.table);
/** Anew for each reindex: writer and announcer remember what they registered. */
const newIndexing = () => ({
  reader,
  writer: new CatalogueWriter(table),
  search: new SearchAnnouncer(table),
  platform: nodeRecordingPlatform,
  verify: verifySession,
  keysOf: keysInTable(table, settings.edgeKey, Date.now),
  report: reportToLambda,
  now: Date.now,
});
const indexing = newIndexing();

const { searchBucket, renderFunction } = settings;
const searchIndex =
  searchBucket === undefined
    ? undefined
    : {
        table,
        store: s3SearchStore(s3, searchBucket),
        now: Date.now,
        report: reportToLambda,
      };

const rendered = searchBucket === undefined ? undefined : s3RenderedStore(s3, searchBucket, Date.now);

const versions = s3VersionStore(s3, settings.bucket);
const ledger = new PurgeLedger(table);
const reindexLedger = new ReindexLedger(table);
const purging = {
  ...{ table, ledger, store: versions, due: new DueSessions(table), platform: nodeRecordingPlatform },
  derived: [...(searchIndex ? [derivedInSearch(searchIndex)] : []), ...(rendered ? [derivedInRendered(rendered)] : [])],
  now: Date.now,
  report: (event: PurgeEvent) => console.log(event),
  edgeKey: settings.edgeKey,
  maxSessions: 10_000,
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

/** What is begun is finished: a session of a day takes less. */
const LAST_SESSION_MS = 120_000;

/** Answers with what it did. Retries, and the next run, go on where this one ended. */
export const purge = async (_event: unknown, context: Context): Promise<PurgeReport> => {
  const beginUntilMs = Date.now() + context.getRemainingTimeInMillis() - LAST_SESSION_MS;
  const report = await purgeRun({ dryRun: false }, { ...purging, beginUntilMs });
  const found = (event: OrphanEvent) => console.log(event);
  await reconcile({ ...purging, catalogue: new CatalogueReader(table, reportToLambda), report: found, beginUntilMs });
  if (rendered) await sweepRendered({ store: rendered, table, now: Date.now });
  return report;
};

/** Several times what connectors store; a tenth of what the table takes. */
const REINDEX_PER_SECOND = { objects: 100, rows: 1_000 };
/** A page of objects, and a fold. */
const LAST_STEP_MS = 180_000;

/** Each minute: goes on with the reindex that is ordered, if there is one. */
export async function reindex(_event: unknown, context: Context): Promise<void> {
  const endedByMs = Date.now() + context.getRemainingTimeInMillis();
  const anew = newIndexing();
  await reindexRun({
    ...{ ledger: reindexLedger, table, reader, search: searchIndex, perSecond: REINDEX_PER_SECOND, endedByMs },
    indexObject: (key) => indexObject(key, anew),
    now: Date.now,
    pause: (ms) => setTimeout(ms),
    report: (event: ReindexEvent) => console.log(event),
    beginUntilMs: endedByMs - LAST_STEP_MS,
  });
}

/** Before the function's end: a part is put, and how far it is noted. */
const LAST_PART_MS = 60_000;

/** Answers with how it ended; what is left is the next run's, which is begun by whoever asks for the export again. */
export const renderExport = async (event: unknown, context: Context): Promise<string> => {
  if (!rendered) throw new Error(`settings: ${ENV.searchBucket} is missing`);
  const untilMs = Date.now() + context.getRemainingTimeInMillis() - LAST_PART_MS;
  return render(RenderJob.parse(event), {
    ...{ store: rendered, table, now: Date.now, untilMs: () => untilMs },
    open: recordingOf(reader, nodeRecordingPlatform),
  });
};

export const hold = (): Promise<void> =>
  sweepHolds({
    ...{ store: versions, table, ledger, platform: nodeRecordingPlatform, now: Date.now },
    catalogue: new CatalogueReader(table, reportToLambda),
    report: (event) => console.log(event),
  });

export const api = streamHandle(
  createFunctionsApp({
    catalogue: new CatalogueReader(table, reportToLambda),
    reader,
    platform: nodeRecordingPlatform,
    auditStore,
    logStore,
    edgeKey: settings.edgeKey,
    rendering:
      rendered && renderFunction !== undefined
        ? {
            ...{ store: rendered, isLarge: mayBeTooLarge, now: Date.now },
            turn: renderQueue({ table, store: rendered, now: Date.now, bounds: boundsOf(settings.rendersAtOnce) }),
            start: (job) => invokeRender(renderFunction, job, s3.config),
          }
        : undefined,
    retention: { ...purging, beginUntilMs: Number.POSITIVE_INFINITY },
    maxRetainDays: auditLock?.days,
    connectorKeys: { table, edgeKey: settings.edgeKey },
    reindex: { ledger: reindexLedger, now: Date.now },
    search:
      searchIndex &&
      searchIndexRoutes({
        ...{ ...searchIndex, reindex: reindexLedger },
        cache: new SegmentCache(searchIndex, SEARCH_CACHE_BYTES),
      }),
    minRetainDays: settings.minRetainDays,
    report: reportToLambda,
  }),
);
