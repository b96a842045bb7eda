// Recordings in memory. Held to the same suite as S3 and the directory.

import { manifestKey } from '../../core/recording/segment.ts';
import { maxBytesOf, type RecordingReader, textOfKey } from '../../functions/store/recording-reader.ts';
import { keyOfName } from '../../functions/store/recording-source.ts';
import { prefixOf, RECORDINGS_PREFIX } from '../../functions/store/version-store.ts';

const PAGE = 1000;

/** `storedMs`: when each was stored. Default: all at once. */
export function memoryReader(
  objects: ReadonlyMap<string, Uint8Array>,
  storedMs: (key: string) => number = () => 0,
): RecordingReader {
  return {
    async list(connector, session, after) {
      const prefix = manifestKey(connector, session).replace(/manifest\.json$/, '');
      const names = [...objects.keys()]
        .filter((key) => key.startsWith(prefix))
        .map((key) => key.slice(prefix.length))
        .filter((name) => keyOfName(connector, session, name) && (after === undefined || name > after))
        .sort();
      const page = names.slice(0, PAGE).map((name) => ({ name, bytes: objects.get(prefix + name)?.length ?? 0 }));
      return { objects: page, after: names.length > PAGE ? names[PAGE - 1] : undefined };
    },
    async *walk({ of, after = '' }) {
      const prefix = of ? prefixOf(of) : RECORDINGS_PREFIX;
      for (const key of [...objects.keys()].sort())
        if (key.startsWith(prefix) && key > after) yield { key, storedMs: storedMs(key) };
    },
    async get(key) {
      const bytes = objects.get(textOfKey(key));
      return bytes && bytes.length > maxBytesOf(key) ? 'too_large' : bytes;
    },
    async tail(key, count) {
      const bytes = objects.get(textOfKey(key));
      return bytes?.subarray(Math.max(0, bytes.length - count));
    },
    async stream(key) {
      const bytes = objects.get(textOfKey(key));
      return bytes && { bytes: bytes.length, body: ReadableStream.from([bytes]) };
    },
  };
}
