import { runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { expect, test } from 'vitest';
import { newId, type SessionId } from '../../../core/ids.ts';
import { fromBase64 } from '../../../core/scram.ts';
import { isProven, parseCheckpoint, parseLogProof } from '../../../core/tlog/checkpoint.ts';
import { hashLeaf, isContinued } from '../../../core/tlog/merkle.ts';
import { parseNoteKey, whoSigned } from '../../../core/tlog/note.ts';
import { parseLogEntry, sessionDigest } from '../../../core/tlog/session-entry.ts';
import { witnessOf } from './days.ts';

const connector = newId('con');
const opened = {
  user: { email: 'alice@example.com' },
  resource: { name: 'orders', protocol: 'postgres' },
  rule: 'r',
} as never;
const DIGEST = 'ab'.repeat(32);

const logCalled = (name: string) => witnessOf(env, name);
const inStorage = (name: string, act: (sql: SqlStorage) => void) =>
  runInDurableObject(env.WITNESS.get(env.WITNESS.idFromName(name)), (_object, state) => act(state.storage.sql));

async function admit(name: string, count: number): Promise<SessionId[]> {
  const sessions = Array.from({ length: count }, () => newId('ses'));
  await logCalled(name).admitAll(
    sessions.map((session) => ({ session, opened, viewOwn: true, retainDays: 30 })),
    connector,
  );
  return sessions;
}

function headOf(checkpoint: string) {
  const parsed = parseCheckpoint(checkpoint);
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.value;
}

test('what is witnessed of a session is in the log, proven by a checkpoint that the edge signed', async () => {
  const witness = logCalled('log');
  const [session, never] = (await admit('log', 2)) as [SessionId, SessionId];
  await witness.recordManifest(connector, { session, digest: DIGEST, segments: 1 });
  await witness.recordNeverBegan(connector, { session: never, reason: 'policy_denied' });
  const key = await parseNoteKey(await witness.logKey());
  if (!key.ok) throw new Error(key.error);
  expect(key.value.name).toBe('localhost:8787/sessions');
  const proofs = await witness.proofsOf(session);
  const subject = await sessionDigest(session);
  expect(proofs.map(({ entry }) => entry)).toEqual([`opened ${subject}`, `manifest ${subject} ${DIGEST}`]);
  for (const { entry, proof } of proofs) {
    const read = parseLogProof(proof);
    if (!read.ok) throw new Error(read.error);
    expect(await isProven(await hashLeaf(new TextEncoder().encode(entry)), read.value)).toBe(true);
    expect(await isProven(await hashLeaf(new TextEncoder().encode(`${entry}0`)), read.value)).toBe(false);
    expect(read.value.checkpoint.size).toBe(4);
    expect(await whoSigned(read.value.checkpoint.note, [key.value])).toMatchObject({ ok: true, value: [{}] });
  }
  expect((await witness.proofsOf(never)).map(({ entry }) => parseLogEntry(entry))).toMatchObject([
    { ok: true, value: { event: 'opened' } },
    { ok: true, value: { event: 'never-began' } },
  ]);
  expect(await witness.proofsOf(newId('ses'))).toEqual([]);
});

test('what was witnessed twice, or contradicted, is in the log once', async () => {
  const witness = logCalled('twice');
  const [session] = (await admit('twice', 1)) as [SessionId];
  await witness.admitAll([{ session, opened, viewOwn: true, retainDays: 30 }], connector);
  for (const digest of [DIGEST, DIGEST, 'cd'.repeat(32)])
    await witness.recordManifest(connector, { session, digest, segments: 1 });
  expect(await witness.logEntries(0)).toHaveLength(2);
});

test('each checkpoint continues those before, whatever came at one time', async () => {
  const witness = logCalled('grows');
  const heads = [headOf(await witness.checkpoint())];
  for (const count of [1, 2, 5, 600, 3]) {
    await admit('grows', count);
    // Several ask at once.
    const all = await Promise.all([1, 2, 3].map(() => witness.checkpoint()));
    expect(new Set(all).size).toBe(1);
    heads.push(headOf(all[0] ?? ''));
  }
  expect(heads.map(({ size }) => size)).toEqual([0, 1, 3, 8, 608, 611]);
  const last = heads.at(-1);
  if (!last) throw new Error('no checkpoint');
  for (const { size, root } of heads) {
    const answer = await witness.continues(size);
    const proof = (answer?.proof ?? []).map(fromBase64);
    const shown = { earlier: size, earlierRoot: root, size: last.size, root: last.root, proof };
    expect(await isContinued(shown), `${size}`).toBe(true);
  }
  expect(await witness.continues(612)).toBeUndefined();
  expect(await witness.logEntries(600)).toHaveLength(11);
});

test('nothing of who or what stands in it, and the database itself refuses to change it', async () => {
  const witness = logCalled('digests');
  const [session] = (await admit('digests', 1)) as [SessionId];
  await witness.checkpoint();
  await inStorage('digests', (sql) => {
    const rows = JSON.stringify(sql.exec('SELECT * FROM log_entries').toArray());
    expect(rows).not.toContain(session);
    for (const statement of [
      "UPDATE log_entries SET entry = 'opened'",
      "UPDATE log_nodes SET hash = x'00'",
      "UPDATE checkpoints SET note = ''",
    ])
      expect(() => sql.exec(statement)).toThrow('append-only');
  });
});

test('sessions that were witnessed before there was a log are in it, in the order of their times', async () => {
  const sessions = Array.from({ length: 3 }, () => newId('ses'));
  const stub = env.WITNESS.get(env.WITNESS.idFromName('earlier'));
  await runInDurableObject(stub, (object, state) => {
    const { storage } = state;
    for (const [n, session] of sessions.entries())
      storage.sql.exec(
        'INSERT INTO sessions (session, connector, admitted_at, opened) VALUES (?, ?, ?, ?)',
        session,
        connector,
        `2026-11-01T00:00:0${9 - n}.000Z`,
        JSON.stringify({ ...(opened as object), viewOwn: true }),
      );
    storage.sql.exec(
      `INSERT INTO manifests (session, digest, segments, at) VALUES (?, ?, 1, '2026-11-02T00:00:00.000Z')`,
      sessions[1] as string,
      DIGEST,
    );
    // As a release with a log begins.
    new (object.constructor as new (state: unknown, env: unknown) => unknown)(state, env);
  });
  const log = logCalled('earlier');
  const subjects = await Promise.all(sessions.toReversed().map(sessionDigest));
  expect(await log.logEntries(0)).toEqual([
    ...subjects.map((subject) => `opened ${subject}`),
    `manifest ${subjects[1]} ${DIGEST}`,
  ]);
  // And are answered for as before.
  const [, second = newId('ses')] = sessions;
  expect((await log.proofsOf(second)).map(({ entry }) => entry.split(' ')[0])).toEqual(['opened', 'manifest']);
  expect(await log.recordManifest(connector, { session: second, digest: 'cd'.repeat(32), segments: 1 })).toBe(
    'contradicts',
  );
  expect(await log.recordManifest(newId('con'), { session: second, digest: DIGEST, segments: 1 })).toBe('foreign');
  expect((await log.list(undefined)).sessions.map(({ session }) => session).toSorted()).toEqual(sessions.toSorted());
  expect(await log.admitAll([{ session: second, opened, viewOwn: true, retainDays: 30 }], connector)).toEqual([true]);
  expect(await log.logEntries(0)).toHaveLength(4);
  // They go into the object store like those of a day, and are answered for as before.
  const third = sessions[2] ?? second;
  expect(await log.recordHead(connector, { session: third, number: 0, digest: DIGEST, frames: 1 })).toBe('witnessed');
  const all = async () => [await log.witnessed(third), await log.witnessed(second), await log.list(undefined)];
  const before = await all();
  const entries = (await log.proofsOf(second)).map(({ entry }) => entry);
  await runDurableObjectAlarm(stub);
  await runInDurableObject(stub, (_object, { storage: { sql } }) => {
    expect(sql.exec('SELECT state FROM pieces').toArray()).toEqual([{ state: 'freed' }]);
    expect(sql.exec('SELECT * FROM heads').toArray()).toEqual([]);
  });
  expect(await all()).toEqual(before);
  expect((await log.proofsOf(second)).map(({ entry }) => entry)).toEqual(entries);
  const other = { session: third, number: 0, digest: 'cd'.repeat(32), frames: 1 };
  expect(await log.recordHead(connector, other)).toBe('contradicts');
});
