import { listDurableObjectIds, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { beforeEach, describe, expect, test } from 'vitest';
import { type ConnectorId, newId, SessionId, systemIdSource } from '../../../core/ids.ts';
import { ok } from '../../../core/result.ts';
import { AdmittedSession } from '../../../core/session-evidence.ts';
import { parseCheckpoint } from '../../../core/tlog/checkpoint.ts';
import { parseLogEntry, sessionDigest } from '../../../core/tlog/session-entry.ts';
import { readWholeLog } from '../../../core/tlog/whole-log.ts';
import { dayOfSession, decodeRows, rowsName } from '../../../core/tlog/witness-rows.ts';
import { audit } from '../../test/grants.ts';
import { shardWith } from '../../test/objects/witness-shards.ts';
import { Attempts } from './attempts.ts';
import { witnessOf } from './days.ts';
import { archiveOf } from './kept-rows.ts';
import { RowsExport } from './rows-export.ts';
import { remote } from '../rpc.ts';
import type { WitnessShard } from './witness-shard.ts';

const archive = (env as unknown as { FUNCTIONS_URL: string }).FUNCTIONS_URL;
const authorization = 'Bearer only-for-tests-only-for-tests';
const connector = newId('con');
const DAY_MS = 86_400_000;
const digestOf = (n: number) => n.toString(16).padStart(64, '0');
const openedBy = (email: string) =>
  AdmittedSession.parse({
    ...{ resource: 'orders', protocol: 'postgres', email, subject: `idp#${email}` },
    ...{ grant: newId('grt'), rule: 'r', reason: 'ticket 7' },
  });

const plan = (...answers: { status: number; keep?: boolean }[]) =>
  fetch(`${archive}/plan-audit`, { method: 'POST', body: JSON.stringify(answers) });
const names = async (): Promise<string[]> =>
  ((await (await fetch(`${archive}/log`, { headers: { authorization } })).json()) as string[])
    .map((name) => name.replace('log/', ''))
    .filter((name) => name.startsWith('witness/'))
    .toSorted();
const read = async (name: string) =>
  new Uint8Array(await (await fetch(`${archive}/log/${name}`, { headers: { authorization } })).arrayBuffer());
const forge = (name: string, body: BodyInit) => fetch(`${archive}/log/${name}`, { method: 'PUT', body });
const told = async () => (await audit.list({ limit: 50 })).entries.filter(({ kind }) => kind.startsWith('log.export'));

function witnessCalled(log: string) {
  const witness = witnessOf(env, log);
  return {
    ...witness,
    async admit(email = 'alice@example.com', at = Date.now(), by: ConnectorId = connector): Promise<SessionId> {
      const session = newId('ses', { ...systemIdSource, now: () => at });
      await witness.admitAll([{ session, opened: openedBy(email), viewOwn: true, retainDays: 30 }], by);
      return session;
    },
    head: (session: SessionId, number: number, digest = digestOf(number)) =>
      witness.recordHead(connector, { session, number, digest, frames: 1 }),
    end: (session: SessionId, segments: number) =>
      witness.recordManifest(connector, { session, digest: digestOf(99), segments }),
    /** Exports that session's day, as if it were due. */
    async ring(session: SessionId): Promise<void> {
      await runInDurableObject(shardWith(session, log), (_object, { storage }) => {
        storage.sql.exec('UPDATE sessions SET due_ms = 0 WHERE due_ms IS NOT NULL');
        storage.sql.exec('UPDATE attempts SET next_ms = 0');
      });
      await runDurableObjectAlarm(shardWith(session, log));
    },
    rows: (session: SessionId) =>
      runInDurableObject(shardWith(session, log), (_object, { storage: { sql } }) => {
        const count = (table: string) => Number(sql.exec(`SELECT count(*) AS n FROM ${table}`).one().n);
        return { sessions: count('sessions'), heads: count('heads'), pieces: count('pieces') };
      }),
    inLog: async () => (await witness.logEntries(0)).filter((entry) => entry.startsWith('rows ')),
  };
}

/** Everything that is answered of sessions. */
const all = async (witness: ReturnType<typeof witnessCalled>, ...sessions: SessionId[]) => ({
  witnessed: await Promise.all(sessions.map((session) => witness.witnessed(session))),
  admissions: await witness.admissions(sessions),
  list: await witness.list(undefined),
  proofs: (await Promise.all(sessions.map((session) => witness.proofsOf(session)))).map((each) =>
    each.map(({ entry }) => entry),
  ),
  left: await witness.leftOf('alice@example.com', undefined),
});

beforeEach(async () => {
  await plan();
});

describe('what was witnessed of a day', () => {
  test('goes into the object store and is freed, and every answer is as it was', async () => {
    const witness = witnessCalled('whole');
    const [one, two] = [await witness.admit(), await witness.admit('bob@example.com')];
    for (const number of [0, 1, 2]) await witness.head(one, number);
    await witness.end(one, 3);
    await witness.recordNeverBegan(connector, { session: two, reason: 'target_refused' });
    const before = await all(witness, one, two);
    await witness.ring(one);
    expect(await witness.rows(one)).toEqual({ sessions: 2, heads: 0, pieces: 1 });
    expect(await all(witness, one, two)).toEqual(before);

    const name = rowsName(dayOfSession(one), 1);
    expect(await names()).toEqual([name]);
    const bytes = await read(name);
    expect(decodeRows(bytes)).toMatchObject({ ok: true, value: [{ session: one, headsSoFar: 3 }, { session: two }] });
    // Nothing could be erased there.
    expect(new TextDecoder().decode(bytes)).not.toMatch(/example\.com|idp#|orders|ticket/);
    const digest = [...new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))]
      .map((byte) => byte.toString(16).padStart(2, '0'))
      .join('');
    const [entry = ''] = await witness.inLog();
    expect(parseLogEntry(entry)).toEqual({
      ok: true,
      value: { event: 'rows', session: await sessionDigest(name), digest },
    });
    // Of a copy of the log, the sessions are what they were.
    const checkpoint = parseCheckpoint(await witness.checkpoint());
    if (!checkpoint.ok) throw new Error(checkpoint.error);
    const whole = await readWholeLog([checkpoint.value], await witness.logEntries(0));
    expect(whole.ok && [...whole.value.keys()]).toEqual(await Promise.all([one, two].map(sessionDigest)));
    // And nothing is due again.
    await runDurableObjectAlarm(shardWith(one, 'whole'));
    expect(await names()).toHaveLength(1);
  });

  test('is evidence against another head and manifest as before, and for whose it is', async () => {
    const witness = witnessCalled('evidence');
    const session = await witness.admit();
    await witness.head(session, 0);
    await witness.end(session, 2);
    await witness.ring(session);
    expect(await witness.head(session, 0)).toBe('known');
    expect(await witness.head(session, 0, digestOf(7))).toBe('contradicts');
    expect(await witness.head(session, 2)).toBe('contradicts');
    expect(await witness.end(session, 2)).toBe('known');
    expect(await witness.end(session, 1)).toBe('known');
    expect(await witness.recordManifest(connector, { session, digest: digestOf(5), segments: 2 })).toBe('contradicts');
    expect(await witness.recordNeverBegan(connector, { session, reason: 'x' })).toBe('contradicts');
    const other = newId('con');
    expect(await witness.recordHead(other, { session, number: 0, digest: digestOf(0), frames: 1 })).toBe('foreign');
    // A head that was away comes late, goes with a later piece, and is evidence there.
    expect(await witness.head(session, 1)).toBe('witnessed');
    const before = await witness.witnessed(session);
    expect(before?.heads.map(({ number }) => number)).toEqual([0, 1]);
    await witness.ring(session);
    expect(await witness.rows(session)).toEqual({ sessions: 1, heads: 0, pieces: 2 });
    expect(await witness.witnessed(session)).toEqual(before);
    expect(await witness.head(session, 1, digestOf(7))).toBe('contradicts');
  });

  test('says of a purged session what it said, with no row left, also to what comes later', async () => {
    const witness = witnessCalled('purged');
    const session = await witness.admit();
    const kept = await witness.admit();
    await witness.head(session, 0);
    await witness.end(session, 2);
    await witness.ring(session);
    await witness.recordPurged(session, 41);
    const before = await all(witness, session, kept);
    expect(before.left.sessions).toEqual([kept]);
    await witness.ring(session);
    expect(await witness.rows(session)).toEqual({ sessions: 1, heads: 0, pieces: 2 });
    expect(await all(witness, session, kept)).toEqual(before);
    expect(before.witnessed[0]).toMatchObject({ purged: { audit: 41 }, heads: [{ number: 0 }] });
    // Again is the same as once.
    await witness.recordPurged(session, 41);
    expect(await witness.head(session, 0)).toBe('known');
    expect(await witness.rows(session)).toEqual({ sessions: 1, heads: 0, pieces: 2 });
    expect(await witness.head(session, 0, digestOf(7))).toBe('contradicts');
    // A connector that was away: what is known of the session comes back for it, and goes again.
    expect(await witness.head(session, 1)).toBe('witnessed');
    const later = await all(witness, session, kept);
    expect(later.witnessed[0]).toMatchObject({ purged: { audit: 41 }, manifest: { segments: 2 } });
    expect(later.witnessed[0]?.heads).toHaveLength(2);
    expect(later.list.sessions.find((each) => each.session === session)?.heads).toBe(2);
    await witness.ring(session);
    expect(await witness.rows(session)).toEqual({ sessions: 1, heads: 0, pieces: 3 });
    expect(await all(witness, session, kept)).toEqual(later);
  });

  test('forgets whose a session was of which nothing came, when its days are over', async () => {
    const witness = witnessCalled('silent');
    const session = await witness.admit();
    await witness.recordNeverBegan(connector, { session, reason: 'target_refused' });
    await witness.ring(session);
    expect((await witness.admissions([session]))[0]?.admitted).toBeDefined();
    await runInDurableObject(shardWith(session, 'silent'), (_object, { storage: { sql } }) => {
      const due = Number(sql.exec('SELECT due_ms FROM sessions').one().due_ms);
      expect(Math.round((due - Date.now()) / DAY_MS)).toBe(30);
      sql.exec('DROP TRIGGER sessions_keep');
      sql.exec(`UPDATE sessions SET admitted_at = '2020-01-01T00:00:00.000Z', due_ms = 0`);
    });
    await witness.ring(session);
    expect((await witness.rows(session)).sessions).toBe(0);
    expect((await witness.admissions([session]))[0]).toMatchObject({ connector });
    expect(await witness.witnessed(session)).toMatchObject({ neverBegan: { reason: 'target_refused' } });
  });

  test('is not freed by anything else: the database itself refuses', async () => {
    const witness = witnessCalled('refuses');
    const session = await witness.admit();
    await witness.head(session, 0);
    await witness.end(session, 1);
    await witness.ring(session);
    await witness.head(await witness.admit(), 0);
    await runInDurableObject(shardWith(session, 'refuses'), (_object, { storage: { sql } }) => {
      for (const statement of [
        'DELETE FROM heads',
        'DELETE FROM sessions',
        'DELETE FROM manifests',
        'DELETE FROM pieces',
        `UPDATE heads SET digest = ''`,
        `UPDATE pieces SET digest = 'x'`,
        `UPDATE pieces SET state = 'logged'`,
        'UPDATE sessions SET opened_index = 9',
      ])
        expect(() => sql.exec(statement), statement).toThrow('append-only');
    });
  });
});

