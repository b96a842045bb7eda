// Months of the audit log: closed, signed, exported, freed, and read across their borders as if they were all still there.

import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { beforeEach, describe, expect, test } from 'vitest';
import { auditPieceName, encodeAuditPiece, parseAuditPieceName } from '../../../core/audit/audit-archive.ts';
import { auditKeyOf, isSigned, monthIn } from '../../../core/audit/audit-months.ts';
import { verifyAuditCopy } from '../../../core/audit/audit-proof.ts';
import { type AuditEntry, type AuditEvent, AuditKind, chainAuditEntry } from '../../../core/audit/audit.ts';
import { secret } from '../../../core/secret.ts';
import { createAuditArchive } from '../../audit-archive.ts';
import { logSigner } from '../../authority/log-signer.ts';
import type { AuditQuery } from '../../ports/audit.ts';
import { remote } from '../rpc.ts';
import { AuditMonths } from './audit-months.ts';

const bindings = env as unknown as { FUNCTIONS_URL: string; EDGE_SECRET: string; PUBLIC_URL: string };
const archive = bindings.FUNCTIONS_URL;
const authorization = 'Bearer only-for-tests-only-for-tests';
const MONTH_MS = 31 * 86_400_000;
const PEOPLE = ['alice', 'bob', 'carol'] as const;

const post = async (path: string, body: unknown) =>
  (await fetch(archive + path, { method: 'POST', body: JSON.stringify(body) })).json() as Promise<{ reads: number }>;
const planReads = (...answers: { status: number; locked?: string }[]) => post('/plan-audit-reads', answers);
const names = async (): Promise<string[]> => {
  const response = await fetch(`${archive}/audit`, { headers: { authorization } });
  const { pieces } = (await response.json()) as { pieces: { name: string }[] };
  return pieces.map(({ name }) => name).sort();
};
const read = async (name: string) =>
  new Uint8Array(await (await fetch(`${archive}/audit/${name}`, { headers: { authorization } })).arrayBuffer());
const putOver = (name: string, body: string | Uint8Array<ArrayBuffer>) =>
  fetch(`${archive}/audit/${name}`, { method: 'PUT', body });

const did = (person: string, object: string, kind: AuditEvent['kind'] = 'grant.issued'): AuditEvent => ({
  ...{ kind, actor: `${person}@example.com`, object, details: { n: 1 } },
});

/** The clock of the object's events, from now on so many milliseconds ahead. */
async function at<T>(ms: number, act: () => Promise<T>): Promise<T> {
  const real = Date.now;
  Date.now = () => real() + ms;
  try {
    return await act();
  } finally {
    Date.now = real;
  }
}

function logCalled(name: string) {
  const stub = () => env.AUDIT_LOG.get(env.AUDIT_LOG.idFromName(name));
  const port = remote(env.AUDIT_LOG, name);
  return {
    ...{ append: (event: AuditEvent) => port.append(event), list: (query: AuditQuery) => port.list(query) },
    ...{ verify: () => port.verify(), standing: () => port.exportStanding() },
    ...{ eraseName: (address: string) => port.eraseName(address), evict: () => evictDurableObject(stub()) },
    sql: <T>(act: (sql: SqlStorage) => T) => runInDurableObject(stub(), (_object, { storage }) => act(storage.sql)),
    inside: <T>(act: (state: DurableObjectState) => T | Promise<T>) =>
      runInDurableObject(stub(), (_object, state) => act(state)),
    /** Rings until everything is done that can be done `ms` ahead. */
    rest: (ms: number) =>
      at(ms, async () => {
        for (let count = 0; count < 8; count++) await runDurableObjectAlarm(stub());
      }),
    ring: (ms: number) => at(ms, () => runDurableObjectAlarm(stub())),
  };
}
type Log = ReturnType<typeof logCalled>;

const rows = (log: Log) => log.sql((sql) => Number(sql.exec('SELECT count(*) AS n FROM entries').one().n));

