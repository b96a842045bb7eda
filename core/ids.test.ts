import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { newId, SessionId } from './ids.ts';

const source = (now: number, byte: number) => ({
  now: () => now,
  random: (count: number) => new Uint8Array(count).fill(byte),
});

describe('an id', () => {
  test('says what it names and is accepted by its own schema', () => {
    const id = newId('ses');
    expect(id).toMatch(/^ses_/);
    expect(SessionId.parse(id)).toBe(id);
    expect(SessionId.safeParse(newId('grt')).success).toBe(false);
  });

  test('sorts by the time it was made', () => {
    const times = fc.integer({ min: 0, max: 2 ** 47 });
    fc.assert(
      fc.property(times, times, fc.nat(255), fc.nat(255), (a, b, x, y) => {
        fc.pre(a < b);
        expect(newId('ses', source(a, x)) < newId('ses', source(b, y))).toBe(true);
      }),
    );
  });

  test('carries 80 random bits: each byte gives five', () => {
    const ids = new Set(Array.from({ length: 32 }, (_, byte) => newId('ses', source(0, byte))));
    expect(ids.size).toBe(32);
    expect(newId('ses', source(0, 0))).toBe(newId('ses', source(0, 32)));
  });

  test.each(['ses_', 'ses_01m7', '../../etc', 'ses_01m7xs339xg9gfy2ypevqee9cS', 'ses_01m7xs339xg9gfy2ypevqee9cu'])(
    'that is not ours is refused: %s',
    (text) => {
      expect(SessionId.safeParse(text).success).toBe(false);
    },
  );
});
