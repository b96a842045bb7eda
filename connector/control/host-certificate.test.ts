import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { err, ok } from '../../core/result.ts';
import type { Logger } from '../logger.ts';
import { keepHostCertificate } from './host-certificate.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
let stop = () => {};
let said: string[];
const log = Object.fromEntries(
  ['debug', 'info', 'warn', 'error'].map((level) => [level, (event: string) => void said.push(event)]),
) as unknown as Logger;

beforeEach(() => {
  said = [];
  vi.useFakeTimers({ now: 1_000_000 });
});
afterEach(() => {
  stop();
  vi.useRealTimers();
});

function keep(
  answers: (() => ReturnType<Parameters<typeof keepHostCertificate>[0]['request']>)[],
  askAfter: Promise<void>,
) {
  const presented: string[] = [];
  let asked = 0;
  stop = keepHostCertificate({
    request: () => {
      asked++;
      return (answers.shift() ?? (async () => ok({ certificate: 'later', until: '' })))();
    },
    present(certificate) {
      presented.push(certificate);
      return certificate === 'foreign' ? undefined : Date.now() + 30 * DAY_MS;
    },
    askAfter,
    log,
  });
  return { presented, asked: () => asked };
}
const given = (certificate: string) => async () => ok({ certificate, until: '' });

test('is asked for once the key was announced, and renewed after two thirds of its life', async () => {
  const linked = Promise.withResolvers<void>();
  const { presented, asked } = keep([given('first'), given('second')], linked.promise);
  await vi.advanceTimersByTimeAsync(HOUR_MS);
  expect(asked()).toBe(0);
  linked.resolve();
  await vi.advanceTimersByTimeAsync(0);
  expect(presented).toEqual(['first']);
  await vi.advanceTimersByTimeAsync(20 * DAY_MS - HOUR_MS);
  expect(presented).toEqual(['first']);
  await vi.advanceTimersByTimeAsync(2 * HOUR_MS);
  expect(presented).toEqual(['first', 'second']);
});

test('is asked for again where the edge is away, or gave one that is no use; not once it is stopped', async () => {
  const away = async () => err({ kind: 'unreachable' as const, message: 'it does not answer' });
  const { presented, asked } = keep([away, given('foreign'), given('good')], Promise.resolve());
  await vi.advanceTimersByTimeAsync(HOUR_MS);
  expect(presented).toEqual(['foreign', 'good']);
  expect(said).toEqual(['host_certificate.not_renewed', 'host_certificate.not_renewed', 'host_certificate.renewed']);
  stop();
  await vi.advanceTimersByTimeAsync(60 * DAY_MS);
  expect(asked()).toBe(3);

  // Nor is one that was under way then.
  const pending = Promise.withResolvers<{ certificate: string; until: string }>();
  const late = keep([async () => ok(await pending.promise)], Promise.resolve());
  await vi.advanceTimersByTimeAsync(0);
  stop();
  pending.resolve({ certificate: 'late', until: '' });
  await vi.advanceTimersByTimeAsync(HOUR_MS);
  expect([late.presented, late.asked()]).toEqual([[], 1]);
});
