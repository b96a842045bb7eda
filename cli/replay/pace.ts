// The timing of a replay: pauses as long as they were, within what the viewer bears.

export interface PlayOptions {
  /** Times as fast. */
  readonly speed: number;
  /** false: everything at once. */
  readonly wait: boolean;
  readonly maxIdleMs: number;
  readonly lane: number | undefined;
}

/** setTimeout takes no more. */
const LONGEST_MS = 2 ** 31 - 1;

export class Pace {
  readonly #options: PlayOptions;
  #lastUs = 0;
  #paused = false;
  #stopped = false;
  #wake: () => void = () => {};

  constructor(options: PlayOptions) {
    this.#options = options;
  }

  get stopped(): boolean {
    return this.#stopped;
  }

  /** Resolves when it is time for what happened then, or at once when stopped. */
  async until(timeUs: number): Promise<void> {
    const { speed, wait, maxIdleMs } = this.#options;
    const pauseMs = Math.min(Math.max(0, timeUs - this.#lastUs) / 1000 / speed, maxIdleMs, LONGEST_MS);
    this.#lastUs = Math.max(this.#lastUs, timeUs);
    if (!wait) return;
    let leftMs = pauseMs;
    while (!this.#stopped && (this.#paused || leftMs > 0)) {
      const began = performance.now();
      const paused = this.#paused;
      await this.#interruptible(paused ? undefined : leftMs);
      if (!paused) leftMs -= performance.now() - began;
    }
  }

  togglePause(): void {
    this.#paused = !this.#paused;
    this.#wake();
  }

  stop(): void {
    this.#stopped = true;
    this.#wake();
  }

  #interruptible(ms: number | undefined): Promise<void> {
    return new Promise((resolve) => {
      const timer = ms === undefined ? undefined : setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
