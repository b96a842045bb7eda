// Holds and purges at the edge: who may, what takes two people, what is written down before what, and what is told to the functions.

import { runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ConnectorId, type HoldId, newId, type SessionId } from '../../../core/ids.ts';
import { holdLine, holdsDigest, type LegalHold } from '../../../core/retention/hold.ts';
import { type HoldList, orderText, PurgeOrder } from '../../../core/retention/purge.ts';
import { parseNote, parseNoteKey, whoSigned } from '../../../core/tlog/note.ts';
import { remote } from '../../objects/rpc.ts';
import { Browser, EDGE } from '../../test/browser.ts';
import { shardWith } from '../../test/objects/witness-shards.ts';
import { witnessOf } from '../../objects/witness/days.ts';
import { resource, TestConnector, type TestLink } from '../../test/connector.ts';
import { audit, grantFor, newest } from '../../test/grants.ts';
import { type Caller, callerAs } from '../../test/people.ts';
import { SESSIONS } from '../../test/sessions.ts';

const people = {} as Record<'alice' | 'bob' | 'carol' | 'mallory', Caller>;
let session: string;
/** One that nothing else is done with. */
let first: string;
let link: TestLink;
/** Another one of alice's. */
const begin = async () => {
  session = newId('ses');
  await link.openSession((await grantFor(people.alice, 'demo')).id, session);
};
let connector: TestConnector;
beforeAll(async () => {
  for (const name of ['alice', 'bob', 'carol', 'mallory'] as const) people[name] = await callerAs(name);
  connector = await TestConnector.join('keeper');
  link = await connector.link([resource('demo')]);
  await begin();
  first = session;
  await begin();
});

const archive = (env as unknown as { FUNCTIONS_URL: string }).FUNCTIONS_URL;

/** The functions of the tests (test/retention-of-tests.ts). */
const functions = (method: string, body?: unknown) =>
  fetch(`${archive}/plan-retention`, {
    method,
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
const told = async (): Promise<{ method: string; path: string; body: Record<string, unknown> }[]> =>
  (await functions('GET')).json();
const entries = async (kind: string) => (await audit.list({ kind, limit: 100 })).entries;
const place = (who: keyof typeof people, scope: object, reason: unknown = 'a dispute') =>
  people[who].send('POST', '/holds', { scope, reason });
/** By the two that it takes. */
const lift = async (id: string) => {
  for (const who of ['carol', 'bob'] as const)
    expect((await people[who].send('POST', `/holds/${id}/lift`, { reason: 'settled' })).status).toBe(200);
};
const evidence = { versions: 3, markers: 1, bytes: 100, manifest: 'a'.repeat(64) };
const retention = { rule: 'demo', policyVersion: 1, retainDays: 30 };
const kept = (against: object[]) => ({
  ...{ session, connector: connector.id, retention, finished: true, locks: [], evidence, heldObjects: 0, holds: [] },
  ...{ refusals: against, early: against },
});

describe('a legal hold', () => {
  test.each(['alice', 'mallory'] as const)('is nothing that %s places, lifts or sees', async (who) => {
    const answers = [
      await place(who, { of: 'session', session }),
      await people[who].send('POST', `/holds/${newId('hld')}/lift`, { reason: 'no' }),
      await people[who].get('/holds'),
      await people[who].get('/retention'),
      await people[who].get(`/sessions/${session}/retention`),
      await people[who].send('POST', `/sessions/${session}/purge`, { reason: 'no' }),
      await people[who].send('POST', '/purges/order', {}),
      await people[who].get('/purges/report'),
    ];
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 403));
    expect(await newest('attempt.refused')).toMatchObject({ actor: `${who}@example.com`, object: 'retention' });
  });

  test('needs a reason, is written down without names, told to the functions, and lifted by two', async () => {
    await functions('POST', { purges: [] });
    expect((await place('carol', { of: 'user', email: 'alice@example.com' }, '  ')).status).toBe(400);
    const answered = await place('carol', { of: 'user', email: 'alice@example.com' });
    const { now: _, ...placed } = (await answered.json()) as { id: string; now?: object };
    const entry = await newest('hold.placed');
    expect(entry).toMatchObject({
      actor: 'carol@example.com',
      object: placed.id,
      details: { reason: 'a dispute', of: 'user' },
    });
    expect(JSON.stringify(entry?.details)).not.toContain('alice');
    await remote(env.RETENTION).run();
    expect(await told()).toContainEqual({ method: 'PUT', path: `/holds/${placed.id}`, body: placed });

    const liftBy = (who: keyof typeof people) =>
      people[who].send('POST', `/holds/${placed.id}/lift`, { reason: 'settled' });
    expect(await (await liftBy('carol')).json()).toMatchObject({
      lifting: { by: 'carol@example.com', reason: 'settled' },
    });
    const again = await liftBy('carol');
    expect([again.status, await again.text()]).toEqual([403, expect.stringContaining('Somebody else has to agree')]);
    expect(await (await liftBy('bob')).json()).toMatchObject({ lifted: { by: 'bob@example.com' } });
    expect(await entries('hold.lifted')).toHaveLength(1);
    await remote(env.RETENTION).run();
    expect((await told()).at(-1)?.body).toMatchObject({ id: placed.id, lifted: { by: 'bob@example.com' } });
    const { holds } = (await (await people.carol.get('/holds')).json()) as { holds: { id: string }[] };
    expect(holds.map(({ id }) => id)).toContain(placed.id);
  });
});

