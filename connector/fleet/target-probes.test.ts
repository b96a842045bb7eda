import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { RefusalReason } from '../../core/refusal.ts';
import { ResourceName } from '../../core/resource.ts';
import type { Trial } from '../trial.ts';
import { createTargetProbes, type TargetProbes } from './target-probes.ts';

const MINUTE = 60_000;
const usable: Trial = { faults: [], refusal: undefined, madeUser: false };
const kept = (reason: RefusalReason, detail = 'in detail'): Trial => ({
  faults: [{ message: detail }],
  refusal: { reason, message: `as clients hear it: ${reason}` },
  madeUser: false,
});

const running: TargetProbes[] = [];

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(async () => {
  const stopping = running.splice(0).map((each) => each.stop());
  await vi.advanceTimersByTimeAsync(20_000);
  await Promise.all(stopping);
  vi.useRealTimers();
});

function probing(
  count: number,
  answer: (resource: ResourceName, nth: number) => Trial | Promise<Trial>,
  periodMs?: number,
) {
  const tried: { resource: ResourceName }[] = [];
  const seen: [string, string | undefined][] = [];
  const changed: [string, string | undefined][] = [];
  const trials = new Map(
    Array.from({ length: count }, (_, index) => {
      const resource = ResourceName.parse(`target-${index}`);
      return [
        resource,
        async () => {
          tried.push({ resource });
          return answer(resource, tried.filter((it) => it.resource === resource).length);
        },
      ] as const;
    }),
  );
  const probes = createTargetProbes({
    ...{ trials, now: Date.now, periodMs },
    onSeen: (...args) => seen.push(args),
    onChanged: (...args) => changed.push(args),
  });
  running.push(probes);
  probes.start();
  return { probes, tried, seen, changed, first: ResourceName.parse('target-0') };
}

test('each is tried soon after the start, then once a minute, and told each time', async () => {
  const { tried, seen, changed } = probing(3, () => usable);
  await vi.advanceTimersByTimeAsync(2_000);
  expect(tried.map(({ resource }) => resource)).toEqual(['target-0', 'target-1', 'target-2']);
  expect(seen).toEqual(tried.map(({ resource }) => [resource, undefined]));
  await vi.advanceTimersByTimeAsync(10 * MINUTE);
  for (const name of ['target-0', 'target-1', 'target-2']) {
    const of = tried.filter(({ resource }) => resource === name).length;
    expect([10, 11, 12]).toContain(of);
  }
  expect(changed).toEqual([]);
});

test('one that does not answer is tried again each minute, told in words for clients, and its log has a line a change', async () => {
  const { tried, seen, changed } = probing(1, (_, nth) => (nth < 6 ? kept('upstream_unreachable') : usable));
  await vi.advanceTimersByTimeAsync(8 * MINUTE);
  expect(tried.length).toBeGreaterThan(6);
  expect(seen[0]).toEqual(['target-0', 'as clients hear it: upstream_unreachable']);
  expect(seen.at(-1)).toEqual(['target-0', undefined]);
  expect(changed).toEqual([
    ['target-0', 'in detail'],
    ['target-0', undefined],
  ]);
});

test.each(['upstream_login_failed', 'upstream_untrusted'] as const)(
  '%s is tried less and less often: accounts are locked by it',
  async (reason) => {
    const { probes, tried, first } = probing(1, () => kept(reason));
    await vi.advanceTimersByTimeAsync(26 * MINUTE);
    // At 0, 1, 3, 7 and 15 minutes.
    expect(tried.length).toBe(5);
    await vi.advanceTimersByTimeAsync(24 * 60 * MINUTE);
    expect(tried.length).toBeGreaterThan(25);
    expect(tried.length).toBeLessThan(35);
    // A session got in: the password is right again.
    probes.saw(first, undefined);
    const before = tried.length;
    await vi.advanceTimersByTimeAsync(2 * 60 * MINUTE);
    expect(tried.length - before).toBeGreaterThan(2);
  },
);

test('no probe where sessions are', async () => {
  const { probes, tried, first } = probing(2, () => usable);
  await vi.advanceTimersByTimeAsync(2_000);
  for (let minute = 0; minute < 30; minute++) {
    probes.saw(first, undefined);
    await vi.advanceTimersByTimeAsync(MINUTE / 2);
  }
  expect(tried.filter(({ resource }) => resource === first).length).toBe(1);
  expect(tried.length).toBeGreaterThan(13);
});

test('where a login makes a user, it is tried a fifteenth as often', async () => {
  const { tried } = probing(1, () => ({ ...usable, madeUser: true }));
  await vi.advanceTimersByTimeAsync(50 * MINUTE);
  expect(tried.length).toBe(4);
});

test('a thousand are no flood, and four that hang hold up nobody for longer than they hang', async () => {
  let underWay = 0;
  let most = 0;
  const { tried } = probing(1000, async (_, nth) => {
    most = Math.max(most, ++underWay);
    if (nth > 1) await new Promise((done) => setTimeout(done, 10_000));
    underWay--;
    return usable;
  });
  await vi.advanceTimersByTimeAsync(10_000);
  expect(tried.length).toBeGreaterThan(30);
  expect(tried.length).toBeLessThanOrEqual(50);
  await vi.advanceTimersByTimeAsync(200_000);
  expect(new Set(tried.map(({ resource }) => resource)).size).toBe(1000);
  await vi.advanceTimersByTimeAsync(100_000);
  expect(most).toBe(4);
});

test('0 seconds: none; a stop waits for those under way, and nothing is told afterwards', async () => {
  const none = probing(1, () => usable, 0);
  await vi.advanceTimersByTimeAsync(10 * MINUTE);
  expect(none.tried).toEqual([]);

  let finish: (trial: Trial) => void = () => {};
  const { probes, seen } = probing(1, () => new Promise((resolve) => (finish = resolve)));
  await vi.advanceTimersByTimeAsync(2_000);
  let stopped = false;
  const stopping = probes.stop().then(() => {
    stopped = true;
  });
  await vi.advanceTimersByTimeAsync(1_000);
  expect(stopped).toBe(false);
  finish(usable);
  await stopping;
  expect(seen).toEqual([]);
});
