// The outline of a terminal session: everything but output and input, the silences between, and keyframes. It is as long as a
// person can look at, whatever was recorded: what comes in thousands is counted from some point on, and keyframes stand
// further apart the more, and the larger, they are.

import { deflateRawSync } from 'node:zlib';
import type { SessionEntry } from '../../../core/catalogue.ts';
import { isSeenIdle } from '../../../core/replay/idle.ts';
import { MARKER_KINDS, type MarkerKind } from '../../../core/replay/marker-kinds.ts';
import { Markers } from '../../../core/replay/markers.ts';
import type { TerminalEvent } from '../../../core/replay/terminal.ts';
import type { RecordingPart } from '../../store/read-recording.ts';
import { type LanePlace, writeCursor } from './cursor.ts';
import { EventReader } from './events.ts';
import { Keyframes } from './keyframe.ts';

/** Output from one keyframe of a lane to the next: what a seek plays at most, where every keyframe can be exact. */
const KEYFRAME_CHARS = 256 * 1024;
/** Segments with output of the lane from one to the next: each is a request to the store. */
const KEYFRAME_SEGMENTS = 32;
/**
 * What a seek reads from the store at most, where a keyframe can be in each segment: one is due where it would be more
 * with that segment. So two segments that cannot be compressed, which are less than 2 MiB (SEGMENT_TARGET_BYTES).
 */
const SEEK_BYTES = 1024 * 1024;
/** So many times a keyframe's own length comes before the next: screens of a thousand columns are as long as what is shown on them. */
const KEYFRAME_SHARE = 4;
/** Sent packed when it is longer: large screens in many colours. */
const PACKED_FROM_CHARS = 32 * 1024;
/** As it is sent. A longer one is not given: screens that nobody looks at, written to be long. */
const MAX_KEYFRAME_CHARS = 3 * 1024 * 1024;
/** Each time that so much was given, the next ones stand twice as far apart: in output and segments, and in bytes that are read. */
const KEYFRAMES_CHARS = 4 * 1024 * 1024;
const SEEK_KEYFRAMES_CHARS = 32 * 1024 * 1024;
/** Where one cannot be: how much later the next is tried, since trying costs some 20 ms. */
const RETRY_CHARS = 32 * 1024;
/** Without a terminal there is no screen to know: the last lines are shown. */
const PLAIN_KEYFRAME_CHARS = 1024 * 1024;
const TAIL_CHARS = 4 * 1024;
/** Emulators at work at the same time: one takes up to some MB. A session that has more terminals open gets no keyframes on those. */
const MAX_EMULATORS = 32;
/** Events told one by one; of more, how many there were. */
const MAX_TOLD = 20_000;
/** They are counted together for this part of the session so far. */
const TOGETHER_PART = 500;

type Recording = AsyncIterable<RecordingPart>;
type Events = AsyncGenerator<TerminalEvent, void, undefined>;

/** Where one frame stands, and what a reading from the beginning took from the store to get there. */
interface Here extends LanePlace {
  readonly lane: number;
  /** Bytes, with and without its own segment. */
  readonly read: number;
  readonly readBefore: number;
}

export async function* outlineTerminal(session: SessionEntry, recording: Recording): Events {
  yield { kind: 'opened', timeUs: 0, session };
  const reader = new EventReader(session);
  const outline = new Outline();
  let timeUs = 0;
  let here: Here | undefined;
  for await (const part of recording) {
    if (part.kind === 'damaged') {
      yield* outline.end(timeUs);
      yield* outline.lastKeyframes(timeUs, here, reader);
      yield { kind: 'damaged', timeUs, message: part.message };
      here = undefined;
      break;
    }
    const { frame, segment, read } = part;
    timeUs = frame.timeUs;
    // Where the lane stands before this frame: whatever is read later from here gives the same text.
    const { output, input } = reader.lane(frame.lane);
    const rests = { output: output.rest, input: input.rest };
    const readBefore = here?.segment === segment ? here.readBefore : (here?.read ?? 0);
    const place: Here = { segment, frame: frame.sequence, ...rests, lane: frame.lane, read, readBefore };
    here = place;
    const events = reader.take(frame);
    for (const event of events) {
      if (event.kind === 'ended') yield* outline.lastKeyframes(timeUs, here, reader);
      if (event.kind === 'ended') here = undefined;
      yield* outline.take(event, 'lane' in event && reader.lanes.get(event.lane)?.text === true, place);
    }
    if (events.at(-1)?.kind === 'damaged') break;
  }
  yield* outline.end(timeUs);
  yield* outline.lastKeyframes(timeUs, here, reader);
  outline.close();
}

class Outline {
  readonly #lanes = new Map<number, LaneOutline>();
  #told = 0;
  #more: MoreMarkers | undefined;
  /** Of keyframes. */
  #chars = 0;