/** Three entries in each of so many months, and what the log makes of them at the borders. */
async function live(log: Log, months: number, rest: (ms: number) => Promise<unknown> = log.rest): Promise<void> {
  for (let month = 0; month < months; month++) {
    await at(month * MONTH_MS, async () => {
      for (const person of PEOPLE) await log.append(did(person, `grant ${month} of ${person}`));
      await log.append(did('gatehouse', `fault ${month}`, month === 1 ? 'connector.fault' : 'connector.linked'));
    });
    await rest(month * MONTH_MS + 61_000);
    // The line of the month that was closed goes out as well.
    await rest(month * MONTH_MS + 200_000);
  }
}

/** Every page of it. */
async function all(log: Log, query: Omit<AuditQuery, 'cursor' | 'limit'>, limit = 500): Promise<AuditEntry[]> {
  const found: AuditEntry[] = [];
  for (let cursor: string | undefined; ; ) {
    const page = await log.list({ ...query, limit, cursor });
    expect(page.unread).toBeUndefined();
    found.push(...page.entries);
    if (page.cursor === undefined) return found;
    cursor = page.cursor;
  }
}
const objects = (entries: readonly AuditEntry[]) => entries.map(({ object }) => object);

beforeEach(async () => {
  await post('/plan-audit', []);
});

describe('a month that is over', () => {
  test('is closed by a signed line of the root chain, and its rows are freed when it is stored', async () => {
    const log = logCalled('closed');
    await live(log, 4);
    const standing = await log.standing();
    const through = standing.freed?.through ?? 0;
    expect(through).toBeGreaterThan(8);
    expect(await rows(log)).toBeLessThan(14);
    expect(await log.verify()).toMatchObject({ whole: true });
    const everything = await all(log, {});
    expect(everything.map(({ sequence }) => sequence)).toEqual(
      Array.from({ length: everything.length }, (_, i) => everything.length - i),
    );
    // The copy alone proves the same, and each line of the root chain is the edge's word.
    const pieces = await names();
    const signer = await logSigner(
      secret(Uint8Array.from(atob(bindings.EDGE_SECRET), (character) => character.charCodeAt(0))),
      bindings.PUBLIC_URL,
    );
    const key = await auditKeyOf(signer.key);
    expect(await verifyAuditCopy({ names: pieces, read }, { key })).toMatchObject({ proven: true, faults: [] });
    const lines = everything.toReversed().flatMap((entry) => monthIn(entry) ?? []);
    expect(lines.length).toBe(3);
    for (const line of lines)
      expect(line !== 'damaged' && (await isSigned(line.month, line.checkpoint, key))).toBe(true);
    const [first, second] = lines;
    expect(first).toMatchObject({ month: { first: 1, before: '0'.repeat(64) } });
    if (first !== 'damaged' && second !== 'damaged') expect(second?.month.before).toBe(first?.month.root);
    // Each freeing is in the log, before it.
    expect(everything.filter(({ kind }) => kind === 'audit.month_freed').length).toBe(3);
  });

  test('is read as before: by whom, what and since, a page at a time, with their names', async () => {
    const log = logCalled('read');
    await live(log, 5);
    const wanted = [4, 3, 2, 1, 0].map((month) => `grant ${month} of bob`);
    for (const limit of [1, 2, 3, 500])
      expect(objects(await all(log, { actor: 'bob@example.com' }, limit))).toEqual(wanted);
    const { entries, names: known } = await log.list({ actor: 'bob@example.com', limit: 9 });
    expect(new Set(entries.map(({ actor }) => known[actor]))).toEqual(new Set(['bob@example.com']));
    expect(objects(await all(log, { actor: String(entries[0]?.actor) }, 2))).toEqual(wanted);
    expect(objects(await all(log, { kind: 'connector.fault' }))).toEqual(['fault 1']);
    expect(await all(log, { actor: 'bob@example.com', kind: 'connector.fault' })).toEqual([]);
    const since = new Date(Date.now() + 3 * MONTH_MS - 86_400_000).toISOString();
    expect(objects(await all(log, { since, kind: 'grant.issued' }, 2)).length).toBe(6);
    expect(await all(log, { actor: 'nobody@example.com' })).toEqual([]);
  });

  test('and does not have what is asked for is not read', async () => {
    const log = logCalled('unread');
    await live(log, 5);
    await planReads();
    expect(objects(await all(log, { kind: 'connector.fault' }))).toEqual(['fault 1']);
    expect((await planReads()).reads).toBe(1);
    await log.list({ actor: 'nobody@example.com', limit: 9 });
    const since = new Date(Date.now() + 4 * MONTH_MS - 86_400_000).toISOString();
    await log.list({ since, limit: 500 });
    expect((await planReads()).reads).toBeLessThan(2);
  });

  test('names nobody who was erased, whose entries of then stay one pseudonym’s', async () => {
    const log = logCalled('forgotten');
    await live(log, 3);
    const before = await all(log, { actor: 'bob@example.com' });
    await log.eraseName('bob@example.com');
    expect(await all(log, { actor: 'bob@example.com' })).toEqual([]);
    const after = await log.list({ actor: String(before[0]?.actor), limit: 9 });
    expect(after.entries).toEqual(before);
    expect(after.names).toEqual({});
    // Somebody who only ever acted in a month that was freed is a person of their own.
    await log.append(did('dave', 'x'));
    await log.sql((sql) =>
      sql.exec(`INSERT INTO names VALUES ('per_other', 'alice+x@example.com', 'alice+x@example.com')`),
    );
    await log.sql((sql) => sql.exec(`INSERT INTO month_actors VALUES ('per_other', 1)`));
    await log.eraseName('alice@example.com');
    await log.sql((sql) =>
      expect(sql.exec(`SELECT 1 FROM names WHERE pseudonym = 'per_other'`).toArray()).toHaveLength(1),
    );
  });
});

