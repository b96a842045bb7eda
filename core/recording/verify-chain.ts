// Walks a session's segments in order and says of each what is wrong with it. Keeps digests and
// counts, never a segment.

import { z } from 'zod';
import type { ConnectorId, SessionId } from '../ids.ts';
import { FactDamage, FactReader, FactReaderState } from './facts/fact-reader.ts';
import type { Fact as RecordedFact } from './facts/fact.ts';
import { type Frame, FrameDamage } from './frame.ts';
import type { Manifest, ManifestSegment } from './manifest.ts';
import type { UnreadableObject } from './recording-source.ts';
import {
  decodeSegment,
  Digest,
  framesOf,
  type RecordingPlatform,
  type Segment,
  SegmentDamage,
  segmentName,
  toHex,
} from './segment.ts';
import { faultsOfOriginal } from './originals/verify-original.ts';
import { SessionTally, TallyState } from './tally.ts';
import type { VerifyFault } from './verify-faults.ts';

/** How many missing segments are listed one by one when no manifest says how many there were. */
const MAX_MISSING = 100;

/** Of a chain whose first segments were all sound: what is needed to go on behind them, and to know them in a manifest. */
export const ChainState = z.object({
  /** Number of the next segment, which is also how many there were. */
  next: z.number().int().min(1),
  nextFrame: z.number().int(),
  /** Of the last one. */
  digest: Digest,
  /** A hash over how a manifest lists them (`listingOf`). */
  listing: Digest,
  tally: TallyState,
  facts: FactReaderState,
});
export type ChainState = z.infer<typeof ChainState>;

const NOTHING_LISTED = '0'.repeat(64);

function listedBehind(
  before: string,
  { number, digest, bytes, rawBytes, firstFrame, frames, original }: ManifestSegment,
  platform: RecordingPlatform,
): string {
  const beside = original ? ` ${original.digest} ${original.bytes} ${original.frames}` : '';
  const text = `${before} ${number} ${digest} ${bytes} ${rawBytes} ${firstFrame} ${frames}${beside}`;
  return toHex(platform.sha256(new TextEncoder().encode(text)));
}

/** Over a manifest's first segments. Whatever is listed otherwise gives another. */
export const listingOf = (segments: readonly ManifestSegment[], platform: RecordingPlatform): string =>
  segments.reduce((before, segment) => listedBehind(before, segment, platform), NOTHING_LISTED);

export class SegmentChain {
  readonly tally: SessionTally;
  /** By number; undefined where the segment is missing or not to be trusted. */
  readonly digests: (string | undefined)[] = [];
  /** False once anything was missing or wrong: counts mean nothing then. */
  whole = true;
  /** Something is kept beside the last one. */
  keepsOriginal = false;
  readonly #session: SessionId;
  readonly #connector: ConnectorId;
  readonly #manifest: Manifest | undefined;
  readonly #platform: RecordingPlatform;
  #nextFrame: number | undefined = 0;
  readonly #facts: FactReader;

  #listing = NOTHING_LISTED;

  /** `from`: it begins behind the segments of an earlier one; with a manifest, which lists them as that one had them. */
  constructor(
    session: SessionId,
    connector: ConnectorId,
    manifest: Manifest | undefined,
    platform: RecordingPlatform,
    { from, complete = false }: { readonly from?: ChainState | undefined; readonly complete?: boolean } = {},
  ) {
    this.#session = session;
    this.#connector = connector;
    this.#manifest = manifest;
    this.#platform = platform;
    // Of a session that lost frames with a damaged log, a lane may be there and its opening not.
    this.#facts = new FactReader({ session, connector }, complete || manifest?.coverage.lanes.recorded === 'full');
    this.tally = from ? SessionTally.from(from.tally) : new SessionTally();
    if (!from) return;
    for (let number = 0; number < from.next; number++) this.digests.push(manifest?.segments[number]?.digest);
    this.digests[from.next - 1] = from.digest;
    this.#nextFrame = from.nextFrame;
    this.#listing = from.listing;
    this.#facts.resume(from.facts);
  }

