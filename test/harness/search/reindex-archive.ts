// An archive with sessions of every protocol and in every state, its catalogue and its search index, and all that they answer.

import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { SQSRecord } from 'aws-lambda';
import type { SessionQuery } from '../../../core/catalogue.ts';
import { newId, type SessionId } from '../../../core/ids.ts';
import { verifySession } from '../../../core/recording/verify.ts';
import {
  HELD_SESSIONS,
  HOLDS,
  PURGES,
  SESSION_ROW,
  sessionPartition,
} from '../../../functions/catalogue-table/schema.ts';
import { CatalogueReader } from '../../../functions/catalogue-table/reader.ts';
import { CatalogueTable, createCatalogueTable } from '../../../functions/catalogue-table/table.ts';
import { CatalogueWriter } from '../../../functions/catalogue-table/writer.ts';
import { indexBatch } from '../../../functions/index-segment/index-batch.ts';
import { indexObject } from '../../../functions/index-segment/index-object.ts';
import { nodeRecordingPlatform } from '../../../functions/recording-platform.ts';
import { ReindexLedger } from '../../../functions/reindex/ledger.ts';
import { type ReindexRunDeps, reindexRun } from '../../../functions/reindex/run.ts';
import { SearchAnnouncer } from '../../../functions/search/announce.ts';
import { foldAll } from '../../../functions/search/fold.ts';
import { runQuery } from '../../../functions/search/run-query.ts';
import { SegmentCache } from '../../../functions/search/segment-cache.ts';
import { memoryReader } from '../memory-reader.ts';
import { answer, type BuilderOptions, eventOf, newConnector, RecordingBuilder } from '../recording-builder.ts';
import { ALL } from './archive.ts';
import { type MemorySearchStore, memorySearchStore } from './memory-store.ts';
import { keysNotCompared } from '../../../functions/index-segment/known-keys.ts';

const connector = newConnector();
const at = { direction: 'client' as const, lane: 0, offset: 0, length: 0 };
export const CUSTOMERS = answer(['name'], [['Ada']]);

export const began = (options: BuilderOptions, hour: number) =>
  new RecordingBuilder({ connector, ...options, startedAt: `2026-11-${10 + hour}T0${hour}:00:00.000Z` });

/** A statement that ends two segments after it began, a refusal, a notice. */
const postgres = (hour: number, options: BuilderOptions = {}) =>
  began({ task: 'OPS-7', ...options }, hour)
    .query('select name from customers', CUSTOMERS)
    .fact({ ...{ kind: 'notice.received', severity: 'WARNING' }, code: '01000', message: 'no transaction' })
    .cut()
    .query('drop table "orderItems"', answer([], []), {
      error: { code: '42P01', severity: 'ERROR', message: 'table "orderItems" does not exist' },
    })
    .fact({ kind: 'action.refused', action: 2, reason: 'blocked', message: 'no drops here', rule: 'demo' })
    .fact({ kind: 'statement.started', action: 3, form: 'simple', text: 'update customers set note = 1', at })
    .cut()
    .fact({ kind: 'statement.started', action: 4, form: 'simple', text: 'select 4', at })
    .fact({ kind: 'statement.finished', action: 4, tags: ['SELECT 1'], rows: 1, bytes: 0, durationUs: 5 })
    .cut()
    .fact({ kind: 'statement.finished', action: 3, tags: ['UPDATE 9'], rows: 9, bytes: 0, durationUs: 9_000_000 });

const mysql = (hour: number) =>
  began({ protocol: 'mysql', email: 'bob@example.com', resource: 'shop', trace: 'trace-1' }, hour)
    .query('show tables', CUSTOMERS, { rows: 12 })
    .cut()
    .query('delete from order_items', answer([], []), { rows: 5001, tags: ['DELETE 5001'] });

const ssh = (hour: number) =>
  began({ protocol: 'ssh', email: 'carol@example.com', resource: 'web' }, hour)
    .fact({ kind: 'lane.opened', lane: 1, of: 'exec', label: 'exec' }, 1)
    .fact({ kind: 'command.started', action: 1, form: 'exec', command: 'tail -f /var/log/access.log' }, 1)
    .cut()
    .fact({ kind: 'command.finished', action: 1, exit: 130, durationUs: 7 }, 1)
    .fact({ kind: 'lane.opened', lane: 2, of: 'direct-tcpip', label: 'forward to db.internal:5432' }, 2)
    .fact({ kind: 'command.typed', action: 2, line: 'sudo systemctl stop auditd', reconstructed: true }, 1);

