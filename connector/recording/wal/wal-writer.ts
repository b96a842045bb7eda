// The log's files, from the writer's side: one after the other, batch behind batch, and made durable
// in the background. Decides nothing about sessions: wal.ts does, and hears of every failure.

import type { CommittedPosition } from './committed-position.ts';
import type { WalBatch } from './wal-batch.ts';
import type { WalFile, WalStorage } from './wal-file.ts';
import { WAL_FILE_HEADER_BYTES, walFileHeader } from './wal-format.ts';

export interface WalWriterOptions {
  readonly storage: WalStorage;
  readonly firstFile: number;
  readonly committed: CommittedPosition;
  readonly clock: { monotonicUs(): number };
  readonly limits: {
    /** A file that reached this is followed by the next. */
    readonly fileBytes: number;
    /** So is one that is older, so that a quiet connector's log goes away too. */
    readonly fileAgeMs: number;
    /** Longest time between a write and the start of its fdatasync: what a machine's crash can lose. */
    readonly syncMs: number;
  };
  /** What was written before can no longer be called logged. */
  readonly onSyncFailed: (error: unknown) => void;
}

export class WalWriter {
  readonly #options: WalWriterOptions;
  #file: WalFile | undefined;
  /** The next file, made and not begun. */
  #spare: WalFile | undefined;
  #nextFile: number;
  #position = 0;
  #fileOpenedUs = 0;
  /** Where the present file ended at the last call of startFileWhenIdle. */
  #idleAt = 0;
  #syncTimer: NodeJS.Timeout | undefined;
  #syncing: Promise<void> | undefined;
  #dirty = false;

  constructor(options: WalWriterOptions) {
    this.#options = options;
    this.#nextFile = options.firstFile;
  }

  /** All of the batch is in the log when this returns. Throws otherwise, and may be called again with the same. */
  write(batch: WalBatch): void {
    const { committed, limits, clock } = this.#options;
    const aged = clock.monotonicUs() - this.#fileOpenedUs > limits.fileAgeMs * 1000;
    if (this.#file === undefined || this.#position >= limits.fileBytes || aged) this.startFile();
    const file = this.#file;
    if (file === undefined) throw new Error('no log file');
    try {
      this.#writeAll(file, batch.seal(file.number, this.#position));
    } catch (error) {
      this.#cutBack(file);
      throw error;
    }
    committed.publish(file.number, this.#position);
    this.#needSync();
  }

  /**
   * Begins the next file where the present one holds something and nothing was written since the last call: it can go
   * then once its sessions are stored. Throws as startFile does.
   */
  startFileWhenIdle(): void {
    const idle = this.#position === this.#idleAt;
    this.#idleAt = this.#position;
    if (idle && this.#file !== undefined && this.#position > WAL_FILE_HEADER_BYTES) this.startFile();
  }

  /** Begins the next file; throws when it cannot, and what was there goes on. */
  startFile(): void {
    const old = this.#file;
    // Made now and perhaps not written: the next try takes the same, so a full disk gathers no empty files.
    const file = this.#spare ?? this.#options.storage.create(this.#nextFile);
    this.#spare = file;
    const oldPosition = this.#position;
    this.#position = 0;
    try {
      this.#writeAll(file, [walFileHeader(file.number)]);
    } catch (error) {
      this.#position = oldPosition;
      throw error;
    }
    this.#spare = undefined;
    this.#nextFile = file.number + 1;
    this.#file = file;
    this.#fileOpenedUs = this.#options.clock.monotonicUs();
    this.#options.committed.publish(file.number, this.#position);
    if (old) this.#retire(old);
  }

  /** Nothing more goes into the present file, whose disk failed. */
  abandonFile(): void {
    const file = this.#file;
    this.#file = undefined;
    if (file) (this.#syncing ?? Promise.resolve()).finally(() => file.close());
  }

  async close(): Promise<void> {
    clearTimeout(this.#syncTimer);
    await this.#syncing;
    await this.#file?.sync().catch(() => undefined);
    this.#file?.close();
    this.#spare?.close();
    this.#file = undefined;
    this.#spare = undefined;
  }

  #writeAll(file: WalFile, buffers: readonly Uint8Array[]): void {
    let wanted = 0;
    for (const buffer of buffers) wanted += buffer.length;
    const written = file.write(buffers, this.#position);
    if (written !== wanted) throw new Error(`short write: ${written} of ${wanted} bytes taken`);
    this.#position += wanted;
  }

  #cutBack(file: WalFile): void {
    try {
      file.truncate(this.#position);
    } catch {
      // Readers stop at `committed`, and after a crash at the first batch that is not whole.
    }
  }

  /** A full file is made durable before it is let go. */
  #retire(file: WalFile): void {
    this.#track((this.#syncing ?? Promise.resolve()).then(() => file.sync()).finally(() => file.close()));
  }

  #needSync(): void {
    this.#dirty = true;
    if (this.#syncTimer !== undefined || this.#syncing !== undefined) return;
    this.#syncTimer = setTimeout(() => {
      this.#syncTimer = undefined;
      if (!this.#file || this.#syncing) return;
      this.#dirty = false;
      this.#track(this.#file.sync());
    }, this.#options.limits.syncMs).unref();
  }

  #track(sync: Promise<void>): void {
    const done = sync
      .catch((error: unknown) => this.#options.onSyncFailed(error))
      .finally(() => {
        if (this.#syncing === done) this.#syncing = undefined;
        if (this.#dirty) this.#needSync();
      });
    this.#syncing = done;
  }
}
