// A stored session, segment by segment: a few in memory at a time (READ_AHEAD), each checked before it is handed
// on. What follows the first damage is not read: nothing would vouch for its place.

import { FrameDamage } from '../../core/recording/frame.ts';
import { readAhead } from '../../core/recording/read-ahead.ts';
import {
  decodeSegment,
  framesOf,
  type RecordingPlatform,
  type Segment,
  SegmentDamage,
  segmentName,
} from '../../core/recording/segment.ts';
import type { Frame } from '../../core/recording/frame.ts';
import type { ConnectorId, SessionId } from '../../core/ids.ts';
import { readManifest } from './read-manifest.ts';
import type { RecordingReader } from './recording-reader.ts';

/** `damaged` is the last part. A live session simply ends where its segments do. */
export type RecordingPart =
  | {
      readonly kind: 'frame';
      readonly frame: Frame;
      readonly segment: SegmentPlace;
      /** Bytes of the store's objects that were read for this frame and all before it. */
      readonly read: number;
      /** It is the last one of its segment: for the next, more is read. */
      readonly ends: boolean;
    }
  | { readonly kind: 'damaged'; readonly message: string };

/** Where a segment stands in its session's chain. */
export interface SegmentPlace {
  readonly number: number;
  /** Digest of the one before. */
  readonly previous: string | null;
  readonly firstFrame: number;
}
const BEGINNING: SegmentPlace = { number: 0, previous: null, firstFrame: 0 };

interface RecordingPlace {
  readonly connector: ConnectorId;
  readonly session: SessionId;
  /** Segments that were there once, as the catalogue counted them: an end before that many is damage. */
  readonly segments?: number;
  /** No more than those are read, whatever came since, or is said to have come. */
  readonly only?: true;
}

/** Frames are views into the segment: use them before asking for the next. `from`: the first segment that is read. */
export async function* readRecording(
  { connector, session, segments = 0, only }: RecordingPlace,
  reader: RecordingReader,
  platform: RecordingPlatform,
  from: SegmentPlace = BEGINNING,
): AsyncGenerator<RecordingPart, void, undefined> {
  let expected = from;
  let read = 0;
  for await (const bytes of objectsOf({ connector, session, segments, ...(only && { only }) }, reader, from.number)) {
    const { number } = expected;
    if (bytes === undefined) {
      // Whoever begins in the middle has a place from a reading of the whole, which looked: a manifest is long.
      const isWhole = from === BEGINNING;
      if (number < segments || (isWhole && (await hasLater(reader, platform, { connector, session }, number))))
        yield { kind: 'damaged', message: `segment ${number} is missing` };
      return;
    }
    try {
      if (bytes === 'too_large') throw new SegmentDamage('it is larger than a segment can be');
      read += bytes.length;
      const segment = decodeSegment(bytes, platform);
      checkChain(segment, expected, connector, session);
      const { firstFrame, frames } = segment.header;
      const last = firstFrame + frames - 1;
      for (const frame of framesOf(segment))
        yield { kind: 'frame', frame, segment: expected, read, ends: frame.sequence === last };
      expected = { number: number + 1, previous: segment.digest, firstFrame: firstFrame + frames };
    } catch (fault) {
      if (!(fault instanceof SegmentDamage || fault instanceof FrameDamage)) throw fault;
      yield { kind: 'damaged', message: `segment ${number}: ${fault.message}` };
      return;
    }
  }
}

/** As many as are known ahead of their use, then one by one for as long as it is asked: a live session grows meanwhile. */
async function* objectsOf(
  { connector, session, segments, only }: Readonly<Record<'segments', number>> & RecordingPlace,
  reader: RecordingReader,
  first: number,
) {
  const read = (number: number) => reader.get({ kind: 'segment', connector, session, number });
  yield* readAhead(Math.max(0, segments - first), (count) => read(first + count));
  if (only) return;
  for (let number = Math.max(first, segments); ; number++) yield await read(number);
}

function checkChain({ header }: Segment, expected: SegmentPlace, connector: ConnectorId, session: SessionId): void {
  if (header.connector !== connector || header.session !== session || header.number !== expected.number)
    throw new SegmentDamage('its header names another place than its key');
  if (header.previous !== expected.previous) throw new SegmentDamage('it does not follow the one before it');
  if (header.firstFrame !== expected.firstFrame) throw new SegmentDamage('frames are missing before it');
}

/** Whether the recording goes on behind a segment that is not there, or a manifest lists it. */
async function hasLater(
  reader: RecordingReader,
  platform: RecordingPlatform,
  place: RecordingPlace,
  number: number,
): Promise<boolean> {
  const after = number === 0 ? undefined : segmentName(number - 1);
  const page = await reader.list(place.connector, place.session, after);
  if (page.objects.some(({ name }) => name.endsWith('.seg'))) return true;
  const manifest = await reader.get({ kind: 'manifest', ...place });
  if (!manifest || manifest === 'too_large') return false;
  return (readManifest(manifest, platform)?.segments.length ?? 0) > number;
}