const QUERIES = [
  ...['-nothing', 'customers', 'order_items', 'orderitems', '"does not exist"', 'sel*', 'drop or delete', 'error:*'],
  ...['user:bob', 'protocol:ssh', 'resource:shop', 'verdict:refused', 'rows:>1000', 'duration:>5s', 'task:ops-7'],
  ...['trace:trace-1', 'table:customers', 'forward', '"stop auditd"', 'transaction', 'until:2026-11-13', 'purged'],
];
const LISTS = [
  {},
  { email: 'bob@example.com' },
  { resource: 'demo' },
  { task: 'OPS-7' },
  { trace: 'trace-1' },
  { resource: 'demo', email: 'alice@example.com' },
  { since: '2026-11-12T00:00:00.000Z', until: '2026-11-14T00:00:00.000Z' },
];

interface Asked {
  readonly queries: readonly string[];
  readonly lists: readonly Omit<SessionQuery, 'limit'>[];
}

export type ReindexArchive = Awaited<ReturnType<typeof newReindexArchive>>;

export async function newReindexArchive(client: DynamoDBClient, Table: typeof CatalogueTable = CatalogueTable) {
  const objects = new Map<string, Uint8Array>();
  const stored = new Map<string, number>();
  const clock = { now: Date.UTC(2026, 10, 30, 12) };
  const reader = memoryReader(objects, (key) => stored.get(key) ?? 0);
  const events: { readonly kind: string; readonly object?: string }[] = [];
  const report = (event: (typeof events)[number]) => void events.push(event);

  /** A catalogue and an index of their own over the same objects. */
  async function derived() {
    const name = `catalogue-${newId('ses')}`;
    await createCatalogueTable(client, name);
    const table = new Table(client, name);
    const store = memorySearchStore();
    const search = { table, store, now: () => clock.now, report };
    const indexing = () => ({
      ...{ reader, platform: nodeRecordingPlatform, verify: verifySession, keysOf: keysNotCompared, report },
      ...{ writer: new CatalogueWriter(table), search: new SearchAnnouncer(table), now: () => clock.now },
    });
    const ledger = new ReindexLedger(table);
    const warm = indexing();
    const event = (key: string) => indexObject(key, warm);
    const deps = (): ReindexRunDeps => {
      const fresh = indexing();
      return {
        ...{ ledger, table, reader, search, report, now: () => clock.now, pause: async () => {} },
        indexObject: (key) => indexObject(key, fresh),
        perSecond: { objects: Number.POSITIVE_INFINITY, rows: Number.POSITIVE_INFINITY },
        ...{ beginUntilMs: Number.POSITIVE_INFINITY, endedByMs: clock.now },
      };
    };
    return {
      ...{ table, store, search, ledger, deps },
      /** As the queue brings it; what comes too early comes again. */
      event,
      batch: (...keys: string[]) =>
        indexBatch(
          {
            Records: keys.map((key, i) => ({ messageId: `m${i}`, body: JSON.stringify(eventOf(key)) })) as SQSRecord[],
          },
          event,
          report,
        ),
      fold: () => foldAll(search),
      async reindex(drop: boolean): Promise<void> {
        await ledger.order(drop, clock.now);
        for (let run = 0; (await ledger.read())?.step !== 'done'; run++) {
          if (run > 20) throw new Error('it does not end');
          await reindexRun(deps());
        }
      },
      answers: (of: Asked = { queries: QUERIES, lists: LISTS }) => answersOf(table, store, of),
    };
  }

  async function answersOf(
    table: CatalogueTable,
    store: MemorySearchStore,
    asked: Asked,
  ): Promise<Record<string, unknown>> {
    const catalogue = new CatalogueReader(table, () => {});
    const sessions = new Set<SessionId>([...objects.keys()].map((key) => key.split('/')[2] as SessionId));
    const found: Record<string, unknown> = {};
    for (const query of asked.lists) {
      const ids = [];
      let cursor: string | undefined;
      do {
        const page = await catalogue.sessions({ ...query, limit: 3, ...(cursor && { cursor }) });
        if (!page.ok) throw new Error('a cursor is refused');
        ids.push(...page.value.sessions);
        cursor = page.value.cursor;
      } while (cursor !== undefined);
      found[`sessions ${JSON.stringify(query)}`] = ids;
    }
    for (const session of sessions) {
      found[session] = await catalogue.session(session);
      found[`${session} segments`] = await catalogue.segments(session);
      found[`${session} actions`] = await catalogue.actions(session, undefined, 50);
    }
    const cache = new SegmentCache({ table, store }, 64 * 1024 * 1024);
    for (const text of asked.queries) {
      const hits = [];
      let cursor: string | undefined;
      do {
        const deps = { table, store, cache, now: () => clock.now, report };
        const page = await runQuery({ text, view: ALL, limit: 4, cursor }, deps);
        if (!page.ok) throw new Error(`${text} is refused`);
        hits.push(...page.value.hits);
        cursor = page.value.cursor;
      } while (cursor !== undefined);
      found[`search ${text}`] = hits;
    }
    return found;
  }

  return { objects, stored, clock, events, reader, derived };
}

