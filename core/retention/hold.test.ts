// Which sessions a hold on a person covers, and which addresses one may be placed on.

import fc from 'fast-check';
import { expect, it } from 'vitest';
import { newId } from '../ids.ts';
import { ResourceName } from '../resource.ts';
import {
  coversNobody,
  type HeldFacts,
  holdLine,
  holdsDigest,
  type HoldScope,
  holdsOn,
  inForceAt,
  type LegalHold,
  PlacedScope,
} from './hold.ts';

const EMAIL = 'alice@example.com';
const session = { session: newId('ses'), email: EMAIL };
const holdOn = (email: string, scope: HoldScope = { of: 'user', email }) => ({
  ...{ id: newId('hld'), scope },
  placed: { by: 'carol@example.com', at: '2026-01-01T00:00:00.000Z', reason: 'a dispute' },
});
const covers = (email: string) => holdsOn(session, [holdOn(email)]).length === 1;
const place = (email: string) => PlacedScope.safeParse({ of: 'user', email });

it('covers a person’s sessions in every spelling in which the list finds them, also where it was placed by an earlier release', () => {
  const space = fc.string({ unit: fc.constantFrom(' ', '\t', '\n', '\r', '\u00a0', '\u2003', '\u3000', '\ufeff') });
  const cased = fc
    .array(fc.boolean(), { minLength: EMAIL.length, maxLength: EMAIL.length })
    .map((upper) => [...EMAIL].map((letter, i) => (upper[i] ? letter.toUpperCase() : letter)).join(''));
  fc.assert(
    fc.property(space, cased, space, (before, email, after) => {
      const typed = before + email + after;
      // As the catalogue's reader looks it up.
      expect(typed.trim().toLowerCase()).toBe(EMAIL);
      expect(covers(typed)).toBe(true);
      expect(place(typed)).toMatchObject({ success: true, data: { of: 'user', email: EMAIL } });
    }),
  );
});

it.each(['\uff41lice@example.com', 'alice\uff20example.com', 'al\u200bice@example.com'])(
  'covers the person whom %j looks like, and is placed on such an address no more',
  (email) => {
    expect(covers(email)).toBe(true);
    expect(place(email).success).toBe(false);
  },
);

it.each(['*', 'alice', '', ' ', 'alice @example.com', 'alice@example.com bob@example.com'])(
  'is not placed on %j, which is no address',
  (email) => expect(place(email).success).toBe(false),
);

it('covers nobody else', () => {
  expect(['bob@example.com', 'alice@example.org', 'malice@example.com'].map(covers)).toEqual([false, false, false]);
  expect(place('josé@exämple.com').success).toBe(true);
});

const DAY = { of: 'time', since: '2026-11-20T00:00:00.000Z', until: '2026-11-21T00:00:00.000Z' } as const;
it.each([
  ['began before it and ended in it', '2026-11-19T00:00:00.000Z', '2026-11-20T12:00:00.000Z', true],
  ['ended as it began', '2026-11-19T00:00:00.000Z', DAY.since, true],
  ['ended before it', '2026-11-18T00:00:00.000Z', '2026-11-19T23:59:59.999Z', false],
  ['began at its last moment', '2026-11-20T23:59:59.999Z', '2026-11-22T00:00:00.000Z', true],
  ['began when it was over', DAY.until, '2026-11-22T00:00:00.000Z', false],
  ['began when it was over, and runs', DAY.until, undefined, false],
  ['runs', '2026-11-01T00:00:00.000Z', undefined, true],
  ['began nobody knows when, and ended in it', undefined, '2026-11-20T12:00:00.000Z', true],
  ['began nobody knows when, and ended before it', undefined, '2026-11-19T00:00:00.000Z', false],
])('on a time it covers a session that %s, as it should', (_, startedAt, endedAt, is) => {
  expect(holdsOn({ ...session, startedAt, endedAt }, [holdOn('', DAY)])).toHaveLength(is ? 1 : 0);
});

