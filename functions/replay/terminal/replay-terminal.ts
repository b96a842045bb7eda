// A terminal session's recording as a player shows it (core/replay/terminal.ts): whole, its outline with keyframes, or
// a page of one lane.

import type { SessionEntry } from '../../../core/catalogue.ts';
import type { TerminalEvent } from '../../../core/replay/terminal.ts';
import type { RecordingPart, SegmentPlace } from '../../store/read-recording.ts';
import { type LanePlace, writeCursor } from './cursor.ts';
import { EventReader, LaneReader } from './events.ts';
import { Keyframes } from './keyframe.ts';

/** Output from one keyframe of a lane to the next: what a seek plays at most, where every keyframe can be exact. */
const KEYFRAME_CHARS = 256 * 1024;
/** Where one cannot be: how much later the next is tried, since trying costs some 20 ms. */
const RETRY_CHARS = 32 * 1024;
/** Without a terminal there is no screen to know: the last lines are shown. */
const PLAIN_KEYFRAME_CHARS = 1024 * 1024;
const TAIL_CHARS = 4 * 1024;
/** Emulators at work at the same time: one takes up to some MB. A session that has more terminals open gets no keyframes on those. */
const MAX_EMULATORS = 32;
const PAGE_CHARS = 1024 * 1024;
/** Other lanes' frames are read past. */
const MAX_PAGE_READ_BYTES = 64 * 1024 * 1024;

type Recording = AsyncIterable<RecordingPart>;
type Events = AsyncGenerator<TerminalEvent, void, undefined>;

export async function* replayTerminal(session: SessionEntry, recording: Recording): Events {
  yield { kind: 'opened', timeUs: 0, session };
  const reader = new EventReader(session);
  let timeUs = 0;
  for await (const part of recording) {
    if (part.kind === 'damaged') {
      yield { kind: 'damaged', timeUs, message: part.message };
      return;
    }
    timeUs = part.frame.timeUs;
    for (const event of reader.take(part.frame)) {
      yield event;
      if (event.kind === 'damaged') return;
    }
  }
}

/** Everything but output and input, and keyframes. */
export async function* outlineTerminal(session: SessionEntry, recording: Recording): Events {
  yield { kind: 'opened', timeUs: 0, session };
  const reader = new EventReader(session);
  const lanes = new Map<number, LaneOutline>();
  let timeUs = 0;
  for await (const part of recording) {
    if (part.kind === 'damaged') {
      yield { kind: 'damaged', timeUs, message: part.message };
      break;
    }
    const { frame, segment } = part;
    timeUs = frame.timeUs;
    // Where the lane stands before this frame: whatever is read later from here gives the same text.
    const { output, input } = reader.lane(frame.lane);
    const place = { segment, frame: frame.sequence, output: output.rest, input: input.rest };
    const events = reader.take(frame);
    for (const event of events) {
      if ('lane' in event && reader.lanes.get(event.lane)?.text) {
        const known = lanes.get(event.lane);
        const lane = known ?? new LaneOutline();
        if (!known) lanes.set(event.lane, lane);
        const screen = lane.screenBefore(event, place);
        if (isShown(event)) yield event;
        if (screen) yield { kind: 'keyframe', timeUs, lane: event.lane, ...screen };
        lane.take(event, lanes);
      } else if (isShown(event)) yield event;
      if (event.kind === 'lane-end') {
        lanes.get(event.lane)?.close();
        lanes.delete(event.lane);
      }
    }
    if (events.at(-1)?.kind === 'damaged') break;
  }
  for (const lane of lanes.values()) lane.close();
}

const isShown = ({ kind }: TerminalEvent): boolean => kind !== 'output' && kind !== 'input';

/** One lane whose bytes are text. */
class LaneOutline {
  #keyframes: Keyframes | undefined;
  /** Its last output, while it has no terminal. */
  #tail = '';
  #chars = 0;
  #due = 0;

  /** A keyframe, where one is due and can be. */
  screenBefore(event: TerminalEvent, place: LanePlace) {
    const isFirst = this.#due === 0;
    if (!isFirst && (event.kind !== 'output' || this.#chars < this.#due)) return undefined;
    // The page that begins here begins with a whole character.
    if (place.output.length > 0) return undefined;
    const spacing = this.#keyframes ? KEYFRAME_CHARS : PLAIN_KEYFRAME_CHARS;
    const screen = isFirst || event.kind !== 'output' ? '' : this.#screen(event.text);
    this.#due = this.#chars + (screen === undefined ? RETRY_CHARS : spacing);
    if (screen === undefined) return undefined;
    const { columns, rows } = this.#keyframes?.emulator ?? { columns: 0, rows: 0 };
    return { frame: place.frame, columns, rows, screen, cursor: writeCursor(place) };
  }

  #screen(next: string): string | undefined {
    if (this.#keyframes) return this.#keyframes.take(next);
    return this.#tail.slice(this.#tail.indexOf('\n') + 1);
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

/** Output, input and sizes of one lane from a place on, before frame `until` at the latest. */
export async function* pageOfLane(
  session: SessionEntry,
  recording: Recording,
  number: number,
  from: LanePlace,
  until = Infinity,
): Events {
  const reader = new EventReader(session);
  const lane = new LaneReader(true, from);
  reader.lanes.set(number, lane);
  let timeUs = 0;
  let chars = 0;
  let readBytes = 0;
  for await (const part of recording) {
    if (part.kind === 'damaged') {
      yield { kind: 'damaged', timeUs, message: part.message };
      return;
    }
    const { frame, segment } = part;
    if (frame.sequence >= until) return;
    timeUs = frame.timeUs;
    if (frame.sequence < from.frame) continue;
    if (chars >= PAGE_CHARS || readBytes >= MAX_PAGE_READ_BYTES) {
      yield { kind: 'more', timeUs, lane: number, cursor: cursorOf(segment, frame.sequence, lane) };
      return;
    }
    readBytes += frame.body.length;
    if (frame.lane !== number && frame.lane !== 0) continue;
    for (const event of reader.take(frame)) {
      if (event.kind === 'damaged') {
        yield event;
        return;
      }
      if (!('lane' in event) || event.lane !== number) continue;
      if (event.kind === 'output' || event.kind === 'input') chars += event.text.length;
      if (PAGE_KINDS.has(event.kind)) yield event;
      if (event.kind === 'lane-end') return;
    }
  }
}

const PAGE_KINDS: ReadonlySet<TerminalEvent['kind']> = new Set(['output', 'input', 'resize']);

const cursorOf = (segment: SegmentPlace, frame: number, { output, input }: LaneReader): string =>
  writeCursor({ segment, frame, output: output.rest, input: input.rest });
