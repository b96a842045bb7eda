// One process per directory: its state, its recordings. The lock is the kernel's (SQLite's exclusive
// lock on a file), so it goes with the process however that ends, and does not mistake one container's
// pid 1 for another's.

import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { err, ok, type Result } from '../../core/result.ts';

const SQLITE_BUSY = 5;

interface StateLock {
  release(): void;
}

/** How to let go, or undefined when somebody holds it, this process included. Throws when the directory cannot be used. */
export function lockDirectory(directory: string): (() => void) | undefined {
  const database = new DatabaseSync(join(directory, 'lock'), { timeout: 0 });
  try {
    database.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE');
  } catch (error) {
    database.close();
    if ((error as { errcode?: number }).errcode === SQLITE_BUSY) return undefined;
    throw error;
  }
  return () => database.close();
}

export function lockState(directory: string): Result<StateLock, string> {
  try {
    const release = lockDirectory(directory);
    if (release) return ok({ release });
    return err(`state directory ${directory} is in use by another connector: give each its own --state`);
  } catch (error) {
    return err(
      `state directory ${directory} cannot be locked: ${error instanceof Error ? error.message : 'unknown error'}`,
    );
  }
}
