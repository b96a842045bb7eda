// One session on its way from the log to segments: collects frames, cuts, chains, counts. Knows no
// file and no store.

import type { ConnectorId, SessionId } from '../../../core/ids.ts';
import { FORMAT_VERSION } from '../../../core/recording/format-version.ts';
import type { SessionEnded } from '../../../core/recording/facts/session.ts';
import {
  type Direction,
  FRAME_HEADER_BYTES,
  type FrameKind,
  writeFrameHeader,
  readFrames,
} from '../../../core/recording/frame.ts';
import type { ManifestSegment } from '../../../core/recording/manifest.ts';
import {
  encodeSegment,
  LATER_SEGMENT_MAX_AGE_MS,
  type RecordingPlatform,
  SEGMENT_MAX_AGE_MS,
  SEGMENT_TARGET_BYTES,
  type Segment,
  segmentName,
} from '../../../core/recording/segment.ts';
import { SessionTally } from '../../../core/recording/tally.ts';
import { CutOriginals } from './cut-originals.ts';
import type { JournalLine } from './spool.ts';

/** A session's first segment is cut sooner, so that it is seen soon. */
const FIRST_CUT_MS = 1_000;
const FIRST_MINUTE_US = 60_000_000;
const FIRST_BUFFER_BYTES = 4 * 1024;
/** What a busy session's segment needs. A few of these are kept: fresh memory costs more than what is done with it. */
const FULL_BUFFER_BYTES = SEGMENT_TARGET_BYTES + 64 * 1024;
const MAX_KEPT_BUFFERS = 4;
const keptBuffers: Buffer[] = [];
const DIRECTIONS: readonly Direction[] = ['gateway', 'client', 'target'];
const KINDS: readonly FrameKind[] = ['bytes', 'fact'];

export interface CutSegment {
  readonly name: string;
  readonly bytes: Uint8Array;
  /** What is kept beside it, under `originalName`. */
  readonly original?: Uint8Array;
  readonly line: JournalLine;
  /** Log file of its first frame. */
  readonly firstFile: number;
}

export class SegmentCutter {
  readonly session: SessionId;
  readonly #platform: RecordingPlatform;
  readonly #connector: ConnectorId;
  #tally = new SessionTally();
  readonly #segments: ManifestSegment[] = [];
  #previous: string | null = null;
  /** Place in the log of the next frame: frames taken plus frames lost. */
  #nextSequence = 0;
  #lost = 0;
  #buffer: Buffer | undefined;
  #length = 0;
  #frames = 0;
  #firstTimeUs = 0;
  #lastTimeUs = 0;
  #firstFile = 0;
  #dueMs = 0;
  /** A log of an earlier release holds facts as format version 1 has them: then its segments are of that version. */
  #earlier = false;
  readonly #originals: CutOriginals;

  constructor(session: SessionId, connector: ConnectorId, platform: RecordingPlatform) {
    this.session = session;
    this.#originals = new CutOriginals(platform);
    this.#connector = connector;
    this.#platform = platform;
  }

  get tally(): SessionTally {
    return this.#tally;
  }
  get segments(): readonly ManifestSegment[] {
    return this.#segments;
  }
  get lost(): number {
    return this.#lost;
  }
  get nextSequence(): number {
    return this.#nextSequence;
  }
  /** Under which connector's name this session is stored. */
  get connector(): ConnectorId {
    return this.#tally.opened?.connector.id ?? this.#connector;
  }
  get pendingBytes(): number {
    return this.#length + this.#originals.bytes + this.#originals.waitingBytes;
  }
  /** Log file of the oldest frame, or piece of an original, that is in no segment yet. */
  get pendingFile(): number | undefined {
    return this.#length > 0 ? this.#firstFile : this.#originals.waitingFile;
  }
  get dueMs(): number {
    return this.#dueMs;
  }

