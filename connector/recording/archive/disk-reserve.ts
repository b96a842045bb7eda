// Room set aside on the recording's disk. When the disk is full and no session runs any more, it is
// given up so that what is recorded can still be spooled and sent: that frees log files in turn.
// While sessions run it is kept, or their log would take it.

import { open, rm } from 'node:fs/promises';

export const RESERVE_BYTES = 8 * 1024 * 1024;
const CHUNK = Buffer.alloc(1024 * 1024);

export class DiskReserve {
  readonly #path: string;
  #held = false;
  #mayGiveUp = false;

  constructor(path: string) {
    this.#path = path;
  }

  /** Sets the room aside, where there is room. Written, not merely declared: a sparse file reserves nothing. */
  async fill(): Promise<void> {
    this.#mayGiveUp = false;
    if (this.#held) return;
    try {
      const handle = await open(this.#path, 'w', 0o600);
      try {
        for (let at = 0; at < RESERVE_BYTES; at += CHUNK.length) await handle.write(CHUNK, 0, CHUNK.length, at);
        this.#held = true;
      } finally {
        await handle.close();
      }
    } catch {
      // Too little room: none of it is worth more here than elsewhere.
      await this.#giveUp();
    }
  }

  /** No session writes to this disk until the next fill(). */
  allow(): void {
    this.#mayGiveUp = true;
  }

  /** Does `work`, once more with the reserve given up when the disk was full. */
  async use<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if ((code !== 'ENOSPC' && code !== 'EDQUOT') || !this.#mayGiveUp || !this.#held) throw error;
      await this.#giveUp();
      return work();
    }
  }

  async #giveUp(): Promise<void> {
    this.#held = false;
    await rm(this.#path, { force: true }).catch(() => undefined);
  }
}
