import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { auditPieceName, decodeAuditPiece, encodeAuditPiece, parseAuditPieceName } from './audit-archive.ts';
import { AUDIT_GENESIS, type AuditEntry, chainAuditEntry } from './audit.ts';
import { verifyAuditCopy } from './audit-proof.ts';

async function chainOf(count: number, actor = 'alice@example.com'): Promise<AuditEntry[]> {
  const entries: AuditEntry[] = [];
  for (let i = 0; i < count; i++) {
    const event = { kind: 'grant.issued', actor, object: `grant ${i} é`, details: { rule: 'demo', n: i } } as const;
    entries.push(await chainAuditEntry(entries.at(-1), event, '2026-11-20T10:00:00.000Z'));
  }
  return entries;
}

const chain = await chainOf(12);
const pieces = (entries: readonly AuditEntry[], ...ends: number[]): Map<string, Uint8Array> => {
  let from = 0;
  return new Map(
    ends.map((end) => {
      const { name, bytes } = encodeAuditPiece(entries.slice(from, end));
      from = end;
      return [name, bytes];
    }),
  );
};
const whole = () => pieces(chain, 4, 5, 9, 12);
const copyOf = (map: ReadonlyMap<string, Uint8Array>) => ({
  names: [...map.keys()],
  read: async (name: string) => map.get(name),
});
const logOf = (entries: readonly AuditEntry[], exportedThrough: number) => ({
  exportedThrough,
  digestOf: (sequence: number) => entries[sequence - 1]?.digest,
});
const [first, second, third, last] = [
  auditPieceName(1, 4),
  auditPieceName(5, 5),
  auditPieceName(6, 9),
  auditPieceName(10, 12),
];

test('pieces that follow each other are proven, alone and against the log', async () => {
  const proven = { proven: true, pieces: 4, entries: 12, last: 12, head: chain.at(-1)?.digest, faults: [] };
  expect(await verifyAuditCopy(copyOf(whole()))).toEqual(proven);
  expect(await verifyAuditCopy(copyOf(whole()), { log: logOf(chain, 12), head: chain[7]?.digest })).toEqual(proven);
  expect(await verifyAuditCopy(copyOf(new Map()))).toMatchObject({ proven: true, head: AUDIT_GENESIS });
});

test('any bit that is flipped in any piece shows, and names the piece', async () => {
  const names = [...whole().keys()];
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...names), fc.nat(), fc.nat({ max: 7 }), async (name, at, bit) => {
      const changed = whole();
      const bytes = Uint8Array.from(changed.get(name) ?? []);
      bytes[at % bytes.length] = (bytes[at % bytes.length] ?? 0) ^ (1 << bit);
      changed.set(name, bytes);
      const { proven, faults } = await verifyAuditCopy(copyOf(changed));
      expect(proven).toBe(false);
      expect(faults[0]).toMatchObject({ object: name, reason: 'piece_damaged' });
    }),
    { numRuns: 400 },
  );
});

test('a piece that is cut anywhere shows', async () => {
  const bytes = whole().get(third) ?? new Uint8Array();
  for (let length = 0; length < bytes.length; length += 7) {
    const changed = whole().set(third, bytes.subarray(0, length));
    expect((await verifyAuditCopy(copyOf(changed))).faults[0]).toMatchObject({
      object: third,
      reason: 'piece_damaged',
    });
  }
});

describe('a copy does not prove', () => {
  test.each([
    [first, 'entries 1 to 4 are missing'],
    [second, 'entry 5 is missing'],
    [third, 'entries 6 to 9 are missing'],
  ])('when the piece %s was taken out', async (name, message) => {
    const changed = whole();
    changed.delete(name);
    expect((await verifyAuditCopy(copyOf(changed))).faults).toContainEqual({
      object: 'log',
      reason: 'piece_missing',
      message,
    });
  });

  test('when the last piece was taken out, as soon as something else knows of it', async () => {
    const changed = whole();
    changed.delete(last);
    expect(await verifyAuditCopy(copyOf(changed))).toMatchObject({ proven: true, last: 9 });
    expect((await verifyAuditCopy(copyOf(changed), { log: logOf(chain, 12) })).faults).toEqual([
      { object: 'log', reason: 'piece_missing', message: 'entries 10 to 12 are missing' },
    ]);
    expect((await verifyAuditCopy(copyOf(changed), { head: chain[11]?.digest })).faults).toMatchObject([
      { reason: 'head_missing' },
    ]);
  });

  test('when two pieces changed places', async () => {
    const changed = whole();
    changed.set(first, whole().get(third) ?? new Uint8Array()).set(third, whole().get(first) ?? new Uint8Array());
    const { faults } = await verifyAuditCopy(copyOf(changed));
    expect(faults.map(({ object, reason }) => [object, reason])).toEqual([
      [first, 'piece_damaged'],
      [third, 'piece_damaged'],
    ]);
    expect(faults[0]?.message).toBe('it holds entries 6 to 9, and is named after 1 to 4');
  });

  test('when a piece is of another log that is sound in itself', async () => {
    const other = pieces(await chainOf(12, 'mallory@example.com'), 4, 5, 9, 12);
    const changed = whole().set(third, other.get(third) ?? new Uint8Array());
    expect((await verifyAuditCopy(copyOf(changed))).faults).toMatchObject([
      { object: third, reason: 'chain_broken' },
      { object: last, reason: 'chain_broken' },
    ]);
    expect((await verifyAuditCopy(copyOf(other), { log: logOf(chain, 12) })).faults[0]).toEqual({
      object: first,
      reason: 'differs_from_log',
      message: 'entry 1 is another than in the log',
    });
  });

  test('when a second copy of some entries stands beside the first, or something else does', async () => {
    const doubled = new Map([...whole(), ...pieces(chain, 2)]);
    expect((await verifyAuditCopy(copyOf(doubled))).faults.some(({ reason }) => reason === 'pieces_overlap')).toBe(
      true,
    );
    const strange = whole().set('0000000013-0000000012.ndjson', new Uint8Array());
    expect((await verifyAuditCopy(copyOf(strange))).faults).toMatchObject([{ reason: 'not_a_piece' }]);
  });

  test('when it goes on where the log has ended', async () => {
    expect((await verifyAuditCopy(copyOf(whole()), { log: logOf(chain.slice(0, 9), 9) })).faults).toEqual([
      { object: last, reason: 'differs_from_log', message: 'entry 10 is not in the log' },
    ]);
  });
});

test('an entry of a kind that this build does not know is proven like any other', async () => {
  const event = { kind: 'moon.landed' as never, actor: 'a', object: 'b', details: {} };
  const { name, bytes } = encodeAuditPiece([await chainAuditEntry(undefined, event, '2026-11-20T10:00:00.000Z')]);
  expect(await decodeAuditPiece(name, bytes)).toMatchObject({ ok: true });
});

test.each([
  '',
  '1-2.ndjson',
  '0000000000-0000000001.ndjson',
  '0000000002-0000000001.ndjson',
  '0000000001-0000000501.ndjson',
  '../0000000001-0000000002.ndjson',
  '0000000001-0000000002.ndjson/x',
])('%j is not the name of a piece', (name) => {
  expect(parseAuditPieceName(name)).toBeUndefined();
});
