import { describe, expect, it } from 'vitest';
import { createStatementRate } from './statement-rate.ts';

describe('a rate of statements', () => {
  let now = 0;
  const clock = () => now;
  const run = (rate: ReturnType<typeof createStatementRate>, times: number) => {
    let ran = 0;
    for (let i = 0; i < times; i++) if (rate.take() === 0) ran++;
    return ran;
  };

  it('without a limit lets everything run', () => {
    expect(run(createStatementRate(undefined, clock), 10_000)).toBe(10_000);
  });

  it('never lets more run in any minute, wherever that begins', () => {
    const limit = 7;
    for (const start of [0, 990, 12_345, 59_999]) {
      now = start;
      const rate = createStatementRate(limit, clock);
      const ran: number[] = [];
      // A busy client: one try every 130 ms, for four minutes.
      for (; now < start + 240_000; now += 130) if (rate.take() === 0) ran.push(now);
      for (const at of ran) expect(ran.filter((it) => it > at - 60_000 && it <= at).length).toBeLessThanOrEqual(limit);
      // And hardly fewer: about seven a minute.
      expect(ran.length).toBeGreaterThanOrEqual(4 * limit - 3);
    }
  });

  it('says how long until one may run, and then it may', () => {
    now = 500;
    const rate = createStatementRate(2, clock);
    expect(run(rate, 2)).toBe(2);
    now = 30_000;
    const wait = rate.take();
    expect(wait).toBeGreaterThan(30_000);
    expect(wait).toBeLessThanOrEqual(31_000);
    now += wait;
    expect(rate.take()).toBe(0);
  });

  it('refused ones do not count', () => {
    now = 0;
    const rate = createStatementRate(1, clock);
    expect(run(rate, 50)).toBe(1);
    now = 61_000;
    expect(rate.take()).toBe(0);
  });

  it('another limit counts at once, and what ran counts against it', () => {
    now = 0;
    const rate = createStatementRate(10, clock);
    run(rate, 5);
    rate.limitTo(5);
    expect(rate.perMinute).toBe(5);
    expect(rate.take()).toBeGreaterThan(0);
    rate.limitTo(6);
    expect(run(rate, 5)).toBe(1);
    rate.limitTo(undefined);
    expect(run(rate, 5)).toBe(5);
  });

  it('several at once run together or not at all, and more than the limit never', () => {
    now = 0;
    const rate = createStatementRate(10, clock);
    expect(rate.take(6)).toBe(0);
    expect(rate.take(5)).toBeGreaterThan(0);
    expect(rate.take(4)).toBe(0);
    expect(rate.take()).toBeGreaterThan(0);
    now = 61_000;
    expect(rate.take(11)).toBe(Number.POSITIVE_INFINITY);
    expect(rate.take(10)).toBe(0);
  });
});
