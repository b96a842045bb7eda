// A file that appears once it is whole, and that others on the machine may not read.

import { open, rename, rm } from 'node:fs/promises';
import { usage } from '../failure.ts';
import { codeOf } from './file-error.ts';

/** How many bytes it has. Nothing is left of it where the body fails. */
export async function saveStream(file: string, body: AsyncIterable<Uint8Array>): Promise<number> {
  const partial = `${file}.${process.pid}.part`;
  const failed = (error: unknown): never => {
    throw usage(`cannot write ${file}: ${codeOf(error)}`);
  };
  let written = 0;
  const handle = await open(partial, 'wx', 0o600).catch(failed);
  try {
    for await (const chunk of body) {
      await handle.write(chunk).catch(failed);
      written += chunk.length;
    }
    await handle.close();
    await rename(partial, file).catch(failed);
  } catch (error) {
    await handle.close().catch(() => {});
    await rm(partial, { force: true });
    throw error;
  }
  return written;
}