  *take(event: TerminalEvent, isText: boolean, place: Here): Generator<TerminalEvent> {
    if (!('lane' in event)) {
      if (event.kind !== 'opened') yield* this.end(event.timeUs);
      yield event;
      return;
    }
    const known = this.#lanes.get(event.lane);
    const isToldOf = known !== undefined || this.#told < MAX_TOLD;
    const lane = known ?? (isText && isToldOf ? new LaneOutline() : undefined);
    if (lane && !known) this.#lanes.set(event.lane, lane);
    const screen = lane?.screenBefore(event, place, this.#spread());
    const idle = lane?.idleBefore(event);
    if (idle) yield idle;
    yield* this.#tell(event);
    if (screen) yield this.#keyframe(event.timeUs, event.lane, screen);
    lane?.take(event, this.#lanes, place);
    if (event.kind === 'lane-end') {
      lane?.close();
      this.#lanes.delete(event.lane);
    }
  }

  #keyframe(timeUs: number, lane: number, shown: ShownScreen): TerminalEvent {
    this.#chars += shown.screen.length + (shown.packed?.length ?? 0) + shown.cursor.length;
    return { kind: 'keyframe', timeUs, lane, ...shown };
  }

  #spread(): Spread {
    const times = (chars: number) => 2 ** Math.floor(this.#chars / chars);
    return { output: times(KEYFRAMES_CHARS), read: times(SEEK_KEYFRAMES_CHARS) };
  }

  /** Of lanes that have been quiet since long before the end: other lanes' bytes are not read for what they show there. */
  *lastKeyframes(timeUs: number, end: Here | undefined, { lanes }: EventReader): Generator<TerminalEvent> {
    if (!end) return;
    for (const [number, lane] of this.#lanes) {
      const { output, input } = lanes.get(number) ?? {};
      if (!output || !input) continue;
      const rests = { output: output.rest, input: input.rest };
      const screen = lane.screenAt({ ...end, frame: end.frame + 1, ...rests, lane: number }, this.#spread());
      if (screen) yield this.#keyframe(timeUs, number, screen);
    }
  }

  *#tell(event: TerminalEvent): Generator<TerminalEvent> {
    if (event.kind === 'output' || event.kind === 'input') return;
    if (this.#told < MAX_TOLD) {
      this.#told++;
      yield event;
      return;
    }
    this.#more ??= new MoreMarkers(event.timeUs);
    this.#more.add(event);
    if (event.timeUs - this.#more.fromUs >= event.timeUs / TOGETHER_PART) yield* this.end(event.timeUs);
  }

  /** What was counted up to now. */
  *end(timeUs: number): Generator<TerminalEvent> {
    if (this.#more) yield* this.#more.counted(timeUs);
    this.#more = undefined;
  }

  close(): void {
    for (const lane of this.#lanes.values()) lane.close();
  }
}

class MoreMarkers {
  readonly fromUs: number;
  readonly #markers = new Markers(0);

  constructor(fromUs: number) {
    this.fromUs = fromUs;
  }

  add(event: TerminalEvent): void {
    this.#markers.add(event);
  }

  *counted(timeUs: number): Generator<TerminalEvent> {
    for (const of of MARKER_KINDS) {
      const count = this.#markers.counts[of satisfies MarkerKind];
      if (count > 0) yield { kind: 'more-markers', timeUs, fromUs: this.fromUs, of, count };
    }
  }
}

type ShownScreen = Omit<Extract<TerminalEvent, { kind: 'keyframe' }>, 'kind' | 'timeUs' | 'lane'>;

/** How many times as far from the one before as usual. */
interface Spread {
  readonly output: number;
  readonly read: number;
}

/** One lane whose bytes are text. */
class LaneOutline {
  #keyframes: Keyframes | undefined;
  /** Its last output, while it has no terminal. */
  #tail = '';
  #chars = 0;
  #due = 0;
  /** Segments with its output since the last keyframe. */
  #segments = 0;
  #segment = -1;
  /** As `Here.readBefore` was at the last keyframe. */
  #readBefore = 0;
  /** As long as the last keyframe was sent: large ones may stand further apart. */
  #sent = 0;
  /** Characters before which none is tried again. */
  #retry = 0;
  /** Behind the last frame that a page shows. */
  #after: LanePlace['after'];
  /** When something was last shown. */
  #shownUs: number | undefined;

  /** A keyframe, where one is due and can be. */
  screenBefore(event: TerminalEvent & { readonly lane: number }, place: Here, spread: Spread): ShownScreen | undefined {
    if (this.#due === 0) return this.#given('', place);
    // What a page begins with is cut where its lane's frame begins; the end of a session flushes other lanes.
    if (!isPaged(event) || place.lane !== event.lane) return undefined;
    if (event.kind !== 'output') return this.screenAt(place, spread);
    if (place.segment.number !== this.#segment) this.#segments++;
    this.#segment = place.segment.number;
    const isDue = this.#chars >= this.#due || this.#isTooMuchToRead(place, spread);
    const isFar = this.#keyframes !== undefined && this.#segments > KEYFRAME_SEGMENTS * spread.output;
    return isDue || isFar ? this.#try(event.text, place, spread) : undefined;
  }

  /** Where no output of its own follows at once. */
  screenAt(place: Here, spread: Spread): ShownScreen | undefined {
    const isQuiet = this.#after === undefined || this.#after.number < place.segment.number;
    return isQuiet && this.#isTooMuchToRead(place, spread) ? this.#try(undefined, place, spread) : undefined;
  }

  #isTooMuchToRead({ read }: Here, spread: Spread): boolean {
    const most = (SEEK_BYTES + Math.min(this.#sent, SEEK_BYTES / 2)) * spread.read;
    return read - this.#readBefore > most && this.#due !== Infinity && this.#chars >= this.#retry;
  }

  #try(next: string | undefined, place: Here, spread: Spread): ShownScreen | undefined {
    if (this.#keyframes?.mayTake(next) === false) return undefined;
    const screen = this.#screen(next);
    if (screen === undefined) {
      this.#retry = this.#chars + RETRY_CHARS;
      this.#due = Math.max(this.#due, this.#retry);
      return undefined;
    }
    const spacing = this.#keyframes ? KEYFRAME_CHARS : PLAIN_KEYFRAME_CHARS;
    this.#due = this.#chars + Math.max(spacing, KEYFRAME_SHARE * screen.length) + (spread.output - 1) * spacing;
    return this.#given(screen, place);
  }

  #given(screen: string, place: Here): ShownScreen | undefined {
    this.#due ||= PLAIN_KEYFRAME_CHARS;
    this.#segments = 0;
    this.#readBefore = place.readBefore;
    const shown = screen.length < PACKED_FROM_CHARS ? { screen } : { screen: '', packed: pack(screen) };
    this.#sent = shown.packed?.length ?? screen.length;
    if (this.#sent > MAX_KEYFRAME_CHARS) return undefined;
    const { columns, rows } = this.#keyframes?.emulator ?? { columns: 0, rows: 0 };
    const after = this.#after && this.#after.number < place.segment.number ? { after: this.#after } : {};
    return { frame: place.frame, columns, rows, ...shown, cursor: writeCursor({ ...place, ...after }) };
  }

  #screen(next: string | undefined): string | undefined {
    if (this.#keyframes) return this.#keyframes.take(next);
    return this.#tail.slice(this.#tail.indexOf('\n') + 1);
  }

  /** The silence that the event ends. */
  idleBefore({ kind, timeUs, ...event }: TerminalEvent): TerminalEvent | undefined {
    if ((kind !== 'output' && kind !== 'resize' && kind !== 'lane-end') || !('lane' in event)) return undefined;
    const fromUs = this.#shownUs ?? timeUs;
    this.#shownUs = timeUs;
    return isSeenIdle({ fromUs, untilUs: timeUs }) ? { kind: 'idle', timeUs, lane: event.lane, fromUs } : undefined;
  }

  take(event: TerminalEvent, lanes: ReadonlyMap<number, LaneOutline>, { segment, frame }: Here): void {
    if (isPaged(event)) this.#after = { number: segment.number, frame: frame + 1 };
    if (event.kind === 'resize') {
      const first = !this.#keyframes;
      if (this.#keyframes) this.#keyframes.resize(event);
      // What came before there was a terminal was shown in another way.
      else if (this.#chars === 0 && emulating(lanes) < MAX_EMULATORS) this.#keyframes = new Keyframes(event);
      if (first) this.#due = this.#keyframes ? KEYFRAME_CHARS : Infinity;
    }
    if (event.kind !== 'output') return;
    this.#chars += event.text.length;
    if (this.#keyframes) this.#keyframes.write(event.text);
    else this.#tail = (this.#tail + event.text.slice(-TAIL_CHARS)).slice(-TAIL_CHARS);
  }

  get emulates(): boolean {
    return this.#keyframes !== undefined;
  }

  close(): void {
    this.#keyframes?.emulator.close();
  }
}

const isPaged = ({ kind }: TerminalEvent): boolean =>
  kind === 'output' || kind === 'input' || kind === 'resize' || kind === 'lane-end';

/** As `unpackedScreen` reads it. */
const pack = (screen: string): string => deflateRawSync(screen).toString('base64');

const emulating = (lanes: ReadonlyMap<number, LaneOutline>): number =>
  [...lanes.values()].filter(({ emulates }) => emulates).length;
