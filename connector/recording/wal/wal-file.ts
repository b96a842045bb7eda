// The log's border to the disk: the one place that calls the file system on the hot path. Tests put
// failing disks here.

import { closeSync, fdatasync, fsyncSync, ftruncateSync, mkdirSync, openSync, writeSync, writevSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { walFileName } from './wal-format.ts';

export interface WalFile {
  readonly number: number;
  /** Writes at `position`, returns how many bytes were taken (fewer on a full disk). Throws the system's error. */
  write(buffers: readonly Uint8Array[], position: number): number;
  truncate(length: number): void;
  /** Resolves when what was written survives the machine's crash. */
  sync(): Promise<void>;
  close(): void;
}

export interface WalStorage {
  /** Creates the file; throws when it exists or cannot be made. Its name survives a machine's crash. */
  create(number: number): WalFile;
  freeBytes(): Promise<number>;
}

const dataSync = promisify(fdatasync);

export function nodeWalStorage(directory: string): WalStorage {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  return {
    create(number) {
      const fd = openSync(join(directory, walFileName(number)), 'wx', 0o600);
      syncDirectory(directory);
      return {
        number,
        write(buffers, position) {
          const only = buffers[0];
          // Most turns fit one buffer; pwritev costs 50 ns a part and a copy of the list more.
          if (buffers.length === 1 && only) return writeSync(fd, only, 0, only.length, position);
          return writevSync(fd, buffers, position);
        },
        truncate: (length) => ftruncateSync(fd, length),
        sync: () => dataSync(fd),
        close: () => closeSync(fd),
      };
    },
    async freeBytes() {
      const { bavail, bsize } = await statfs(directory);
      return bavail * bsize;
    },
  };
}

/** Makes created, renamed and removed names in `directory` survive the machine's crash. */
function syncDirectory(directory: string): void {
  const fd = openSync(directory, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