describe('an export that is cut short', () => {
  /** As an object that ends there: what is asked of the store, or of the log, is never answered. */
  const cutAt = [
    'before it is sent',
    'when it was stored',
    'before it was read back',
    'before the log has it',
    'when the log has it',
  ];
  test.each(cutAt)('%s: goes on from there and ends alike', async (where) => {
    const log = `cut ${where}`;
    const witness = witnessCalled(log);
    const session = await witness.admit();
    for (const number of [0, 1]) await witness.head(session, number);
    await witness.end(session, 2);
    const before = await all(witness, session);
    const dies = () => Promise.reject(new Error('the object ends'));
    await runInDurableObject(shardWith(session, log), async (_object, { storage }) => {
      storage.sql.exec('UPDATE sessions SET due_ms = 0');
      const real = archiveOf(env);
      const enter = remote(env.WITNESS, log).enter;
      const exported = new RowsExport({
        storage,
        place: () => dayOfSession(session),
        attempts: new Attempts(storage.sql),
        archive: () => ({
          store: async (object) => {
            if (where === 'before it is sent') return dies();
            const stored = await real.store(object);
            return where === 'when it was stored' ? dies() : stored;
          },
          read: where === 'before it was read back' ? dies : real.read,
        }),
        enter: async (entries) => {
          if (where === 'before the log has it') return dies();
          await enter(entries);
          return dies();
        },
      });
      await expect(exported.run(false)).rejects.toThrow('the object ends');
    });
    // In between it answers, and takes what comes.
    expect(await all(witness, session)).toEqual(before);
    expect(await witness.rows(session)).toMatchObject({ heads: 2 });
    expect(await witness.head(session, 1, digestOf(8))).toBe('contradicts');
    await witness.ring(session);
    expect(await witness.rows(session)).toEqual({ sessions: 1, heads: 0, pieces: 1 });
    expect(await all(witness, session)).toEqual(before);
    expect(await names()).toEqual([rowsName(dayOfSession(session), 1)]);
    expect(await witness.inLog()).toHaveLength(1);
  });

  test('keeps what came meanwhile for a later piece', async () => {
    const witness = witnessCalled('meanwhile');
    const session = await witness.admit();
    await witness.head(session, 0);
    await witness.end(session, 3);
    await witness.recordPurged(session, 41);
    await plan({ status: 503 });
    await witness.ring(session);
    expect(await witness.head(session, 1)).toBe('witnessed');
    await runInDurableObject(shardWith(session, 'meanwhile'), (_object, { storage: { sql } }) => {
      sql.exec('UPDATE attempts SET next_ms = 0');
    });
    await runDurableObjectAlarm(shardWith(session, 'meanwhile'));
    expect(await witness.rows(session)).toEqual({ sessions: 1, heads: 1, pieces: 1 });
    const before = await witness.witnessed(session);
    expect(before?.heads).toHaveLength(2);
    await witness.ring(session);
    expect(await witness.rows(session)).toEqual({ sessions: 0, heads: 0, pieces: 2 });
    expect(await witness.witnessed(session)).toEqual(before);
  });
});

