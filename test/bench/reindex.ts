// A reindex by the size of the archive: made-up sessions of twenty objects each through the indexer, the ledger and the folds that run
// in AWS, without their pace. Objects are made as they are walked over, so that the process holds what a function would; the catalogue is
// the DynamoDB-compatible server of the tests, in a process of its own; search segments are in memory, and counted apart.

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type IdSource, newId, type SessionId } from '../../core/ids.ts';
import { verifySession } from '../../core/recording/verify.ts';
import { CatalogueReader } from '../../functions/catalogue-table/reader.ts';
import { CatalogueTable, createCatalogueTable } from '../../functions/catalogue-table/table.ts';
import { CatalogueWriter } from '../../functions/catalogue-table/writer.ts';
import { indexObject } from '../../functions/index-segment/index-object.ts';
import { localDynamoDbClient, startLocalDynamoDb } from '../../functions/local/dynamodb.ts';
import { nodeRecordingPlatform } from '../../functions/recording-platform.ts';
import { ReindexLedger } from '../../functions/reindex/ledger.ts';
import { reindexRun } from '../../functions/reindex/run.ts';
import { SearchAnnouncer } from '../../functions/search/announce.ts';
import type { RecordingReader } from '../../functions/store/recording-reader.ts';
import { prefixOf } from '../../functions/store/version-store.ts';
import { memoryReader } from '../harness/memory-reader.ts';
import { answer, newConnector, RecordingBuilder } from '../harness/recording-builder.ts';
import { memorySearchStore } from '../harness/search/memory-store.ts';
import { keysNotCompared } from '../../functions/index-segment/known-keys.ts';

const SEGMENTS_A_SESSION = 19;
const OBJECTS_A_SESSION = SEGMENTS_A_SESSION + 1;
const STATEMENTS_A_SEGMENT = 2;
const BEGAN = Date.UTC(2026, 8, 1);
const ANSWER = answer(['n'], [['1'], ['2']]);
/** Of one batch of the reindex, and what it may look back at. */
const SESSIONS_KEPT = 16;
const TOLD = 10;

/** `--rounds`: the powers of ten from 10^4 up that are measured. */
export async function benchReindex({ rounds }: { rounds: number }): Promise<void> {
  for (let power = 4; power < 4 + Math.min(rounds, 3); power++) await benchOne(10 ** power);
}

async function benchOne(objects: number): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'gatehouse-reindex-'));
  const database = fork(import.meta.filename, [directory]);
  try {
    const [endpoint] = (await once(database, 'message')) as [string];
    await measure(objects, endpoint);
  } finally {
    database.kill();
    await rm(directory, { recursive: true, force: true });
  }
}

async function measure(size: number, endpoint: string): Promise<void> {
  const client = localDynamoDbClient(endpoint);
  await createCatalogueTable(client, 'reindex');
  const table = new CatalogueTable(client, 'reindex');
  const store = memorySearchStore();
  const report = () => {};
  const search = { table, store, now: Date.now, report };
  const ledger = new ReindexLedger(table);
  const { reader, made } = madeUpArchive(size / OBJECTS_A_SESSION);
  const indexing = {
    ...{ reader, platform: nodeRecordingPlatform, verify: verifySession, keysOf: keysNotCompared, report },
    ...{ writer: new CatalogueWriter(table), search: new SearchAnnouncer(table), now: Date.now },
  };
  await ledger.order(false, Date.now());
  const begun = { ms: performance.now(), cpu: process.cpuUsage() };
  const kept = () => [...store.objects.values()].reduce((sum, { length }) => sum + length, 0);
  let [indexed, told, since, peak] = [0, 0, performance.now(), 0];
  const MiB = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
  await reindexRun({
    ...{ ledger, table, reader, search, now: Date.now, pause: async () => {}, report },
    async indexObject(key) {
      await indexObject(key, indexing);
      peak = Math.max(peak, process.memoryUsage.rss());
      if (++indexed < (size / TOLD) * (told + 1)) return;
      told++;
      const rate = Math.round(size / TOLD / ((performance.now() - since) / 1000));
      since = performance.now();
      console.log(
        `  ${indexed.toLocaleString('en')} objects: the last tenth at ${rate}/s, resident ${MiB(process.memoryUsage.rss())}, search segments ${MiB(kept())}`,
      );
    },
    perSecond: { objects: Number.POSITIVE_INFINITY, rows: Number.POSITIVE_INFINITY },
    ...{ beginUntilMs: Number.POSITIVE_INFINITY, endedByMs: 0 },
  });
  const seconds = (performance.now() - begun.ms) / 1000;
  const { user, system } = process.cpuUsage(begun.cpu);
  const done = await ledger.read();
  const found = await new CatalogueReader(table, report).sessions({ limit: 1 });
  const isWhole = done?.step === 'done' && done.failed === 0 && found.ok && found.value.sessions[0]?.state === 'sealed';
  client.destroy();
  console.log(
    `${size.toLocaleString('en')} objects: ${isWhole ? 'made again' : 'NOT MADE AGAIN'} in ${seconds.toFixed(0)} s, ${Math.round(size / seconds)}/s, ` +
      `CPU ${((user + system) / 1e6).toFixed(0)} s (of it ${(made.ms / 1000).toFixed(0)} s to make the objects), resident at most ${MiB(peak)} (search segments of ${MiB(kept())} among it), ${made.read.toLocaleString('en')} objects read`,
  );
}

