// A terminal session's recording as a player shows it (core/replay/terminal.ts): whole, or a page of one lane. Its
// outline: outline.ts.

import { z } from 'zod';
import type { SessionEntry } from '../../../core/catalogue.ts';
import type { TerminalEvent } from '../../../core/replay/terminal.ts';
import { type Checkpoints, NO_CHECKPOINTS } from '../../checkpoints.ts';
import type { RecordingPart, SegmentPlace } from '../../store/read-recording.ts';
import { type LanePlace, writeCursor } from './cursor.ts';
import { EventReader, EventReaderState, LaneReader } from './events.ts';

/** Sixteen times what there is usually between two keyframes: it is one page, so that no segment is read twice for it. */
const PAGE_CHARS = 4 * 1024 * 1024;
/** Other lanes' frames are read past. */
const MAX_PAGE_READ_BYTES = 64 * 1024 * 1024;

type Recording = AsyncIterable<RecordingPart>;
type Events = AsyncGenerator<TerminalEvent, void, undefined>;

const KeptReplay = z.object({ timeUs: z.number(), reader: EventReaderState });

export async function* replayTerminal(
  session: SessionEntry,
  recording: Recording,
  at: Checkpoints = NO_CHECKPOINTS,
): Events {
  const reader = new EventReader(session);
  const saved = at.saved('replay', KeptReplay);
  let timeUs = saved?.timeUs ?? 0;
  if (saved) reader.resume(saved.reader);
  else yield { kind: 'opened', timeUs: 0, session };
  at.keep('replay', KeptReplay, () => ({ timeUs, reader: reader.state() }));
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

/** Output, input and sizes of one lane from a place on, before `until` at the latest. */
export async function* pageOfLane(
  session: SessionEntry,
  recording: Recording,
  number: number,
  from: LanePlace,
  until?: LanePlace,
): Events {
  const end = until?.after?.frame ?? until?.frame ?? Infinity;
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
    if (frame.sequence >= end) return;
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
      if (event.kind === 'output' || event.kind === 'input') {
        const { base64: _, ...shown } = event;
        yield shown;
      } else if (event.kind === 'resize') yield event;
      else if (event.kind === 'lane-end') return;
    }
    // What comes next may be in another segment, which need not be read for it.
    if (frame.sequence + 1 >= end) return;
  }
}

const cursorOf = (segment: SegmentPlace, frame: number, { output, input }: LaneReader): string =>
  writeCursor({ segment, frame, output: output.rest, input: input.rest });