describe('what one of two has asked for', () => {
  const WEEK = 7 * 24 * 3_600_000;
  const liftBy = async (who: keyof typeof people, id: string) =>
    (await people[who].send('POST', `/holds/${id}/lift`, { reason: 'settled' })).json<LegalHold>();
  /** As it was, had it been asked for so long ago. */
  const ago = async (id: HoldId, ms: number) => {
    const before = await remote(env.RETENTION).hold(id);
    if (!before?.lifting) throw new Error('nobody asked');
    const lifting = { ...before.lifting, at: new Date(Date.now() - ms).toISOString() };
    expect(await remote(env.RETENTION).putHold({ ...before, lifting }, before)).toBe(true);
  };

  test('to lift a hold stands for seven days, and then a second person is the first again', async () => {
    await functions('POST', { purges: [] });
    const { id } = await (await place('carol', { of: 'session', session: first })).json<LegalHold>();
    await liftBy('carol', id);
    await ago(id, WEEK + 1_000);
    const anew = await liftBy('bob', id);
    expect([anew.lifted, anew.lifting?.by]).toEqual([undefined, 'bob@example.com']);
    expect(await newest('hold.lift_asked')).toMatchObject({ actor: 'bob@example.com', object: id });
    // A minute before that it is an agreement.
    await ago(id, WEEK - 60_000);
    expect((await liftBy('carol', id)).lifted).toMatchObject({ by: 'carol@example.com' });
  });

  test('is nothing any more where who asked may no longer, or somebody else changed the hold meanwhile', async () => {
    await functions('POST', { purges: [] });
    const { id } = await (await place('bob', { of: 'session', session: first })).json<LegalHold>();
    await liftBy('carol', id);
    await remote(env.DIRECTORY).forgetPerson('carol@example.com');
    expect((await liftBy('bob', id)).lifting?.by).toBe('bob@example.com');
    people.carol = await callerAs('carol');
    const before = await remote(env.RETENTION).hold(id);
    if (!before) throw new Error('it is gone');
    const other = { ...before, lifting: { by: 'dave@example.com', at: new Date().toISOString(), reason: 'x' } };
    expect(await remote(env.RETENTION).putHold(other, before)).toBe(true);
    expect(await remote(env.RETENTION).putHold({ ...before, lifted: { by: 'x', at: before.placed.at } }, before)).toBe(
      false,
    );
    expect((await remote(env.RETENTION).hold(id))?.lifted).toBeUndefined();
    await remote(env.RETENTION).putHold(before, other);
    await liftBy('carol', id);
  });

  test('is forgotten with a person, and the hold that they placed stays in force, for the purge too', async () => {
    await functions('POST', { purges: [] });
    const scope = { of: 'user', email: 'alice@example.com' };
    const { id } = await (await place('carol', scope, 'of carol@example.com')).json<LegalHold>();
    await liftBy('carol', id);
    const digest = async () => (await remote(env.RETENTION).beforeOrder(session as SessionId)).order.holds;
    const before = await digest();
    await remote(env.RETENTION).forgetPerson('carol@example.com', 'per_gone');
    const { placed, lifting, lifted, ...hold } = (await remote(env.RETENTION).hold(id)) ?? ({} as LegalHold);
    expect([hold.scope, lifting, lifted]).toEqual([scope, undefined, undefined]);
    expect(placed).toMatchObject({ by: 'per_gone', reason: 'of per_gone' });
    expect((await remote(env.RETENTION).beforeOrder(session as SessionId)).held).toContain(id);
    // What the functions have of it is told anew, and makes the digest that orders are bound to.
    await remote(env.RETENTION).run();
    const telling = (await told()).filter(({ path }) => path === `/holds/${id}`);
    expect(telling.at(-1)?.body).toMatchObject({ placed: { by: 'per_gone' } });
    expect(JSON.stringify(telling.at(-1)?.body)).not.toContain('lifting');
    const now = await digest();
    const lines = (await remote(env.RETENTION).holds()).filter((one) => !one.lifted);
    const whole = await Promise.all(
      lines.map(async (one) => holdLine((await remote(env.RETENTION).hold(one.id)) ?? one)),
    );
    expect(now).toBe(await holdsDigest(whole));
    expect(before).toBe(now);
    await lift(id);
  });

  test('is asked by bob alone where somebody else is forgotten', async () => {
    await functions('POST', { purges: [] });
    const { id } = await (await place('carol', { of: 'session', session: first })).json<LegalHold>();
    await liftBy('bob', id);
    await remote(env.RETENTION).forgetPerson('carol@example.com', 'per_gone');
    expect((await remote(env.RETENTION).hold(id))?.lifting?.by).toBe('bob@example.com');
    expect((await liftBy('carol', id)).lifted?.by).toBe('carol@example.com');
  });
});

