import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { usage } from '../failure.ts';
import { codeOf } from './file-error.ts';

/**
 * A private folder for what a program is given and nobody else may see. In memory where the system has a place for that: what is
 * left there ends with the person's last session. `runtime`: XDG_RUNTIME_DIR. `name`: begins the folder's.
 */
export async function passingFolder(runtime: string | undefined, name: string): Promise<string> {
  const inMemory = runtime ? await mkdtemp(join(runtime, name)).catch(() => undefined) : undefined;
  if (inMemory !== undefined) return inMemory;
  return mkdtemp(join(tmpdir(), name)).catch((error: unknown) => {
    throw usage(`cannot make a private folder in ${tmpdir()}: ${codeOf(error)}`);
  });
}
