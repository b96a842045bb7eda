// What a manifest says of sealed originals, from what it lists of its segments.

import type { SessionOpened } from '../facts/session.ts';
import type { Coverage, ManifestSegment } from '../manifest.ts';

export function coverageOfOriginals(
  segments: readonly ManifestSegment[],
  opened: SessionOpened | undefined,
): Coverage['originals'] {
  const kept = segments.flatMap(({ original }) => original ?? []);
  if (kept.length === 0) return undefined;
  return {
    frames: kept.reduce((sum, { frames }) => sum + frames, 0),
    bytes: kept.reduce((sum, { bytes }) => sum + bytes, 0),
    keys: opened?.grant.obligations.record.originals?.length ?? 0,
  };
}
