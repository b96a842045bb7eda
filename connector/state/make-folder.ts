import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Makes `path` and the folders above it that are missing; those that are there stay as they are. Throws what mkdir(2)
 * says: mkdir's own `recursive` never returns where nothing can be made (below /proc), and hides other errors behind ENOENT
 * (nodejs/node#47098, #42808). For paths that somebody chose.
 */
export function makeStateFolder(path: string, mode: number): void {
  try {
    mkdirSync(path, { mode });
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'EEXIST') return;
    const above = dirname(path);
    if (code !== 'ENOENT' || above === path) throw error;
    makeStateFolder(above, mode);
    mkdirSync(path, { mode });
  }
}