/** The same each time but for keys of Ed25519. In the order of keys, which is the order of time. */
function madeUpArchive(sessions: number) {
  let state = 7;
  const random = (count: number) =>
    Uint8Array.from({ length: count }, () => {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      return state & 255;
    });
  const connector = newConnector();
  const ids: SessionId[] = [];
  for (let i = 0; i < sessions; i++) {
    const source: IdSource = { now: () => BEGAN + i * 60_000, random };
    ids.push(newId('ses', source));
  }
  const numbers = new Map(ids.map((id, i) => [id, i]));
  const made = new Map<SessionId, ReadonlyMap<string, Uint8Array>>();
  const cost = { ms: 0, read: 0 };
  const objectsOf = (session: SessionId): ReadonlyMap<string, Uint8Array> => {
    const known = made.get(session);
    if (known) return known;
    const number = numbers.get(session);
    if (number === undefined) return new Map();
    const begun = performance.now();
    const startedAt = new Date(BEGAN + number * 60_000).toISOString();
    const who = { email: `person${number % 300}@example.com`, resource: `orders-${number % 20}` };
    const builder = new RecordingBuilder({ connector, session, startedAt, ...who });
    for (let segment = 0; segment < SEGMENTS_A_SESSION; segment++) {
      for (let i = 0; i < STATEMENTS_A_SEGMENT; i++)
        builder.query(`select n from orders where id = ${number * 1000 + segment} and note = 'key${i}'`, ANSWER);
      if (segment < SEGMENTS_A_SESSION - 1) builder.wait(5_000_000).cut();
    }
    made.set(session, builder.end().objects);
    cost.ms += performance.now() - begun;
    for (const [first] of made) {
      if (made.size <= SESSIONS_KEPT) break;
      made.delete(first);
    }
    return builder.objects;
  };
  const of = (session: SessionId) => memoryReader(objectsOf(session));
  const reader: RecordingReader = {
    list: (of_, session, after) => of(session).list(of_, session, after),
    async *walk({ of: one, after = '' }) {
      for (const session of one ? [one.session] : ids) {
        if (!one && `${prefixOf({ connector: connector.id, session })}~` < after) continue;
        for (const key of [...objectsOf(session).keys()].sort()) if (key > after) yield { key, storedMs: 0 };
      }
    },
    get(key) {
      cost.read++;
      return of(key.session).get(key);
    },
    tail: (key, count) => of(key.session).tail(key, count),
    stream: (key) => of(key.session).stream(key),
  };
  return { reader, made: cost };
}

// As the process of the database: begun by benchOne with its directory, it ends with whoever began it.
if (process.argv[1] === import.meta.filename) {
  const database = await startLocalDynamoDb({ path: process.argv[2] ?? '' });
  process.send?.(database.endpoint);
  process.once('disconnect', () => process.exit(0));
}
