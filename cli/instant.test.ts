import { afterEach, describe, expect, it } from 'vitest';
import { instant, instantUntil } from './instant.ts';
import { time } from './output.ts';

const NOW = Date.parse('2026-11-20T02:00:00.000Z');
const zone = process.env.TZ;
afterEach(() => {
  if (zone === undefined) delete process.env.TZ;
  else process.env.TZ = zone;
});

describe('a point in time', () => {
  it.each([
    ['Pacific/Kiritimati', '2026-11-20', '2026-11-19T10:00:00.000Z'],
    ['America/Los_Angeles', '2026-11-20', '2026-11-20T08:00:00.000Z'],
    ['UTC', '2026-11-20', '2026-11-20T00:00:00.000Z'],
    ['Pacific/Kiritimati', '2026-11-20T09:00', '2026-11-19T19:00:00.000Z'],
    ['Pacific/Kiritimati', '2026-11-20T09:00:00Z', '2026-11-20T09:00:00.000Z'],
    ['Pacific/Kiritimati', '2026-11-20 09:00:00+02:00', '2026-11-20T07:00:00.000Z'],
    ['Pacific/Kiritimati', '2h', '2026-11-20T00:00:00.000Z'],
    ['UTC', '2h ago', '2026-11-20T00:00:00.000Z'],
    ['UTC', '2 hours ago', '2026-11-20T00:00:00.000Z'],
    ['UTC', '90 min', '2026-11-20T00:30:00.000Z'],
    ['UTC', '1 week ago', '2026-11-13T02:00:00.000Z'],
    ['UTC', 'now', '2026-11-20T02:00:00.000Z'],
    ['America/Los_Angeles', 'yesterday', '2026-11-18T08:00:00.000Z'],
    ['America/Los_Angeles', 'today', '2026-11-19T08:00:00.000Z'],
    ['UTC', '2026-11-20 9:00', '2026-11-20T09:00:00.000Z'],
    ['UTC', '2026-11-20 09:00 +0200', '2026-11-20T07:00:00.000Z'],
  ])('in %s, %s is %s', (tz, text, expected) => {
    process.env.TZ = tz;
    expect(instant(text, '--since', NOW)).toBe(expected);
  });

  it.each([
    ['2026-11-20', '2026-11-21T08:00:00.000Z'],
    ['yesterday', '2026-11-19T08:00:00.000Z'],
    ['2026-11', '2026-12-01T08:00:00.000Z'],
    ['2026-11-20 09:00', '2026-11-20T17:00:00.000Z'],
    ['2h', '2026-11-20T00:00:00.000Z'],
  ])('until %s takes in all of it', (text, expected) => {
    process.env.TZ = 'America/Los_Angeles';
    expect(instantUntil(text, '--until', NOW)).toBe(expected);
  });

  it.each([
    'soon',
    '2026-02-30',
    '2026-13-01',
    '2026-11-20x',
    '2026-11-20T25:00',
    '20.11.2026',
    '0h',
    '2 fortnights ago',
    'ago',
    '2h from now',
  ])('is not %s', (text) =>
    expect(() => instant(text, '--since', NOW)).toThrow(/--since .*expected 2h, "2 hours ago", yesterday/),
  );

  it.each(['Pacific/Kiritimati', 'America/St_Johns', 'UTC'])(
    'is printed with its zone, and read again as printed, in %s',
    (tz) => {
      process.env.TZ = tz;
      const printed = time('2026-11-20T02:00:00.000Z');
      expect(printed).toMatch(/^2026-11-(19|20) \d\d:\d\d:\d\d[+-]\d\d:\d\d$/);
      expect(instant(printed, '--since', NOW)).toBe('2026-11-20T02:00:00.000Z');
      // A session that the list dates today is in what --since gives for today.
      expect(instant(printed.slice(0, 10), '--since', NOW) <= '2026-11-20T02:00:00.000Z').toBe(true);
    },
  );
});
