// How each protocol's recording becomes a replay document.

import type { ReplayEvent, SessionEntry } from '../../core/catalogue.ts';
import { PROTOCOLS, type ProtocolName, type ReplayKind } from '../../core/protocols.ts';
import type { ReplayQuery, TerminalEvent } from '../../core/replay/terminal.ts';
import { err, ok, type Result } from '../../core/result.ts';
import { type Checkpoints, NO_CHECKPOINTS } from '../checkpoints.ts';
import type { RecordingPart, SegmentPlace } from '../store/read-recording.ts';
import { MysqlResults } from './mysql/results.ts';
import { ResultDecoder } from './postgres/results.ts';
import { replayStatements } from './replay-statements.ts';
import { noResults, type ResultReader } from './result-reader.ts';
import { readRowsCursor, type RowsPlace, rowsPage } from './rows-page.ts';
import { type LanePlace, readLanePlace } from './terminal/cursor.ts';
import { outlineTerminal } from './terminal/outline.ts';
import { pageOfLane, replayTerminal } from './terminal/replay-terminal.ts';

type Events<Event> = AsyncGenerator<Event, void, undefined>;
/** From its beginning, or from one segment on: those up to number `last` are read ahead, others as they are asked for. */
export type OpenRecording = (from?: SegmentPlace, last?: number) => AsyncIterable<RecordingPart>;

/** An error is what was wrong with the query, for who asked. */
type Replayer = (
  session: SessionEntry,
  open: OpenRecording,
  query: ReplayQuery,
) => Result<Events<ReplayEvent | TerminalEvent>, string>;

const BY_KIND: Readonly<Record<ReplayKind, Replayer>> = {
  statements: (session, open, { part, lane, cursor, until }) => {
    const reader = RESULT_READERS[session.protocol] ?? noResults;
    if (lane !== undefined || until !== undefined || (part && cursor !== undefined))
      return err('a replay of statements is asked for whole, as its outline, or with a cursor of it');
    if (cursor === undefined) return ok(replayStatements(session, open(), () => reader(), part === 'outline'));
    const place = readRowsCursor(cursor);
    return place ? resumed(place, open, reader) : err('the cursor is none of an outline');
  },
  terminal: (session, open, { part, lane, cursor, until }) => {
    if (lane === undefined && cursor === undefined && until === undefined)
      return ok(part ? outlineTerminal(session, open()) : replayTerminal(session, open()));
    const place = cursor === undefined ? undefined : readLanePlace(cursor);
    const end = until === undefined ? undefined : readLanePlace(until);
    if (lane === undefined || !place || part || (until !== undefined && !end))
      return err('a page is asked for with its lane and the cursor of a keyframe or of the page before');
    return ok(pageOfLane(session, open(place.segment, lastSegment(place, end)), lane, place, end));
  },
};

/** Of a page. Where it ends with the first frame of a segment, the one before is its last. */
function lastSegment({ segment }: LanePlace, until: LanePlace | undefined): number {
  if (until === undefined) return segment.number;
  return until.after?.number ?? until.segment.number - (until.frame === until.segment.firstFrame ? 1 : 0);
}

/** `layout`: of the one result that is read. Throws where it is none. */
type BeginResults = (layout?: string) => ResultReader;

/** Reads results from a protocol's bytes. Without one, statements are shown with what their facts say. */
const RESULT_READERS: Readonly<Partial<Record<ProtocolName, BeginResults>>> = {
  postgres: (layout) => new ResultDecoder(layout),
  mysql: (layout) => new MysqlResults(layout),
};

function resumed(place: RowsPlace, open: OpenRecording, begin: BeginResults): Result<Events<ReplayEvent>, string> {
  try {
    return ok(rowsPage(open(place.segment, place.segment.number), place, begin(place.layout)));
  } catch {
    return err('the cursor is none of an outline');
  }
}

/** Of statements. Works on a live session as far as it has come. A damaged recording ends with an event that says so. */
export const replaySession = (
  session: SessionEntry,
  recording: AsyncIterable<RecordingPart>,
  at: Checkpoints = NO_CHECKPOINTS,
): Events<ReplayEvent> =>
  replayStatements(session, recording, () => (RESULT_READERS[session.protocol] ?? noResults)(), false, at);

export const replayAsAsked: Replayer = (session, open, query) =>
  BY_KIND[PROTOCOLS[session.protocol].replay](session, open, query);
