// How each protocol's recording becomes a replay document.

import type { ReplayEvent, SessionEntry } from '../../core/catalogue.ts';
import { PROTOCOLS, type ProtocolName, type ReplayKind } from '../../core/protocols.ts';
import type { RecordingPart } from '../store/read-recording.ts';
import { ResultDecoder } from './postgres/results.ts';
import { replayStatements } from './replay-statements.ts';
import { noResults, type ResultReader } from './result-reader.ts';

/** Works on a live session as far as it has come. A damaged recording ends with an event that says so. */
type Replayer = (
  session: SessionEntry,
  recording: AsyncIterable<RecordingPart>,
) => AsyncGenerator<ReplayEvent, void, undefined>;

const BY_KIND: Readonly<Record<ReplayKind, (results: () => ResultReader) => Replayer>> = {
  statements: (results) => (session, recording) => replayStatements(session, recording, results),
};

/** Reads results from a protocol's bytes. Without one, statements are shown with what their facts say. */
const RESULT_READERS: Readonly<Partial<Record<ProtocolName, () => ResultReader>>> = {
  postgres: () => new ResultDecoder(),
};

export const replaySession: Replayer = (session, recording) => {
  const { protocol } = session;
  return BY_KIND[PROTOCOLS[protocol].replay](RESULT_READERS[protocol] ?? noResults)(session, recording);
};