describe('a hold that would hold nothing', () => {
  test('is refused where its time is reversed or nobody knows the session', async () => {
    const [since, until] = ['2026-11-21T00:00:00.000Z', '2026-11-20T00:00:00.000Z'];
    const reversed = await place('carol', { of: 'time', since, until });
    expect([reversed.status, await reversed.text()]).toEqual([400, expect.stringContaining('before until')]);
    const unknown = newId('ses');
    for (const scope of [
      { of: 'session', session: unknown },
      { of: 'sessions', sessions: [session, unknown] },
    ]) {
      const answer = await place('carol', scope);
      expect([answer.status, await answer.text()]).toEqual([404, expect.stringContaining(unknown)]);
    }
  });

  test('is placed on a session that the archive has, though an earlier release admitted it', async () => {
    const placed = await place('carol', { of: 'session', session: SESSIONS.ofBob.id });
    expect(placed.status).toBe(200);
    await lift((await placed.json<LegalHold>()).id);
  });

  test('names many sessions in the log by one digest, in whatever order they were named', async () => {
    const digestOf = async (...sessions: string[]) => {
      const { id } = await (await place('carol', { of: 'sessions', sessions })).json<LegalHold>();
      const digest = (await newest('hold.placed'))?.details.digest;
      await lift(id);
      return digest;
    };
    expect(await digestOf(first, session)).toMatch(/^[0-9a-f]{64}$/);
    expect(await digestOf(first, session)).toBe(await digestOf(session, first));
  });

  test('is lifted once, whoever asks again', async () => {
    const { id } = await (await place('carol', { of: 'session', session: first })).json<LegalHold>();
    await lift(id);
    const count = (await entries('hold.lifted')).length + (await entries('hold.lift_asked')).length;
    const again = await people.carol.send('POST', `/holds/${id}/lift`, { reason: 'again' });
    expect(await again.json()).toMatchObject({ lifted: { by: 'bob@example.com' } });
    expect((await entries('hold.lifted')).length + (await entries('hold.lift_asked')).length).toBe(count);
  });

  test('by an earlier release, on what is no address, is told wherever it is read, and can be lifted', async () => {
    const id = newId('hld');
    const placedBefore = { by: 'carol@example.com', at: new Date().toISOString(), reason: 'an earlier dispute' };
    const hold = { id, scope: { of: 'user' as const, email: 'alice' }, placed: placedBefore };
    await remote(env.RETENTION).putHold(hold, undefined);
    for (const path of ['/holds', '/retention']) {
      const { holds } = await (await people.carol.get(path)).json<HoldList>();
      const nobody = holds.filter(({ coversNobody }) => coversNobody).map((one) => one.id);
      expect(nobody).toEqual([id]);
    }
    const browser = new Browser();
    await browser.signIn('carol');
    for (const path of ['/retention', `/retention/holds/${id}`])
      expect(await (await browser.fetch(`${EDGE}${path}`)).text()).toContain('nobody: what it is on is no address');
    await lift(id);
    const { holds } = await (await people.carol.get('/holds')).json<HoldList>();
    expect(holds.find((one) => one.id === id)).toMatchObject({ lifted: { by: 'bob@example.com' } });
    expect(holds.find((one) => one.id === id)).not.toHaveProperty('coversNobody');
  });

  test('says how many it holds now, and that a person or a resource is not known', async () => {
    const now = async (scope: object) => {
      const placed = (await (await place('carol', scope)).json()) as { id: string; now?: object };
      await lift(placed.id);
      return placed.now;
    };
    const none = { sessions: 0, more: false, known: false };
    expect(await now({ of: 'user', email: 'alicia@example.com' })).toEqual(none);
    expect(await now({ of: 'user', email: 'Alice@example.com' })).toMatchObject({ known: true, more: false });
    expect(await now({ of: 'session', session })).toBeUndefined();
  });
});

