import { runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { beforeEach, describe, expect, test } from 'vitest';
import { auditPieceName, decodeAuditPiece, MAX_PIECE_ENTRIES } from '../../../core/audit/audit-archive.ts';
import type { AuditEvent } from '../../../core/audit/audit.ts';
import { verifyAuditCopy } from '../../../core/audit/audit-proof.ts';
import { callerAs } from '../../test/people.ts';
import { remote } from '../rpc.ts';
import { audit } from '../../test/grants.ts';

const archive = (env as unknown as { FUNCTIONS_URL: string }).FUNCTIONS_URL;
const authorization = 'Bearer only-for-tests-only-for-tests';
const event = (object: string): AuditEvent => ({
  kind: 'grant.issued',
  actor: 'alice@example.com',
  object,
  details: { n: 1 },
});
const MINUTES_MS = 60_000;

/** The next answers to a piece; all others are as the functions give them. Also empties the store. */
const plan = (...answers: { status: number; body?: string; keep?: boolean }[]) =>
  fetch(`${archive}/plan-audit`, { method: 'POST', body: JSON.stringify(answers) });
const names = async (): Promise<string[]> => {
  const page = (await (await fetch(`${archive}/audit`, { headers: { authorization } })).json()) as {
    pieces: { name: string }[];
  };
  return page.pieces.map(({ name }) => name).sort();
};
const read = async (name: string) =>
  new Uint8Array(await (await fetch(`${archive}/audit/${name}`, { headers: { authorization } })).arrayBuffer());

function logCalled(name: string) {
  const stub = env.AUDIT_LOG.get(env.AUDIT_LOG.idFromName(name));
  return {
    ...remote(env.AUDIT_LOG, name),
    append: (what: string) => remote(env.AUDIT_LOG, name).append(event(what)),
    many: (count: number) =>
      remote(env.AUDIT_LOG, name).appendAll(Array.from({ length: count }, (_, i) => event(`grant ${i}`))),
    standing: () => remote(env.AUDIT_LOG, name).exportStanding(),
    verify: () => remote(env.AUDIT_LOG, name).verify(),
    newest: async () => (await remote(env.AUDIT_LOG, name).list({ limit: 1 })).entries[0],
    ring: () => runDurableObjectAlarm(stub),
    alarm: () => runInDurableObject(stub, (_object, state) => state.storage.getAlarm()),
    sql: (act: (sql: SqlStorage) => void) => runInDurableObject(stub, (_object, state) => act(state.storage.sql)),
    /** Makes everything look as old as if it had waited long enough. */
    age: () =>
      runInDurableObject(stub, (_object, state) => {
        state.storage.sql.exec('UPDATE pieces SET next_ms = 0');
      }),
  };
}

/** Entries of the past cannot be written, so the clock of the log's object goes ahead. */
async function later<T>(ms: number, act: () => Promise<T>): Promise<T> {
  const real = Date.now;
  Date.now = () => real() + ms;
  try {
    return await act();
  } finally {
    Date.now = real;
  }
}

beforeEach(async () => {
  await plan();
});

describe('the audit log goes into the object store', () => {
  test('when it is a minute old, as pieces that prove the same chain', async () => {
    const log = logCalled('minute');
    await log.many(3);
    await log.ring();
    expect(await names()).toEqual([]);
    expect(await log.standing()).toMatchObject({ exportedThrough: 0, waiting: 3 });
    await later(MINUTES_MS, log.ring);
    expect(await names()).toEqual([auditPieceName(1, 3)]);
    expect(await log.standing()).toEqual({ exportedThrough: 3, waiting: 0 });
    await log.append('one more');
    await later(2 * MINUTES_MS, log.ring);
    const pieces = await names();
    expect(pieces).toEqual([auditPieceName(1, 3), auditPieceName(4, 4)]);
    const report = await verifyAuditCopy({ names: pieces, read });
    expect(report).toMatchObject({ proven: true, entries: 4, head: (await log.newest())?.digest });
  });

  test('at once when there is enough for a piece', async () => {
    const log = logCalled('many');
    await log.many(MAX_PIECE_ENTRIES * 2 + 1);
    expect((await log.alarm()) ?? Number.MAX_SAFE_INTEGER).toBeLessThanOrEqual(Date.now() + 1000);
    await log.ring();
    expect(await names()).toEqual([auditPieceName(1, 500), auditPieceName(501, 1000)]);
    expect(await log.standing()).toMatchObject({ exportedThrough: 1000, waiting: 1 });
  });

  test('without an entry of its own, so it comes to rest', async () => {
    const log = logCalled('rest');
    await log.append('one');
    await later(MINUTES_MS, log.ring);
    expect(await log.alarm()).toBeNull();
    expect(await log.verify()).toMatchObject({ entries: 1 });
  });
});

describe('a store that does not take a piece', () => {
  test('never keeps the log waiting, is tried again with the same piece, and is told of once', async () => {
    const log = logCalled('away');
    await log.many(2);
    await plan({ status: 503 }, { status: 503 }, { status: 500 }, { status: 503 });
    for (let count = 0; count < 4; count++) {
      await log.age();
      await later(MINUTES_MS, log.ring);
      await log.append(`meanwhile ${count}`);
    }
    const standing = await log.standing();
    expect(standing).toMatchObject({ exportedThrough: 0, failing: { reason: 'unavailable', tries: 4 } });
    expect(await names()).toEqual([]);
    const { entries } = await remote(env.AUDIT_LOG, 'away').list({ kind: 'audit.export_failed', limit: 9 });
    expect(entries).toHaveLength(1);
    expect(entries[0]).toMatchObject({ object: auditPieceName(1, 2), details: { reason: 'unavailable', tries: 3 } });
    await log.age();
    await later(MINUTES_MS, log.ring);
    expect((await names())[0]).toBe(auditPieceName(1, 2));
    expect((await remote(env.AUDIT_LOG, 'away').list({ kind: 'audit.export_resumed', limit: 9 })).entries).toHaveLength(
      1,
    );
    expect(await log.standing()).not.toHaveProperty('failing');
  });

  test('waits longer from try to try', async () => {
    const log = logCalled('back-off');
    await log.append('one');
    await plan(...Array.from({ length: 9 }, () => ({ status: 503 })));
    const waits: number[] = [];
    for (let count = 0; count < 9; count++) {
      await log.age();
      await later(MINUTES_MS, log.ring);
      await log.sql((sql) => {
        waits.push(Number(sql.exec('SELECT next_ms FROM pieces').one().next_ms) - Date.now() - MINUTES_MS);
      });
    }
    expect(waits.map((ms) => Math.round(ms / 5000) * 5)).toEqual([5, 10, 20, 40, 80, 160, 300, 300, 300]);
  });

  test('whose answer was lost gets the same bytes again, and that is all right', async () => {
    const log = logCalled('lost');
    await log.many(2);
    await plan({ status: 502, keep: true });
    await later(MINUTES_MS, log.ring);
    expect(await names()).toEqual([auditPieceName(1, 2)]);
    expect(await log.standing()).toMatchObject({ exportedThrough: 0 });
    await log.append('more');
    await log.age();
    await later(2 * MINUTES_MS, log.ring);
    expect(await log.standing()).toMatchObject({ exportedThrough: 3 });
    expect(await names()).toEqual([auditPieceName(1, 2), auditPieceName(3, 3)]);
  });

  test('and confirms another digest has not stored it', async () => {
    const log = logCalled('unconfirmed');
    await log.append('one');
    const wrong = JSON.stringify({ digest: 'f'.repeat(64), already: false });
    await plan({ status: 200, body: wrong }, { status: 200, body: '{}' });
    await later(MINUTES_MS, log.ring);
    await log.age();
    await later(MINUTES_MS, log.ring);
    expect(await log.standing()).toMatchObject({ exportedThrough: 0, failing: { tries: 2 } });
  });

  test('that holds something else under that name contradicts the log: told at once, and nothing else is held up', async () => {
    const log = logCalled('contradiction');
    await log.append('one');
    await fetch(`${archive}/audit/${auditPieceName(1, 1)}`, { method: 'PUT', body: 'forged' });
    await later(MINUTES_MS, log.ring);
    expect(await log.newest()).toMatchObject({
      kind: 'audit.export_failed',
      details: { reason: 'contradiction', tries: 1 },
    });
    await later(2 * MINUTES_MS, log.ring);
    expect(await names()).toEqual([auditPieceName(1, 1), auditPieceName(2, 2)]);
    expect(await read(auditPieceName(1, 1))).toEqual(new TextEncoder().encode('forged'));
    expect(await log.standing()).toMatchObject({ exportedThrough: 0, failing: { reason: 'contradiction' } });
  });
});

test('a log that was changed since its piece was cut is told of, and not sent', async () => {
  const log = logCalled('changed');
  await log.many(3);
  await plan({ status: 503 });
  await later(MINUTES_MS, log.ring);
  await log.sql((sql) => {
    sql.exec('DROP TRIGGER entries_keep');
    sql.exec(`UPDATE entries SET digest = 'x' WHERE sequence = 3`);
  });
  await log.age();
  await later(MINUTES_MS, log.ring);
  expect(await names()).toEqual([]);
  expect(await log.standing()).toMatchObject({ failing: { reason: 'log_changed' } });
});

test('a piece reads as it was written', async () => {
  const log = logCalled('piece');
  await remote(env.AUDIT_LOG, 'piece').append({
    ...event('line\nbreak \u2028 \u{1f512} \ud800'),
    details: { b: 1, a: null },
  });
  await later(MINUTES_MS, log.ring);
  const name = auditPieceName(1, 1);
  const decoded = await decodeAuditPiece(name, await read(name));
  const { names: known } = await remote(env.AUDIT_LOG, 'piece').list({ limit: 1 });
  const [entry] = decoded.ok ? decoded.value.entries : [];
  expect(entry).toMatchObject({ actor: expect.stringMatching(/^per_/), details: { a: null } });
  // What is stored under lock says nothing of who it was.
  expect(new TextDecoder().decode(await read(name))).not.toContain('alice');
  expect(known[entry?.actor ?? '']).toBe('alice@example.com');
});

test('auditors read the pieces, and that is written down first; administrators see how the export stands; others nothing', async () => {
  const [alice, bob, carol] = [await callerAs('alice'), await callerAs('bob'), await callerAs('carol')];
  await audit.append(event('of everybody'));
  await later(MINUTES_MS, () => runDurableObjectAlarm(env.AUDIT_LOG.get(env.AUDIT_LOG.idFromName('only'))));
  const statuses = async (path: string) =>
    (await Promise.all([alice, bob, carol].map((who) => who.get(path)))).map(({ status }) => status);
  const [name = ''] = await names();
  expect(name).toMatch(/^0000000001-/);
  expect(await statuses('/audit/export')).toEqual([403, 200, 200]);
  expect(await statuses('/audit/pieces')).toEqual([403, 403, 200]);
  expect(await statuses(`/audit/pieces/${name}`)).toEqual([403, 403, 200]);
  expect(await statuses('/audit/pieces/..%2F..%2Fsessions')).toEqual([403, 403, 404]);
  expect(await statuses('/audit/pieces/0009999999-0009999999.ndjson')).toEqual([403, 403, 404]);
  expect(await (await carol.get('/audit/pieces')).json()).toMatchObject({ pieces: [{ name }] });
  expect(new Uint8Array(await (await carol.get(`/audit/pieces/${name}`)).arrayBuffer())).toEqual(await read(name));
  expect(await (await bob.get('/audit/export')).json()).toMatchObject({ exportedThrough: expect.any(Number) });
  const { entries } = await audit.list({ kind: 'audit.viewed', actor: 'carol@example.com', limit: 9 });
  expect(entries[0]).toMatchObject({ object: 'audit', details: { part: 'pieces' } });
});
