// Whose directory this is. A path alone proves nothing: a directory that was moved away or unmounted
// leaves its name behind, and whatever is then made under it is not the store. So the root holds a
// file that names the store, the connector remembers the name across starts, and nothing is
// confirmed unless the root was that store before the write and still is after it.

import { randomUUID } from 'node:crypto';
import { type FileHandle, link, open, readFile, rename, stat, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { STORE_IDENTITY_FILE, StoreIdentity } from '../../../core/recording/store-identity.ts';
import { makeStateFolder } from '../../state/make-folder.ts';

/** What is known of the store from before, beside the connector's log. */
const Remembered = z.strictObject({ root: z.string(), store: StoreIdentity.shape.store });

/** The root is not there, or is not the store that recordings went to. `message` is for the operator. */
export class NotTheStore extends Error {}

/** A root that was found to be the store, as it was then. */
export interface ProvenRoot {
  readonly device: bigint;
  readonly inode: bigint;
}

export class StoreRoot {
  readonly #root: string;
  readonly #memory: string | undefined;
  #store: string | undefined;
  #proven: ProvenRoot | undefined;
  #proving: Promise<ProvenRoot> | undefined;
  /** What `memory` says, or would say if its disk had room. */
  #isRemembered = false;

  /** `memory`: the file that remembers the store across starts; undefined: this process alone does. */
  constructor(root: string, memory: string | undefined) {
    this.#root = root;
    this.#memory = memory;
  }

  /** One stat, as long as the root is the same directory; else its name is read again. Rejects with NotTheStore or the system's error. */
  async prove(): Promise<ProvenRoot> {
    const now = await lookAt(this.#root);
    if (this.#proven && this.#isRemembered && now && same(now, this.#proven)) return this.#proven;
    this.#proving ??= this.#identify().finally(() => {
      this.#proving = undefined;
    });
    return this.#proving;
  }

  /** Whether what was written since `proven` stands in the store. */
  async isStill(proven: ProvenRoot): Promise<boolean> {
    const now = await lookAt(this.#root);
    return now !== undefined && same(now, proven);
  }

  async #identify(): Promise<ProvenRoot> {
    this.#store ??= await this.#remembered();
    // Made only where there never was one: a root that was there comes back, or somebody says that it will not.
    if (this.#store === undefined) makeStateFolder(this.#root, 0o755);
    const root = await lookAt(this.#root);
    if (!root) throw new NotTheStore(`${this.#root} is not there: mount it, or move it back`);
    const found = (await readIdentity(this.#root)) ?? (this.#store === undefined ? await this.#name() : undefined);
    if (this.#store !== undefined && found !== this.#store) throw new NotTheStore(this.#otherStore(found));
    if (!(await this.isStill(root))) throw new NotTheStore(`${this.#root} was taken away while it was looked at`);
    this.#store = found;
    if (!this.#isRemembered) await this.#remember();
    if (!this.#proven || !same(root, this.#proven)) this.#proven = root;
    return this.#proven;
  }

  #otherStore(found: string | undefined): string {
    const what = found === undefined ? `has no ${STORE_IDENTITY_FILE}` : `is another store (${found})`;
    const wayOut =
      this.#memory === undefined ? '' : `; if recordings are to go here from now on, remove ${this.#memory}`;
    return `${this.#root} ${what}, and recordings went to ${this.#store}: mount that, or move it back${wayOut}`;
  }

  /** Names a root that has no name yet; of several who try, one does. */
  async #name(): Promise<string> {
    const path = join(this.#root, STORE_IDENTITY_FILE);
    const part = `${path}.${randomUUID()}`;
    await writeDurably(part, { format: 1, store: randomUUID() } satisfies StoreIdentity, 0o444);
    try {
      await link(part, path);
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw error;
    } finally {
      await unlink(part);
    }
    await syncFolder(this.#root);
    const named = await readIdentity(this.#root);
    if (named === undefined) throw new NotTheStore(`${path} was made and is not there`);
    return named;
  }

  async #remembered(): Promise<string | undefined> {
    const text = this.#memory === undefined ? undefined : await readIfThere(this.#memory);
    if (text === undefined) return undefined;
    const known = parse(Remembered, text);
    if (!known) throw new NotTheStore(`${this.#memory} is damaged: remove it if ${this.#root} is where recordings go`);
    this.#isRemembered = known.root === this.#root;
    return this.#isRemembered ? known.store : undefined;
  }

  /** A disk that is full must not keep recordings from the store, which is what makes room: the next put tries again. */
  async #remember(): Promise<void> {
    try {
      if (this.#memory !== undefined) {
        await writeDurably(`${this.#memory}.part`, { root: this.#root, store: this.#store }, 0o600);
        await rename(`${this.#memory}.part`, this.#memory);
        await syncFolder(dirname(this.#memory));
      }
      this.#isRemembered = true;
    } catch (error) {
      if (codeOf(error) !== 'ENOSPC' && codeOf(error) !== 'EDQUOT') throw error;
    }
  }
}

async function readIdentity(root: string): Promise<string | undefined> {
  const text = await readIfThere(join(root, STORE_IDENTITY_FILE));
  if (text === undefined) return undefined;
  const identity = parse(StoreIdentity, text);
  if (!identity) throw new NotTheStore(`${join(root, STORE_IDENTITY_FILE)} is damaged: restore it`);
  return identity.store;
}

/** undefined: there is nothing. */
export async function lookAt(path: string): Promise<ProvenRoot | undefined> {
  const found = await stat(path, { bigint: true }).catch(absent);
  return found && { device: found.dev, inode: found.ino };
}

const readIfThere = (path: string): Promise<string | undefined> => readFile(path, 'utf8').catch(absent);

export const same = (a: ProvenRoot, b: ProvenRoot): boolean => a.device === b.device && a.inode === b.inode;

function parse<T>(schema: z.ZodType<T>, text: string): T | undefined {
  try {
    return schema.safeParse(JSON.parse(text)).data;
  } catch {
    // Not JSON: as good as not of this shape.
    return undefined;
  }
}

async function writeDurably(path: string, value: object, mode: number): Promise<void> {
  await withHandle(open(path, 'w', mode), async (handle) => {
    await handle.writeFile(`${JSON.stringify(value)}\n`);
    await handle.sync();
  });
}

/** New and changed names in `path` survive the machine's crash. */
export async function syncFolder(path: string): Promise<void> {
  await withHandle(open(path, 'r'), (handle) => handle.sync());
}

async function withHandle(opening: Promise<FileHandle>, use: (handle: FileHandle) => Promise<void>): Promise<void> {
  const handle = await opening;
  try {
    await use(handle);
  } finally {
    await handle.close();
  }
}

function absent(error: unknown): undefined {
  if (codeOf(error) === 'ENOENT') return undefined;
  throw error;
}

const codeOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException).code;
