// The states of a purge, and from which to which each step may go: whatever else runs, an order is given once and nothing undoes it.

import { afterAll, beforeAll, expect, it } from 'vitest';
import { newId } from '../../core/ids.ts';
import { DAY_MS } from '../../core/retention/may-purge.ts';
import type { Purge } from '../../core/retention/purge.ts';
import { DUE_DAYS, duePartition, HOLDS, PURGES } from '../catalogue-table/schema.ts';
import { CatalogueTable, createCatalogueTable } from '../catalogue-table/table.ts';
import { dayOf } from '../../core/retention/due-day.ts';
import { type LocalDynamoDb, localDynamoDbClient, startLocalDynamoDb } from '../local/dynamodb.ts';
import { DueSessions } from './due.ts';
import { PurgeLedger } from './ledger.ts';

let database: LocalDynamoDb;
let client: ReturnType<typeof localDynamoDbClient>;
let table: CatalogueTable;
let ledger: PurgeLedger;
beforeAll(async () => {
  database = await startLocalDynamoDb();
  client = localDynamoDbClient(database.endpoint);
  await createCatalogueTable(client, 'ledger');
  table = new CatalogueTable(client, 'ledger');
  ledger = new PurgeLedger(table);
});
afterAll(async () => {
  client.destroy();
  await database.close();
});

const AT = '2027-03-01T00:00:00.000Z';
const purgeOf = (state: Purge['state']): Purge => ({
  ...{ session: newId('ses'), connector: newId('con'), state, at: AT },
  evidence: { versions: 1, markers: 0, bytes: 1 },
});
const order = { mode: 'due', at: AT, audit: 9 } as const;

/** Brought there by the steps that lead there. */
async function standing(state: Purge['state'] | 'none'): Promise<Purge> {
  const purge = purgeOf('proposed');
  if (state === 'none') return purge;
  await ledger.note(state === 'refused' ? { ...purge, state, refusals: [{ why: 'unknown' }] } : purge, undefined);
  if (state === 'proposed' || state === 'refused') return purge;
  await ledger.order(purge, order);
  if (state === 'ordered') return purge;
  await ledger.finish({ ...purge, order, state: 'done' });
  if (state === 'settled') await ledger.settle({ ...purge, order, state: 'done' }, AT);
  return purge;
}

const STEPS: Readonly<Record<string, (purge: Purge) => Promise<boolean>>> = {
  'is proposed': async (purge) => ledger.note(purge, await ledger.get(purge.session)),
  'is proposed by a run that saw it before': (purge) => ledger.note(purge, purge),
  'is ordered': (purge) => ledger.order(purge, { ...order, audit: 10 }),
  'is finished': (purge) => ledger.finish({ ...purge, order, state: 'done' }),
  'is settled': (purge) => ledger.settle({ ...purge, order, state: 'done' }, AT),
};
const MAY: Readonly<Record<string, readonly string[]>> = {
  'is proposed': ['none', 'proposed', 'refused', 'settled'],
  'is proposed by a run that saw it before': ['none', 'proposed', 'refused'],
  'is ordered': ['none', 'proposed', 'refused', 'settled'],
  'is finished': ['ordered'],
  'is settled': ['done'],
};
const STATES = ['none', 'proposed', 'refused', 'ordered', 'done', 'settled'] as const;

it.each(Object.keys(STEPS).flatMap((step) => STATES.map((state) => [step, state] as const)))(
  'a purge %s out of the states from which it may be, and from no other: %s',
  async (step, state) => {
    const purge = await standing(state);
    const before = await ledger.get(purge.session);
    const went = await STEPS[step]?.(purge);
    expect(went).toBe(MAY[step]?.includes(state));
    if (!went) expect(await ledger.get(purge.session)).toEqual(before);
  },
);

it('a purge that was refused is ordered without what stood against it', async () => {
  const purge = await standing('refused');
  const known = await ledger.get(purge.session);
  await ledger.order({ ...purge, ...known }, order);
  expect(await ledger.get(purge.session)).not.toHaveProperty('refusals');
});

