// What the edge makes of purges as the functions tell them, run after run: what is ordered, what is written down as done, and what is not.

import { env } from 'cloudflare:workers';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { newId, type SessionId } from '../../../core/ids.ts';
import type { LegalHold } from '../../../core/retention/hold.ts';
import { remote } from '../../objects/rpc.ts';
import { witnessOf } from '../../objects/witness/days.ts';
import { resource, TestConnector, type TestLink } from '../../test/connector.ts';
import { audit, grantFor, newest } from '../../test/grants.ts';
import { type Caller, callerAs } from '../../test/people.ts';

const people = {} as Record<'alice' | 'bob' | 'carol', Caller>;
let connector: TestConnector;
let link: TestLink;
let session: SessionId;
let other: SessionId;
const begin = async () => {
  const id = newId('ses');
  await link.openSession((await grantFor(people.alice, 'demo')).id, id);
  return id;
};
beforeAll(async () => {
  for (const name of ['alice', 'bob', 'carol'] as const) people[name] = await callerAs(name);
  connector = await TestConnector.join('keeper');
  link = await connector.link([resource('demo')]);
  other = await begin();
});
beforeEach(async () => {
  session = await begin();
});

interface Told {
  readonly method: string;
  readonly path: string;
  readonly body: Record<string, unknown>;
}
const archive = (env as unknown as { FUNCTIONS_URL: string }).FUNCTIONS_URL;
/** The functions of the tests (test/retention-of-tests.ts). */
const functions = (plan: object) =>
  fetch(`${archive}/plan-retention`, { method: 'POST', body: JSON.stringify({ purges: [], ...plan }) });
const told = async () => (await (await fetch(`${archive}/plan-retention`)).json()) as Told[];
const orders = async () => (await told()).filter(({ path }) => path.endsWith('/order'));
const putsOf = async (id: string) => (await told()).filter(({ path }) => path === `/holds/${id}`).length;
const run = () => remote(env.RETENTION).run();
const entriesOf = async (kind: string, of: string) =>
  (await audit.list({ kind, limit: 100 })).entries.filter(({ object }) => object === of);
const place = async (scope: object) =>
  (await people.carol.send('POST', '/holds', { scope, reason: 'a dispute' })).json<LegalHold>();
const lift = async (id: string) => {
  for (const who of ['carol', 'bob'] as const)
    await people[who].send('POST', `/holds/${id}/lift`, { reason: 'settled' });
};
const evidence = { versions: 3, markers: 1, bytes: 100, manifest: 'a'.repeat(64) };
const retention = { rule: 'demo', policyVersion: 1, retainDays: 30 };
const purge = (state: string, more: object = {}, of = session) => {
  const base = { session: of, connector: connector.id, at: new Date().toISOString(), retention, evidence };
  return { ...base, state, ...more };
};
const kept = (more: object = {}) => ({
  ...{ session, connector: connector.id, retention, finished: true, locks: [], evidence, heldObjects: 0, holds: [] },
  ...{ refusals: [], early: [], ...more },
});
const GONE = { evidence: { ...evidence, versions: 0 } };
const underWay = async () => (await witnessOf(env).witnessed(session))?.purgeOrdered;
/** Ordered, as the log says. */
const ordered = async () => {
  await functions({ purges: [purge('proposed')] });
  expect(await run()).toEqual([session]);
  const [entry] = await entriesOf('purge.ordered', session);
  return entry?.sequence ?? 0;
};
const doneBy = (number: number) =>
  purge('done', { order: { mode: 'due', at: new Date().toISOString(), audit: number } });

