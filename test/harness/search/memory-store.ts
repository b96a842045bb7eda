// Search segments in memory. Held to the same suite as S3 and the directory.

import { placeOfSegmentKey, type SearchStore, segmentKeyOf } from '../../../functions/search/store/search-store.ts';

export interface MemorySearchStore extends SearchStore {
  /** By key. */
  readonly objects: Map<string, Uint8Array>;
}

export function memorySearchStore(): MemorySearchStore {
  const objects = new Map<string, Uint8Array>();
  return {
    objects,
    async create(place, bytes) {
      const key = segmentKeyOf(place);
      if (objects.has(key)) return 'exists';
      objects.set(key, bytes);
      return 'created';
    },
    async get(place) {
      return objects.get(segmentKeyOf(place));
    },
    async *walk() {
      for (const key of [...objects.keys()].sort()) {
        const place = placeOfSegmentKey(key);
        if (place) yield place;
      }
    },
    async delete(place) {
      objects.delete(segmentKeyOf(place));
    },
  };
}
