// How much of what was recorded waits on this disk to be stored: the spool's files, counted while the archiver works on them.

import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

export interface SpoolUsage {
  readonly bytes: number;
  readonly objects: number;
  /** When the oldest was made, milliseconds since the epoch; undefined: nothing waits. */
  readonly oldestMs: number | undefined;
}

/** So that a store that is away for days does not make the counting a load of its own: beyond, it is at least so much. */
const MAX_COUNTED = 20_000;

/** `directory`: the recording log's. */
export async function spoolUsage(directory: string): Promise<SpoolUsage> {
  const sessions = join(directory, 'sessions');
  let bytes = 0;
  let objects = 0;
  let oldestMs: number | undefined;
  for (const session of await namesIn(sessions)) {
    for (const name of await namesIn(join(sessions, session))) {
      if (!/\.(seg|original|json)$/.test(name)) continue;
      const file = await stat(join(sessions, session, name)).catch(() => undefined);
      // Stored meanwhile.
      if (!file) continue;
      objects++;
      bytes += file.size;
      oldestMs = Math.min(oldestMs ?? file.mtimeMs, file.mtimeMs);
      if (objects >= MAX_COUNTED) return { bytes, objects, oldestMs };
    }
  }
  return { bytes, objects, oldestMs };
}

const namesIn = (folder: string): Promise<string[]> => readdir(folder).catch(() => []);