it('is read a page at a time, without what nobody here wrote', async () => {
  await createCatalogueTable(client, 'pages');
  const many = new CatalogueTable(client, 'pages');
  const purges = Array.from({ length: 201 }, () => purgeOf('proposed'));
  await many.putAll(purges.map((purge) => ({ pk: PURGES, sk: purge.session, state: purge.state, purge })));
  const [first] = purges.map(({ session }) => session).sort();
  await many.putAll([{ pk: PURGES, sk: first ?? '', purge: { of: 'a later release' } }]);
  const begin = await new PurgeLedger(many).page();
  const end = await new PurgeLedger(many).page(begin.after);
  expect([begin.purges.length, end.purges.length, end.after]).toEqual([199, 1, undefined]);
  const read = [...begin.purges, ...end.purges].map(({ session }) => session);
  expect(read.sort()).toEqual(
    purges
      .map(({ session }) => session)
      .sort()
      .slice(1),
  );
});

it('a hold that cannot be read is not taken for none', async () => {
  await table.putAll([{ pk: HOLDS, sk: newId('hld'), hold: { of: 'another release' } }]);
  await expect(ledger.holds()).rejects.toThrow();
});

it('a day to which the indexer added while it was found to be empty stays among the days', async () => {
  const day = '2027-03-01';
  const [first, late] = [newId('ses'), newId('ses')];
  const place = (session: typeof first) => ({ session, connector: newId('con') });
  // In between the look that finds the day empty and its removal.
  let adds = false;
  const meanwhile = new Proxy(table, {
    get(of, name) {
      const value = Reflect.get(of, name) as unknown;
      if (typeof value !== 'function') return value;
      return async (...args: unknown[]) => {
        const removesDay = name === 'deleteAll' && JSON.stringify(args).includes(`"${DUE_DAYS}"`);
        if (adds && removesDay) await new DueSessions(table).add(place(late), day);
        return (value as (...of: unknown[]) => Promise<unknown>).apply(of, args);
      };
    },
  });
  const due = new DueSessions(meanwhile);
  await due.add(place(first), day);
  const seen = async () => {
    const found: string[] = [];
    for await (const each of due.upTo(Date.parse(AT) + 1)) {
      found.push(each.session);
      await due.remove(each);
    }
    return found;
  };
  expect(dayOf(Date.parse(AT))).toBe(day);
  adds = true;
  expect(await seen()).toEqual([first]);
  adds = false;
  expect(await seen()).toEqual([late]);
});

it('a day with more sessions than a page is read to its end, and counted as more', async () => {
  await createCatalogueTable(client, 'days');
  const days = new CatalogueTable(client, 'days');
  const due = new DueSessions(days);
  const [day, other] = ['2027-03-01', '2027-03-02'];
  const sessions = Array.from({ length: 201 }, () => newId('ses'));
  const connector = newId('con');
  await days.putAll(sessions.map((session) => ({ pk: duePartition(day), sk: session, connector })));
  await days.putAll([{ pk: DUE_DAYS, sk: day }]);
  await due.add({ session: newId('ses'), connector }, other);
  const seen: string[] = [];
  for await (const { session } of due.upTo(Date.parse(AT))) seen.push(session);
  expect(seen.sort()).toEqual(sessions.sort());
  expect(await due.countUpTo(Date.parse(AT) + DAY_MS)).toEqual([
    { day, sessions: 200, more: true },
    { day: other, sessions: 1, more: false },
  ]);
});

it('a session is on its new day before that day is listed, and before it leaves the old one', async () => {
  const calls: string[] = [];
  const noted = new Proxy(table, {
    get(of, name) {
      const value = Reflect.get(of, name) as unknown;
      if (typeof value !== 'function') return value;
      return (...args: unknown[]) => {
        for (const { pk } of name === 'putAll' || name === 'deleteAll' ? (args[0] as { pk: string }[]) : [])
          calls.push(`${String(name)} ${pk}`);
        return (value as (...of: unknown[]) => unknown).apply(of, args);
      };
    },
  });
  const due = new DueSessions(noted);
  const [from, to] = ['2027-04-01', '2027-04-02'];
  const of = { session: newId('ses'), connector: newId('con'), day: from };
  await due.move(of, from);
  expect(calls).toEqual([]);
  await due.move(of, to);
  expect(calls).toEqual([`putAll ${duePartition(to)}`, `putAll ${DUE_DAYS}`, `deleteAll ${duePartition(from)}`]);
});
