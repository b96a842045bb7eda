// Which search segments are made one: some of like size, the oldest first, until they are large enough to stay. So a document is
// written anew a few times in its life, and a scope has some dozens of segments at most beside the large ones.

import type { LiveSegment } from './head.ts';

/** Decompressed: what a merge makes at most. From half of it on a segment stays as it is. */
export const TARGET_BYTES = 64 * 1024 * 1024;
const SMALLEST_TIER_BYTES = 64 * 1024;
const GROWTH = 4;
const ENOUGH = 8;
const AT_ONCE = 16;

type Sized = Pick<LiveSegment, 'id' | 'until' | 'rawBytes'>;

/** Ids of those to be merged now; empty: none. */
export function planMerge(segments: readonly Sized[]): string[] {
  const tiers = new Map<number, Sized[]>();
  for (const segment of segments) {
    if (segment.rawBytes * 2 > TARGET_BYTES) continue;
    const tier = tierOf(segment.rawBytes);
    tiers.set(tier, [...(tiers.get(tier) ?? []), segment]);
  }
  for (const [, tier] of [...tiers].sort(([a], [b]) => a - b)) {
    if (tier.length < ENOUGH) continue;
    const oldest = tier.sort((a, b) => a.until - b.until || (a.id < b.id ? -1 : 1)).slice(0, AT_ONCE);
    let bytes = 0;
    const picked = oldest.filter(({ rawBytes }) => {
      bytes += rawBytes;
      return bytes <= TARGET_BYTES;
    });
    return picked.map(({ id }) => id);
  }
  return [];
}

const tierOf = (bytes: number): number =>
  Math.max(0, Math.ceil(Math.log(bytes / SMALLEST_TIER_BYTES) / Math.log(GROWTH)));
