// Search segments in a directory: what `npm start` uses in S3's place. A file appears whole or not at all, and none is ever
// written over (link(2) fails when the path exists).

import { randomUUID } from 'node:crypto';
import { link, mkdir, open, readdir, readFile, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { RetriableFault } from '../../faults.ts';
import { placeOfSegmentKey, type SearchStore, SEGMENTS_PREFIX, segmentKeyOf } from './search-store.ts';

/** `root` is made when it is not there. */
export function directorySearchStore(root: string): SearchStore {
  return {
    async create(place, bytes) {
      const path = join(root, segmentKeyOf(place));
      const part = join(root, `.part-${randomUUID()}`);
      return answered(
        async () => {
          await mkdir(dirname(path), { recursive: true });
          try {
            const file = await open(part, 'wx', 0o600);
            try {
              await file.writeFile(bytes);
              await file.sync();
            } finally {
              await file.close();
            }
            await link(part, path);
            return 'created' as const;
          } finally {
            await unlink(part).catch(() => {});
          }
        },
        { EEXIST: 'exists' as const },
      );
    },
    async get(place) {
      const path = join(root, segmentKeyOf(place));
      return answered(async () => new Uint8Array(await readFile(path)), {
        ENOENT: undefined,
      });
    },
    async *walk() {
      const names = (folder: string) => answered(() => readdir(join(root, folder)), { ENOENT: [], ENOTDIR: [] });
      for (const scope of (await names(SEGMENTS_PREFIX)).sort())
        for (const name of (await names(join(SEGMENTS_PREFIX, scope))).sort()) {
          const place = placeOfSegmentKey(`${SEGMENTS_PREFIX}${scope}/${name}`);
          if (place) yield place;
        }
    },
    async delete(place) {
      const path = join(root, segmentKeyOf(place));
      await answered(() => unlink(path), { ENOENT: undefined });
    },
  };
}

async function answered<T, O>(work: () => Promise<T>, known: Readonly<Record<string, O>>): Promise<T | O> {
  try {
    return await work();
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? 'unknown';
    if (code in known) return known[code] as O;
    throw new RetriableFault(`the directory of the search index does not answer: ${code}`, { cause });
  }
}
