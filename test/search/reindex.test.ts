// Catalogue and index are made again from the objects alone, and answer as before.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConnectorId, newId, type SessionId } from '../../core/ids.ts';
import { originalKey } from '../../core/recording/segment.ts';
import type { CatalogueTable, Item, ItemKey } from '../../functions/catalogue-table/table.ts';
import { RetriableFault } from '../../functions/faults.ts';
import { reindexRun } from '../../functions/reindex/run.ts';
import { newConnector, type RecordingBuilder } from '../harness/recording-builder.ts';
import { began, CUSTOMERS, filledArchive, newReindexArchive, purge, store } from '../harness/search/reindex-archive.ts';
import { dayOf } from '../../core/retention/due-day.ts';
import {
  duePartition,
  HELD_SESSIONS,
  HOLDS,
  PURGES,
  SESSION_ROW,
  sessionPartition,
} from '../../functions/catalogue-table/schema.ts';
import { type LocalDynamoDb, localDynamoDbClient, startLocalDynamoDb } from '../../functions/local/dynamodb.ts';

let database: LocalDynamoDb;
let client: ReturnType<typeof localDynamoDbClient>;
beforeAll(async () => {
  database = await startLocalDynamoDb();
  client = localDynamoDbClient(database.endpoint);
});
afterAll(async () => {
  client.destroy();
  await database.close();
});

const kept = async (table: Awaited<ReturnType<typeof filledArchive>>['before']['table']) => {
  const { items } = await table.scan({});
  return items.filter(({ pk, purged }) => [HELD_SESSIONS, HOLDS, PURGES].includes(String(pk)) || purged !== undefined);
};

describe('every answer is as before', () => {
  it.each([
    ['with --drop', true],
    ['without', false],
  ])('when it is made again %s, and nothing is lost that no object says', async (_, drop) => {
    const { before, archive, sessions } = await filledArchive(client);
    const [answers, rows] = [await before.answers(), await kept(before.table)];
    expect(answers['search -nothing']).toHaveLength(22);
    expect(answers[sessions.purged.session]).toBeUndefined();
    expect(answers[sessions.damaged.session]).toMatchObject({ state: 'broken' });
    expect(answers[sessions.running.session]).toMatchObject({ state: 'live', segments: 3 });
    await before.reindex(drop);
    expect(await before.answers()).toEqual(answers);
    expect(await kept(before.table)).toEqual(rows);
    const held = [...before.store.objects.keys()];
    archive.clock.now += 3_600_000;
    await before.fold();
    expect(answers).toMatchObject(await before.answers({ queries: ['-nothing', 'purged'], lists: [{}] }));
    // What was made before is gone, and what is there is known.
    expect([...before.store.objects.keys()]).toEqual(held);
  });

  it('when table and index were lost', async () => {
    const { before, archive, sessions } = await filledArchive(client);
    const answers = await before.answers();
    const lost = await archive.derived();
    // What says more than the objects is in nobody's recording: the edge tells holds again, and marks of purges are kept elsewhere.
    await lost.table.putAll(
      (await kept(before.table)).map((item) => ({ ...item, pk: String(item.pk), sk: String(item.sk) })),
    );
    await lost.reindex(false);
    expect(await lost.answers()).toEqual(answers);
    expect(await lost.table.get({ pk: sessionPartition(sessions.purged.session), sk: SESSION_ROW })).toHaveProperty(
      'purged',
    );
  });
});

/** What somebody who can write the table makes of it. */
async function spoil(table: CatalogueTable, { postgres, mysql, ssh, running }: Record<string, RecordingBuilder>) {
  const [pk, row] = [sessionPartition(postgres?.session as SessionId), { sk: SESSION_ROW }];
  const set = (key: ItemKey, UpdateExpression: string, names: Record<string, string>, values: Item) =>
    table.update({ Key: key, UpdateExpression, ExpressionAttributeNames: names, ExpressionAttributeValues: values });
  await set(
    { pk, ...row },
    'SET #opened.#email = :mallory, #email = :mallory, #damage = :damage, #verdict.#state = :live, #tally.#errors = :many',
    {
      ...{ '#opened': 'opened', '#email': 'email', '#damage': 'damage', '#verdict': 'verdict', '#state': 'state' },
      ...{ '#tally': 'tally0', '#errors': 'errors' },
    },
    {
      ...{
        ':mallory': 'mallory@example.com',
        ':damage': { segment: 0, fault: 'none' },
        ':live': 'broken',
        ':many': 99,
      },
    },
  );
  const rowsOf = (of: string) =>
    table.queryAll({ KeyConditionExpression: 'pk = :pk', ExpressionAttributeValues: { ':pk': of } });
  const [first, second] = (await rowsOf(pk)).filter(({ sk }) => String(sk).startsWith('actions#'));
  // One action's text stands under another's.
  await table.putAll([{ ...second, pk, sk: String(first?.sk) }]);
  const gone = sessionPartition(mysql?.session as SessionId);
  await table.deleteAll((await rowsOf(gone)).map(({ sk }) => ({ pk: gone, sk: String(sk) })));
  const stolen = { pk: sessionPartition(ssh?.session as SessionId), ...row };
  await set(stolen, 'SET #connector = :other', { '#connector': 'connector' }, { ':other': newId('con') });
  const half = sessionPartition(running?.session as SessionId);
  await table.deleteAll([{ pk: half, sk: 'segment#00000001' }]);
  await set({ pk: half, sk: 'tally#000000' }, 'SET #rows = :many', { '#rows': 'rows' }, { ':many': 1_000_000 });
  await table.putAll([{ ...(await table.get({ pk: half, ...row })), pk: half, ...row, month: '1999-01' }]);
}

