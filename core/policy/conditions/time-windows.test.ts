import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { describeOpening, TimeWindow, windowStateAt } from './time-windows.ts';

const OFFICE = { days: ['mon-fri'], from: '08:00', to: '18:00', zone: 'Europe/Berlin' };
const NIGHT = { days: ['sat'], from: '22:00', to: '02:00', zone: 'Europe/Berlin' };
const at = (text: string) => Date.parse(text);
const iso = (ms: number | undefined) =>
  ms === undefined ? 'never' : new Date(ms).toISOString().replace(':00.000Z', 'Z');
const stateOf = (windows: TimeWindow[], now: string): string => {
  const state = windowStateAt(windows, at(now));
  return state.open ? `open until ${iso(state.untilMs)}` : `opens ${iso(state.opensMs)}`;
};

// 2026-11-20 is a Friday. Berlin: UTC+1 in winter, UTC+2 from 2026-03-29 01:00Z to 2026-10-25 01:00Z.
describe('a window', () => {
  test.each<[string, TimeWindow[], string, string]>([
    ['before it', [OFFICE], '2026-11-20T06:59:59.999Z', 'opens 2026-11-20T07:00Z'],
    ['at its first moment', [OFFICE], '2026-11-20T07:00:00Z', 'open until 2026-11-20T17:00Z'],
    ['at its last', [OFFICE], '2026-11-20T16:59:59.999Z', 'open until 2026-11-20T17:00Z'],
    ['at its end', [OFFICE], '2026-11-20T17:00:00Z', 'opens 2026-11-23T07:00Z'],
    ['at the weekend', [OFFICE], '2026-11-21T12:00:00Z', 'opens 2026-11-23T07:00Z'],
    ['in summer', [OFFICE], '2026-07-01T06:30:00Z', 'open until 2026-07-01T16:00Z'],
    ['over midnight, before', [NIGHT], '2026-11-21T22:30:00Z', 'open until 2026-11-22T01:00Z'],
    ['over midnight, after', [NIGHT], '2026-11-22T00:59:00Z', 'open until 2026-11-22T01:00Z'],
    ['over midnight, the day before it opens', [NIGHT], '2026-11-21T00:30:00Z', 'opens 2026-11-21T21:00Z'],
    ['over midnight, over', [NIGHT], '2026-11-22T01:00:00Z', 'opens 2026-11-28T21:00Z'],
    [
      'without days',
      [{ from: '08:00', to: '09:00', zone: 'UTC' }],
      '2026-11-22T08:30:00Z',
      'open until 2026-11-22T09:00Z',
    ],
    [
      'of days over the weekend',
      [{ ...OFFICE, days: ['sat-mon'] }],
      '2026-11-23T12:00:00Z',
      'open until 2026-11-23T17:00Z',
    ],
    [
      'of days over the weekend, on none',
      [{ ...OFFICE, days: ['sat-mon'] }],
      '2026-11-24T12:00:00Z',
      'opens 2026-11-28T07:00Z',
    ],
    [
      'of half an hour off',
      [{ from: '09:00', to: '17:00', zone: 'Asia/Kolkata' }],
      '2026-11-20T03:30:00Z',
      'open until 2026-11-20T11:30Z',
    ],
    [
      'far ahead of UTC, whose day it is not',
      [{ days: ['sat'], from: '08:00', to: '12:00', zone: 'Pacific/Auckland' }],
      '2026-11-20T20:00:00Z',
      'open until 2026-11-20T23:00Z',
    ],
    [
      'all day',
      [{ days: ['fri'], from: '00:00', to: '24:00', zone: 'UTC' }],
      '2026-11-20T23:59:00Z',
      'open until 2026-11-21T00:00Z',
    ],
    ['always', [{ from: '00:00', to: '24:00', zone: 'Europe/Berlin' }], '2026-11-20T12:00:00Z', 'open until never'],
    [
      'that another one continues',
      [OFFICE, { ...OFFICE, from: '18:00', to: '22:00' }],
      '2026-11-20T12:00:00Z',
      'open until 2026-11-20T21:00Z',
    ],
    [
      'that another one overlaps, in another zone',
      [OFFICE, { from: '16:30', to: '20:00', zone: 'UTC' }],
      '2026-11-20T12:00:00Z',
      'open until 2026-11-20T20:00Z',
    ],
    [
      'that opens next of two',
      [OFFICE, { days: ['sun'], from: '10:00', to: '11:00', zone: 'UTC' }],
      '2026-11-21T12:00:00Z',
      'opens 2026-11-22T10:00Z',
    ],
  ])('%s', (_name, windows, now, expected) => {
    for (const window of windows) expect(TimeWindow.safeParse(window).success).toBe(true);
    expect(stateOf(windows, now)).toBe(expected);
  });
});

