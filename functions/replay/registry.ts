// How each protocol's recording becomes a replay document.

import type { ReplayEvent, SessionEntry } from '../../core/catalogue.ts';
import { PROTOCOLS, type ProtocolName, type ReplayKind } from '../../core/protocols.ts';
import type { ReplayQuery, TerminalEvent } from '../../core/replay/terminal.ts';
import { err, ok, type Result } from '../../core/result.ts';
import type { RecordingPart, SegmentPlace } from '../store/read-recording.ts';
import { ResultDecoder } from './postgres/results.ts';
import { replayStatements } from './replay-statements.ts';
import { noResults, type ResultReader } from './result-reader.ts';
import { readLanePlace } from './terminal/cursor.ts';
import { outlineTerminal, pageOfLane, replayTerminal } from './terminal/replay-terminal.ts';

type Events<Event> = AsyncGenerator<Event, void, undefined>;
/** From its beginning, or from one segment alone, whose followers are read as they are asked for. */
export type OpenRecording = (from?: SegmentPlace) => AsyncIterable<RecordingPart>;

/** An error is what was wrong with the query, for who asked. */
type Replayer = (
  session: SessionEntry,
  open: OpenRecording,
  query: ReplayQuery,
) => Result<Events<ReplayEvent | TerminalEvent>, string>;

const BY_KIND: Readonly<Record<ReplayKind, Replayer>> = {
  statements: (session, open, query) =>
    Object.keys(query).length === 0
      ? ok(replaySession(session, open()))
      : err('a replay of statements comes whole: ask without part, lane, cursor and until'),
  terminal: (session, open, { part, lane, cursor, until }) => {
    if (lane === undefined && cursor === undefined && until === undefined)
      return ok(part ? outlineTerminal(session, open()) : replayTerminal(session, open()));
    const place = cursor === undefined ? undefined : readLanePlace(cursor);
    if (lane === undefined || !place || part)
      return err('a page is asked for with its lane and the cursor of a keyframe or of the page before');
    return ok(pageOfLane(session, open(place.segment), lane, place, until));
  },
};

/** Reads results from a protocol's bytes. Without one, statements are shown with what their facts say. */
const RESULT_READERS: Readonly<Partial<Record<ProtocolName, () => ResultReader>>> = {
  postgres: () => new ResultDecoder(),
};

/** Of statements. Works on a live session as far as it has come. A damaged recording ends with an event that says so. */
export const replaySession = (session: SessionEntry, recording: AsyncIterable<RecordingPart>): Events<ReplayEvent> =>
  replayStatements(session, recording, RESULT_READERS[session.protocol] ?? noResults);

export const replayAsAsked: Replayer = (session, open, query) =>
  BY_KIND[PROTOCOLS[session.protocol].replay](session, open, query);
