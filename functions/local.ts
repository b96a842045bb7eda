// The functions on one machine: the same application on a port of its own, over a directory of
// objects or a bucket, and a DynamoDB-compatible server. Used by `npm start` and by tests.

import { createHash, timingSafeEqual } from 'node:crypto';
import type { Server } from 'node:http';
import { serve } from '@hono/node-server';
import { Hono } from 'hono';
import { verifySession } from '../core/recording/verify.ts';
import type { Secret } from '../core/secret.ts';
import { createFunctionsApp } from './app.ts';
import { CatalogueReader } from './catalogue-table/reader.ts';
import { CatalogueTable, createCatalogueTable } from './catalogue-table/table.ts';
import { CatalogueWriter } from './catalogue-table/writer.ts';
import { type ApiReporter, type Reporter, reportToConsole } from './faults.ts';
import { indexObject } from './index-segment/index-object.ts';
import { keysInTable } from './index-segment/known-keys.ts';
import { type BucketArchive, directoryArchive, openBucket } from './local/archive.ts';
import { localDynamoDbClient } from './local/dynamodb.ts';
import { startReindexing } from './local/reindex.ts';
import { localRendering } from './local/rendering.ts';
import { localRetention } from './local/retention.ts';
import { nodeRecordingPlatform } from './recording-platform.ts';
import type { Rendering } from './rendered/in-parts.ts';
import { SearchAnnouncer } from './search/announce.ts';
import { startFolding } from './search/fold-timer.ts';
import { searchIndexRoutes } from './search/routes.ts';
import { SegmentCache } from './search/segment-cache.ts';
import { canSearch } from './search/segment/segment-file.ts';

export { S3Place } from './store/s3-client.ts';
export { type LocalDynamoDb, startLocalDynamoDb } from './local/dynamodb.ts';

interface LocalFunctionsOptions {
  /** 0: any free one. */
  readonly port: number;
  /** Its paths are the object keys: `recordings/...` stands below it. */
  readonly objectsDirectory: string;
  /** Where search segments are kept. Default: beside the objects, with `-search` behind the name. */
  readonly searchDirectory?: string;
  /** Instead of both directories. */
  readonly bucket?: BucketArchive | undefined;
  readonly dynamoEndpoint: string;
  /** Which exports are written in parts. Default: those that a function's answer cannot carry. */
  readonly isLargeExport?: Rendering['isLarge'];
  /** How long those parts are. Default: 32 MiB. */
  readonly exportPartBytes?: number;
  /** How often what was indexed is folded into search segments; it is found before that too. Default: a minute. */
  readonly foldEveryMs?: number;
  /** What callers must show as `Authorization: Bearer`. */
  readonly token: Secret<string>;
  /** Default `gatehouse-catalogue`; made when it is not there. */
  readonly table?: string;
  /** Default: JSON lines on standard output. */
  readonly report?: Reporter & ApiReporter;
  /** How often it is looked whether a reindex was ordered. Default: each second. */
  readonly reindexEveryMs?: number;
  /** How often the purge and the holds run, as AWS's schedules have them run. Default: once a minute. */
  readonly retentionEveryMs?: number;
  /** `NAME+ID+KEY` of the edge's log of sessions, which signs requests, orders to purge and the keys of connectors. Without it no request needs a ticket, nothing is purged before its time, and nobody's key is compared. */
  readonly edgeKey?: string | undefined;
}

const FOLD_EVERY_MS = 60_000;
/** Of search segments that stay open. */
const SEARCH_CACHE_BYTES = 256 * 1024 * 1024;

export interface LocalFunctions {
  /** Without a slash at its end. */
  readonly url: string;
  /** What somebody should know of the archive's store; a sentence each. */
  readonly notes: readonly string[];
  close(): Promise<void>;
}