describe('an object store', () => {
  test('that is away for long: nothing is freed, sessions go on, somebody is told once, and then it goes', async () => {
    const witness = witnessCalled('away');
    const session = await witness.admit();
    await witness.head(session, 0);
    await witness.end(session, 1);
    const earlier = (await told()).length;
    await plan(...Array.from({ length: 5 }, () => ({ status: 503 })));
    for (let count = 0; count < 5; count++) {
      await witness.ring(session);
      expect((await witness.rows(session)).heads).toBe(1 + count);
      await witness.head(await witness.admit(), 0);
    }
    const name = rowsName(dayOfSession(session), 1);
    const since = async () => (await told()).slice(0, (await told()).length - earlier);
    expect(await since()).toMatchObject([{ object: name, details: { reason: 'unavailable', tries: 3 } }]);
    await witness.ring(session);
    expect((await witness.rows(session)).heads).toBe(0);
    expect((await since())[0]).toMatchObject({ kind: 'log.export_resumed', object: name });
  });

  test('that holds something else there is told of at once, and nothing is freed', async () => {
    const witness = witnessCalled('other');
    const session = await witness.admit();
    await witness.head(session, 0);
    await witness.end(session, 1);
    await forge(rowsName(dayOfSession(session), 1), 'forged');
    await witness.ring(session);
    expect((await told())[0]).toMatchObject({ details: { reason: 'contradiction', tries: 1 } });
    expect((await witness.rows(session)).heads).toBe(1);
  });

  test('that says it is stored, and gives back something else, has nothing freed', async () => {
    const witness = witnessCalled('lies');
    const session = await witness.admit();
    await witness.head(session, 0);
    await witness.end(session, 1);
    const events = await runInDurableObject(shardWith(session, 'lies'), (_object, { storage }) => {
      storage.sql.exec('UPDATE sessions SET due_ms = 0');
      const exported = new RowsExport({
        storage,
        place: () => dayOfSession(session),
        attempts: new Attempts(storage.sql),
        archive: () => ({
          store: () => Promise.resolve(ok(undefined)),
          read: () => Promise.resolve(ok(new Uint8Array([1]))),
        }),
        enter: () => Promise.reject(new Error('it is not to be in the log')),
      });
      return exported.run(false);
    });
    expect(events.events).toMatchObject([{ kind: 'log.export_failed', details: { reason: 'other_content' } }]);
    expect((await witness.rows(session)).heads).toBe(1);
  });

  test('whose piece was changed, or is gone, gives no answer rather than a wrong one', async () => {
    const witness = witnessCalled('changed');
    const session = await witness.admit();
    await witness.head(session, 0);
    await witness.end(session, 1);
    await witness.ring(session);
    const name = rowsName(dayOfSession(session), 1);
    const good = await read(name);
    const anew = () => runInDurableObject(shardWith(session, 'changed'), (_object, { storage }) => storage.sync());
    await anew();
    await forge(name, new TextDecoder().decode(good).replace(digestOf(0), digestOf(1)));
    await expect(witness.head(session, 0, digestOf(1))).rejects.toThrow('is not what was stored there');
    await plan();
    await expect(witness.witnessed(session)).rejects.toThrow('does not give');
    await forge(name, good);
    expect(await witness.head(session, 0, digestOf(1))).toBe('contradicts');
  });
});