describe('a purge that is due', () => {
  const purge = (state: string, more = {}) => {
    const base = { session, connector: connector.id, at: new Date().toISOString(), retention, evidence };
    return { ...base, state, ...more };
  };

  test('is written down, then ordered, and its end written down, each once though answers are lost', async () => {
    await functions('POST', { purges: [purge('proposed')], answers: { order: [503, 200] } });
    await remote(env.RETENTION).run();
    await remote(env.RETENTION).run();
    const [entry, ...others] = (await entries('purge.ordered')).filter(({ object }) => object === session);
    expect(others).toEqual([]);
    expect(entry).toMatchObject({ actor: 'gatehouse', details: { mode: 'due', ...retention, ...evidence } });
    const orders = (await told()).filter(({ path }) => path === `/purges/${session}/order`);
    expect(orders.map(({ body }) => body.audit)).toEqual([entry?.sequence, entry?.sequence]);
    // What a proof misses from now on, it misses by that entry.
    const underWay = await witnessOf(env).witnessed(session as SessionId);
    expect([underWay?.purgeOrdered?.audit, underWay?.purged]).toEqual([entry?.sequence, undefined]);
    // With what it was granted for, and signed by the key that signs the log of sessions.
    const {
      note: said,
      connector: of,
      ...unsigned
    } = PurgeOrder.extend({ connector: ConnectorId }).parse(orders[1]?.body);
    expect(unsigned).toMatchObject({ granted: 30, admitted: { email: 'alice@example.com', resource: 'demo' } });
    expect(unsigned.holds).toBe(await holdsDigest([]));
    const note = parseNote(said ?? '');
    const key = await parseNoteKey(await witnessOf(env).logKey());
    if (!note.ok || !key.ok) throw new Error('expected a note and a key');
    expect(note.value.text).toBe(orderText({ session: session as SessionId, connector: of }, unsigned));
    expect(await whoSigned(note.value, [key.value])).toEqual({ ok: true, value: [{ key: key.value }] });

    const order = { mode: 'due', at: new Date().toISOString(), audit: entry?.sequence };
    const gone = { ...kept([]), evidence: { ...evidence, versions: 0 } };
    await functions('POST', { purges: [purge('done', { order })], session: gone, answers: { settled: [503, 204] } });
    await remote(env.RETENTION).run();
    await remote(env.RETENTION).run();
    const done = (await entries('purge.done')).filter(({ object }) => object === session);
    expect(done).toHaveLength(1);
    expect(done[0]?.details).toMatchObject({ order: entry?.sequence, ...evidence });
    const witnessed = await witnessOf(env).witnessed(session as SessionId);
    expect(witnessed?.purged).toMatchObject({ audit: entry?.sequence });
    expect(witnessed?.purgeOrdered).toBeUndefined();
    // Whose it was is forgotten, and nothing else can be changed there.
    expect(await witnessOf(env).admissions([session as SessionId])).toEqual([
      {
        ...{ connector: connector.id, admittedAt: expect.any(String) },
        purged: { at: expect.any(String), audit: entry?.sequence },
      },
    ]);
    await runInDurableObject(shardWith(session as SessionId), (_object, { storage }) => {
      for (const change of ["connector = 'con_x'", "opened = '{}'", "admitted_at = ''"])
        expect(() => storage.sql.exec(`UPDATE sessions SET ${change} WHERE session = ?`, session)).toThrow(
          'append-only',
        );
    });
  });

  test('is ordered at once when somebody asks, before the functions come to propose it', async () => {
    const report = { at: new Date().toISOString(), dryRun: true, purged: [], refused: [], failed: [], more: false };
    const kept = { session, connector: connector.id, retention, finished: true, locks: [], evidence };
    const none = { heldObjects: 0, holds: [], refusals: [], early: [] };
    await functions('POST', { purges: [], report: { ...report, proposed: [session] }, session: { ...kept, ...none } });
    const answer = await people.bob.send('POST', '/purges/order', { session });
    expect(await answer.json()).toEqual({ ordered: [session] });
    expect(await newest('purge.asked')).toMatchObject({ actor: 'bob@example.com', object: session });
    expect((await told()).map(({ path }) => path)).toEqual([`/purges/${session}/order`]);
  });

  test('is not ordered while the functions do not know of a hold', async () => {
    await begin();
    await functions('POST', { purges: [purge('proposed')], answers: { holds: [503, 503, 204] } });
    const placed = await place('carol', { of: 'session', session });
    expect(placed.status).toBe(200);
    await remote(env.RETENTION).run();
    expect((await told()).map(({ method }) => method)).toEqual(['PUT', 'PUT']);
    await functions('POST', { purges: [purge('proposed')], answers: { order: [409] } });
    await remote(env.RETENTION).run();
    expect((await told())[0]).toMatchObject({ method: 'PUT' });
    expect(await newest('purge.refused')).toMatchObject({ object: session, actor: 'gatehouse' });
    expect((await witnessOf(env).witnessed(session as SessionId))?.purgeOrdered).toBeUndefined();
    await lift(((await placed.json()) as { id: string }).id);
  });

  test('is not ordered either where that hold is on another session: their digests would differ', async () => {
    await begin();
    await functions('POST', { purges: [purge('proposed')], answers: { holds: [503, 503] } });
    const { id } = await (await place('carol', { of: 'session', session: first })).json<LegalHold>();
    expect(await remote(env.RETENTION).run()).toEqual([]);
    expect((await told()).filter(({ path }) => path.endsWith('/order'))).toEqual([]);
    expect(await remote(env.RETENTION).run()).toEqual([session]);
    await lift(id);
  });

  test('is written down once where several runs come at once', async () => {
    await begin();
    await functions('POST', { purges: [purge('proposed')], answers: { order: [503, 503, 503] } });
    await Promise.all([1, 2, 3].map(() => remote(env.RETENTION).run()));
    expect((await entries('purge.ordered')).filter(({ object }) => object === session)).toHaveLength(1);
    expect((await told()).filter(({ path }) => path.endsWith('/order'))).toHaveLength(3);
    expect(await remote(env.RETENTION).run()).toEqual([session]);
  });

  test('is looked for every few minutes, from a hold or an order on', async () => {
    const stub = env.RETENTION.get(env.RETENTION.idFromName('only'));
    const alarm = () => runInDurableObject(stub, (_object, { storage }) => storage.getAlarm());
    await begin();
    await runInDurableObject(stub, (_object, { storage }) => storage.deleteAlarm());
    const { id } = await (await place('carol', { of: 'session', session: first })).json<LegalHold>();
    const set = await alarm();
    expect(set).toBeGreaterThan(Date.now());
    // One that is set stays: whoever asks often must not put it off.
    await remote(env.RETENTION).wake();
    expect(await alarm()).toBe(set);
    await functions('POST', { purges: [purge('proposed')] });
    await runDurableObjectAlarm(stub);
    expect((await told()).filter(({ path }) => path.endsWith('/order'))).toHaveLength(1);
    expect(await alarm()).toBeGreaterThan(Date.now());
    await lift(id);
  });

  test('is under way no more where the functions have something against it', async () => {
    await begin();
    await functions('POST', { purges: [purge('proposed')], answers: { order: [409] } });
    await remote(env.RETENTION).run();
    expect(await newest('purge.refused')).toMatchObject({ object: session, actor: 'gatehouse' });
    expect((await witnessOf(env).witnessed(session as SessionId))?.purgeOrdered).toBeUndefined();
  });
});

