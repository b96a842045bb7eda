import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  AUDIT_GENESIS,
  type AuditEntry,
  type AuditEvent,
  auditPreimage,
  chainAuditEntry,
  verifyAuditChain,
} from './audit.ts';

const event = (object: string): AuditEvent => ({
  kind: 'grant.issued',
  actor: 'alice@example.com',
  object,
  details: { rule: 'demo', seconds: 60 },
});

async function chainOf(count: number): Promise<AuditEntry[]> {
  const entries: AuditEntry[] = [];
  for (let i = 0; i < count; i++) {
    entries.push(await chainAuditEntry(entries.at(-1), event(`grant ${i}`), `2026-11-20T10:00:0${i % 10}.000Z`));
  }
  return entries;
}

test('the first entry links to zeros, each other to the one before', async () => {
  const [first, second] = await chainOf(2);
  expect(first).toMatchObject({ sequence: 1, previous: AUDIT_GENESIS });
  expect(second).toMatchObject({ sequence: 2, previous: first?.digest });
  expect(await verifyAuditChain([])).toEqual({ whole: true, entries: 0, head: AUDIT_GENESIS });
});

test('the digest does not hang on the order in which details were written', async () => {
  const one = await chainAuditEntry(undefined, { ...event('x'), details: { a: 1, b: 2 } }, '2026-11-20T10:00:00.000Z');
  const other = await chainAuditEntry(
    undefined,
    { ...event('x'), details: { b: 2, a: 1 } },
    '2026-11-20T10:00:00.000Z',
  );
  expect(other.digest).toBe(one.digest);
});

test('fields cannot slide into each other', () => {
  const base = { previous: AUDIT_GENESIS, sequence: 1, at: 't', kind: 'grant.issued', details: {} } as const;
  expect(auditPreimage({ ...base, actor: 'a', object: 'bc' })).not.toBe(
    auditPreimage({ ...base, actor: 'ab', object: 'c' }),
  );
});

test('any change, removal, swap or insertion before the end shows, and says where', async () => {
  const whole = await chainOf(12);
  expect(await verifyAuditChain(whole)).toMatchObject({ whole: true, entries: 12 });
  const changes: ((entry: AuditEntry) => AuditEntry)[] = [
    (entry) => ({ ...entry, actor: 'mallory@example.com' }),
    (entry) => ({ ...entry, object: 'another' }),
    (entry) => ({ ...entry, at: '2020-01-01T00:00:00.000Z' }),
    (entry) => ({ ...entry, kind: 'grant.revoked' }),
    (entry) => ({ ...entry, details: { ...entry.details, more: true } }),
    (entry) => ({ ...entry, previous: entry.digest }),
    (entry) => ({ ...entry, digest: entry.previous }),
    (entry) => ({ ...entry, sequence: entry.sequence + 1 }),
  ];
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: 10 }), fc.constantFrom(...changes), async (at, change) => {
      const changed = whole.map((entry, index) => (index === at ? change(entry) : entry));
      expect(await verifyAuditChain(changed)).toMatchObject({ whole: false, brokenAt: at + 1 });
      expect(await verifyAuditChain(whole.filter((_, index) => index !== at))).toMatchObject({
        whole: false,
        brokenAt: at + 1,
      });
      const doubled = whole.flatMap((entry, index) => (index === at ? [entry, entry] : [entry]));
      expect(await verifyAuditChain(doubled)).toMatchObject({ whole: false, brokenAt: at + 2 });
    }),
  );
});

test('an entry made anew with a right digest breaks the link behind it', async () => {
  const whole = await chainOf(3);
  const forged = await chainAuditEntry(whole[0], event('forged'), '2026-11-20T10:00:00.000Z');
  const rest = whole.slice(2);
  expect(await verifyAuditChain([...whole.slice(0, 1), forged, ...rest])).toMatchObject({ whole: false, brokenAt: 3 });
});
