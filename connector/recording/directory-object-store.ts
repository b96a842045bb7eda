// Objects as files below a directory, for one machine. Creation is atomic and never overwrites: the
// bytes are written to a file of another name, made durable, and linked to the key's path; link(2)
// fails when the path exists. A directory cannot lock, so retention is not enforced here.
//
// Whoever wants to know of new objects gets `onCreated`, at least once for each, also across a
// crash: a marker is made before the object, and removed only when onCreated has resolved. Markers
// found at start are gone through again; one without its object is of a put that never came about.

import { createHash } from 'node:crypto';
import { link, mkdir, open, readdir, stat, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { err, ok, type Result } from '../../core/result.ts';
import type { ObjectStore, Putting, Stored, StoreFault } from './object-store.ts';
import { Sleepers } from './sleepers.ts';

export interface DirectoryStoreOptions {
  readonly root: string;
  /** Rejects: called again later. May be called more than once for an object. */
  readonly onCreated?: ((key: string, size: number) => Promise<void>) | undefined;
  /** Told once when onCreated goes on rejecting, and once when it takes events again. The objects are safe meanwhile. */
  readonly onAnnouncing?: ((state: 'failing' | 'recovered', message: string) => void) | undefined;
  readonly retryMs?: number;
}

/** Rejections of one event before somebody is told: a receiver that restarts is no news. */
const PATIENCE = 3;

/** Beside the objects, on the same file system. No key begins with a dot. */
const PARTS = '.parts';
const EVENTS = '.events';
const LEFT_PART_MS = 3_600_000;
const KEY = /^[A-Za-z0-9_-][A-Za-z0-9._-]*(\/[A-Za-z0-9_-][A-Za-z0-9._-]*)*$/;

export class DirectoryObjectStore implements ObjectStore {
  readonly #root: string;
  readonly #onCreated: DirectoryStoreOptions['onCreated'];
  readonly #onAnnouncing: DirectoryStoreOptions['onAnnouncing'];
  readonly #retryMs: number;
  #announcingFails = false;
  #lastPart = 0;
  readonly #announcing = new Map<string, Promise<void>>();
  readonly #sleepers = new Sleepers();
  #closed = false;
  #opened: Promise<void> | undefined;

  constructor(options: DirectoryStoreOptions) {
    this.#root = options.root;
    this.#onCreated = options.onCreated;
    this.#onAnnouncing = options.onAnnouncing;
    this.#retryMs = options.retryMs ?? 1_000;
    // At once, for the events that a crash left. A directory that is away now is tried again by each put.
    this.#opened = this.#open();
    this.#opened.catch(() => {
      this.#opened = undefined;
    });
  }

  async put(key: string, bytes: Uint8Array, putting: Putting): Promise<Result<Stored, StoreFault>> {
    if (!KEY.test(key)) return err({ reason: 'store_refused', message: 'the key is no path below the directory' });
    try {
      this.#opened ??= this.#open();
      await this.#opened;
      return await this.#create(key, bytes, putting);
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? 'error';
      this.#opened = undefined;
      return err({ reason: 'store_unreachable', message: `${code} in ${this.#root}` });
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#sleepers.wakeAll();
    await Promise.all(this.#announcing.values());
  }

  async #open(): Promise<void> {
    await mkdir(join(this.#root, PARTS), { recursive: true, mode: 0o755 });
    await mkdir(join(this.#root, EVENTS), { recursive: true, mode: 0o755 });
    await this.#removeLeftParts();
    if (!this.#onCreated) return;
    for (const name of await readdir(join(this.#root, EVENTS))) this.#announce(decodeURIComponent(name));
  }

  /** Of a crash. Nobody works on a part for an hour. */
  async #removeLeftParts(): Promise<void> {
    for (const name of await readdir(join(this.#root, PARTS))) {
      const path = join(this.#root, PARTS, name);
      const made = await stat(path).catch(() => undefined);
      if (made && Date.now() - made.mtimeMs > LEFT_PART_MS) await unlink(path).catch(() => undefined);
    }
  }

  async #create(key: string, bytes: Uint8Array, { sha256 }: Putting): Promise<Result<Stored, StoreFault>> {
    const path = join(this.#root, key);
    const part = join(this.#root, PARTS, `${process.pid}-${Date.now()}-${++this.#lastPart}`);
    const handle = await open(part, 'wx+', 0o444);
    try {
      await handle.writeFile(bytes);
      await handle.sync();
      // What the file holds, not what was meant to be written: this is the store's answer.
      const held = Buffer.allocUnsafe(bytes.length);
      const { bytesRead } = await handle.read(held, 0, held.length, 0);
      const digest = createHash('sha256').update(held.subarray(0, bytesRead)).digest();
      if (!digest.equals(sha256))
        return err({ reason: 'checksum_differs', message: `${key} was not written as it was sent` });
      await this.#makeFolders(dirname(path));
      if (this.#onCreated) await this.#mark(key);
      await link(part, path);
      await syncFolder(dirname(path));
      if (this.#onCreated) this.#announce(key);
      return ok({ stored: 'created' });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      await syncFolder(dirname(path));
      if (this.#onCreated) this.#announce(key);
      return ok({ stored: 'existed' });
    } finally {
      await handle.close();
      await unlink(part).catch(() => undefined);
    }
  }

  async #makeFolders(folder: string): Promise<void> {
    const first = await mkdir(folder, { recursive: true, mode: 0o755 });
    // Every new name, from the deepest up to the one that was there before.
    for (let made = folder; first && made.length >= first.length; made = dirname(made)) await syncFolder(dirname(made));
  }

  async #mark(key: string): Promise<void> {
    const handle = await open(this.#marker(key), 'w', 0o600);
    await handle.close();
    await syncFolder(join(this.#root, EVENTS));
  }

  #marker(key: string): string {
    return join(this.#root, EVENTS, encodeURIComponent(key));
  }

  #announce(key: string): void {
    const onCreated = this.#onCreated;
    if (!onCreated || this.#announcing.has(key) || this.#closed) return;
    const done = this.#tell(key, onCreated).finally(() => this.#announcing.delete(key));
    this.#announcing.set(key, done);
  }

  async #tell(key: string, onCreated: NonNullable<DirectoryStoreOptions['onCreated']>): Promise<void> {
    let waitMs = this.#retryMs;
    for (let tries = 1; !this.#closed; tries++) {
      try {
        const size = await sizeOf(join(this.#root, key));
        if (size !== undefined) await onCreated(key, size);
        await unlink(this.#marker(key)).catch(() => undefined);
        this.#announced(undefined);
        return;
      } catch (error) {
        if (tries >= PATIENCE) this.#announced(error);
        if (!this.#closed) await this.#sleepers.sleep(waitMs);
        waitMs = Math.min(waitMs * 2, 30_000);
      }
    }
  }

  #announced(error: unknown): void {
    const fails = error !== undefined;
    if (fails === this.#announcingFails) return;
    this.#announcingFails = fails;
    if (!fails) this.#onAnnouncing?.('recovered', 'New objects are announced again.');
    else {
      const why = error instanceof Error ? error.message : 'unknown error';
      this.#onAnnouncing?.('failing', `New objects are stored and not announced, so the catalogue lags: ${why}.`);
    }
  }
}

async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
