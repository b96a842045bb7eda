import { describe, expect, it } from 'vitest';
import type { ReplayEvent } from '../catalogue.ts';
import { Markers, barPlaces, stepMarker } from './markers.ts';
import type { TerminalEvent } from './terminal.ts';

const S = 1_000_000;
const markersOf = (events: readonly (ReplayEvent | TerminalEvent)[], most?: number): Markers => {
  const markers = new Markers(most);
  for (const event of events) markers.add(event);
  return markers;
};
const notice = (timeUs: number, severity: string, message: string, statement?: number): ReplayEvent => ({
  ...{ kind: 'notice', timeUs, severity, message },
  ...(statement !== undefined && { statement }),
});
const result = (timeUs: number, statement: number, code?: string, severity = 'ERROR'): ReplayEvent => ({
  ...{ kind: 'result', timeUs, statement, tags: [], rows: 0, bytes: 0, durationUs: 1 },
  ...(code !== undefined && { error: { code, severity, message: 'no' } }),
});

describe('what is marked in statements', () => {
  it('is each statement, what failed, was refused, held, masked, and what else was told', () => {
    const { all, counts } = markersOf([
      { kind: 'statement', timeUs: 1 * S, statement: 1, text: 'drop table a' },
      notice(1 * S, 'REFUSED', 'Blocked by rule r.', 1),
      result(1 * S, 1, '42501'),
      { kind: 'statement', timeUs: 2 * S, statement: 2, text: 'grant x' },
      notice(2 * S, 'HELD', 'Held for an approval by rule r (req_1).', 2),
      notice(9 * S, 'APPROVED', 'The request req_1 was approved by bob@example.com.', 2),
      notice(9 * S, 'MASKED', 'Masked: 3 values by emails.', 2),
      result(9 * S, 2),
      { kind: 'statement', timeUs: 10 * S, statement: 3, text: 'selekt' },
      result(10 * S, 3, '42601'),
      result(10 * S, 4, 'skipped', 'SKIPPED'),
      notice(11 * S, 'NOTICE', 'from the target'),
      notice(11 * S, 'FILE', 'upload a.csv'),
    ]);
    expect(all.map(({ kind, timeUs, action, words }) => [kind, timeUs / S, action, words])).toEqual([
      ['action', 1, 1, 'drop table a'],
      ['refusal', 1, 1, 'Blocked by rule r.'],
      ['action', 2, 2, 'grant x'],
      ['hold', 2, 2, 'The request req_1 was approved by bob@example.com. It waited 7 s.'],
      ['mask', 9, 2, 'Masked: 3 values by emails.'],
      ['action', 10, 3, 'selekt'],
      ['error', 10, 3, 'ERROR 42601: no'],
      ['other', 11, undefined, 'NOTICE: from the target'],
      ['file', 11, undefined, 'upload a.csv'],
    ]);
    expect(all[3]?.untilUs).toBe(9 * S);
    expect(counts).toMatchObject({ action: 3, refusal: 1, error: 1, hold: 1, mask: 1, file: 1, other: 1 });
  });

  it('is counted where it is too much to keep', () => {
    const many = Array.from({ length: 100 }, (_, statement): ReplayEvent => {
      return { kind: 'statement', timeUs: statement, statement, text: 'select 1' };
    });
    const { all, more, counts } = markersOf(many, 10);
    expect([all.length, more, counts.action]).toEqual([10, 90, 100]);
  });
});

it('of terminals is commands, lines, exits, files, forwards and new sizes', () => {
  const at = (timeUs: number, lane = 1) => ({ timeUs: timeUs * S, lane });
  const { all } = markersOf([
    { kind: 'lane', ...at(0), of: 'shell', label: 'shell' },
    { kind: 'resize', ...at(0), columns: 80, rows: 24 },
    { kind: 'command', ...at(0), action: 1, form: 'shell', command: '' },
    { kind: 'typed', ...at(1), action: 2, line: 'ls', reconstructed: true },
    { kind: 'resize', ...at(2), columns: 100, rows: 30 },
    { kind: 'lane', ...at(3, 2), of: 'direct-tcpip', label: 'forward to db:5432 (-L)' },
    {
      kind: 'lane-end',
      ...at(4, 2),
      label: 'forward to db:5432 (-L)',
      recorded: 'full',
      bytes: { client: 1, target: 2 },
    },
    {
      kind: 'access',
      ...at(5),
      action: 3,
      operation: 'remove',
      path: '/a',
      durationUs: 1,
      error: { code: 3, message: 'denied' },
    },
    { kind: 'finished', ...at(6), action: 1, exit: 3, durationUs: 1 },
    { kind: 'finished', ...at(6), action: 2, exit: 0, durationUs: 1 },
    { kind: 'more-markers', timeUs: 9 * S, fromUs: 7 * S, of: 'action', count: 40 },
  ]);
  expect(all.map(({ kind, timeUs, lane, words }) => [kind, timeUs / S, lane, words])).toEqual([
    ['action', 0, 1, 'shell'],
    ['action', 1, 1, 'typed: ls'],
    ['resize', 2, 1, '100 × 30'],
    ['forward', 3, 2, 'forward to db:5432 (-L)'],
    ['forward', 4, 2, 'forward to db:5432 (-L) closed, 3 B went over it'],
    ['file', 5, 1, expect.stringMatching(/^remove \/a: .*denied/)],
    ['error', 6, 1, 'exit 3'],
  ]);
});

it('is gone to one after the other among the kinds that are looked at', () => {
  const { all } = markersOf([
    { kind: 'statement', timeUs: 1 * S, statement: 1, text: 'a' },
    result(1 * S, 1, '1'),
    { kind: 'statement', timeUs: 1 * S, statement: 2, text: 'b' },
    result(2 * S, 2, '2'),
  ]);
  const both = new Set(['action', 'error'] as const);
  const walk = (kinds: typeof both | Set<'error'>, direction: 1 | -1, positionUs: number) => {
    const found: string[] = [];
    for (let at = stepMarker(all, kinds, { at: undefined, positionUs }, direction); at; ) {
      found.push(`${at.kind} ${at.action}`);
      at = stepMarker(all, kinds, { at, positionUs: at.timeUs }, direction);
    }
    return found;
  };
  expect(walk(both, 1, 0)).toEqual(['action 1', 'error 1', 'action 2', 'error 2']);
  expect(walk(both, -1, 3 * S)).toEqual(['error 2', 'action 2', 'error 1', 'action 1']);
  expect(walk(new Set(['error'] as const), 1, 0)).toEqual(['error 1', 'error 2']);
  expect(walk(both, 1, 1 * S)).toEqual(['error 2']);
});

it('takes a place on the bar, many one place, a hold all that it lasted, however long the session', () => {
  const spans = [
    { fromUs: 0, untilUs: 0 },
    ...Array.from({ length: 50_000 }, (_, i) => ({ fromUs: 500 + i / 1e5, untilUs: 500 + i / 1e5 })),
    { fromUs: 700, untilUs: 900 },
    { fromUs: 2000, untilUs: 9000 },
  ];
  expect(barPlaces(spans, 1000, 100)).toEqual([
    [0, 0],
    [50, 50],
    [70, 90],
    [100, 100],
  ]);
});
