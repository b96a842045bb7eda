// How each protocol's recording becomes a replay document.

import type { ReplayEvent, SessionEntry } from '../../core/catalogue.ts';
import type { ProtocolName } from '../../core/protocols.ts';
import type { RecordingPart } from '../store/read-recording.ts';
import { ResultDecoder } from './postgres/results.ts';
import { replayStatements } from './replay-statements.ts';

/** Works on a live session as far as it has come. A damaged recording ends with an event that says so. */
type Replayer = (
  session: SessionEntry,
  recording: AsyncIterable<RecordingPart>,
) => AsyncGenerator<ReplayEvent, void, undefined>;

const REPLAYERS: Readonly<Record<ProtocolName, Replayer>> = {
  postgres: (session, recording) => replayStatements(session, recording, new ResultDecoder()),
};

export const replaySession: Replayer = (session, recording) => REPLAYERS[session.protocol](session, recording);
