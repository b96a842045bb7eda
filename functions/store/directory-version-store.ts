// Stored objects of one machine's directory, as whoever purges sees them. A directory has no versions and no Object Lock: nothing
// but Gatehouse's own rules keeps a file from being deleted here. Legal holds are kept as files beside the objects, and kept to.

import { mkdir, readdir, readFile, rmdir, stat, unlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { RetriableFault } from '../faults.ts';
import {
  type HoldingStore,
  prefixOf,
  RECORDINGS_PREFIX,
  type StoredVersion,
  type VersionStore,
} from './version-store.ts';

/** No key begins with a dot. */
const HOLDS = '.holds';
const PAGE = 1_000;

export function directoryVersionStore(root: string): VersionStore & HoldingStore {
  const pathOf = ({ key }: StoredVersion) => join(root, key);
  const holdOf = ({ key }: StoredVersion) => join(root, HOLDS, encodeURIComponent(key));
  const isHeld = async (version: StoredVersion) => (await orAbsent(stat(holdOf(version)))) !== undefined;
  return {
    async versions(place, after) {
      const prefix = prefixOf(place);
      const names = ((await orAbsent(readdir(join(root, prefix)))) ?? [])
        .filter((name) => after === undefined || name > after)
        .sort();
      const versions: StoredVersion[] = [];
      for (const name of names.slice(0, PAGE)) {
        const entry = await orAbsent(stat(join(root, prefix, name)));
        if (!entry) continue;
        versions.push({
          key: prefix + name,
          version: 'null',
          marker: false,
          storedMs: entry.mtimeMs,
          bytes: entry.size,
        });
      }
      return { versions, after: names.length > PAGE ? names[PAGE - 1] : undefined };
    },
    async *walk(startAfter) {
      const names = async (folder: string) => ((await orAbsent(readdir(join(root, folder)))) ?? []).sort();
      for (const connector of await names(RECORDINGS_PREFIX))
        for (const session of await names(join(RECORDINGS_PREFIX, connector)))
          for (const name of await names(join(RECORDINGS_PREFIX, connector, session))) {
            const key = `${RECORDINGS_PREFIX}${connector}/${session}/${name}`;
            const entry = key > startAfter ? await orAbsent(stat(join(root, key))) : undefined;
            if (entry?.isFile())
              yield { key, version: 'null', marker: false, storedMs: entry.mtimeMs, bytes: entry.size };
          }
    },
    async lockOf(version) {
      return (await orAbsent(stat(pathOf(version)))) && { held: await isHeld(version) };
    },
    async read(version, maxBytes) {
      return version.bytes > maxBytes ? undefined : orAbsent(readFile(pathOf(version)));
    },
    async remove(version) {
      if (await isHeld(version)) return 'refused';
      await orAbsent(unlink(pathOf(version)));
      // The folder goes with its last object.
      await rmdir(dirname(pathOf(version))).catch(() => undefined);
      return 'removed';
    },
    async setHold(version, held) {
      if ((await orAbsent(stat(pathOf(version)))) === undefined) return false;
      await orAbsent(mkdir(join(root, HOLDS), { recursive: true }));
      await orAbsent(held ? writeFile(holdOf(version), '') : unlink(holdOf(version)));
      return true;
    },
  };
}

async function orAbsent<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw new RetriableFault(`the object directory does not answer: ${code ?? 'unknown'}`, { cause });
  }
}
