// What a process has cost so far, from /proc.

import { readFileSync } from 'node:fs';

/** USER_HZ, which Linux fixes at 100 for what it shows in /proc. */
const TICKS_PER_SECOND = 100;

/** User and system time of all its threads, in microseconds. */
export function cpuMicroseconds(pid: number): number {
  // Behind the name, which may hold blanks and brackets: state is field 3, utime and stime 14 and 15.
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1')
    .replace(/^.*\) /s, '')
    .split(' ');
  return ((Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND) * 1_000_000;
}

/** Waits until it has come to rest, so that work left to the background counts too; at most `longestMs`. */
export async function comeToRest(pid: number, longestMs: number): Promise<void> {
  const deadline = performance.now() + longestMs;
  for (let before = -1; performance.now() < deadline; ) {
    const now = cpuMicroseconds(pid);
    if (before >= 0 && now - before < 10_000) return;
    before = now;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

/** Resident memory in bytes. */
export function residentBytes(pid: number): number {
  const line = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'));
  return Number(line?.[1] ?? 0) * 1024;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? (sorted[middle] ?? 0) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
}
