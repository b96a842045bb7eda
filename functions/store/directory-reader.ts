// Recordings in a directory whose paths are the keys: what `npm start` uses in S3's place.

import { createReadStream } from 'node:fs';
import { type FileHandle, open, readdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { manifestKey, parseRecordingKey, type RecordingKey } from '../../core/recording/segment.ts';
import { RetriableFault } from '../faults.ts';
import { maxBytesOf, type ObjectPage, type RecordingReader, type StoredObject, textOfKey } from './recording-reader.ts';
import { RECORDINGS_PREFIX } from './version-store.ts';

const PAGE = 1000;

export function directoryReader(root: string): RecordingReader {
  const pathOf = (key: RecordingKey) => join(root, textOfKey(key));
  return {
    async list(connector, session, after): Promise<ObjectPage> {
      const folder = dirname(manifestKey(connector, session));
      const names = (await orAbsent(readdir(join(root, folder)))) ?? [];
      const known = names
        .filter((name) => parseRecordingKey(`${folder}/${name}`) !== undefined && (after === undefined || name > after))
        .sort();
      const objects: StoredObject[] = [];
      for (const name of known.slice(0, PAGE)) {
        const entry = await orAbsent(stat(join(root, folder, name)));
        if (entry?.isFile()) objects.push({ name, bytes: entry.size });
      }
      return { objects, after: known.length > PAGE ? known[PAGE - 1] : undefined };
    },
    async *walk({ of, after = '' }) {
      const names = async (folder: string) => ((await orAbsent(readdir(join(root, folder)))) ?? []).sort();
      const connectors = of ? [of.connector] : await names(RECORDINGS_PREFIX);
      for (const connector of connectors)
        for (const session of of ? [of.session] : await names(join(RECORDINGS_PREFIX, connector))) {
          const folder = `${RECORDINGS_PREFIX}${connector}/${session}/`;
          for (const name of await names(folder)) {
            const key = folder + name;
            const entry = key > after ? await orAbsent(stat(join(root, key))) : undefined;
            if (entry?.isFile()) yield { key, storedMs: entry.mtimeMs };
          }
        }
    },
    async get(key) {
      return withFile(pathOf(key), async (file, size) =>
        size > maxBytesOf(key) ? ('too_large' as const) : readRange(file, 0, size),
      );
    },
    async tail(key, count) {
      return withFile(pathOf(key), (file, size) => readRange(file, Math.max(0, size - count), size));
    },
    async stream(key) {
      const entry = await orAbsent(stat(pathOf(key)));
      if (!entry?.isFile()) return undefined;
      const body = Readable.toWeb(createReadStream(pathOf(key))) as ReadableStream<Uint8Array>;
      return { bytes: entry.size, body };
    },
  };
}

async function withFile<T>(path: string, use: (file: FileHandle, size: number) => Promise<T>): Promise<T | undefined> {
  const file = await orAbsent(open(path, 'r'));
  if (!file) return undefined;
  try {
    return await orAbsent(file.stat().then((entry) => use(file, entry.size)));
  } finally {
    await file.close();
  }
}

async function readRange(file: FileHandle, from: number, to: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(to - from);
  let filled = 0;
  while (filled < bytes.length) {
    const { bytesRead } = await file.read(bytes, filled, bytes.length - filled, from + filled);
    if (bytesRead === 0) throw new RetriableFault('a stored object shrank while it was read');
    filled += bytesRead;
  }
  return bytes;
}

async function orAbsent<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    if (cause instanceof RetriableFault) throw cause;
    throw new RetriableFault(`the object directory does not answer: ${code ?? 'unknown'}`, { cause });
  }
}
