// The outline of a terminal session: everything but output and input, the silences between, and keyframes. It is as long as a
// person can look at, whatever was recorded: what comes in thousands is counted from some point on, and keyframes stand
// further apart the more, and the larger, they are.

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
/** So many times a keyframe's own length comes before the next: screens of a thousand columns are as long as what is shown on them. */
const KEYFRAME_SHARE = 4;
/** A longer one is not given: screens that nobody looks at, written to be long. */
const MAX_KEYFRAME_CHARS = 1024 * 1024;
/** Each time that so much was given, the next ones stand twice as far apart. */
const KEYFRAMES_CHARS = 4 * 1024 * 1024;
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

export async function* outlineTerminal(session: SessionEntry, recording: Recording): Events {
  yield { kind: 'opened', timeUs: 0, session };
  const reader = new EventReader(session);
  const outline = new Outline();
  let timeUs = 0;
  for await (const part of recording) {
    if (part.kind === 'damaged') {
      yield* outline.end(timeUs);
      yield { kind: 'damaged', timeUs, message: part.message };
      break;
    }
    const { frame, segment } = part;
    timeUs = frame.timeUs;
    // Where the lane stands before this frame: whatever is read later from here gives the same text.
    const { output, input } = reader.lane(frame.lane);
    const place = { segment, frame: frame.sequence, output: output.rest, input: input.rest };
    const events = reader.take(frame);
    for (const event of events)
      yield* outline.take(event, 'lane' in event && reader.lanes.get(event.lane)?.text === true, place);
    if (events.at(-1)?.kind === 'damaged') break;
  }
  yield* outline.end(timeUs);
  outline.close();
}

class Outline {
  readonly #lanes = new Map<number, LaneOutline>();
  #told = 0;
  #more: MoreMarkers | undefined;
  /** Of keyframes. */
  #chars = 0;

  *take(event: TerminalEvent, isText: boolean, place: LanePlace): Generator<TerminalEvent> {
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
    if (screen) {
      this.#chars += screen.screen.length + screen.cursor.length;
      yield { kind: 'keyframe', timeUs: event.timeUs, lane: event.lane, ...screen };
    }
    lane?.take(event, this.#lanes);
    if (event.kind === 'lane-end') {
      lane?.close();
      this.#lanes.delete(event.lane);
    }
  }

  #spread(): number {
    return 2 ** Math.floor(this.#chars / KEYFRAMES_CHARS);
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
  /** When something was last shown. */
  #shownUs: number | undefined;

  /** A keyframe, where one is due and can be. `spread`: how many times as far from the one before as usual. */
  screenBefore(event: TerminalEvent, place: LanePlace, spread: number) {
    const isFirst = this.#due === 0;
    if (!isFirst && (event.kind !== 'output' || !this.#isDue(place, spread))) return undefined;
    // The page that begins here begins with a whole character.
    if (place.output.length > 0) return undefined;
    const screen = isFirst || event.kind !== 'output' ? '' : this.#screen(event.text);
    const given = screen !== undefined && screen.length <= MAX_KEYFRAME_CHARS;
    const spacing = this.#keyframes ? KEYFRAME_CHARS : PLAIN_KEYFRAME_CHARS;
    this.#due = this.#chars + (screen === undefined ? RETRY_CHARS : Math.max(spacing, KEYFRAME_SHARE * screen.length));
    if (screen === undefined) return undefined;
    this.#segments = 0;
    if (!given) return undefined;
    this.#due += (spread - 1) * spacing;
    const { columns, rows } = this.#keyframes?.emulator ?? { columns: 0, rows: 0 };
    return { frame: place.frame, columns, rows, screen, cursor: writeCursor(place) };
  }

  #isDue({ segment: { number } }: LanePlace, spread: number): boolean {
    if (number !== this.#segment) this.#segments++;
    this.#segment = number;
    return this.#chars >= this.#due || (this.#keyframes !== undefined && this.#segments > KEYFRAME_SEGMENTS * spread);
  }

  #screen(next: string): string | undefined {
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

  take(event: TerminalEvent, lanes: ReadonlyMap<number, LaneOutline>): void {
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

const emulating = (lanes: ReadonlyMap<number, LaneOutline>): number =>
  [...lanes.values()].filter(({ emulates }) => emulates).length;