describe('functions that were taken over', () => {
  const purge = (state: string, more = {}) => {
    const base = { session, connector: connector.id, at: new Date().toISOString(), retention, evidence };
    return { ...base, state, ...more };
  };
  const orders = async () => (await told()).filter(({ path }) => path.endsWith('/order'));
  beforeEach(begin);

  test.each([
    ['the session', () => ({ of: 'session', session })],
    ['sessions', () => ({ of: 'sessions', sessions: [first, session] })],
    ['the person that the edge admitted', () => ({ of: 'user', email: 'Alice@example.com' })],
    ['the resource', () => ({ of: 'resource', resource: 'demo' })],
    ['the time', () => ({ of: 'time', since: '2020-01-01T00:00:00.000Z', until: '2090-01-01T00:00:00.000Z' })],
  ])('get no order while a hold on %s is in force, whatever they say of it', async (_, scope) => {
    await functions('POST', { purges: [purge('proposed')], session: kept([]) });
    const { id } = (await (await place('carol', scope())).json()) as { id: string };
    for (let times = 0; times < 2; times++) await remote(env.RETENTION).run();
    const early = await people.carol.send('POST', `/sessions/${session}/purge`, { reason: 'asked to be forgotten' });
    expect([early.status, await early.text()]).toEqual([403, expect.stringContaining(id)]);
    expect(await newest('retention.viewed')).toMatchObject({ actor: 'carol@example.com', object: session });
    expect(await orders()).toEqual([]);
    const refused = (await entries('purge.refused')).filter(({ object }) => object === session);
    expect(refused.map(({ details }) => details)).toEqual([{ why: 'held', holds: expect.stringContaining(id) }]);
    expect((await entries('purge.ordered')).filter(({ object }) => object === session)).toEqual([]);
    await lift(id);
    await functions('POST', { purges: [purge('proposed')] });
    await remote(env.RETENTION).run();
    expect(await orders()).toHaveLength(1);
  });

  test('cannot have a purge written down that was not ordered, or whose objects are stored', async () => {
    const of = session;
    const { sequence: other = 0 } = (await newest('purge.ordered')) ?? {};
    const order = (audit: number) => ({ order: { mode: 'due', at: new Date().toISOString(), audit } });
    const settle = async (more: object, versions: number) => {
      const there = { ...kept([]), evidence: { ...evidence, versions }, storedAt: '2026-01-01T00:00:00.000Z' };
      await functions('POST', { purges: [purge('done', more)], session: there });
      await remote(env.RETENTION).run();
      const done = (await entries('purge.done')).some(({ object }) => object === of);
      return { done, witnessed: (await witnessOf(env).witnessed(of as SessionId))?.purged !== undefined };
    };
    // Of no entry, of another kind's, of another session's.
    const no = { done: false, witnessed: false };
    for (const more of [{}, order(1), order(other), order(1_000_000)]) expect(await settle(more, 0)).toEqual(no);
    expect(await witnessOf(env).admissions([of as SessionId])).toMatchObject([
      { admitted: { email: 'alice@example.com' } },
    ]);
    await functions('POST', { purges: [purge('proposed')] });
    await remote(env.RETENTION).run();
    const { sequence = 0 } = (await newest('purge.ordered')) ?? {};
    expect(await settle(order(sequence), 3)).toEqual(no);
    expect(await newest('purge.refused')).toMatchObject({ object: of, details: { why: 'stored', order: sequence } });
    expect(await settle(order(sequence), 0)).toEqual({ done: true, witnessed: true });
  });
});