  /** Whether adding a frame of `length` bytes must be preceded by a cut. */
  wouldOverflow(length: number): boolean {
    if (this.#length === 0) return false;
    return (
      this.#length + length > SEGMENT_TARGET_BYTES ||
      this.#originals.bytes + this.#originals.waitingBytes > SEGMENT_TARGET_BYTES
    );
  }

  /**
   * Takes the frame at `sequence` of the log, which stands from `start` to `end` of `bytes`; one that
   * was taken before is passed over. Whether it was taken.
   */
  add(sequence: number, bytes: Buffer, start: number, end: number, file: number, nowMs: number): boolean {
    if (sequence < this.#nextSequence) return false;
    this.#lost += sequence - this.#nextSequence;
    this.#nextSequence = sequence + 1;
    const timeUs = bytes.readUInt32BE(start) * 0x1_0000_0000 + bytes.readUInt32BE(start + 4);
    const direction = DIRECTIONS[bytes[start + 8] ?? 0] ?? 'gateway';
    const kind = KINDS[bytes[start + 9] ?? 0] ?? 'bytes';
    const lane = bytes.readUInt32BE(start + 10);
    this.#tally.add(timeUs, direction, kind, lane, bytes, start + FRAME_HEADER_BYTES, end);
    if (this.#tally.takeEarlier()) this.#earlier = true;
    if (this.#length === 0) {
      this.#firstTimeUs = timeUs;
      this.#firstFile = this.#originals.waitingFile ?? file;
      const age = timeUs < FIRST_MINUTE_US ? SEGMENT_MAX_AGE_MS : LATER_SEGMENT_MAX_AGE_MS;
      this.#dueMs = nowMs + (this.#segments.length === 0 ? FIRST_CUT_MS : age);
    }
    const buffer = this.#roomFor(end - start);
    bytes.copy(buffer, this.#length, start, end);
    this.#length += end - start;
    this.#frames++;
    this.#lastTimeUs = timeUs;
    this.#originals.took(sequence, this.#tally.frames - 1);
    return true;
  }

  /** Takes a piece of what masks hid in the frame at `sequence` of the log, which is yet to come. */
  addOriginal(sequence: number, number: number, sealed: Buffer, file: number): void {
    if (sequence >= this.#nextSequence) this.#originals.wait({ sequence, number, sealed: Buffer.from(sealed), file });
  }

  /** Appends the end of a session whose own end never came into the log. */
  addEnd(ended: SessionEnded, timeUs: number, file: number, nowMs: number): void {
    this.#originals.forget();
    const body = Buffer.from(JSON.stringify(ended));
    const frame = Buffer.alloc(FRAME_HEADER_BYTES + body.length);
    writeFrameHeader(frame, 0, Math.max(timeUs, this.#tally.lastTimeUs), 0, 1, 0, body.length);
    body.copy(frame, FRAME_HEADER_BYTES);
    this.add(this.#nextSequence, frame, 0, frame.length, file, nowMs);
  }

  /** Everything collected becomes a segment. undefined: there is nothing. */
  cut(): CutSegment | undefined {
    const buffer = this.#buffer;
    if (buffer === undefined || this.#length === 0) return undefined;
    const number = this.#segments.length;
    const cut = this.#originals.cut();
    const original = cut && { digest: cut.digest, bytes: cut.bytes, frames: cut.frames };
    const header = {
      session: this.session,
      connector: this.connector,
      number,
      previous: this.#previous,
      firstFrame: this.#tally.frames - this.#frames,
      frames: this.#frames,
      firstTimeUs: this.#firstTimeUs,
      lastTimeUs: this.#lastTimeUs,
      rawBytes: this.#length,
      ...(original && { original }),
    };
    const block = buffer.subarray(0, this.#length);
    const { bytes, digest } = encodeSegment(header, block, this.#platform, this.#earlier ? 1 : FORMAT_VERSION);
    const segment: ManifestSegment = {
      number,
      digest,
      bytes: bytes.length,
      rawBytes: header.rawBytes,
      firstFrame: header.firstFrame,
      frames: header.frames,
      ...(original && { original }),
    };
    const firstFile = this.#firstFile;
    this.#took(segment);
    this.#length = 0;
    this.#frames = 0;
    this.#buffer = undefined;
    if (buffer.length === FULL_BUFFER_BYTES && keptBuffers.length < MAX_KEPT_BUFFERS) keptBuffers.push(buffer);
    return {
      name: segmentName(number),
      bytes,
      ...(cut && { original: cut.object }),
      line: this.#line(segment),
      firstFile,
    };
  }

  /** After a crash: segments confirmed before. */
  restoreStored(lines: readonly JournalLine[]): void {
    for (const line of lines) this.#took(line.segment);
    const last = lines.at(-1);
    if (!last) return;
    const opened = lines[0]?.tally.opened;
    this.#tally = SessionTally.from({ ...last.tally, ...(opened && { opened }) });
    this.#lost = last.lost;
    this.#nextSequence = this.#tally.frames + this.#lost;
  }

  /** After a crash: a segment that was made and perhaps stored. undefined: it does not continue this session. */
  restoreSpooled(segment: Segment, bytes: number): JournalLine | undefined {
    const { header, digest } = segment;
    if (header.session !== this.session || header.number !== this.#segments.length) return undefined;
    if (header.previous !== this.#previous || header.firstFrame !== this.#tally.frames) return undefined;
    for (const frame of readFrames(segment.block, header.firstFrame)) this.#tally.addFrame(frame);
    this.#nextSequence += header.frames;
    const { number, rawBytes, firstFrame, frames, original } = header;
    const own = { number, digest, bytes, rawBytes, firstFrame, frames };
    const entry: ManifestSegment = { ...own, ...(original && { original }) };
    this.#took(entry);
    return this.#line(entry);
  }

  #took(segment: ManifestSegment): void {
    this.#segments.push(segment);
    this.#previous = segment.digest;
  }

  #line(segment: ManifestSegment): JournalLine {
    const { opened, ...tally } = this.#tally.state();
    return { segment, lost: this.#lost, tally: segment.number === 0 && opened ? { ...tally, opened } : tally };
  }

  #roomFor(length: number): Buffer {
    const needed = this.#length + length;
    if (this.#buffer && needed <= this.#buffer.length) return this.#buffer;
    let size = this.#buffer?.length ?? FIRST_BUFFER_BYTES;
    while (size < needed) size *= 4;
    if (size > FULL_BUFFER_BYTES / 4) size = Math.max(needed, FULL_BUFFER_BYTES);
    const kept = size === FULL_BUFFER_BYTES ? keptBuffers.pop() : undefined;
    const grown = kept ?? Buffer.allocUnsafeSlow(size);
    this.#buffer?.copy(grown, 0, 0, this.#length);
    this.#buffer = grown;
    return grown;
  }
}
