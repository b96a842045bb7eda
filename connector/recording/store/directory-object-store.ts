// Objects as files below a directory, for one machine. Creation is atomic and never overwrites: the
// bytes are written to a file of another name, made durable, and linked to the key's path; link(2)
// fails when the path exists. A directory cannot lock, so retention is not enforced here.
//
// Nothing is confirmed outside the store: store-root.ts proves the root before and after, and only
// folders below it are ever made.
//
// Whoever wants to know of new objects gets `onCreated`, at least once for each, also across a
// crash: a marker is made before the object, and removed only when onCreated has resolved. Markers
// found at start are gone through again; one without its object is of a put that never came about.

import { createHash } from 'node:crypto';
import { link, mkdir, open, readdir, readFile, stat, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { err, ok, type Result } from '../../../core/result.ts';
import { CreatedAnnouncer, type SendCreated } from './created-announcer.ts';
import type { ObjectStore, Putting, Stored, StoreFault } from './object-store.ts';
import { lookAt, NotTheStore, type ProvenRoot, same, StoreRoot, syncFolder } from './store-root.ts';

interface DirectoryStoreOptions {
  readonly root: string;
  /** Remembers across starts which store the root is. undefined: a root is taken for what it is when it is first used. */
  readonly memory?: string | undefined;
  /** Rejects: called again later. May be called more than once for an object. */
  readonly onCreated?: SendCreated | undefined;
  /** Told once when onCreated goes on rejecting, and once when it takes events again. The objects are safe meanwhile. */
  readonly onAnnouncing?: ((state: 'failing' | 'recovered', message: string) => void) | undefined;
  readonly retryMs?: number;
}

/** Beside the objects, on the same file system. No key begins with a dot. */
const PARTS = '.parts';
const EVENTS = '.events';
const LEFT_PART_MS = 3_600_000;
const KEY = /^[A-Za-z0-9_-][A-Za-z0-9._-]*(\/[A-Za-z0-9_-][A-Za-z0-9._-]*)*$/;
/** Folders known to be durable; then they are made sure of again. */
const MAX_KNOWN_FOLDERS = 10_000;

const takenAway = (path: string): string =>
  `${path} was taken away: mount it, or move it back; if recordings are to begin anew there, start the connector again`;

export class DirectoryObjectStore implements ObjectStore {
  readonly #path: string;
  readonly #root: StoreRoot;
  readonly #announcer: CreatedAnnouncer | undefined;
  #lastPart = 0;
  /** The root whose own folders are there, and whose left events were taken up. */
  #opened: Promise<ProvenRoot> | undefined;
  readonly #durable = new Set<string>();
  /** Folders of the root as they were when something was first stored below each: one may be moved away, or a mount of its own. */
  readonly #tops = new Map<string, ProvenRoot>();
  #topsOf: ProvenRoot | undefined;

  constructor(options: DirectoryStoreOptions) {
    this.#path = options.root;
    this.#root = new StoreRoot(options.root, options.memory);
    const { onCreated } = options;
    this.#announcer =
      onCreated &&
      new CreatedAnnouncer({
        send: onCreated,
        sizeOf: (key) => this.#sizeOf(key),
        settled: (key) => this.#removeMarker(key),
        onState: options.onAnnouncing ?? (() => {}),
        retryMs: options.retryMs ?? 1_000,
      });
    // At once, for the events that a crash left. A directory that is away now is tried again by each put, which says so.
    this.#ready().catch(() => undefined);
  }

  async put(key: string, bytes: Uint8Array, putting: Putting): Promise<Result<Stored, StoreFault>> {
    if (!KEY.test(key)) return err({ reason: 'store_refused', message: 'the key is no path below the directory' });
    try {
      const root = await this.#ready();
      const [top = key] = key.split('/');
      if (!(await this.#isStillTop(root, top))) throw new NotTheStore(takenAway(join(this.#path, top)));
      const stored = await this.#create(key, bytes, putting);
      if (stored.ok && !((await this.#root.isStill(root)) && (await this.#isStillTop(root, top))))
        return err({ reason: 'store_unreachable', message: `${this.#path} was taken away while ${key} was written` });
      if (stored.ok) this.#announcer?.add(key);
      return stored;
    } catch (error) {
      if (error instanceof NotTheStore) return err({ reason: 'store_unreachable', message: error.message });
      const code = (error as NodeJS.ErrnoException).code ?? 'error';
      // Whatever failed may be the root's doing: it is looked at anew.
      this.#opened = undefined;
      return err({ reason: 'store_unreachable', message: `${code} in ${this.#path}` });
    }
  }

  get announced(): boolean {
    return this.#announcer?.atRest !== false;
  }

  async close(): Promise<void> {
    await this.#announcer?.close();
  }

  async #ready(): Promise<ProvenRoot> {
    const root = await this.#root.prove();
    if ((await this.#opened) !== root) {
      this.#opened = this.#open().then(() => root);
      this.#opened.catch(() => {
        this.#opened = undefined;
      });
    }
    await this.#opened;
    return root;
  }

  async #isStillTop(root: ProvenRoot, top: string): Promise<boolean> {
    // The store came back as it is, from another mount.
    if (this.#topsOf !== root) this.#tops.clear();
    this.#topsOf = root;
    const now = await lookAt(join(this.#path, top));
    const known = this.#tops.get(top);
    if (now && !known) this.#tops.set(top, now);
    return known === undefined || (now !== undefined && same(now, known));
  }

  async #open(): Promise<void> {
    this.#durable.clear();
    await this.#makeFolder(PARTS);
    await this.#makeFolder(EVENTS);
    await this.#removeLeftParts();
    if (!this.#announcer) return;
    for (const name of await readdir(join(this.#path, EVENTS))) this.#announcer.add(decodeURIComponent(name));
  }

  /** Of a crash. Nobody works on a part for an hour. */
  async #removeLeftParts(): Promise<void> {
    for (const name of await readdir(join(this.#path, PARTS))) {
      const path = join(this.#path, PARTS, name);
      const made = await stat(path).catch(() => undefined);
      if (made && Date.now() - made.mtimeMs > LEFT_PART_MS) await unlink(path).catch(() => undefined);
    }
  }

  async #create(key: string, bytes: Uint8Array, { sha256 }: Putting): Promise<Result<Stored, StoreFault>> {
    const path = join(this.#path, key);
    const part = join(this.#path, PARTS, `${process.pid}-${Date.now()}-${++this.#lastPart}`);
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
      await this.#makeFolder(dirname(key));
      if (this.#announcer) await this.#mark(key);
      await link(part, path);
      await syncFolder(dirname(path));
      return ok({ stored: 'created' });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      const there = createHash('sha256').update(await readFile(path));
      if (!there.digest().equals(sha256)) return ok({ stored: 'differs' });
      await syncFolder(dirname(path));
      return ok({ stored: 'existed' });
    } finally {
      await handle.close();
      await unlink(part).catch(() => undefined);
    }
  }

  /** Below the root, which is never made here. Durable when this resolves, also where somebody else made it. */
  async #makeFolder(folder: string): Promise<void> {
    if (folder === '.' || this.#durable.has(folder)) return;
    const parent = dirname(folder);
    await this.#makeFolder(parent);
    const path = join(this.#path, folder);
    await mkdir(path, { mode: 0o755 }).catch(async (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST' || !(await stat(path)).isDirectory()) throw error;
    });
    await syncFolder(join(this.#path, parent));
    if (this.#durable.size >= MAX_KNOWN_FOLDERS) this.#durable.clear();
    this.#durable.add(folder);
  }

  async #mark(key: string): Promise<void> {
    const handle = await open(this.#marker(key), 'w', 0o600);
    await handle.close();
    await syncFolder(join(this.#path, EVENTS));
  }

  #marker(key: string): string {
    return join(this.#path, EVENTS, encodeURIComponent(key));
  }

  /** Left behind, it costs one more announcement. */
  async #removeMarker(key: string): Promise<void> {
    await unlink(this.#marker(key)).catch(() => undefined);
  }

  async #sizeOf(key: string): Promise<number | undefined> {
    const root = await this.#root.prove();
    try {
      return (await stat(join(this.#path, key))).size;
    } catch (error) {
      // Not there, or the whole store is not.
      if ((error as NodeJS.ErrnoException).code === 'ENOENT' && (await this.#root.isStill(root))) return undefined;
      throw error;
    }
  }
}