describe('nothing is freed', () => {
  const cases = [
    ['while the store does not answer', { status: 503 }, 'unavailable'],
    ['that can be deleted in the store', { status: 200 }, 'unlocked'],
    ['whose lock is over', { status: 200, locked: '2020-01-01T00:00:00.000Z' }, 'unlocked'],
    ['that is not there any more', { status: 404 }, 'missing'],
  ] as const;
  test.each(cases)('%s; that is told once, and so is that it is right again', async (name, answer, reason) => {
    const log = logCalled(name);
    await live(log, 1);
    await planReads(...Array.from({ length: 99 }, () => answer));
    await live(log, 2);
    for (let hour = 1; hour < 5; hour++) await log.ring(MONTH_MS + hour * 3_600_000);
    expect(await log.standing()).toMatchObject({ notFreed: { reason } });
    expect(await log.standing()).not.toHaveProperty('freed');
    const { entries } = await log.list({ kind: 'audit.free_failed', limit: 9 });
    expect(entries).toHaveLength(1);
    expect(entries[0]).toMatchObject({ details: { reason } });
    await planReads();
    await log.rest(MONTH_MS + 9 * 3_600_000);
    expect((await log.standing()).freed?.through).toBeGreaterThan(3);
    expect(await log.standing()).not.toHaveProperty('notFreed');
    expect((await log.list({ kind: 'audit.free_resumed', limit: 9 })).entries).toHaveLength(1);
    expect(await log.verify()).toMatchObject({ whole: true });
  });

  test('when other entries are stored in its place, however sound', async () => {
    const [log, other] = [logCalled('mine'), logCalled('another')];
    await live(other, 1);
    const [name = ''] = await names();
    const forged = await read(name);
    await post('/plan-audit', []);
    await live(log, 1);
    await putOver(name, forged);
    await live(log, 2);
    expect(await log.standing()).toMatchObject({ notFreed: { reason: 'differs' } });
    expect(await log.standing()).not.toHaveProperty('freed');
  });

  test('before the line of its month is stored itself', async () => {
    const log = logCalled('line');
    await live(log, 1);
    await at(MONTH_MS, () => log.append(did('alice', 'next')));
    // The piece with this entry closes the month. The line comes behind it, in a piece that is not taken.
    await log.ring(MONTH_MS + 61_000);
    await log.ring(MONTH_MS + 61_000);
    await post(
      '/plan-audit-keep',
      Array.from({ length: 99 }, () => ({ status: 503 })),
    );
    await log.rest(MONTH_MS + 200_000);
    expect((await log.list({ kind: 'audit.month_closed', limit: 9 })).entries).toHaveLength(1);
    expect(await log.standing()).not.toHaveProperty('freed');
    await post('/plan-audit-keep', []);
    await log.rest(MONTH_MS + 900_000);
    expect(await log.standing()).toHaveProperty('freed');
  });

  test('while the export is away, for weeks: the log goes on, and frees all of it afterwards', async () => {
    const log = logCalled('away for weeks');
    await post(
      '/plan-audit',
      Array.from({ length: 999 }, () => ({ status: 503 })),
    );
    await live(log, 4);
    expect(await log.standing()).toMatchObject({ exportedThrough: 0, failing: { reason: 'unavailable' } });
    expect(await log.standing()).not.toHaveProperty('freed');
    expect((await log.list({ kind: 'audit.export_failed', limit: 9 })).entries).toHaveLength(1);
    await post('/plan-audit', []);
    await log.rest(4 * MONTH_MS);
    await log.append(did('alice', 'later'));
    await log.rest(4 * MONTH_MS + 400_000);
    expect((await log.standing()).freed?.through).toBeGreaterThan(8);
    expect(await log.verify()).toMatchObject({ whole: true });
    expect(objects(await all(log, { actor: 'bob@example.com' })).length).toBe(4);
  });
});

