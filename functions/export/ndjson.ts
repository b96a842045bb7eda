// Every frame of a recording as a line of JSON, in order (core/api.ts, ExportedFrame).

import { z } from 'zod';
import type { ExportedFrame } from '../../core/replay/exports.ts';
import { exportedTime, exportFrame } from '../../core/replay/exported-frame.ts';
import { type Checkpoints, NO_CHECKPOINTS } from '../checkpoints.ts';
import type { RecordingPart } from '../store/read-recording.ts';

type Exported = z.infer<typeof ExportedFrame>;

const KeptFrame = z.object({ sequence: z.number().int(), timeUs: z.number() });

/** A damaged recording ends with a fact `recording.damaged`, which no recording itself holds. */
export async function* exportNdjson(
  startedAt: string,
  recording: AsyncIterable<RecordingPart>,
  at: Checkpoints = NO_CHECKPOINTS,
): AsyncGenerator<string, void, undefined> {
  const startedMs = Date.parse(startedAt);
  const saved = at.saved('last', KeptFrame);
  let last = saved ?? { sequence: -1, timeUs: 0 };
  at.keep('last', KeptFrame, () => ({ sequence: last.sequence, timeUs: last.timeUs }));
  for await (const part of recording) {
    if (part.kind === 'frame') {
      last = part.frame;
      yield `${JSON.stringify(exportFrame(startedMs, part.frame, base64))}\n`;
      continue;
    }
    const damaged: Exported = {
      sequence: last.sequence + 1,
      timeUs: last.timeUs,
      time: exportedTime(startedMs, last.timeUs),
      direction: 'gateway',
      lane: 0,
      kind: 'fact',
      fact: { kind: 'recording.damaged', message: part.message },
    };
    yield `${JSON.stringify(damaged)}\n`;
  }
}

const base64 = ({ buffer, byteOffset, byteLength }: Uint8Array): string =>
  Buffer.from(buffer, byteOffset, byteLength).toString('base64');
