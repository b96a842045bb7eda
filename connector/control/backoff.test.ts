import { expect, test } from 'vitest';
import { createBackoff } from './backoff.ts';

test('waits longer after each failure, up to a cap, and begins small again after success', () => {
  const backoff = createBackoff({ baseMs: 100, capMs: 1_000, random: () => 0.999 });
  const waits = Array.from({ length: 6 }, () => backoff.nextMs());
  expect(waits).toEqual([99, 199, 399, 799, 999, 999]);
  backoff.reset();
  expect(backoff.nextMs()).toBe(99);
});

test('spreads connectors over the whole wait', () => {
  const waits = [0, 0.25, 0.5, 0.75].map((random) =>
    createBackoff({ baseMs: 1_000, capMs: 1_000, random: () => random }).nextMs(),
  );
  expect(waits).toEqual([0, 250, 500, 750]);
});

test('does not overflow after days', () => {
  const backoff = createBackoff({ baseMs: 100, capMs: 1_000, random: () => 0.5 });
  for (let i = 0; i < 5_000; i++) expect(backoff.nextMs()).toBeLessThanOrEqual(1_000);
});
