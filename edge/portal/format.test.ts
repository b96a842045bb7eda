import { describe, expect, test } from 'vitest';
import { answered, showBytes, clock, offset, span, took } from './format.ts';

describe('numbers in words', () => {
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
    expect([span(0), span(3_600_000), span(7_500_000), span(-5)]).toEqual(['0 s', '1 h', '2 h 5 min', '0 s']);
  });

  test('sizes are binary', () => {
    expect([showBytes(1023), showBytes(1536), showBytes(314_572_800)]).toEqual(['1023 B', '1.5 KiB', '300 MiB']);
  });

  test('rows are counted once, and only where rows came back', () => {
    expect(answered(['SELECT 2'], 2)).toEqual(['SELECT', '2 rows']);
    expect(answered(['UPDATE 1'], 0)).toEqual(['UPDATE 1']);
    expect(answered(['BEGIN'], 0)).toEqual(['BEGIN']);
    expect(answered([], 40)).toEqual(['40 rows']);
  });
});