export const store = ({ objects }: ReindexArchive, builder: RecordingBuilder): string[] => {
  for (const [key, bytes] of builder.objects) objects.set(key, bytes);
  return [...builder.objects.keys()];
};

/** Fills it, and a catalogue and an index over it, by the events of its objects. */
export async function filledArchive(client: DynamoDBClient, Table: typeof CatalogueTable = CatalogueTable) {
  const archive = await newReindexArchive(client, Table);
  const before = await archive.derived();
  const sessions = {
    postgres: postgres(1).end(),
    mysql: mysql(2).end(),
    ssh: ssh(3).end(),
    /** It goes on: its last statement has not ended, nor has it. */
    running: postgres(4),
    held: mysql(5).end(),
    damaged: postgres(6).end(),
    /** Its second segment is gone. */
    gap: postgres(7).end(),
    purged: postgres(8, { email: 'purged@example.com' }).end(),
  };
  const thief = postgres(2, { connector: newConnector(), session: sessions.mysql.session, resource: 'stolen' }).end();
  const { damaged, gap, held, purged } = sessions;
  const keys = Object.values(sessions).flatMap((builder) => store(archive, builder));
  const [first = ''] = damaged.objects.keys();
  archive.objects.set(first, Uint8Array.from(archive.objects.get(first) ?? []).fill(0, 100, 120));
  const [, second = ''] = gap.objects.keys();
  archive.objects.delete(second);
  for (const key of keys.filter((each) => each !== second))
    await before.event(key).catch((fault: unknown) => {
      if (!(fault instanceof Error && fault.name === 'RetriableFault')) throw fault;
    });
  await before.fold();
  // Stored under another's session later; its connector's id may sort before.
  for (const key of store(archive, thief)) {
    archive.stored.set(key, 1);
    await before.event(key);
  }
  const { table } = before;
  const row = { connector: held.connector.id, holds: [newId('hld')], whole: true };
  await table.putAll([
    { pk: HELD_SESSIONS, sk: held.session, ...row },
    { pk: HOLDS, sk: row.holds[0] ?? '', hold: 'as the edge has it' },
    { pk: PURGES, sk: purged.session, state: 'settled', purge: 'as it went' },
  ]);
  await purge(archive, before, purged);
  return { archive, before, sessions, thief };
}

/** As the purge does it; what is stored late is there afterwards. */
export async function purge(
  { objects, clock }: ReindexArchive,
  { table, search, event }: Awaited<ReturnType<ReindexArchive['derived']>>,
  { session, connector, objects: own }: RecordingBuilder,
): Promise<void> {
  const pk = sessionPartition(session);
  const [last = '', late] = [...own].at(-2) ?? [];
  for (const key of own.keys()) objects.delete(key);
  const rows = await table.queryAll({ KeyConditionExpression: 'pk = :pk', ExpressionAttributeValues: { ':pk': pk } });
  await table.putAll([{ pk, sk: SESSION_ROW, connector: connector.id, purged: new Date(clock.now).toISOString() }]);
  await table.deleteAll(rows.map(({ sk }) => ({ pk, sk: String(sk) })).filter(({ sk }) => sk !== SESSION_ROW));
  const { removeFromSearch } = await import('../../../functions/search/remove-session.ts');
  await removeFromSearch([session], search);
  if (!late) throw new Error('it has no segment');
  objects.set(last, late);
  await event(last);
}
