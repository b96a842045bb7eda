import { describe, expect, test } from 'vitest';
import { DiskWatch, nextDiskState } from './disk-watch.ts';
import type { DiskState } from './wal.ts';

describe('the disk watch', () => {
  const walk = (...free: number[]): DiskState[] => {
    let state: DiskState = 'ok';
    return free.map((bytes) => {
      state = nextDiskState(state, bytes, 1000);
      return state;
    });
  };

  test('refuses new sessions below the threshold, ends running ones below half, recovers at 125 %', () => {
    expect(walk(1001, 999, 501, 499, 0)).toEqual(['ok', 'low', 'low', 'critical', 'critical']);
    expect(walk(499, 999, 1000, 1249, 1250)).toEqual(['critical', 'critical', 'low', 'low', 'ok']);
  });

  test('does not flap around the threshold', () => {
    expect(walk(999, 1001, 999, 1200, 1001)).toEqual(['low', 'low', 'low', 'low', 'low']);
    expect(walk(1249, 1001, 1249)).toEqual(['ok', 'ok', 'ok']);
  });

  test('tells of changes once, and a disk that does not answer is no change', async () => {
    const answers = [2000, 900, 900, undefined, 100];
    const changes: string[] = [];
    const watch = new DiskWatch({
      minFreeBytes: 1000,
      everyMs: 1_000_000,
      onChange: (state, bytes) => changes.push(`${state} ${bytes}`),
      onShort: () => changes.push('short'),
      async freeBytes() {
        const free = answers.shift();
        if (free === undefined) throw new Error('EIO');
        return free;
      },
    });
    for (let i = 0; i < 5; i++) await watch.look();
    watch.stop();
    expect(changes).toEqual(['low 900', 'short', 'short', 'critical 100', 'short']);
  });
});