/** Resolves when it answers; rejects when the port is taken, the database is away, or the bucket cannot be the archive. */
export async function startFunctions(options: LocalFunctionsOptions): Promise<LocalFunctions> {
  const { archive, notes } = await openArchive(options);
  const table = options.table ?? 'gatehouse-catalogue';
  const client = localDynamoDbClient(options.dynamoEndpoint);
  await createCatalogueTable(client, table);
  const catalogueTable = new CatalogueTable(client, table);
  const { reader } = archive;
  const newIndexing = () => ({
    reader,
    writer: new CatalogueWriter(catalogueTable),
    search: new SearchAnnouncer(catalogueTable),
    platform: nodeRecordingPlatform,
    verify: verifySession,
    keysOf: keysInTable(catalogueTable, options.edgeKey, Date.now),
    report: options.report ?? reportToConsole,
    now: Date.now,
  });
  const index = newIndexing();
  const searchDirectory = options.searchDirectory ?? `${options.objectsDirectory}-search`;
  let origin = '';
  const search = {
    table: catalogueTable,
    store: archive.search,
    now: Date.now,
    report: index.report,
  };
  // An older Node carries everything else.
  if (!canSearch) console.warn('gatehouse: searching recordings needs Node 24');
  const folding = canSearch ? startFolding(search, options.foldEveryMs ?? FOLD_EVERY_MS, index.report) : undefined;
  const catalogue = new CatalogueReader(catalogueTable, index.report);
  const rendered = localRendering(
    {
      directory: searchDirectory,
      origin: () => origin,
      failed: (error) => index.report({ kind: 'export.failed', name: error instanceof Error ? error.name : 'unknown' }),
      isLarge: options.isLargeExport,
      partBytes: options.exportPartBytes,
    },
    reader,
    catalogueTable,
  );
  const timing = { store: archive.versions, everyMs: options.retentionEveryMs, edgeKey: options.edgeKey };
  const retention = localRetention(timing, catalogueTable, catalogue, search, rendered.rendering.store);
  const reindexing = startReindexing(
    catalogueTable,
    newIndexing,
    canSearch ? search : undefined,
    options.reindexEveryMs,
  );
  const functions = createFunctionsApp({
    catalogue,
    edgeKey: options.edgeKey,
    retention: retention.deps,
    rendering: rendered.rendering,
    reader,
    platform: nodeRecordingPlatform,
    auditStore: archive.audit,
    maxRetainDays: archive.maxRetainDays,
    search: canSearch
      ? searchIndexRoutes({
          ...{ ...search, reindex: reindexing.ledger },
          cache: new SegmentCache(search, SEARCH_CACHE_BYTES),
        })
      : undefined,
    logStore: archive.log,
    connectorKeys: { table: catalogueTable, edgeKey: options.edgeKey },
    reindex: { ledger: reindexing.ledger, now: Date.now },
    report: index.report,
    indexObject: (key) => indexObject(key, index),
  });

  const app = new Hono();
  app.route('/', rendered.links);
  const wanted = digest(`Bearer ${options.token.reveal()}`);
  app.use(async (c, next) => {
    // Both sides hashed: equal lengths, and a time that tells nothing of the secret.
    if (timingSafeEqual(digest(c.req.header('authorization') ?? ''), wanted)) return next();
    return c.json({ error: { reason: 'credentials_wrong', message: 'show the functions token as a bearer' } }, 401);
  });
  app.all('*', (c) => functions.fetch(c.req.raw, c.env));

  const server = await new Promise<Server>((resolve, reject) => {
    const listening = serve({ fetch: app.fetch, port: options.port, hostname: '127.0.0.1' }, () =>
      resolve(listening as Server),
    );
    listening.once('error', reject);
  });
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : options.port;
  origin = `http://127.0.0.1:${port}`;
  return {
    url: origin,
    notes,
    async close() {
      await retention.close();
      await rendered.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await folding?.close();
      await reindexing.close();
      client.destroy();
      archive.close();
    },
  };
}

async function openArchive({ bucket, objectsDirectory, searchDirectory }: LocalFunctionsOptions) {
  if (!bucket) return { archive: directoryArchive(objectsDirectory, searchDirectory), notes: [] };
  const opened = await openBucket(bucket, Date.now);
  if (!opened.ok) throw new Error(opened.error);
  const { archive, proof } = opened.value;
  console.log(JSON.stringify({ kind: 'store.proven', bucket: bucket.place.bucket, ...proof }));
  return { archive, notes: proof.weaknesses.map((weakness) => `archive: ${weakness}`) };
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
