// DIR/dev.json: how scripts and `gatehouse --data DIR --as PERSON` find a running environment.

import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { DevFile } from '../settings.ts';
import { writePrivateFile } from './private-file.ts';

export const writeDevFile = (dir: string, content: DevFile): Promise<void> =>
  writePrivateFile(join(dir, 'dev.json'), `${JSON.stringify(content, undefined, 2)}\n`);

/** When the environment stops: its tokens and process ids mean nothing any more. */
export const dropDevFile = (dir: string): Promise<void> => rm(join(dir, 'dev.json'), { force: true });
