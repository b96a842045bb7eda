import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { MAX_TARGETS_A_MESSAGE } from '../../core/control.ts';
import { ResourceName, type TargetSeen } from '../../core/resource.ts';
import { createTargetReports, type TargetReports } from './target-reports.ts';

const [orders, stock] = ['orders', 'stock'].map((name) => ResourceName.parse(name)) as [ResourceName, ResourceName];
const AWAY = 'The database is not reachable (ECONNREFUSED).';

let sent: TargetSeen[][];
let reports: TargetReports;
beforeEach(() => {
  vi.useFakeTimers({ now: Date.parse('2026-11-20T12:00:00.000Z') });
  sent = [];
  reports = createTargetReports({ send: ({ targets }) => sent.push(targets), now: Date.now });
});
afterEach(() => vi.useRealTimers());

/** What was told since the last call: name and fault. */
const told = () => sent.splice(0).map((targets) => targets.map(({ resource, fault }) => [resource, fault]));

test('tells together what came together, the newest of each', () => {
  reports.linked(true);
  reports.saw(orders, AWAY);
  reports.saw(stock, undefined);
  reports.saw(orders, undefined);
  expect(told()).toEqual([]);
  vi.advanceTimersByTime(500);
  expect(sent[0]?.[0]).toEqual({ resource: orders, at: '2026-11-20T12:00:00.000Z' });
  expect(told()).toEqual([
    [
      [orders, undefined],
      [stock, undefined],
    ],
  ]);
});

test('tells a change at once and the same again once a minute', () => {
  reports.linked(true);
  for (let second = 0; second < 90; second++) {
    reports.saw(orders, undefined);
    vi.advanceTimersByTime(1000);
  }
  expect(told()).toHaveLength(2);
  reports.saw(orders, AWAY);
  vi.advanceTimersByTime(500);
  expect(told()).toEqual([[[orders, AWAY]]]);
  vi.advanceTimersByTime(600_000);
  expect(told()).toEqual([]);
});

test('tells all of it on every link, in messages that fit, and nothing to an edge that does not know them', () => {
  const names = Array.from({ length: MAX_TARGETS_A_MESSAGE + 1 }, (_, at) => ResourceName.parse(`r-${at}`));
  for (const name of names) reports.saw(name, 'x'.repeat(1000));
  vi.advanceTimersByTime(1000);
  expect(told()).toEqual([]);
  reports.linked(true);
  expect(sent.map((targets) => targets.length)).toEqual([MAX_TARGETS_A_MESSAGE, 1]);
  expect(sent[0]?.[0]?.fault).toHaveLength(300);
  sent = [];
  reports.unlinked();
  reports.saw(orders, AWAY);
  vi.advanceTimersByTime(1000);
  expect(told()).toEqual([]);
  reports.linked(false);
  reports.saw(orders, undefined);
  vi.advanceTimersByTime(1000);
  expect(told()).toEqual([]);
  reports.unlinked();
  reports.linked(true);
  expect(told().flat()).toContainEqual([orders, undefined]);
});
