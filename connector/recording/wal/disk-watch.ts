// Free space with hysteresis: below the threshold no new sessions, below half of it running ones
// end, and only at 125 % of it all is well again.

import type { DiskState } from './wal.ts';

export function nextDiskState(current: DiskState, freeBytes: number, minFreeBytes: number): DiskState {
  if (freeBytes < minFreeBytes / 2) return 'critical';
  if (freeBytes >= minFreeBytes * 1.25) return 'ok';
  if (freeBytes < minFreeBytes) return current === 'critical' ? 'critical' : 'low';
  // Between the threshold and recovery: new sessions wait, running ones are left alone.
  return current === 'ok' ? 'ok' : 'low';
}

interface DiskWatchOptions {
  readonly freeBytes: () => Promise<number>;
  readonly minFreeBytes: number;
  readonly everyMs: number;
  readonly onChange: (state: DiskState, freeBytes: number) => void;
  /** At each look while not all is well. */
  readonly onShort: () => void;
}

export class DiskWatch {
  readonly #options: DiskWatchOptions;
  #state: DiskState = 'ok';
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;
  freeBytes = Number.POSITIVE_INFINITY;

  constructor(options: DiskWatchOptions) {
    this.#options = options;
  }

  /** Looks now, and then again and again until stop(). */
  async look(): Promise<void> {
    const { freeBytes, minFreeBytes, everyMs, onChange } = this.#options;
    // A disk that does not answer will fail the log's next write; that is the log's to say.
    const free = await freeBytes().catch(() => undefined);
    if (this.#stopped) return;
    if (free !== undefined) {
      this.freeBytes = free;
      const next = nextDiskState(this.#state, free, minFreeBytes);
      if (next !== this.#state) {
        this.#state = next;
        onChange(next, free);
      }
      if (next !== 'ok') this.#options.onShort();
    }
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.look(), everyMs).unref();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }
}
