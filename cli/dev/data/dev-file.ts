// DIR/dev.json: how scripts and `gatehouse --data DIR --as PERSON` find a running environment.

import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type DevFile, readDevFile } from '../../settings.ts';
import { writePrivateFile } from './private-file.ts';

export const writeDevFile = (dir: string, content: DevFile): Promise<void> =>
  writePrivateFile(join(dir, 'dev.json'), `${JSON.stringify(content, undefined, 2)}\n`);

/** When the environment stops: its tokens and process ids mean nothing any more. */
export const dropDevFile = (dir: string): Promise<void> => rm(join(dir, 'dev.json'), { force: true });

/**
 * Before a start that follows a kill -9 of everything at once: parts notice that their starter is
 * gone, but workerd knows nothing of it when its own watcher was killed too.
 */
export async function endLeftovers(dir: string): Promise<void> {
  const pid = (await readDevFile(dir).catch(() => undefined))?.pids.workerd;
  if (pid === undefined) return;
  const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  if (/\/workerd\0/.test(command)) process.kill(pid, 'SIGKILL');
}
