// Waiting for the catalogue before a message is judged and recorded: how much of a statement is hidden hangs on it, and
// the recording is written before any answer comes.

import { type CatalogueLease, MAX_CATALOGUE_AGE_MS } from './catalogues.ts';

export class FreshCatalogue {
  readonly #lease: CatalogueLease;
  readonly #began: number;
  /** For the message at hand: whatever came of it, it goes on. */
  #waited = false;

  /** `began`: when the session did; a catalogue of before may be too old. */
  constructor(lease: CatalogueLease, began: number) {
    this.#lease = lease;
    this.#began = began;
  }

  /** When a load must have begun to be of use at all. */
  oldest(now: number): number {
    const { current, changedAt } = this.#lease;
    return current ? Math.max(changedAt, now - MAX_CATALOGUE_AGE_MS) : Math.min(this.#began, now);
  }

  /** Asked before a message, and again when what it gave has resolved. Undefined: there is nothing to wait for, or it was waited for. */
  before(): Promise<void> | undefined {
    const waited = this.#waited;
    this.#waited = false;
    if (waited || this.#lease.usable()) return undefined;
    this.#waited = true;
    return this.#lease.refresh(this.oldest(this.#lease.now()));
  }
}