test('a small object exports heads of what runs on, and takes the next; sessions cross several borders', async () => {
  const witness = witnessCalled('small');
  const session = await witness.admit();
  const shard = shardWith(session, 'small');
  /** As under WITNESS_OBJECT_BYTES of this size. */
  const ringSmall = () =>
    runInDurableObject(shard, async (object, state) => {
      const small = { ...env, WITNESS_OBJECT_BYTES: '10000' };
      const made = new (object.constructor as new (state: DurableObjectState, env: unknown) => WitnessShard)(
        state,
        small,
      );
      await made.alarm();
    });
  for (let number = 0; number < 12; number++) {
    expect(await witness.head(session, number)).toBe('witnessed');
    if (number % 3 === 2) await ringSmall();
  }
  expect(await witness.rows(session)).toEqual({ sessions: 1, heads: 0, pieces: 4 });
  expect((await witness.witnessed(session))?.heads.map(({ number }) => number)).toEqual([...Array(12).keys()]);
  expect(await witness.head(session, 4, digestOf(5))).toBe('contradicts');
  expect(await witness.end(session, 11)).toBe('contradicts');
  expect(await witness.end(session, 12)).toBe('witnessed');
  expect((await witness.list(undefined)).sessions).toEqual([{ session, connector, heads: 12 }]);
});

