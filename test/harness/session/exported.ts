// Exports of sessions that tests recorded or built, as the functions make them.

import { writeFile } from 'node:fs/promises';
import type { ExportQuery } from '../../../core/replay/exports.ts';
import type { SessionEntry } from '../../../core/catalogue.ts';
import type { SessionOpened } from '../../../core/recording/facts/session.ts';
import { openingOf } from '../../../core/session-evidence.ts';
import { exportSession } from '../../../functions/export/registry.ts';
import { nodeRecordingPlatform } from '../../../functions/recording-platform.ts';
import type { OpenRecording } from '../../../functions/replay/registry.ts';
import { readRecording } from '../../../functions/store/read-recording.ts';
import type { MemoryRecording } from '../memory-log.ts';
import { memoryReader } from '../memory-reader.ts';
import type { RecordingBuilder } from '../recording-builder.ts';
import { run } from '../run.ts';
import { storeRecording } from '../stored-session.ts';

const NO_COUNTS = {
  ...{ frames: 0, actions: 0, statements: 0, errors: 0, rows: 0 },
  bytes: { client: 0, target: 0, gateway: 0 },
};

export const entryOf = (opened: SessionOpened): SessionEntry => ({
  ...openingOf(opened),
  state: 'sealed',
  segments: 1,
  counts: NO_COUNTS,
});

export const openerOf =
  ({ connector, session, objects }: Pick<RecordingBuilder, 'connector' | 'session' | 'objects'>): OpenRecording =>
  (from) =>
    readRecording({ connector: connector.id, session }, memoryReader(objects), nodeRecordingPlatform, from);

/** Throws with what was wrong with the query. */
export async function exportedBytes(
  builder: RecordingBuilder,
  query: ExportQuery,
  session = entryOf(builder.opened),
): Promise<Buffer> {
  const made = await exportSession(session, openerOf(builder), query);
  if (!made.ok) throw new Error(made.error);
  const parts: Uint8Array[] = [];
  for await (const part of made.value.chunks) parts.push(Buffer.from(part));
  return Buffer.concat(parts);
}

export const exportedText = async (...args: Parameters<typeof exportedBytes>): Promise<string> =>
  (await exportedBytes(...args)).toString();

/** Of a session that went through a gateway, in segments of `cutBytes`. */
export function exportRecorded(recording: MemoryRecording, query: ExportQuery, cutBytes = 4096): Promise<Buffer> {
  const builder = storeRecording(recording, cutBytes);
  const session = { ...entryOf(builder.opened), protocol: recording.opened.protocol };
  return exportedBytes(builder, query, session);
}

const READ_ZIP = `
import json, sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as archive:
    assert archive.testzip() is None
    print(json.dumps({name: archive.read(name).decode() for name in archive.namelist()}))
`;

/** Files of a ZIP archive as text, by name, read by somebody else's reader. */
export async function unzipped(archive: Uint8Array, at: string): Promise<Record<string, string>> {
  await writeFile(at, archive);
  const read = await run('/usr/bin/python3', ['-c', READ_ZIP, at]);
  if (read.code !== 0) throw new Error(read.stderr);
  return JSON.parse(read.stdout) as Record<string, string>;
}