  /** undefined: something was missing or wrong, or there was nothing. */
  state(): ChainState | undefined {
    const digest = this.digests.at(-1);
    const facts = this.#facts.state();
    if (!this.whole || digest === undefined || this.#nextFrame === undefined || !facts) return undefined;
    return {
      next: this.digests.length,
      nextFrame: this.#nextFrame,
      digest,
      listing: this.#listing,
      tally: this.tally.state(),
      facts,
    };
  }

  /** How many segments there should be: as the manifest lists, else up to the highest that is there. */
  expected(names: readonly string[]): number {
    if (this.#manifest) return this.#manifest.segments.length;
    const numbers = names.filter((name) => /^\d{8}\.seg$/.test(name)).map((name) => Number(name.slice(0, 8)));
    // A name is anybody's to make: one far beyond the rest is not worth a walk to it.
    return Math.min(
      numbers.reduce((most, number) => Math.max(most, number + 1), 0),
      names.length + MAX_MISSING,
    );
  }

  /** `original`: what stands beside it of what masks hid; `not_read`: there, and not looked into. */
  next(
    number: number,
    found: Uint8Array | UnreadableObject | undefined,
    beside?: Uint8Array | UnreadableObject | 'not_read' | undefined,
  ): VerifyFault[] {
    const object = segmentName(number);
    const listed = this.#manifest?.segments[number];
    const faults: VerifyFault[] = [];
    const fault: Fault = (reason, message) => {
      faults.push({ object, reason, message });
    };
    const bytes = found instanceof Uint8Array ? found : undefined;
    const segment = bytes && this.#decode(bytes, fault);
    if (found instanceof Error) fault('object_unreadable', `segment ${number} ${found.message}`);
    else if (!bytes) fault('segment_missing', `segment ${number} is missing`);
    if (segment && bytes) this.#compare(number, segment, listed, bytes.length, fault);
    const trusted = segment !== undefined && faults.length === 0;
    this.digests.push(trusted ? segment.digest : undefined);
    if (trusted && bytes) {
      const { rawBytes, firstFrame, frames, original } = segment.header;
      const { digest } = segment;
      const own = { number, digest, bytes: bytes.length, rawBytes, firstFrame, frames, ...(original && { original }) };
      this.#listing = listedBehind(this.#listing, own, this.#platform);
      this.#count(segment, number, fault);
    } else this.#facts.skip();
    this.#nextFrame = trusted ? segment.header.firstFrame + segment.header.frames : undefined;
    const original = (trusted ? segment.header.original : undefined) ?? listed?.original;
    this.keepsOriginal = original !== undefined;
    if (original) faults.push(...faultsOfOriginal(number, original, beside, this.#platform));
    if (faults.length > 0) this.whole = false;
    return faults;
  }

  #decode(bytes: Uint8Array, fault: Fault): Segment | undefined {
    try {
      return decodeSegment(bytes, this.#platform);
    } catch (error) {
      if (!(error instanceof SegmentDamage)) throw error;
      return fault('segment_damaged', `the object was altered or damaged: ${error.message}`);
    }
  }

  #compare(
    number: number,
    { header, digest }: Segment,
    listed: ManifestSegment | undefined,
    bytes: number,
    fault: Fault,
  ): undefined {
    if (header.session !== this.#session)
      return fault('segment_swapped', `the object is a segment of another session, ${header.session}`);
    if (header.connector !== this.#connector)
      return fault('segment_swapped', `the object is a segment of another connector, ${header.connector}`);
    if (header.number !== number)
      return fault('segment_swapped', `the object is segment ${header.number} in the place of segment ${number}`);
    if (listed && listed.digest !== digest)
      return fault('segment_swapped', `segment ${number} is not the one that the manifest lists`);
    // After a missing or damaged one there is still what the manifest says it was.
    const before = number === 0 ? null : (this.digests[number - 1] ?? this.#manifest?.segments[number - 1]?.digest);
    if (before !== undefined && header.previous !== before)
      fault('chain_broken', `segment ${number} does not continue segment ${number - 1}`);
    if (this.#nextFrame !== undefined && header.firstFrame !== this.#nextFrame)
      fault('chain_broken', `segment ${number} begins with frame ${header.firstFrame}, not ${this.#nextFrame}`);
    if (!listed) return;
    if (
      listed.number !== number ||
      listed.bytes !== bytes ||
      listed.rawBytes !== header.rawBytes ||
      listed.firstFrame !== header.firstFrame ||
      listed.frames !== header.frames ||
      JSON.stringify(listed.original) !== JSON.stringify(header.original)
    )
      fault('count_differs', `segment ${number} has another size or frame count than the manifest says`);
  }

  #count(segment: Segment, number: number, fault: Fault): undefined {
    const { header } = segment;
    let frames = 0;
    let first = header.firstTimeUs;
    let last = header.lastTimeUs;
    let backwards = false;
    const damaged: FactDamage[] = [];
    try {
      for (const frame of framesOf(segment)) {
        if (frames++ === 0) first = frame.timeUs;
        backwards ||= frame.timeUs < this.tally.lastTimeUs;
        last = frame.timeUs;
        this.#read(frame, damaged);
      }
    } catch (error) {
      if (!(error instanceof FrameDamage)) throw error;
      return fault('segment_damaged', `the segment does not hold whole frames: ${error.message}`);
    }
    if (frames !== header.frames || first !== header.firstTimeUs || last !== header.lastTimeUs)
      fault('count_differs', `segment ${number} holds other frames than its header says`);
    const [one] = damaged;
    if (one)
      fault(
        one.reason,
        `${one.message}${damaged.length > 1 ? ` (and ${damaged.length - 1} more of segment ${number})` : ''}`,
      );
    if (backwards) fault('count_differs', `time goes backwards in segment ${number}`);
    return undefined;
  }

  #read(frame: Frame, damaged: FactDamage[]): void {
    let fact: RecordedFact | undefined;
    try {
      fact = this.#facts.take(frame);
    } catch (error) {
      if (!(error instanceof FactDamage)) throw error;
      damaged.push(error);
    }
    this.tally.addRead(frame, fact);
  }
}

/** Says what is wrong. Returns undefined, so that a check can end with it. */
type Fault = (reason: VerifyFault['reason'], message: string) => undefined;
