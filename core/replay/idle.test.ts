import fc from 'fast-check';
import { expect, it } from 'vitest';
import { IDLE_US, isSeenIdle, skippedIdle } from './idle.ts';

it('leaves out the middle of a silence, so that exactly the limit of it is played', () => {
  expect(skippedIdle({ fromUs: 10, untilUs: 10 + IDLE_US }, IDLE_US)).toBeUndefined();
  expect(skippedIdle({ fromUs: 1_000_000, untilUs: 61_000_000 }, IDLE_US)).toEqual({
    ...{ fromUs: 2_000_000, untilUs: 60_000_000 },
  });
  const us = fc.integer({ min: 0, max: 1e12 });
  fc.assert(
    fc.property(us, us, fc.integer({ min: 0, max: 1e9 }), (fromUs, lasts, limitUs) => {
      const left = skippedIdle({ fromUs, untilUs: fromUs + lasts }, limitUs);
      const played = lasts - (left ? left.untilUs - left.fromUs : 0);
      expect(played).toBeCloseTo(Math.min(lasts, limitUs), 3);
    }),
  );
  expect(skippedIdle({ fromUs: 0, untilUs: 1e12 }, Number.POSITIVE_INFINITY)).toBeUndefined();
});

it('marks silences that a time bar can show: in a session of any length not many', () => {
  let seen = 0;
  for (let at = 0; at < 10 * 3_600_000_000; at += 3_000_000)
    if (isSeenIdle({ fromUs: at, untilUs: at + 3_000_000 })) seen++;
  expect(seen).toBeGreaterThan(500);
  expect(seen).toBeLessThan(1100);
  expect(isSeenIdle({ fromUs: 0, untilUs: 2_000_000 })).toBe(false);
});
