// A file that appears once it is whole, and that others on the machine may not read unless they could before. What stands there
// and is no regular file (a device, a FIFO) is written into, as a shell would; it is never replaced.

import { constants } from 'node:fs';
import { type FileHandle, lstat, open, readlink, realpath, rename, rm, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { usage } from '../failure.ts';
import { codeOf, isCode } from './file-error.ts';

/** Names of what a process has open already: whatever it is, it is written on, not replaced. */
const OPEN_ALREADY = /^\/(?:proc\/|dev\/(?:fd\/|stdout$|stderr$))/;

type Chunks = AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

/** How many bytes it has. Where the body fails nothing is left of a regular file. `mode`: of one that was not there; umask applies. */
export async function saveStream(file: string, body: Chunks, mode = 0o600): Promise<number> {
  const failed = (error: unknown): never => {
    throw usage(`cannot write ${file}: ${codeOf(error)}`);
  };
  const there = await stat(file).catch((error: unknown) => (isCode(error, 'ENOENT') ? undefined : failed(error)));
  if (there && (!there.isFile() || OPEN_ALREADY.test(resolve(file)))) {
    const handle = await open(file, constants.O_WRONLY | constants.O_APPEND).catch(failed);
    return writeAll(handle, body, failed);
  }
  const target = await (there ? realpath(file) : linkedFrom(file)).catch(failed);
  const partial = `${target}.${process.pid}.part`;
  const handle = await open(partial, 'wx', there ? 0o600 : mode).catch(failed);
  try {
    if (there) {
      const mine = await handle.stat();
      // Not everybody may give a file away; then it is theirs who wrote it.
      if (mine.uid !== there.uid || mine.gid !== there.gid) await handle.chown(there.uid, there.gid).catch(() => {});
      await handle.chmod(there.mode & 0o777).catch(failed);
    }
    const written = await writeAll(handle, body, failed, true);
    await rename(partial, target).catch(failed);
    return written;
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
}

/** The same of a text that others may read: by umask. */
export const saveText = (file: string, text: string): Promise<number> => saveStream(file, [Buffer.from(text)], 0o666);

/** Closes it. `sync`: a file system that takes bytes and finds its disk full later says so. */
async function writeAll(handle: FileHandle, body: Chunks, failed: (error: unknown) => never, sync = false) {
  let written = 0;
  try {
    for await (const chunk of body) {
      // Of a single write(2) the system may take a part.
      await handle.writeFile(chunk).catch(failed);
      written += chunk.length;
    }
    if (sync) await handle.sync().catch(failed);
  } catch (error) {
    await handle.close().catch(() => {});
    throw error;
  }
  await handle.close().catch(failed);
  return written;
}

/** Where a link points that has nothing at its end yet. */
async function linkedFrom(file: string): Promise<string> {
  const link = await lstat(file).catch(() => undefined);
  return link?.isSymbolicLink() ? resolve(dirname(file), await readlink(file)) : file;
}
