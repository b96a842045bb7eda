import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Report } from '../../core/control.ts';
import { newId } from '../../core/ids.ts';
import { MAX_KEPT_ATTEMPTS, openOutbox } from './outbox.ts';

let directory: string;
let faults: string[];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'gatehouse-outbox-'));
  faults = [];
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const open = () => openOutbox({ directory, onFault: (message) => faults.push(message) });
const path = () => join(directory, 'outbox.ndjson');
const ended = (): Report => ({
  kind: 'session.ended',
  session: newId('ses'),
  reason: 'client_closed',
  message: '',
  at: new Date().toISOString(),
});
const attempt: Report = {
  kind: 'attempt.refused',
  email: 'a@b',
  resource: 'r',
  protocol: 'postgres',
  reason: 'credentials_wrong',
  clientAddress: '::1',
  at: new Date().toISOString(),
};

test('a crash loses no end and no head: the next start has what was not acknowledged', () => {
  const first = open();
  const kept = [first.add(ended()), first.add(ended()), first.add(ended())];
  first.acknowledge(kept[1]?.seq ?? 0);
  // No close: the process died here.
  const second = open();
  expect(second.next(0, 10)).toEqual([kept[0], kept[2]]);
  expect(faults).toEqual([]);
});

test('numbers grow across starts, also past those of attempts that were not kept', () => {
  // Both starts in the same millisecond.
  const startNow = () => openOutbox({ directory, now: () => 2_000_000, onFault: () => {} });
  const first = startNow();
  first.add(ended());
  const last = first.add(attempt);
  const second = startNow();
  expect(second.size).toBe(1);
  expect(second.add(ended()).seq).toBeGreaterThan(last.seq);
});

test('numbers grow although the clock was set back', () => {
  const first = openOutbox({ directory, now: () => 2_000_000, onFault: () => {} });
  const { seq } = first.add(ended());
  const second = openOutbox({ directory, now: () => 1_000_000, onFault: () => {} });
  expect(second.add(ended()).seq).toBeGreaterThan(seq);
});

test('a line that a crash cut is dropped without a word, a damaged one in the middle with one', () => {
  const first = open();
  const kept = first.add(ended());
  appendFileSync(path(), '{"seq":1,"rep');
  expect(open().next(0, 10)).toEqual([kept]);
  expect(faults).toEqual([]);
  appendFileSync(path(), 'garbage\n');
  expect(open().next(0, 10)).toEqual([kept]);
  expect(faults).toEqual([`${path()}: 1 damaged lines were dropped`]);
});

test('keeps a bounded number of attempts, the newest, and counts the others', () => {
  const outbox = open();
  for (let i = 0; i < MAX_KEPT_ATTEMPTS + 3; i++) outbox.add(attempt);
  expect(outbox.size).toBe(MAX_KEPT_ATTEMPTS);
  expect(outbox.takeDropped()).toBe(3);
  expect(outbox.takeDropped()).toBe(0);
  for (const { seq } of outbox.next(0, MAX_KEPT_ATTEMPTS)) outbox.acknowledge(seq);
  expect(outbox.size).toBe(0);
});

test('the file stays small while reports come and go, and is private', () => {
  const outbox = open();
  for (let i = 0; i < 5_000; i++) outbox.acknowledge(outbox.add(ended()).seq);
  expect(statSync(path()).size).toBeLessThan(600_000);
  expect(statSync(path()).mode & 0o777).toBe(0o600);
  outbox.close();
  expect(readFileSync(path(), 'utf8')).toMatch(/^\{"reserved":\d+\}\n$/);
});

test('when the file cannot be written, says so once and keeps reports in memory', () => {
  const outbox = open();
  outbox.close();
  rmSync(directory, { recursive: true });
  outbox.add(ended());
  outbox.add(ended());
  expect(outbox.size).toBe(2);
  expect(faults).toHaveLength(1);
  expect(faults[0]).toContain('ENOENT');
});
