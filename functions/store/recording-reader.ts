// Reading stored recordings. A place is a parsed RecordingKey, never a string: what is not a
// segment or manifest of one session cannot be asked for, so no path can lead elsewhere.

import type { ConnectorId, SessionId } from '../../core/ids.ts';
import { MAX_ORIGINAL_BYTES } from '../../core/recording/originals/original-object.ts';
import {
  MAX_SEGMENT_RAW_BYTES,
  manifestKey,
  originalKey,
  type RecordingKey,
  segmentKey,
} from '../../core/recording/segment.ts';
import type { SessionPrefix } from './version-store.ts';

/** zstd grows what it cannot shrink by far less than this; header and trailer are small. */
export const MAX_SEGMENT_OBJECT_BYTES = MAX_SEGMENT_RAW_BYTES + 256 * 1024;
/** About 250 bytes a segment in JSON and base64: a week of 5 s segments fits. */
const MAX_MANIFEST_BYTES = 64 * 1024 * 1024;

export interface StoredObject {
  /** `00000000.seg`, `00000000.original` or `manifest.json`. */
  readonly name: string;
  readonly bytes: number;
}

/** Any object of recordings. */
interface WalkedObject {
  readonly key: string;
  readonly storedMs: number;
}

export interface ObjectPage {
  /** By name, ascending. Only segments, what is sealed beside them and the manifest; anything else there is not shown. */
  readonly objects: readonly StoredObject[];
  /** Hand it to `list` for the rest; undefined: that was all. */
  readonly after: string | undefined;
}

/** Every method throws RetriableFault when the store does not answer. */
export interface RecordingReader {
  /** At most 1,000 a page. An unknown session is an empty page. */
  list(connector: ConnectorId, session: SessionId, after?: string): Promise<ObjectPage>;
  /** All objects of recordings, or of one session's, by key, from behind `after` on; foreign ones among them. */
  walk(from: { readonly of?: SessionPrefix; readonly after?: string | undefined }): AsyncGenerator<WalkedObject>;
  /** The whole object; undefined: there is none; `too_large`: beyond what a sound object can have, nothing was read. */
  get(key: RecordingKey): Promise<Uint8Array | 'too_large' | undefined>;
  /** The last `count` bytes (fewer when the object is shorter); undefined: there is none. */
  tail(key: RecordingKey, count: number): Promise<Uint8Array | undefined>;
  /** For handing on. The caller reads the body to its end or cancels it. */
  stream(key: RecordingKey): Promise<{ readonly bytes: number; readonly body: ReadableStream<Uint8Array> } | undefined>;
}

const KEYS = { segment: segmentKey, original: originalKey } as const;

export const textOfKey = (key: RecordingKey): string =>
  key.kind === 'manifest'
    ? manifestKey(key.connector, key.session)
    : KEYS[key.kind](key.connector, key.session, key.number);

export const maxBytesOf = (key: RecordingKey): number =>
  ({ segment: MAX_SEGMENT_OBJECT_BYTES, original: MAX_ORIGINAL_BYTES, manifest: MAX_MANIFEST_BYTES })[key.kind];