it('covers what it may name where nobody knows, each session of many, and no other', () => {
  const [first, last, other] = [newId('ses'), newId('ses'), newId('ses')];
  const on = (of: HeldFacts, scope: HoldScope) => holdsOn(of, [holdOn('', scope)]).length;
  const orders: HoldScope = { of: 'resource', resource: ResourceName.parse('orders') };
  const many: HoldScope = { of: 'sessions', sessions: [first, last] };
  expect([{}, { resource: 'orders' }, { resource: 'billing' }].map((of) => on({ ...session, ...of }, orders))).toEqual([
    1, 1, 0,
  ]);
  expect([first, last, other].map((of) => on({ session: of }, many))).toEqual([1, 1, 0]);
  expect([first, other].map((of) => on({ session: of }, { of: 'session', session: first }))).toEqual([1, 0]);
  expect(on({ session: other }, { of: 'user', email: EMAIL })).toBe(1);
});

it('is in force from the moment at which it is placed until that at which it is lifted', () => {
  const placed = holdOn(EMAIL);
  const lifted = { ...placed, lifted: { by: 'dave@example.com', at: '2026-01-02T00:00:00.000Z' } };
  const at = (of: LegalHold, time: string) => inForceAt([of], Date.parse(time)).length;
  expect(['2025-12-31T23:59:59.999Z', '2026-01-01T00:00:00.000Z'].map((time) => at(placed, time))).toEqual([0, 1]);
  expect(['2026-01-01T23:59:59.999Z', '2026-01-02T00:00:00.000Z'].map((time) => at(lifted, time))).toEqual([1, 0]);
});

it('is told from every other by its line, in whatever order a table gives its members back', async () => {
  const one = holdOn('', DAY);
  const { of, since, until } = DAY;
  expect(await holdLine({ ...one, scope: { until, since, of } })).toBe(await holdLine(one));
  const others = [holdOn('', DAY), { ...one, scope: { ...DAY, until: '2026-11-20T12:00:00.000Z' } }];
  const lines = await Promise.all([one, ...others].map(holdLine));
  expect(new Set(lines).size).toBe(3);
  expect(lines[0]).toMatch(new RegExp(`^${one.id} [0-9a-f]{64}\n$`));
  expect(await holdsDigest(lines.toReversed())).toBe(await holdsDigest(lines));
  expect(await holdsDigest(lines.slice(1))).not.toBe(await holdsDigest(lines));
});

it('is placed on no time in which nothing runs, on at least one session, and on a thousand at most', () => {
  const may = (scope: unknown) => PlacedScope.safeParse(scope).success;
  expect([DAY, { ...DAY, until: DAY.since }, { ...DAY, since: DAY.until, until: DAY.since }].map(may)).toEqual([
    ...[true, false, false],
  ]);
  const sessions = (count: number) => ({ of: 'sessions', sessions: Array.from({ length: count }, () => newId('ses')) });
  expect([0, 1, 1_000, 1_001].map(sessions).map(may)).toEqual([false, true, true, false]);
});

it.each([
  ['alice', true],
  ['alice@*', true],
  ['*', true],
  ['Alice Archer <alice@example.com>', true],
  ['@example.com', true],
  [' Alice@Example.com\n', false],
  ['al\u200bice@example.com', false],
  ['*@example.com', false],
  ['github@acme.workload.invalid', false],
])('a hold on %j covers nobody: %s', (email, nobody) => {
  expect(coversNobody(holdOn(email))).toBe(nobody);
  expect(coversNobody({ ...holdOn(email), lifted: { by: 'x', at: '2026-01-01T00:00:00.000Z' } })).toBe(false);
  // No session is of what is no address: identities have one in a person's form (core/identity.ts).
  if (nobody) expect(place(email).success).toBe(false);
});

it('no hold on anything else covers nobody', () => {
  expect(coversNobody(holdOn('', { of: 'session', session: session.session }))).toBe(false);
});
