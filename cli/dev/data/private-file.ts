// Files that hold secrets: readable by their owner alone, and whole or not there at all.

import { open, rename } from 'node:fs/promises';

export async function writePrivateFile(path: string, text: string): Promise<void> {
  const partial = `${path}.${process.pid}.part`;
  const handle = await open(partial, 'w', 0o600);
  try {
    await handle.chmod(0o600);
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(partial, path);
}