test('what was freed and is not the same any more is refused, never shown', async () => {
  const log = logCalled('refused');
  await live(log, 3);
  const [name = ''] = await names();
  const text = new TextDecoder().decode(await read(name));
  await putOver(name, text.replace('grant 0 of bob', 'grant 9 of bob'));
  const page = await log.list({ actor: 'bob@example.com', limit: 9 });
  expect(objects(page.entries)).toEqual(['grant 2 of bob', 'grant 1 of bob']);
  expect(page.unread).toBe('differs');
  const next = await log.list({ actor: 'bob@example.com', limit: 9, cursor: page.cursor });
  expect(next).toMatchObject({ entries: [], unread: 'differs' });
  // A sound piece of another log is none of this one.
  const { digest } = (await log.list({ limit: 1, cursor: '2' })).entries[0] ?? {};
  expect(digest).toBeUndefined();
  const other = await chainAuditEntry(undefined, did('mallory', 'grant 0 of bob'), new Date().toISOString());
  const entries = [other];
  while (entries.length < (parseAuditPieceName(name)?.last ?? 0))
    entries.push(await chainAuditEntry(entries.at(-1), did('mallory', 'x'), new Date().toISOString()));
  await putOver(name, encodeAuditPiece(entries).bytes);
  expect(await log.list({ limit: 9, cursor: '3' })).toMatchObject({ entries: [], unread: 'differs' });
  await putOver(name, text);
  expect(objects((await log.list({ actor: 'bob@example.com', limit: 9, cursor: page.cursor })).entries)).toEqual([
    'grant 0 of bob',
  ]);
});

test('a line of the root chain, or a digest of what was freed, that somebody changed shows', async () => {
  const log = logCalled('roots');
  await live(log, 3);
  expect(await log.verify()).toMatchObject({ whole: true });
  await log.sql((sql) => sql.exec(`UPDATE months SET first = 2 WHERE id = 1`));
  expect(await log.verify()).toMatchObject({ whole: false, brokenAt: 1 });
  await log.sql((sql) =>
    sql.exec(`UPDATE months SET first = 1 WHERE id = 1; UPDATE freed SET head = '${'0'.repeat(64)}'`),
  );
  expect(await log.verify()).toMatchObject({ whole: false });
});

test('the database itself deletes nothing that was not freed', async () => {
  const log = logCalled('not freed');
  await live(log, 2);
  await log.sql((sql) => expect(() => sql.exec('DELETE FROM entries')).toThrow('append-only'));
  expect(await log.verify()).toMatchObject({ whole: true });
});