test('lists, and sessions of a person, go over all days, and over ids of clocks that are far off', async () => {
  const witness = witnessCalled('days');
  const start = Date.parse('2026-03-01T12:00:00Z');
  const made: SessionId[] = [];
  for (let day = 0; day < 45; day++) made.push(await witness.admit('alice@example.com', start + day * DAY_MS));
  for (const at of [1, Date.parse('2500-01-01T00:00:00Z')]) made.push(await witness.admit('alice@example.com', at));
  // More than a page, in two days.
  for (const day of [10, 11]) {
    const at = start + day * DAY_MS;
    const sessions = Array.from({ length: 130 }, () => newId('ses', { ...systemIdSource, now: () => at }));
    const of = (session: SessionId) => ({
      session,
      opened: openedBy('bob@example.com'),
      viewOwn: true,
      retainDays: 30,
    });
    await witness.admitAll(sessions.map(of), connector);
  }
  for (const session of made.slice(3, 5)) {
    await witness.recordPurged(session, 1);
    await witness.ring(session);
    expect((await witness.rows(session)).sessions).toBe(0);
  }
  // More pieces than a call reads.
  for (let count = 0; count < 7; count++) {
    const session = await witness.admit('carol@example.com', start + 44 * DAY_MS + count);
    await witness.recordPurged(session, 1);
    await witness.ring(session);
    expect((await witness.rows(session)).sessions).toBe(1);
  }
  const listed: SessionId[] = [];
  const cursors: (string | undefined)[] = [];
  for (let cursor: string | undefined = ''; cursor !== undefined; ) {
    cursors.push(cursor);
    if (cursors.length > 25) throw new Error(cursors.join(' '));
    const page = await witness.list(cursor || undefined);
    listed.push(...page.sessions.map(({ session }) => session));
    // The API takes ids alone.
    cursor = page.cursor === undefined ? undefined : SessionId.parse(page.cursor);
  }
  expect(listed).toHaveLength(made.length + 267);
  expect(listed).toEqual(listed.toSorted().toReversed());
  const left: SessionId[] = [];
  for (let cursor: SessionId | '' | undefined = ''; cursor !== undefined; ) {
    const page = await witness.leftOf('alice@example.com', cursor || undefined);
    left.push(...page.sessions);
    cursor = page.cursor;
  }
  expect(left).toEqual(made.filter((session) => !made.slice(3, 5).includes(session)).toSorted());
  // A question makes no object.
  const never = SessionId.parse(newId('ses', { ...systemIdSource, now: () => start - DAY_MS }));
  expect(await witness.witnessed(never)).toBeUndefined();
  expect(await witness.head(never, 0)).toBe('foreign');
  const objects = (await listDurableObjectIds(env.WITNESS_SHARD)).map(String);
  expect(objects).toContain(String(shardWith(made[0] as SessionId, 'days').id));
  expect(objects).not.toContain(String(shardWith(never, 'days').id));
});