describe('a run', () => {
  test('orders what is proposed and settles what is done, and nothing of another state', async () => {
    const order = { mode: 'due', at: new Date().toISOString(), audit: 1 };
    const refusals = [{ why: 'unknown' }];
    await functions({
      purges: [purge('ordered', { order }), purge('refused', { refusals }), purge('settled', { order })],
    });
    expect(await run()).toEqual([]);
    expect(await told()).toEqual([]);
    expect(await entriesOf('purge.ordered', session)).toEqual([]);
    expect(await entriesOf('purge.refused', session)).toEqual([]);
  });

  test('goes through every page, and orders in the mode of what is due', async () => {
    const third = await begin();
    await functions({ purges: [other, session, third].map((of) => purge('proposed', {}, of)), pageSize: 1 });
    expect(await run()).toEqual([other, session, third]);
    expect((await orders()).map(({ body }) => body.mode)).toEqual(['due', 'due', 'due']);
  });

  test('keeps a purge under way where the answer to its order was lost, and refuses nothing', async () => {
    await functions({ purges: [purge('proposed')], answers: { order: [503] } });
    expect(await run()).toEqual([]);
    expect(await underWay()).toBeDefined();
    expect(await entriesOf('purge.refused', session)).toEqual([]);
  });

  test('makes a new entry where the functions had something against the last order, and says what', async () => {
    await functions({ purges: [purge('proposed')], answers: { order: [409] } });
    expect(await run()).toEqual([]);
    expect(await newest('purge.refused')).toMatchObject({ object: session, details: { why: '[]' } });
    expect(await run()).toEqual([session]);
    const [last, first] = (await orders()).map(({ body }) => body.audit).reverse();
    expect(last).not.toBe(first);
    expect((await entriesOf('purge.ordered', session)).map(({ sequence }) => sequence)).toEqual([last, first]);
  });

  test('writes a hold down once each time it stands against a purge, and tells the functions of it again', async () => {
    for (const times of [1, 2]) {
      await functions({ purges: [purge('proposed')] });
      const { id } = await place({ of: 'session', session });
      for (let again = 0; again < 2; again++) expect(await run()).toEqual([]);
      expect((await entriesOf('purge.refused', session)).length).toBe(times);
      expect(await putsOf(id)).toBe(2);
      await lift(id);
      expect(await run()).toEqual([session]);
    }
  });

  test('tells the functions of all holds again where they say that theirs differ, and not for another reason', async () => {
    const { id } = await place({ of: 'session', session: other });
    await run();
    for (const [why, puts] of [
      ['unknown', 0],
      ['holds_differ', 1],
    ] as const) {
      await functions({ purges: [purge('refused', { refusals: [{ why }] })] });
      for (let again = 0; again < 2; again++) await run();
      expect([why, await putsOf(id)]).toEqual([why, puts]);
    }
    await lift(id);
  });

  test('tells again what was not taken down, and no more than that', async () => {
    await functions({});
    await run();
    await functions({ answers: { holds: [503, 503] } });
    const ids = [(await place({ of: 'session', session })).id, (await place({ of: 'session', session: other })).id];
    await functions({ answers: { holds: [200, 503] } });
    await run();
    await run();
    const puts = (await told()).map(({ path }) => path.slice('/holds/'.length));
    expect(puts).toHaveLength(3);
    expect([new Set(puts), puts[1]]).toEqual([new Set(ids), puts[2]]);
    for (const id of ids) await lift(id);
  });

  test('is not held up by a hold on somebody else, and is by one on anybody for a session that nobody knows', async () => {
    const { id } = await place({ of: 'user', email: 'bob@example.com' });
    await ordered();
    const unknown = newId('ses');
    await functions({ purges: [purge('proposed', {}, unknown)] });
    expect(await run()).toEqual([]);
    await lift(id);
    expect(await run()).toEqual([unknown]);
    // And is written down as done by what the functions say.
    const [entry] = await entriesOf('purge.ordered', unknown);
    await functions({ purges: [{ ...doneBy(entry?.sequence ?? 0), session: unknown }] });
    await run();
    expect(await entriesOf('purge.done', unknown)).toHaveLength(1);
  });

  test('for one session orders no other, and none of which the functions do not say what keeps it', async () => {
    const at = new Date().toISOString();
    const report = { at, dryRun: true, purged: [], refused: [], failed: [], more: false, proposed: [other, session] };
    await functions({ report });
    expect(await remote(env.RETENTION).run({ session })).toEqual([]);
    await functions({ report, session: kept() });
    const asked = await people.bob.send('POST', '/purges/order', { session });
    expect(await asked.json()).toEqual({ ordered: [session] });
    await functions({});
    expect((await people.bob.send('POST', '/purges/order', { session })).status).toBeGreaterThanOrEqual(500);
  });
});

test('many runs at once write down what one does', async () => {
  await functions({ purges: [purge('proposed')], answers: { order: Array.from({ length: 12 }, () => 503) } });
  await Promise.all(Array.from({ length: 12 }, run));
  expect(await entriesOf('purge.ordered', session)).toHaveLength(1);
  expect(new Set((await orders()).map(({ body }) => body.audit)).size).toBe(1);
  expect(await run()).toEqual([session]);
});