test('killed before or after any write, it comes to the same', async () => {
  const shape = async (log: Log) => ({
    freed: (await log.standing()).freed?.through,
    objects: objects(await all(log, {})),
    months: await log.sql((sql) =>
      sql.exec('SELECT name, first, last, closed IS NOT NULL AS closed FROM months').toArray(),
    ),
    whole: (await log.verify()).whole,
    pieces: await names(),
  });
  const reference = logCalled('unharmed');
  await live(reference, 3);
  const expected = await shape(reference);
  let deaths = 0;
  for (const when of ['before', 'after'] as const)
    for (let kill = 1; kill <= 8; kill++) {
      await post('/plan-audit', []);
      const log = logCalled(`killed ${when} ${kill}`);
      let died = false;
      await live(log, 3, async (ms) => {
        // Of the last month, where one is closed, told, freed piece by piece.
        if (ms > 2 * MONTH_MS && !died) {
          died = true;
          await log.inside((state) => {
            const { storage } = state;
            const whole = storage.transactionSync.bind(storage);
            let count = 0;
            storage.transactionSync = ((work: () => unknown) => {
              const dies = ++count === kill;
              if (dies && when === 'before') throw new Error('killed');
              const done = whole(work);
              if (!dies) return done;
              deaths++;
              throw new Error('killed');
            }) as typeof storage.transactionSync;
          });
          await log.ring(ms);
          await log.evict();
        }
        await log.rest(ms);
      });
      expect(await shape(log), `${when} ${kill}`).toEqual(expected);
    }
  expect(deaths).toBeGreaterThan(3);
});

test('a log of an earlier release goes over in bounded steps, and its months may begin within a piece', async () => {
  const log = logCalled('earlier');
  await log.append(did('alice', 'first'));
  await at(MONTH_MS, () => log.append(did('bob', 'second')));
  // Such a piece was cut by time alone.
  await log.sql((sql) => {
    const { digest } = sql.exec('SELECT digest FROM entries WHERE sequence = 2').one();
    sql.exec(
      'INSERT INTO pieces (first, last, head, stored, tries, next_ms, told) VALUES (1, 2, ?, 0, 0, 0, 0)',
      digest ?? '',
    );
    sql.exec(`DROP TRIGGER entries_stay; CREATE TRIGGER entries_stay BEFORE DELETE ON entries
      BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END`);
    for (const table of ['months', 'piece_filters', 'month_actors', 'month_kinds', 'freed'])
      sql.exec(`DROP TABLE ${table}`);
  });
  await log.evict();
  await log.rest(MONTH_MS + 61_000);
  await at(2 * MONTH_MS, () => log.append(did('carol', 'third')));
  await log.rest(2 * MONTH_MS + 61_000);
  await log.rest(2 * MONTH_MS + 200_000);
  expect((await names())[0]).toBe(auditPieceName(1, 2));
  expect(await log.standing()).toMatchObject({ freed: { through: 2 } });
  expect(await log.verify()).toMatchObject({ whole: true });
  const since = new Date(Date.now() + MONTH_MS - 86_400_000).toISOString();
  expect(objects(await all(log, { since, kind: 'grant.issued' }))).toEqual(['third', 'second']);
});

test('a month with very many entries has parts', async () => {
  const log = logCalled('parts');
  const found = await log.inside(async ({ storage }) => {
    const months = new AuditMonths({
      ...{ storage, append: async () => undefined, sign: async () => '', exportedThrough: () => 0, mostEntries: 4 },
      ...{ now: () => Date.now(), readEntry: (row) => ({ ...row, details: {} }) as unknown as AuditEntry },
    });
    for (let first = 1; first < 12; first += 2) {
      for (const sequence of [first, first + 1])
        storage.sql.exec(
          'INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
          ...[sequence, '2026-11-30T00:00:00.000Z', AuditKind.enum['grant.issued'], 'a', 'o', '{}'],
          ...['0'.repeat(64), String(sequence).padStart(64, '0')],
        );
      storage.sql.exec(
        'INSERT INTO pieces (first, last, head, stored, tries, next_ms, told) VALUES (?, ?, ?, 1, 0, 0, 0)',
        ...[first, first + 1, String(first + 1).padStart(64, '0')],
      );
    }
    await months.run(createAuditArchive('http://localhost:1', fetch));
    return storage.sql.exec('SELECT name, first, last, root IS NULL AS open FROM months').toArray();
  });
  expect(found).toEqual([
    { name: '2026-11', first: 1, last: 4, open: 0 },
    { name: '2026-11.2', first: 5, last: 8, open: 0 },
    { name: '2026-11.3', first: 9, last: 12, open: 1 },
  ]);
});
