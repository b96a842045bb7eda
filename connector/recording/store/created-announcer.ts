// Tells of new objects, at least once of each: in batches, one request at a time, again and again
// until they are taken. How many wait does not matter to whoever receives them.
//
// A batch that is not taken is tried again smaller, and behind the others: so one object that cannot
// be taken ends up alone, and holds up nobody.

import { Sleepers } from './sleepers.ts';

export interface CreatedObject {
  readonly key: string;
  readonly size: number;
}

/** Rejects unless the receiver took all of them. */
export type SendCreated = (objects: readonly CreatedObject[], signal: AbortSignal) => Promise<void>;

interface CreatedAnnouncerOptions {
  readonly send: SendCreated;
  /** undefined: there is no such object. Rejects when that cannot be said now. */
  readonly sizeOf: (key: string) => Promise<number | undefined>;
  /** It is announced, or never came about. */
  readonly settled: (key: string) => Promise<void>;
  /** Told once when announcing goes on failing, and once when it works again. The objects are safe meanwhile. */
  readonly onState: (state: 'failing' | 'recovered', message: string) => void;
  readonly retryMs: number;
}

/** Of S3's own notifications a receiver takes as many as fit; ours takes them a few at a time. */
const MAX_BATCH = 100;
/** Rejections in a row before somebody is told: a receiver that restarts is no news. */
const PATIENCE = 3;
const LONGEST_RETRY_MS = 10_000;

export class CreatedAnnouncer {
  readonly #options: CreatedAnnouncerOptions;
  /** In the order of their turn. */
  readonly #waiting = new Set<string>();
  readonly #sleepers = new Sleepers();
  readonly #closing = new AbortController();
  #running: Promise<void> | undefined;
  #batch = MAX_BATCH;
  #failures = 0;
  #toldFailing = false;

  constructor(options: CreatedAnnouncerOptions) {
    this.#options = options;
  }

  add(key: string): void {
    if (this.#closing.signal.aborted) return;
    this.#waiting.add(key);
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
  }

  /** All is told, or the last attempt failed. */
  get atRest(): boolean {
    return this.#running === undefined || this.#failures > 0;
  }

  /** Cuts short what is under way: whoever opens the store next tells of it again. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#sleepers.wakeAll();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    while (this.#waiting.size > 0 && !signal.aborted) {
      const keys = this.#nextBatch();
      try {
        await this.#announce(keys);
        this.#batch = Math.min(MAX_BATCH, this.#batch * 2);
        this.#failures = 0;
        this.#tell(undefined);
      } catch (error) {
        if (signal.aborted) return;
        for (const key of keys) this.#waiting.add(key);
        this.#batch = Math.ceil(keys.length / 2);
        this.#failures++;
        if (this.#failures >= PATIENCE) this.#tell(error);
        await this.#sleepers.sleep(Math.min(LONGEST_RETRY_MS, this.#options.retryMs * 2 ** (this.#failures - 1)));
      }
    }
  }

  #nextBatch(): string[] {
    const keys: string[] = [];
    for (const key of this.#waiting) {
      if (keys.length === this.#batch) break;
      keys.push(key);
    }
    for (const key of keys) this.#waiting.delete(key);
    return keys;
  }

  async #announce(keys: readonly string[]): Promise<void> {
    const { send, sizeOf, settled } = this.#options;
    const objects: CreatedObject[] = [];
    for (const key of keys) {
      const size = await sizeOf(key);
      if (size !== undefined) objects.push({ key, size });
    }
    if (objects.length > 0) await send(objects, this.#closing.signal);
    for (const key of keys) await settled(key);
  }

  #tell(error: unknown): void {
    const fails = error !== undefined;
    if (fails === this.#toldFailing) return;
    this.#toldFailing = fails;
    if (!fails) this.#options.onState('recovered', 'New objects are announced again.');
    else {
      const why = error instanceof Error ? error.message : 'unknown error';
      this.#options.onState('failing', `New objects are stored and not announced, so the catalogue lags: ${why}.`);
    }
  }
}
