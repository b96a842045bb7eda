// The audit log's pieces in a directory: what `npm start` uses in S3's place. Creation is atomic and
// never overwrites (link(2) fails when the path exists). A directory cannot lock. The connector names
// the directory (core/recording/store-identity.ts); nothing is stored in one that has no name, or
// another than before, since that is what a directory that was moved away leaves behind.

import { randomUUID } from 'node:crypto';
import { link, mkdir, open, readdir, readFile, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { STORE_IDENTITY_FILE, StoreIdentity } from '../../core/recording/store-identity.ts';
import { RetriableFault } from '../faults.ts';
import { AUDIT_PIECES, type AuditStore, type PieceKind } from './audit-store.ts';

const PAGE = 1000;

export function directoryAuditStore(root: string, { prefix, maxBytes, isName }: PieceKind = AUDIT_PIECES): AuditStore {
  const folder = join(root, prefix);
  // Beside the objects, on the same file system. No key begins with a dot.
  const parts = join(root, '.parts');
  let known: string | undefined;

  /** The store's name; undefined: none yet. Throws when the root is not the store that it was. */
  async function identify(): Promise<string | undefined> {
    const found = await identityOf(root);
    if (known !== undefined && found !== known)
      throw new RetriableFault(`${root} is not the store that it was: mount it, or move it back`);
    known = found;
    return found;
  }

  return {
    async create({ name, bytes }) {
      const store = await identify();
      if (store === undefined) throw new RetriableFault(`${root} is no store yet: a connector that uses it names it`);
      const created = await answered(async () => {
        const folders = foldersOf(folder, name);
        for (const path of [...folders, parts]) await makeFolder(path);
        const part = join(parts, `audit-${randomUUID()}`);
        try {
          const file = await open(part, 'wx', 0o444);
          try {
            await file.writeFile(bytes);
            await file.sync();
          } finally {
            await file.close();
          }
          await link(part, join(folder, name));
        } catch (error) {
          if (codeOf(error) === 'EEXIST') return 'exists' as const;
          throw error;
        } finally {
          await unlink(part).catch(() => {});
        }
        for (const path of folders.toReversed()) await syncFolder(path);
        await syncFolder(root);
        return 'created' as const;
      });
      await identify();
      return created;
    },

    async list(after) {
      await identify();
      const names = (await orAbsent(readdir(folder))) ?? [];
      const known = names.filter((name) => isName(name) && (after === undefined || name > after)).sort();
      const pieces = [];
      for (const name of known.slice(0, PAGE)) {
        const entry = await orAbsent(stat(join(folder, name)));
        if (entry?.isFile()) pieces.push({ name, bytes: entry.size });
      }
      return { pieces, after: known.length > PAGE ? known[PAGE - 1] : undefined };
    },

    async get(name) {
      await identify();
      const entry = await orAbsent(stat(join(folder, name)));
      if (!entry?.isFile()) return undefined;
      return entry.size > maxBytes ? 'too_large' : orAbsent(readFile(join(folder, name)));
    },

    lockedUntil: async () => 'none',
  };
}

/** From the outermost: what `name` needs below the kind's own. */
function foldersOf(folder: string, name: string): string[] {
  const folders = [folder];
  for (const part of name.split('/').slice(0, -1)) folders.push(join(folders.at(-1) ?? folder, part));
  return folders;
}

/** Below a root that is there, which is never made here. */
async function makeFolder(path: string): Promise<void> {
  await mkdir(path).catch((error: unknown) => {
    if (codeOf(error) !== 'EEXIST') throw error;
  });
}

async function identityOf(root: string): Promise<string | undefined> {
  const text = await orAbsent(readFile(join(root, STORE_IDENTITY_FILE), 'utf8'));
  if (text === undefined) return undefined;
  try {
    return StoreIdentity.parse(JSON.parse(text)).store;
  } catch {
    throw new RetriableFault(`${join(root, STORE_IDENTITY_FILE)} is damaged: restore it`);
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

async function orAbsent<T>(work: Promise<T>): Promise<T | undefined> {
  return answered(async () => {
    try {
      return await work;
    } catch (error) {
      if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return undefined;
      throw error;
    }
  });
}

async function answered<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw new RetriableFault(`the object directory does not answer: ${codeOf(cause) ?? 'unknown'}`, { cause });
  }
}

const codeOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException).code;
