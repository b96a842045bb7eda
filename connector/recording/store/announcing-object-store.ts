// A store that tells of its new objects although it notifies nobody itself: at least once of each, also across a crash. Before a
// put is confirmed a marker stands in a directory of ours, and goes when the receiver has taken the event. Markers that are found
// at start are gone through again; of a put that was not confirmed the uploader sends the same object again.

import { mkdir, readdir, readFile, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Result } from '../../../core/result.ts';
import { CreatedAnnouncer, type SendCreated } from './created-announcer.ts';
import type { ObjectStore, Putting, Stored, StoreFault } from './object-store.ts';
import { syncFolder } from './store-root.ts';

interface AnnouncingOptions {
  readonly store: ObjectStore;
  /** Of the markers; made when it is not there. */
  readonly directory: string;
  readonly send: SendCreated;
  readonly onState: (state: 'failing' | 'recovered', message: string) => void;
  readonly retryMs?: number;
}

export class AnnouncingObjectStore implements ObjectStore {
  readonly #store: ObjectStore;
  readonly #directory: string;
  readonly #announcer: CreatedAnnouncer;
  readonly #opened: Promise<void>;
  /** Of what has no marker, as the disk has no room: told of all the same, unless this process ends before. */
  readonly #unmarked = new Map<string, number>();

  constructor({ store, directory, send, onState, retryMs = 1_000 }: AnnouncingOptions) {
    this.#store = store;
    this.#directory = directory;
    this.#announcer = new CreatedAnnouncer({
      send,
      sizeOf: (key) => this.#sizeOf(key),
      settled: (key) => this.#settled(key),
      onState,
      retryMs,
    });
    this.#opened = this.#open();
    // Said by the first put.
    this.#opened.catch(() => undefined);
  }

  async put(key: string, bytes: Uint8Array, putting: Putting): Promise<Result<Stored, StoreFault>> {
    const stored = await this.#store.put(key, bytes, putting);
    if (!stored.ok) return stored;
    try {
      await this.#opened;
      await writeFile(this.#marker(key), String(bytes.length), { mode: 0o600, flush: true });
      await syncFolder(this.#directory);
    } catch {
      // The object is safe, and to confirm it is what makes room.
      this.#unmarked.set(key, bytes.length);
    }
    this.#announcer.add(key);
    return stored;
  }

  get announced(): boolean {
    return this.#announcer.atRest;
  }

  async close(): Promise<void> {
    await this.#opened.catch(() => undefined);
    await this.#announcer.close();
    await this.#store.close();
  }

  async #open(): Promise<void> {
    await mkdir(this.#directory, { recursive: true, mode: 0o700 });
    for (const name of await readdir(this.#directory)) this.#announcer.add(decodeURIComponent(name));
  }

  /** A marker that a crash left empty is one. */
  async #sizeOf(key: string): Promise<number> {
    return this.#unmarked.get(key) ?? Number(await readFile(this.#marker(key), 'utf8').catch(() => '0'));
  }

  /** Left behind, it costs one more announcement. */
  async #settled(key: string): Promise<void> {
    if (!this.#unmarked.delete(key)) await unlink(this.#marker(key)).catch(() => undefined);
  }

  #marker(key: string): string {
    return join(this.#directory, encodeURIComponent(key));
  }
}
