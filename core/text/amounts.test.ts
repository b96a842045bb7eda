import { describe, expect, test } from 'vitest';
import { clock, offset, showBytes, span, took } from './amounts.ts';

describe('amounts in words', () => {
  test('offsets carry milliseconds, and hours only where there are some', () => {
    expect([offset(0), offset(723_250_000), offset(4_323_250_999)]).toEqual(['0:00.000', '12:03.250', '1:12:03.250']);
    expect(clock(59_999)).toBe('0:59');
  });

  test('durations pick their unit', () => {
    expect([took(850), took(12_400), took(3_200_000), took(245_000_000)]).toEqual([
      '850 µs',
      '12.4 ms',
      '3.2 s',
      '4 min 5 s',
    ]);
    // Alike from one unit to the next, and never 1000 ms or 60 s.
    expect([
      took(505_000),
      took(999_499),
      took(999_700),
      took(1_040_000),
      took(59_960_000),
      took(3_660_000_000),
    ]).toEqual(['505 ms', '999 ms', '1 s', '1 s', '1 min', '1 h 1 min']);
    expect([span(0), span(3_600_000), span(7_500_000), span(-5)]).toEqual(['0 s', '1 h', '2 h 5 min', '0 s']);
  });

  test('sizes are binary', () => {
    expect([showBytes(1023), showBytes(1536), showBytes(314_572_800)]).toEqual(['1023 B', '1.5 KiB', '300 MiB']);
  });
});
