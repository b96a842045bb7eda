// The timing of a replay: pauses as long as they were, silences shortened as the viewer wants.

import { skippedIdle } from '../../core/replay/idle.ts';
import { span } from '../../core/text/amounts.ts';
import type { Output } from '../output.ts';

export interface PlayOptions {
  /** Times as fast. */
  readonly speed: number;
  /** false: everything at once. */
  readonly wait: boolean;
  /** How much of a silence is played; Infinity: all of it. */
  readonly idleUs: number;
  /** What happened before it is passed over. */
  readonly fromUs: number;
  readonly lane: number | undefined;
}

/** What stands for a silence that was shortened; empty: it was not. */
export const idleWords = (leftOutUs: number, output: Output): string =>
  leftOutUs === 0 ? '' : `${output.style('dim', `[idle ${span(leftOutUs / 1000)} skipped]`)}\n`;

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

  /** Resolves when it is time for what happened then, or at once when stopped, with how much of the silence was left out. */
  async until(timeUs: number): Promise<number> {
    const { speed, wait, idleUs, fromUs } = this.#options;
    const silence = { fromUs: Math.max(this.#lastUs, fromUs), untilUs: timeUs };
    const left = skippedIdle(silence, idleUs);
    const leftOutUs = left ? left.untilUs - left.fromUs : 0;
    const pauseMs = Math.min((Math.max(0, silence.untilUs - silence.fromUs) - leftOutUs) / 1000 / speed, LONGEST_MS);
    this.#lastUs = Math.max(this.#lastUs, timeUs);
    if (!wait) return 0;
    let leftMs = pauseMs;
    while (!this.#stopped && (this.#paused || leftMs > 0)) {
      const began = performance.now();
      const paused = this.#paused;
      await this.#interruptible(paused ? undefined : leftMs);
      if (!paused) leftMs -= performance.now() - began;
    }
    return leftOutUs;
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
