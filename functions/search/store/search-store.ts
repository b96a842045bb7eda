// Where search segments are kept: created once under a name that is never used again, read, deleted when they were replaced.
// They are made of the catalogue and can be made again: no lock, no versions.

/** `scope` as scopeId gives it, `id` as newSegmentId does. */
interface SearchSegmentPlace {
  readonly scope: string;
  readonly id: string;
}

/** Every method throws RetriableFault when the store does not answer. */
export interface SearchStore {
  /** Durable when it resolves. */
  create(place: SearchSegmentPlace, bytes: Uint8Array): Promise<'created' | 'exists'>;
  /** undefined: there is none. */
  get(place: SearchSegmentPlace): Promise<Uint8Array | undefined>;
  /** All that there are. */
  walk(): AsyncGenerator<SearchSegmentPlace>;
  /** Resolves when there is none, also when there was none. */
  delete(place: SearchSegmentPlace): Promise<void>;
}

const PLACE = /^[0-9a-f]{24}\/[0-9a-z]{26}$/;

/** Throws for what is no place: a name never leads elsewhere. */
export function segmentKeyOf({ scope, id }: SearchSegmentPlace): string {
  const name = `${scope}/${id}`;
  if (!PLACE.test(name)) throw new Error('not the place of a search segment');
  return `${SEGMENTS_PREFIX}${name}.fts.zst`;
}

export const SEGMENTS_PREFIX = 'search/';
const KEY = /^search\/([0-9a-f]{24})\/([0-9a-z]{26})\.fts\.zst$/;

/** undefined: nothing that was put there as one. */
export function placeOfSegmentKey(key: string): SearchSegmentPlace | undefined {
  const [, scope, id] = KEY.exec(key) ?? [];
  return scope !== undefined && id !== undefined ? { scope, id } : undefined;
}

/** Compressed; see MAX_SEGMENT_FILE_BYTES. */
export const MAX_STORED_BYTES = 192 * 1024 * 1024;