it.each([true, false])(
  'what is missing or different in the table and the index is written again (--drop: %s)',
  async (drop) => {
    const { before, sessions } = await filledArchive(client);
    const answers = await before.answers();
    await spoil(before.table, sessions);
    const [segment = ''] = before.store.objects.keys();
    before.store.objects.set(segment, new Uint8Array(9));
    const spoiled = await before.answers({ queries: [], lists: [{}] });
    expect(spoiled[sessions.postgres.session]).not.toEqual(answers[sessions.postgres.session]);
    await before.reindex(drop);
    expect(await before.answers()).toEqual(answers);
  },
);

it('what came late of a purged session is looked at again on its day, sealed originals too', async () => {
  const archive = await newReindexArchive(client);
  const derived = await archive.derived();
  const one = began({}, 1).query('select 1', CUSTOMERS).cut().end();
  for (const key of store(archive, one)) await derived.event(key);
  await purge(archive, derived, one);
  const late = originalKey(one.connector.id, one.session, 0);
  archive.objects.clear();
  archive.objects.set(late, Uint8Array.of(1));
  await derived.event(late);
  const today = async () =>
    (await derived.table.scan({})).items.filter(({ pk }) => pk === duePartition(dayOf(archive.clock.now)));
  const due = await today();
  expect(due).toMatchObject([{ sk: one.session }]);
  await derived.reindex(true);
  expect(await today()).toEqual(due);
});

it('a session is whose objects were stored first, in whatever order they are walked over', async () => {
  const { archive, before, sessions, thief } = await filledArchive(client);
  const mine = [...sessions.mysql.objects.keys()];
  const answers = await before.answers({ queries: [], lists: [{}] });
  // The one that comes later by its key was first.
  for (const key of mine) archive.stored.set(key, 5);
  for (const key of thief.objects.keys()) archive.stored.set(key, 3);
  await before.reindex(true);
  const stolen = await before.answers({ queries: [], lists: [{}] });
  expect(stolen[sessions.mysql.session]).toMatchObject({ connector: thief.connector.id, resource: 'stolen' });
  for (const key of mine) archive.stored.set(key, 1);
  await before.reindex(false);
  expect(await before.answers({ queries: [], lists: [{}] })).toEqual(answers);
});

it('what is recorded and folded meanwhile is there in the end, and of two runs one works', async () => {
  const { archive, before, sessions } = await filledArchive(client);
  const late = began({ email: 'dora@example.com' }, 9).query('select late', CUSTOMERS).cut();
  const early = began({ connector: { ...newConnector(), id: ConnectorId.parse(`con_${'0'.repeat(26)}`) } }, 9);
  early.query('select early', CUSTOMERS).cut();
  await before.ledger.order(true, archive.clock.now);
  const deps = before.deps();
  const scan = before.table.scan.bind(before.table);
  before.table.scan = async (input) => {
    // Taken away at once, and indexed again with the rest.
    for (const key of store(archive, early)) await before.event(key);
    return scan(input);
  };
  let indexed = 0;
  const meanwhile = async () => {
    // The walk has passed it.
    for (const key of store(archive, late)) await before.event(key);
    await before.fold();
    const other = before.deps();
    await reindexRun({ ...other, report: () => expect.unreachable('another run works') });
    expect((await before.ledger.order(false, archive.clock.now)).drop).toBe(true);
  };
  await reindexRun({
    ...deps,
    endedByMs: archive.clock.now + 900_000,
    indexObject: async (key) => {
      if (++indexed === 5) await meanwhile();
      return deps.indexObject(key);
    },
  });
  expect(await before.ledger.read()).toMatchObject({ step: 'done', failed: 1, sessions: 10 });
  await before.fold();
  const answers = await before.answers({ queries: ['late', 'early', 'purged'], lists: [{}] });
  expect(answers['search late']).toMatchObject([{ session: late.session }]);
  expect(answers['search early']).toMatchObject([{ session: early.session }]);
  expect(answers['search purged']).toEqual([]);
  expect(answers['sessions {}']).toHaveLength(Object.keys(sessions).length + 1);
});

it('goes on where time was up, spares the rate of others, and stops where nothing can be read', async () => {
  const { archive, before } = await filledArchive(client);
  await before.ledger.order(false, archive.clock.now);
  const paused: number[] = [];
  const deps = { ...before.deps(), pause: async (ms: number) => void paused.push(ms) };
  const unreadable = async () => {
    throw new RetriableFault('denied');
  };
  await expect(reindexRun({ ...deps, indexObject: unreadable })).rejects.toThrow('none of many objects');
  expect(await before.ledger.read()).toMatchObject({ step: 'indexing', objects: 0, failed: 0 });
  await reindexRun({ ...deps, beginUntilMs: archive.clock.now - 1 });
  expect(await before.ledger.read()).toMatchObject({ step: 'indexing', objects: 0 });
  paused.length = 0;
  await reindexRun({ ...deps, perSecond: { objects: 10, rows: 10 } });
  const done = await before.ledger.read();
  expect(done?.step).toBe('done');
  // And twice before what cannot be indexed was tried again.
  const sum = paused.reduce((a, b) => a + b);
  expect(sum).toBe(((done?.objects ?? 0) / 10) * 1000 + 200 + 400);
});
