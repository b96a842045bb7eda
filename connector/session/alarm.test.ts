import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { setAlarm } from './alarm.ts';

const DAY_MS = 86_400_000;

describe('an alarm', () => {
  beforeEach(() => {
    vi.useFakeTimers({ now: 0 });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it.each([1, 29_999, 30_000, 30_001, 2 ** 31 - 1, 2 ** 31, 60 * DAY_MS])(
    'rings once, %i ms from now, and not before',
    (ms) => {
      const ring = vi.fn();
      setAlarm(ms, ring);
      vi.advanceTimersByTime(ms - 1);
      expect(ring).not.toHaveBeenCalled();
      vi.advanceTimersByTime(60_000);
      expect(ring).toHaveBeenCalledOnce();
    },
  );

  it('rings at the next turn when its time is past', () => {
    const ring = vi.fn();
    setAlarm(-5, ring);
    expect(ring).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(ring).toHaveBeenCalledOnce();
  });

  it('follows a clock that is set, within half a minute', () => {
    const ring = vi.fn();
    let now = 0;
    setAlarm(DAY_MS, ring, () => now);
    now = DAY_MS;
    vi.advanceTimersByTime(30_001);
    expect(ring).toHaveBeenCalledOnce();
  });

  it('that was cancelled does not ring', () => {
    const ring = vi.fn();
    setAlarm(100_000, ring).cancel();
    vi.advanceTimersByTime(200_000);
    expect(ring).not.toHaveBeenCalled();
  });
});
