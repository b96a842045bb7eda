// Every frame of a recording as a line of JSON, in order (core/api.ts, ExportedFrame).

import type { z } from 'zod';
import type { ExportedFrame } from '../../core/api.ts';
import type { Frame } from '../../core/recording/frame.ts';
import type { RecordingPart } from '../store/read-recording.ts';

type Exported = z.infer<typeof ExportedFrame>;

/** A damaged recording ends with a fact `recording.damaged`, which no recording itself holds. */
export async function* exportNdjson(
  startedAt: string,
  recording: AsyncIterable<RecordingPart>,
): AsyncGenerator<string, void, undefined> {
  const startedMs = Date.parse(startedAt);
  let last = { sequence: -1, timeUs: 0 };
  for await (const part of recording) {
    if (part.kind === 'frame') {
      last = part.frame;
      yield `${JSON.stringify(exportFrame(startedMs, part.frame))}\n`;
      continue;
    }
    const damaged: Exported = {
      sequence: last.sequence + 1,
      timeUs: last.timeUs,
      time: timeOf(startedMs, last.timeUs),
      direction: 'gateway',
      lane: 0,
      kind: 'fact',
      fact: { kind: 'recording.damaged', message: part.message },
    };
    yield `${JSON.stringify(damaged)}\n`;
  }
}

function exportFrame(startedMs: number, frame: Frame): Exported {
  const { sequence, timeUs, direction, lane, kind, body } = frame;
  const base = { sequence, timeUs, time: timeOf(startedMs, timeUs), direction, lane };
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  if (kind === 'fact') {
    const fact = readObject(bytes.toString());
    // What is no JSON object is handed out as the bytes that it is.
    if (fact) return { ...base, kind, fact };
  }
  return { ...base, kind, base64: bytes.toString('base64') };
}

function readObject(text: string): Record<string, unknown> | undefined {
  try {
    const json: unknown = JSON.parse(text);
    return typeof json === 'object' && json !== null && !Array.isArray(json) ? { ...json } : undefined;
  } catch {
    return undefined;
  }
}

const timeOf = (startedMs: number, timeUs: number): string =>
  new Date(startedMs + Math.floor(timeUs / 1000)).toISOString();
