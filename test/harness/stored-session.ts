// A session that the pipeline recorded in memory, as stored objects and as a replay of them.

import { openingOf } from '../../core/session-evidence.ts';
import { nodeRecordingPlatform } from '../../functions/recording-platform.ts';
import { replaySession } from '../../functions/replay/registry.ts';
import { readRecording } from '../../functions/store/read-recording.ts';
import type { RecordingReader } from '../../functions/store/recording-reader.ts';
import type { ReplayEvent, SessionEntry } from '../../core/catalogue.ts';
import type { SessionOpened } from '../../core/recording/facts/session.ts';
import type { MemoryRecording } from './memory-log.ts';
import { RecordingBuilder } from './recording-builder.ts';

/** In segments of about `cutBytes`, 1 ms from frame to frame. */
export function storeRecording(recording: MemoryRecording, cutBytes: number): RecordingBuilder {
  const builder = new RecordingBuilder({ session: recording.opened.session, protocol: recording.opened.protocol });
  for (const frame of recording.frames) {
    if (frame.fact?.kind === 'session.opened') continue;
    builder.wait(1000);
    if (frame.bytes) builder.bytes(frame.direction, frame.bytes, frame.lane);
    else if (frame.fact) builder.fact(frame.fact, frame.lane);
    if (builder.pendingBytes > cutBytes) builder.cut();
  }
  return builder.end();
}

export function replayStored(opened: SessionOpened, reader: RecordingReader): AsyncGenerator<ReplayEvent> {
  const counts = {
    frames: 0,
    actions: 0,
    statements: 0,
    errors: 0,
    rows: 0,
    bytes: { client: 0, target: 0, gateway: 0 },
  };
  const session: SessionEntry = { ...openingOf(opened), state: 'sealed', segments: 1, counts };
  const place = { connector: opened.connector.id, session: opened.session };
  return replaySession(session, readRecording(place, reader, nodeRecordingPlatform));
}
