// What is to be rendered: a recording as far as it had come, in one format. The key says so: whatever would change a byte of the file
// changes it, so that no file of another recording, another format or an earlier release is ever handed out for it.

import { createHash } from 'node:crypto';
import { z } from 'zod';
import { exportedBy, ExportQuery } from '../../core/replay/exports.ts';
import { SessionEntry } from '../../core/catalogue.ts';
import { ConnectorId } from '../../core/ids.ts';
import { sessionEntryOf } from '../../core/session-evidence.ts';
import type { RecordingPlatform } from '../../core/recording/segment.ts';
import type { OpenRecording } from '../replay/registry.ts';
import { readRecording } from '../store/read-recording.ts';
import type { RecordingReader } from '../store/recording-reader.ts';
import type { FoundSession } from '../stored-session.ts';
import { RenderedPlace } from './rendered-store.ts';

/** Raise it whenever a format comes out otherwise than before. */
const RENDERER = 3;

const Query = ExportQuery.omit({ part: true });

export const RenderJob = z.object({
  place: RenderedPlace,
  connector: ConnectorId,
  query: Query,
  /** As the session was then: what a file says of it does not change from one run to the next. */
  session: SessionEntry,
  /** The recording up to there: a live one goes on. */
  segments: z.number().int(),
});
export type RenderJob = z.infer<typeof RenderJob>;

/** undefined: nothing of it is stored yet. */
export function renderJob({ connector, stored }: FoundSession, asked: ExportQuery): RenderJob | undefined {
  const query = exportedBy(asked);
  const session = sessionEntryOf(stored, {});
  const last = stored.segments.at(-1);
  if (!session || !last) return undefined;
  const made = [RENDERER, stored.manifest?.digest ?? null, last.number, last.digest, Object.entries(query).sort()];
  const key = createHash('sha256').update(JSON.stringify(made)).digest('hex');
  return { place: { session: session.id, key }, connector, query, session, segments: last.number + 1 };
}

/** The recording of a job, as far as it had come and no further. */
export const recordingOf =
  (reader: RecordingReader, platform: RecordingPlatform) =>
  ({ connector, session: { id }, segments }: RenderJob): OpenRecording =>
  (from) =>
    readRecording({ connector, session: id, segments, only: true }, reader, platform, from);

/** What else an opener gives is not of the job. */
export const upTo = (segments: number, open: OpenRecording): OpenRecording =>
  async function* (from) {
    for await (const part of open(from)) {
      if (part.kind === 'frame' && part.segment.number >= segments) return;
      yield part;
    }
  };
