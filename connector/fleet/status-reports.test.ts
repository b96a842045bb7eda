import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { ConnectorStatus } from '../../core/fleet/connector-status.ts';
import { createStatusReports } from './status-reports.ts';

let status: ConnectorStatus;
let told: number[];
beforeEach(() => {
  vi.useFakeTimers();
  status = { accepting: true, sessions: 0, logFree: 1, backlog: { bytes: 0, objects: 0 } };
  told = [];
});
afterEach(() => vi.useRealTimers());

const reports = (read = (): ConnectorStatus | undefined => status) =>
  createStatusReports({ read, send: (message) => told.push(message.status.sessions) });

test('is told on every link, in half a minute where it changed, and at once when asked to', () => {
  const made = reports();
  made.linked(true);
  expect(told).toEqual([0]);
  vi.advanceTimersByTime(90_000);
  expect(told).toEqual([0]);
  status = { ...status, sessions: 1 };
  vi.advanceTimersByTime(30_000);
  expect(told).toEqual([0, 1]);
  status = { ...status, sessions: 2 };
  made.tell();
  expect(told).toEqual([0, 1, 2]);
  made.unlinked();
  made.linked(true);
  expect(told).toEqual([0, 1, 2, 2]);
});

test('sessions that begin and end together are told together', () => {
  const made = reports();
  made.linked(true);
  for (let sessions = 1; sessions <= 100; sessions++) {
    status = { ...status, sessions };
    made.soon();
  }
  vi.advanceTimersByTime(2_000);
  expect(told).toEqual([0, 100]);
});

test('an edge of an earlier release is told nothing, nor one that is away, nor before there is something to say', () => {
  const made = reports();
  made.linked(false);
  made.tell();
  made.soon();
  vi.advanceTimersByTime(60_000);
  made.linked(true);
  made.unlinked();
  made.tell();
  made.soon();
  vi.advanceTimersByTime(60_000);
  reports(() => undefined).linked(true);
  expect(told).toEqual([0]);
});
