import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { isCode } from './file-error.ts';

/**
 * Makes `path` and the folders above it that are missing; those that are there stay as they are. Throws what mkdir(2)
 * says: mkdir's own `recursive` never returns where nothing can be made (below /proc), and hides other errors behind ENOENT
 * (nodejs/node#47098, #42808).
 */
export async function makeFolder(path: string, mode = 0o777): Promise<void> {
  try {
    await mkdir(path, { mode });
  } catch (error) {
    if (isCode(error, 'EEXIST')) return;
    const above = dirname(path);
    if (!isCode(error, 'ENOENT') || above === path) throw error;
    await makeFolder(above, mode);
    await mkdir(path, { mode }).catch((again: unknown) => {
      // Somebody else made it in between.
      if (!isCode(again, 'EEXIST')) throw again;
    });
  }
}