describe('when the clock is changed', () => {
  const SUNDAY = { days: ['sun'], zone: 'Europe/Berlin' };
  test.each<[string, object, string, string]>([
    // 2026-03-29: 01:59:59 CET is followed by 03:00:00 CEST.
    [
      'forward within it, it is an hour shorter',
      { from: '01:00', to: '05:00' },
      '2026-03-29T00:30:00Z',
      'open until 2026-03-29T03:00Z',
    ],
    [
      'forward over its begin, it begins at the change',
      { from: '02:30', to: '04:00' },
      '2026-03-29T00:30:00Z',
      'opens 2026-03-29T01:00Z',
    ],
    [
      'forward over its begin, it is open then',
      { from: '02:30', to: '04:00' },
      '2026-03-29T01:00:00Z',
      'open until 2026-03-29T02:00Z',
    ],
    [
      'forward over its end, it ends at the change',
      { from: '01:00', to: '02:30' },
      '2026-03-29T00:59:00Z',
      'open until 2026-03-29T01:00Z',
    ],
    [
      'forward over all of it, it is not there that day',
      { from: '02:00', to: '03:00' },
      '2026-03-29T00:59:00Z',
      'opens 2026-04-05T00:00Z',
    ],
    [
      'forward, the next day is as ever',
      { days: ['mon'], from: '08:00', to: '18:00' },
      '2026-03-29T12:00:00Z',
      'opens 2026-03-30T06:00Z',
    ],
    // 2026-10-25: 02:59:59 CEST is followed by 02:00:00 CET.
    [
      'back within it, it is an hour longer',
      { from: '01:00', to: '05:00' },
      '2026-10-25T00:30:00Z',
      'open until 2026-10-25T04:00Z',
    ],
    [
      'back over its begin, it begins the first time',
      { from: '02:30', to: '04:00' },
      '2026-10-25T00:29:00Z',
      'opens 2026-10-25T00:30Z',
    ],
    [
      'back over its end, it ends the second time',
      { from: '01:00', to: '02:30' },
      '2026-10-25T00:45:00Z',
      'open until 2026-10-25T01:30Z',
    ],
    [
      'back over all of it, it holds the hour both times',
      { from: '02:00', to: '03:00' },
      '2026-10-25T00:30:00Z',
      'open until 2026-10-25T02:00Z',
    ],
    [
      'back, over midnight of the day before',
      { days: ['sat'], from: '22:00', to: '04:00' },
      '2026-10-24T21:00:00Z',
      'open until 2026-10-25T03:00Z',
    ],
  ])('%s', (_name, window, now, expected) => {
    expect(stateOf([TimeWindow.parse({ ...SUNDAY, ...window })], now)).toBe(expected);
  });

  test('by half an hour, and on the other half of the earth', () => {
    // Lord Howe: 02:00 becomes 02:30 on 2026-10-04 (15:30Z on the 3rd).
    const window = TimeWindow.parse({ from: '02:15', to: '04:00', zone: 'Australia/Lord_Howe' });
    expect(stateOf([window], '2026-10-03T15:29:00Z')).toBe('opens 2026-10-03T15:30Z');
  });
});

test('whatever the window and the moment: what is said to open opens then, and what is open ends when it was said', () => {
  const time = fc
    .tuple(fc.nat(23), fc.nat(59))
    .map(([h, m]) => [h, m].map((n) => String(n).padStart(2, '0')).join(':'));
  const window = fc
    .record({
      days: fc.subarray(['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'], { minLength: 1 }),
      from: time,
      to: time,
      zone: fc.constantFrom('Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'UTC', 'Africa/Casablanca'),
    })
    .filter(({ from, to }) => from !== to);
  const moment = fc.integer({ min: at('2026-01-01T00:00:00Z'), max: at('2027-12-31T00:00:00Z') });
  fc.assert(
    fc.property(fc.array(window, { minLength: 1, maxLength: 3 }), moment, (windows, now) => {
      const state = windowStateAt(windows, now);
      const edge = state.open ? state.untilMs : state.opensMs;
      if (edge === undefined) return;
      expect(edge).toBeGreaterThan(now);
      expect(windowStateAt(windows, edge).open).toBe(!state.open);
      expect(windowStateAt(windows, edge - 1).open).toBe(state.open);
    }),
    { numRuns: 300 },
  );
});

test('the opening is said in the words of its own zone', () => {
  expect(describeOpening([OFFICE], at('2026-11-23T07:00:00Z'))).toBe('Monday 2026-11-23 08:00 (Europe/Berlin)');
});

describe('a window that is none is refused', () => {
  test.each<[string, object, RegExp]>([
    ['an unknown day', { ...OFFICE, days: ['monday'] }, /expected a day such as mon/],
    ['no days', { ...OFFICE, days: [] }, /./],
    ['an hour of a clock with 12', { ...OFFICE, from: '8am' }, /expected a time such as/],
    ['an hour that is none', { ...OFFICE, to: '25:00' }, /expected a time such as/],
    ['a zone that is none', { ...OFFICE, zone: 'Europe/Berlinn' }, /expected a time zone/],
    ['an offset', { ...OFFICE, zone: '+02:00' }, /expected a time zone/],
    ['an abbreviation', { ...OFFICE, zone: 'CET' }, /expected a time zone/],
    ['no zone', { ...OFFICE, zone: undefined }, /./],
    ['no time at all', { ...OFFICE, to: '08:00' }, /is the same as from/],
    ['a day that begins at its end', { ...OFFICE, from: '24:00' }, /write "00:00"/],
    ['a misspelt key', { ...OFFICE, until: '18:00' }, /./],
  ])('%s', (_name, window, expected) => {
    const parsed = TimeWindow.safeParse(window);
    expect(parsed.success ? 'taken' : parsed.error.issues[0]?.message).toMatch(expected);
  });
});