describe('a purge before its time', () => {
  beforeEach(begin);
  const early = (who: keyof typeof people, reason = 'asked to be forgotten') =>
    people[who].send('POST', `/sessions/${session}/purge`, { reason });

  test('takes two people and an entry that names both', async () => {
    await functions('POST', { purges: [], session: kept([]) });
    const asked = async () =>
      ((await (await people.bob.get(`/sessions/${session}/retention`)).json()) as { asked?: object }).asked;
    expect(await asked()).toBeUndefined();
    expect(await (await early('carol')).json()).toMatchObject({ state: 'waiting' });
    expect(await asked()).toMatchObject({ by: 'carol@example.com', reason: 'asked to be forgotten' });
    expect((await early('carol')).status).toBe(403);
    expect((await told()).filter(({ path }) => path.endsWith('/order'))).toEqual([]);
    expect(await (await early('bob', 'seen the request')).json()).toEqual({ session, state: 'ordered' });
    expect(await asked()).toBeUndefined();
    const entry = await newest('purge.ordered');
    expect(entry).toMatchObject({
      actor: 'bob@example.com',
      object: session,
      details: {
        mode: 'early',
        asked: 'carol@example.com',
        why: 'asked to be forgotten',
        reason: 'seen the request',
        ...evidence,
      },
    });
    const [order] = (await told()).filter(({ path }) => path.endsWith('/order'));
    expect(order?.body).toMatchObject({ mode: 'early', audit: entry?.sequence, connector: connector.id });
  });

  test.each([
    [
      { why: 'locked', mode: 'COMPLIANCE', until: '2027-02-18T13:00:00.000Z' },
      /becomes possible at 2027-02-18T13:00:00.000Z/,
    ],
    [{ why: 'held', holds: [newId('hld')] }, /legal hold/],
  ])('is refused where %j stands against it, before anybody is asked', async (against, words) => {
    await functions('POST', { purges: [], session: kept([against]) });
    const answer = await early('carol');
    expect([answer.status, await answer.text()]).toEqual([403, expect.stringMatching(words)]);
  });

  test('is neither asked for nor ordered while the functions do not know of a hold that was just placed', async () => {
    await functions('POST', { purges: [], session: kept([]), answers: { holds: [503, 503, 204] } });
    await place('carol', { of: 'session', session: first });
    expect((await early('carol')).status).toBe(503);
    expect((await told()).map(({ method, path }) => `${method} ${path.split('/')[1]}`)).toEqual([
      'PUT holds',
      'PUT holds',
    ]);
    expect((await early('carol')).status).toBe(200);
    expect(await (await early('bob')).json()).toMatchObject({ state: 'ordered' });
    const calls = (await told()).map(({ method, path }) => `${method} ${path.split('/')[1]}`);
    expect(calls).toEqual(['PUT holds', 'PUT holds', 'PUT holds', 'POST purges']);
  });

  test.each([
    ['ordered', 'Its purge is ordered already (entry 7 of the audit log ordered it)'],
    ['done', 'It is deleted already (entry 7 of the audit log ordered it)'],
  ] as const)('is not asked for where it is %s already', async (state, words) => {
    const before = (await entries('purge.asked')).length;
    const order = { mode: 'early', at: '2026-11-20T00:00:00.000Z', audit: 7 };
    const purge = { session, connector: connector.id, state, at: '2026-11-20T00:00:00.000Z', evidence, order };
    await functions('POST', { purges: [], session: { ...kept([]), purge } });
    const answer = await early('carol');
    expect([answer.status, await answer.text()]).toEqual([409, expect.stringContaining(words)]);
    expect(await entries('purge.asked')).toHaveLength(before);
  });

  test('is asked for anew where who asked may no longer', async () => {
    await functions('POST', { purges: [], session: kept([]) });
    expect(await (await early('carol')).json()).toMatchObject({ state: 'waiting' });
    await remote(env.DIRECTORY).forgetPerson('carol@example.com');
    expect(await (await early('bob')).json()).toMatchObject({ state: 'waiting' });
    expect((await told()).filter(({ path }) => path.endsWith('/order'))).toEqual([]);
    people.carol = await callerAs('carol');
  });

  const underWay = async () => (await witnessOf(env).witnessed(session as SessionId))?.purgeOrdered;

  test('is witnessed before the functions hear of it, and stays so where their answer is lost', async () => {
    await functions('POST', { purges: [], session: kept([]), answers: { order: [503] } });
    await early('carol');
    expect((await early('bob')).status).toBe(503);
    const entry = await newest('purge.ordered');
    expect(await underWay()).toMatchObject({ audit: entry?.sequence });
    expect(await newest('purge.refused')).toMatchObject({
      object: session,
      details: { order: entry?.sequence, why: 'unavailable' },
    });
  });

  test('that the functions refuse is written down as that, and under way no more', async () => {
    await functions('POST', { purges: [], session: kept([]), answers: { order: [409] } });
    await early('carol');
    expect((await early('bob')).status).toBe(409);
    const entry = await newest('purge.ordered');
    expect(await newest('purge.refused')).toMatchObject({ object: session, details: { order: entry?.sequence } });
    expect(await underWay()).toBeUndefined();
    // Both still stand by it: the next of them orders it again.
    expect((await early('bob')).status).toBe(200);
    expect(await underWay()).toBeDefined();
  });

  test('is asked for by nobody any more where who asked is erased, however their address was written', async () => {
    const waiting = { by: 'Erin@example.com', reason: 'x', untilMs: Date.now() + 60_000 };
    await remote(env.RETENTION).putWaiting(session, waiting);
    await remote(env.RETENTION).forgetPerson('erin@example.com', 'per_gone');
    expect(await remote(env.RETENTION).waiting(session)).toBeUndefined();
  });

  test('is asked for anew a week later', async () => {
    await functions('POST', { purges: [], session: kept([]) });
    await early('carol');
    const waiting = { by: 'carol@example.com', reason: 'x', untilMs: Date.now() - 1 };
    await remote(env.RETENTION).putWaiting(session, waiting);
    expect(await (await early('bob')).json()).toMatchObject({ state: 'waiting' });
    expect((await told()).filter(({ path }) => path.endsWith('/order'))).toEqual([]);
  });

  test('is asked for anew where who asked has lost the right, and is still there', async () => {
    await functions('POST', { purges: [], session: kept([]) });
    expect(await (await early('carol')).json()).toMatchObject({ state: 'waiting' });
    await callerAs('carol', ['demo:developers']);
    expect(await (await early('bob')).json()).toMatchObject({ state: 'waiting' });
    expect((await told()).filter(({ path }) => path.endsWith('/order'))).toEqual([]);
    people.carol = await callerAs('carol');
    expect(await (await early('carol')).json()).toMatchObject({ state: 'ordered' });
  });

  test('is nothing of a session that was never admitted', async () => {
    expect((await people.carol.send('POST', `/sessions/${newId('ses')}/purge`, { reason: 'x' })).status).toBe(404);
  });
});

test('what is kept how long, what holds it and what comes up is one look', async () => {
  const due = [{ day: '2027-02-18', sessions: 3, more: false }];
  await functions('POST', { purges: [], due });
  const overview = async () => (await people.bob.get('/retention')).json();
  expect(await overview()).toMatchObject({
    classes: expect.arrayContaining([{ rule: 'demo-developers', retainDays: 30 }]),
    holds: expect.arrayContaining([expect.objectContaining({ scope: { of: 'user', email: 'alice@example.com' } })]),
    due,
  });
  expect(await newest('retention.viewed')).toMatchObject({ actor: 'bob@example.com', object: 'retention' });
  await functions('POST', { purges: [] });
  expect(Object.keys((await overview()) as object)).not.toContain('due');
});
