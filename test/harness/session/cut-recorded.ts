// A session that went through a gateway with real clients, exported in all formats by runs that end and are killed anywhere.

import type { ExportQuery } from '../../../core/replay/exports.ts';
import { PROTOCOLS } from '../../../core/protocols.ts';
import type { MemoryRecording } from '../memory-log.ts';
import { RecordingBuilder } from '../recording-builder.ts';
import { exportedInCuts } from './cut-exports.ts';
import { entryOf, exportedBytes } from './exported.ts';

const SEGMENTS = 40;
const PIECES = 150;

const STATEMENTS: readonly ExportQuery[] = [
  { format: 'csv' },
  { format: 'csv', exact: 'true' },
  { format: 'text', all: 'true' },
];
const OF_ALL: readonly ExportQuery[] = [
  ...[{ format: 'ndjson' }, { format: 'text' }, { format: 'markdown' }, { format: 'html' }, { format: 'asciicast' }],
] as const;

/** Throws where a byte is another than when the export is made in one go. Returns which formats there were. */
export async function expectSameInCuts(recording: MemoryRecording): Promise<string[]> {
  const { opened } = recording;
  const builder = inPieces(recording);
  const session = { ...entryOf(opened), protocol: opened.protocol, connector: builder.connector.id };
  const isOfStatements = PROTOCOLS[opened.protocol].replay === 'statements';
  const one: ExportQuery[] = isOfStatements ? [1, 2, 3].map((statement) => ({ format: 'csv', statement })) : [];
  const seen: string[] = [];
  for (const [i, query] of [...OF_ALL, ...(isOfStatements ? STATEMENTS : []), ...one].entries()) {
    const name = Object.values(query).join(' ');
    const whole = await exportedBytes(builder, query, session).catch(() => undefined);
    if (!whole) continue;
    const cut = await exportedInCuts(builder, query, session, {
      borders: (run) => 1 + ((run * 7 + i) % 9),
      puts: (run) => (run % 3 === 1 ? (run * 5 + i) % 11 : Infinity),
      partBytes: Math.max(1000, Math.ceil(whole.length / 20)),
    });
    if (!cut.bytes.equals(whole)) throw new Error(`${name} is another where runs were cut`);
    if (cut.runs.length < 3) throw new Error(`${name} was not cut`);
    seen.push(name);
  }
  return seen;
}

/** Frames cut within messages, sequences and characters. */
function inPieces({ opened, frames }: MemoryRecording): RecordingBuilder {
  const builder = new RecordingBuilder({ session: opened.session, protocol: opened.protocol });
  const total = frames.reduce((sum, { bytes }) => sum + (bytes?.length ?? 200), 0);
  const piece = Math.max(17, Math.ceil(total / PIECES));
  for (const { bytes, fact, direction, lane } of frames) {
    if (fact?.kind === 'session.opened') continue;
    builder.wait(1000);
    if (fact) builder.fact(fact, lane);
    for (let at = 0; bytes && at < bytes.length; at += piece) {
      builder.bytes(direction, bytes.subarray(at, at + piece), lane);
      if (builder.pendingBytes > total / SEGMENTS) builder.cut();
    }
    if (builder.pendingBytes > total / SEGMENTS) builder.cut();
  }
  return builder.end();
}
