// People in the audit log: their names stand beside the chain, and can be erased from there while every proof still holds.

import { runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { describe, expect, test } from 'vitest';
import { type AuditEvent, auditDigest, chainAuditEntry } from '../../../core/audit/audit.ts';
import { withNames } from '../../../core/audit/names.ts';
import { remote } from '../rpc.ts';

const ALICE = 'alice@example.com';
const SUBJECT = 'https://idp.example#alice-1';
const signedIn: AuditEvent = {
  kind: 'identity.signed_in',
  actor: ALICE,
  object: 'portal',
  details: { subject: SUBJECT, provider: 'demo' },
};
const did = (actor: string, object: string, details: AuditEvent['details'] = {}): AuditEvent => ({
  kind: 'grant.issued',
  actor,
  object,
  details,
});
const logOf = (name: string) => remote(env.AUDIT_LOG, name);
/** Everything that the object has stored. */
const stored = (name: string) =>
  runInDurableObject(env.AUDIT_LOG.get(env.AUDIT_LOG.idFromName(name)), (_object, { storage }) =>
    ['entries', 'names', 'counted'].map((table) =>
      JSON.stringify(storage.sql.exec(`SELECT * FROM ${table}`).toArray()),
    ),
  );

describe('a person', () => {
  test('is one pseudonym in every entry, and a name beside it', async () => {
    const log = logOf('named');
    await log.appendAll([
      signedIn,
      did('Alice@Example.com', 'grt_1'),
      did('bob@example.com', ALICE, { holder: ALICE }),
    ]);
    const { entries, names } = await log.list({ limit: 9 });
    const [third, second, first] = entries;
    expect(new Set([first?.actor, second?.actor, third?.object, third?.details.holder]).size).toBe(1);
    expect(names[String(first?.actor)]).toBe(ALICE);
    expect(Object.values(names).sort()).toEqual([ALICE, 'bob@example.com', SUBJECT].sort());
    expect((await stored('named'))[0]).not.toMatch(/alice|bob/i);
    // What the chain proves is the entry without names.
    for (const entry of entries) expect(await auditDigest(entry)).toBe(entry.digest);
    expect(first && withNames(first, names)).toMatchObject({ actor: ALICE, details: { subject: SUBJECT } });
    expect((await log.list({ actor: 'ALICE@example.com', limit: 9 })).entries).toEqual([second, first]);
    expect((await log.list({ actor: String(first?.actor), limit: 9 })).entries).toEqual([second, first]);
  });

  test('who was erased is a pseudonym that nobody resolves, in entries that are what they were', async () => {
    const log = logOf('erased');
    await log.appendAll([signedIn, did('bob@example.com', ALICE)]);
    // Counted, and not written yet: it has the name in it.
    await log.appendLook(did(ALICE, 'list'), 'x');
    for (let again = 0; again < 3; again++) await log.appendLook(did(ALICE, 'list'), 'x');
    const before = await log.list({ limit: 9 });
    await log.eraseName('Alice@example.com');
    const after = await log.list({ limit: 9 });
    expect(after.entries.slice(1)).toEqual(before.entries);
    expect(after.entries[0]).toMatchObject({ object: 'list', details: { more: 3 } });
    expect(Object.values(after.names)).toEqual(['bob@example.com']);
    expect((await stored('erased')).join()).not.toMatch(/alice|idp\.example/i);
    expect(await log.verify()).toMatchObject({ whole: true, entries: 4 });
    expect((await log.list({ actor: ALICE, limit: 9 })).entries).toEqual([]);
    // Who comes again is somebody else.
    await log.append(did(ALICE, 'grt_2'));
    const [again] = (await log.list({ limit: 1 })).entries;
    expect(again?.actor).toMatch(/^per_/);
    expect(again?.actor).not.toBe(before.entries[0]?.actor);
  });

  test('who was erased is in no other name either, and others who acted keep theirs', async () => {
    const log = logOf('within');
    const reason = "user:o'alice@example.com, alice+ops@example.com and `alice@example.com`";
    await log.appendAll([did("n'alice@example.com", 'grt_1'), did('bob@example.com', 'grt_2', { reason })]);
    // As an earlier release took addresses.
    await runInDurableObject(env.AUDIT_LOG.get(env.AUDIT_LOG.idFromName('within')), (_object, { storage }) => {
      for (const [i, name] of ['*alice@example.com*', 'h/?u=alice@example.com&b=1'].entries())
        storage.sql.exec('INSERT INTO names VALUES (?, ?, ?)', `per_${i}`, name, name);
    });
    await log.eraseName(ALICE);
    expect((await stored('within'))[1]).not.toMatch(/[^'n]alice@|o'alice|alice\+/);
    expect(Object.values((await log.list({ limit: 9 })).names).sort()).toEqual([
      'bob@example.com',
      "n'alice@example.com",
    ]);
  });

  test('whose address changed takes the subject along: it goes with the newer address', async () => {
    const log = logOf('moved');
    await log.append(signedIn);
    await log.append({ ...signedIn, actor: 'alice.b@example.com' });
    await log.eraseName('alice.b@example.com');
    expect(Object.values((await log.list({ limit: 9 })).names)).toEqual([ALICE]);
  });

  test('is found in entries of an earlier release too, which have the address and stay as they are', async () => {
    const log = logOf('earlier');
    const earlier = await chainAuditEntry(undefined, did(ALICE, 'grt_1'), '2026-11-01T00:00:00.000Z');
    await log.exportStanding();
    await runInDurableObject(env.AUDIT_LOG.get(env.AUDIT_LOG.idFromName('earlier')), (_object, { storage }) => {
      const { sequence, at, kind, actor, object, previous, digest } = earlier;
      storage.sql.exec(
        'INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
        ...[sequence, at, kind, actor, object, '{}', previous, digest],
      );
    });
    await log.append(did(ALICE, 'grt_2'));
    expect(await log.verify()).toMatchObject({ whole: true, entries: 2 });
    const { entries } = await log.list({ actor: ALICE, limit: 9 });
    expect(entries.map(({ object }) => object)).toEqual(['grt_2', 'grt_1']);
    expect(entries.map(({ actor }) => actor === ALICE)).toEqual([false, true]);
  });
});
