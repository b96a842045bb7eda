// Where a replay stands and how it moves. Pure but for the clock it is given.

import { IDLE_US, skippedIdle } from '../../../../core/replay/idle.ts';

export interface Known {
  /** Times of events, ascending. */
  readonly times: readonly number[];
  /** Where playing stops: the session's end, or the last that was received. */
  readonly endUs: number;
  /** false: more may arrive behind the last time. */
  readonly complete: boolean;
  countUntil(timeUs: number): number;
}

type Tick =
  | { readonly kind: 'moved' }
  | { readonly kind: 'skipped'; readonly us: number }
  | { readonly kind: 'waiting' }
  | { readonly kind: 'ended' };

export class Playback {
  skipIdle = true;
  readonly #clock: () => number;
  #playing = false;
  #speed = 1;
  #anchorMs = 0;
  #anchorUs = 0;

  /** `clock`: milliseconds, monotonic. */
  constructor(clock: () => number) {
    this.#clock = clock;
  }

  get playing(): boolean {
    return this.#playing;
  }

  get speed(): number {
    return this.#speed;
  }

  get positionUs(): number {
    if (!this.#playing) return this.#anchorUs;
    return this.#anchorUs + (this.#clock() - this.#anchorMs) * 1000 * this.#speed;
  }

  play(): void {
    this.#anchor(this.#anchorUs);
    this.#playing = true;
  }

  pause(): void {
    this.#anchor(this.positionUs);
    this.#playing = false;
  }

  seek(us: number): void {
    this.#anchor(Math.max(0, us));
  }

  setSpeed(speed: number): void {
    this.#anchor(this.positionUs);
    this.#speed = speed;
  }

  #anchor(us: number): void {
    this.#anchorUs = us;
    this.#anchorMs = this.#clock();
  }

  /** Call for each frame while playing. */
  tick(known: Known): Tick {
    const at = this.positionUs;
    const lastUs = known.times.at(-1) ?? 0;
    if (at > lastUs && !known.complete) {
      this.#anchor(lastUs);
      return { kind: 'waiting' };
    }
    if (at >= known.endUs) {
      this.#anchor(known.endUs);
      this.#playing = false;
      return { kind: 'ended' };
    }
    if (!this.skipIdle) return { kind: 'moved' };
    const index = known.countUntil(at);
    const silence = { fromUs: known.times[index - 1] ?? 0, untilUs: known.times[index] ?? known.endUs };
    const skipped = skippedIdle(silence, IDLE_US);
    if (!skipped || at < skipped.fromUs || at >= skipped.untilUs) return { kind: 'moved' };
    this.#anchor(skipped.untilUs);
    return { kind: 'skipped', us: skipped.untilUs - at };
  }
}
