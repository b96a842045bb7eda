// A recording in memory that is asked for its replay as the functions are, with what each answer costs: bytes and objects read
// from the store, characters sent.

import type { SessionEntry } from '../../../core/catalogue.ts';
import { NOTHING_COUNTED } from '../../../core/recording/manifest.ts';
import type { ReplayQuery } from '../../../core/replay/terminal.ts';
import { openingOf } from '../../../core/session-evidence.ts';
import { nodeRecordingPlatform } from '../../../functions/recording-platform.ts';
import { type OpenRecording, replayAsAsked } from '../../../functions/replay/registry.ts';
import { readRecording } from '../../../functions/store/read-recording.ts';
import type { RecordingReader } from '../../../functions/store/recording-reader.ts';
import { memoryReader } from '../memory-reader.ts';
import type { RecordingBuilder } from '../recording-builder.ts';

export function storedReplay<Event>(builder: RecordingBuilder) {
  const cost = { read: 0, objects: 0, sent: 0 };
  const stored = memoryReader(builder.objects);
  const reader: RecordingReader = {
    ...stored,
    async get(key) {
      const bytes = await stored.get(key);
      cost.objects++;
      if (bytes instanceof Uint8Array) cost.read += bytes.length;
      return bytes;
    },
  };
  const session: SessionEntry = {
    ...openingOf(builder.opened),
    ...{ state: 'sealed', segments: builder.objects.size - 1, counts: NOTHING_COUNTED },
  };
  const open: OpenRecording = (from, last = Number.POSITIVE_INFINITY) =>
    readRecording(
      {
        connector: builder.connector.id,
        session: builder.session,
        segments: Math.min(session.segments, last + 1),
      },
      reader,
      nodeRecordingPlatform,
      from,
    );
  /** `enough`: whoever asks hangs up behind this event. */
  async function ask(query: ReplayQuery, enough: (event: Event) => boolean = () => false) {
    Object.assign(cost, { read: 0, objects: 0, sent: 0 });
    const answer = replayAsAsked(session, open, query);
    if (!answer.ok) throw new Error(answer.error);
    const events: Event[] = [];
    for await (const event of answer.value) {
      cost.sent += JSON.stringify(event).length + 1;
      events.push(event as Event);
      if (enough(event as Event)) break;
    }
    return { events, ...cost };
  }
  return { ask };
}