test('a hold whose placer is erased is told anew, however their address was written', async () => {
  await run();
  const placed = { by: 'Erin@example.com', at: new Date().toISOString(), reason: 'a dispute' };
  const hold: LegalHold = { id: newId('hld'), scope: { of: 'session', session: other }, placed };
  await remote(env.RETENTION).putHold(hold, undefined);
  await run();
  await functions({});
  await remote(env.RETENTION).forgetPerson('erin@example.com', 'per_gone');
  await run();
  expect((await told()).map(({ body }) => body)).toEqual([{ ...hold, placed: { ...placed, by: 'per_gone' } }]);
  await lift(hold.id);
});

describe('what is said to be done', () => {
  const isDone = async () => (await entriesOf('purge.done', session)).length;

  test('is not written down by an entry of another kind, another number, or while nobody says what is left', async () => {
    await functions({ purges: [doneBy(1_000_000)], session: kept(GONE) });
    for (let again = 0; again < 2; again++) await run();
    // Once, whatever comes again.
    expect(await entriesOf('purge.refused', session)).toHaveLength(1);
    const refused = (await newest('purge.refused'))?.sequence ?? 0;
    await functions({ purges: [doneBy(refused)], session: kept(GONE) });
    await run();
    expect(await isDone()).toBe(0);
    const number = await ordered();
    await functions({ purges: [doneBy(number + 1)], session: kept(GONE) });
    await run();
    expect(await isDone()).toBe(0);
    await functions({ purges: [doneBy(number)] });
    await run();
    expect(await isDone()).toBe(0);
    await functions({ purges: [doneBy(number)], session: kept({ storedAt: '2026-01-01T00:00:00.000Z' }) });
    for (let again = 0; again < 2; again++) await run();
    const stored = (await entriesOf('purge.refused', session)).filter(({ details }) => details.why === 'stored');
    expect([await isDone(), stored.length]).toEqual([0, 1]);
  });

  test('is written down though its connector stored more since the order, and again when that is gone too', async () => {
    const late = kept({ storedAt: new Date(Date.now() + 60_000).toISOString() });
    await functions({ purges: [doneBy(await ordered())], session: late });
    await run();
    expect(await isDone()).toBe(1);
    await functions({ purges: [purge('proposed')] });
    await run();
    const [entry] = await entriesOf('purge.ordered', session);
    await functions({ purges: [doneBy(entry?.sequence ?? 0)], session: kept(GONE) });
    await run();
    expect(await isDone()).toBe(2);
    // What comes once more may be asked to go before its time.
    await functions({ session: late });
    expect((await people.carol.send('POST', `/sessions/${session}/purge`, { reason: 'late' })).status).toBe(200);
  });
});

describe('a purge before its time', () => {
  const early = (who: 'bob' | 'carol') =>
    people[who].send('POST', `/sessions/${session}/purge`, { reason: 'asked to be forgotten' });

  test('is written down when one asks for it, and waits a week for another', async () => {
    // Its own days and a governance lock do not stand against it.
    await functions({ session: kept({ refusals: [{ why: 'unknown' }] }) });
    const answer = (await (await early('carol')).json()) as { until: string };
    expect(Math.abs(Date.parse(answer.until) - Date.now() - 7 * 24 * 3_600_000)).toBeLessThan(600_000);
    expect(await newest('purge.asked')).toMatchObject({
      ...{ actor: 'carol@example.com', object: session },
      details: { mode: 'early', reason: 'asked to be forgotten' },
    });
  });

  test('is nothing while the functions do not say what keeps it, and what they say is read', async () => {
    await functions({});
    expect((await early('carol')).status).toBe(503);
    await functions({ session: { ...kept(), early: 'nothing' } });
    expect((await early('carol')).status).toBe(503);
  });

  test.each(['/purges', '/purges/report', `/holds/${newId('hld')}`])(
    '%s is for auditors and administrators',
    async (path) => {
      expect((await people.alice.get(path)).status).toBe(403);
    },
  );

  test('nothing is said of a session that was never admitted, and no class of what nobody may reach', async () => {
    await functions({ session: kept() });
    expect((await people.carol.get(`/sessions/${newId('ses')}/retention`)).status).toBe(404);
    const { classes } = (await (await people.carol.get('/retention')).json()) as { classes: { rule: string }[] };
    expect(classes.map(({ rule }) => rule)).not.toContain('no-vault');
  });

  test('a hold that there is none of is not lifted', async () => {
    const answer = await people.carol.send('POST', `/holds/${newId('hld')}/lift`, { reason: 'x' });
    expect(answer.status).toBe(404);
  });
});
