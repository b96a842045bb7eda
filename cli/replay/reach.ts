// Whether a recording goes as far as the moment from which somebody wants it played.

import type { SessionEntry } from '../../core/catalogue.ts';
import { offset } from '../../core/text/amounts.ts';
import { type Failure, usage } from '../failure.ts';

/** How ended sessions' times may differ from the recording's own. */
const SLACK_US = 1_000_000;

/** Throws Failure where it does not: nothing played is no answer. */
export class ReplayReach {
  readonly #asked: string;
  readonly #fromUs: number;
  readonly #isLive: boolean;
  #lastUs = 0;
  /** Not where the viewer stopped before. */
  sawAll = false;

  constructor(asked: string, fromUs: number, { startedAt, endedAt }: SessionEntry) {
    this.#asked = asked;
    this.#fromUs = fromUs;
    this.#isLive = endedAt === undefined;
    // Said before anything of it is shown, where that is known.
    const lengthUs = endedAt === undefined ? undefined : (Date.parse(endedAt) - Date.parse(startedAt)) * 1000;
    if (lengthUs !== undefined && fromUs > lengthUs + SLACK_US) throw this.#beyond(lengthUs);
  }

  sees(timeUs: number): void {
    this.#lastUs = Math.max(this.#lastUs, timeUs);
  }

  end(): void {
    if (this.sawAll && this.#fromUs > this.#lastUs) throw this.#beyond(this.#lastUs);
  }

  #beyond(us: number): Failure {
    const goes = this.#isLive ? 'the session is still running, and its recording goes to' : 'the session ended at';
    return usage(`--at ${this.#asked}: ${goes} ${offset(us)}`);
  }
}
