// Which sessions a hold on a person covers, and which addresses one may be placed on.

import fc from 'fast-check';
import { expect, it } from 'vitest';
import { newId } from '../ids.ts';
import { type HoldScope, holdsOn, PlacedScope } from './hold.ts';

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
