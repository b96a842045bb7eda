// The write-ahead log: one for the connector, all sessions interleaved. Frames appended during one
// event-loop turn are written together in its check phase, with one write, and only then are the
// turn's deliveries run (law 1). Nothing here awaits, and nothing is allocated for a chunk.
//
// When a write fails the batch stays and is tried again for `pauseMs`: no delivery runs, sessions
// see `pendingBytes` grow and stop reading. After that the log has failed: every session is told,
// what waited is dropped undelivered, and the log tries every second to begin a new file. A short
// write needs no repair: the same place is written again, and readers never look past `committed`.

import type { SessionId } from '../../../core/ids.ts';
import type { Fact } from '../../../core/recording/facts/fact.ts';
import type { SessionEnded, SessionOpened } from '../../../core/recording/facts/session.ts';
import type { Direction } from '../../../core/recording/frame.ts';
import { err, ok, type Result } from '../../../core/result.ts';
import type { Delivery, LogFault } from '../../door.ts';
import type { KeptOriginals, SessionLog, SessionRecorder } from '../../session/session-log.ts';
import { keepOriginals } from '../originals/seal-originals.ts';
import { fitFact } from './fit-fact.ts';
import { ARENA_BYTES, INLINE_BYTES, WalBatch } from './wal-batch.ts';
import { BATCH_TARGET_BYTES } from './wal-format.ts';
import { type RecorderLog, WalRecorder } from './wal-recorder.ts';
import { WalWriter, type WalWriterOptions } from './wal-writer.ts';

export interface WalEvents {
  failing(message: string): void;
  recovered(): void;
  failed(message: string): void;
  /** A session's last fact, when it could not be written; `sequence` is its place. */
  endedUnlogged(end: { session: SessionId; sequence: number; timeUs: number; ended: SessionEnded }): void;
  /** A bug of ours in somebody's deliver(): the session is ended, the others go on. */
  deliveryThrew(error: unknown): void;
}

interface WalOptions extends Omit<WalWriterOptions, 'onSyncFailed' | 'limits'> {
  readonly limits: WalWriterOptions['limits'] & {
    /** How long a failing write is tried again before sessions end. */
    readonly pauseMs: number;
  };
  readonly events: WalEvents;
}

export type WalState = 'ready' | 'paused' | 'failed' | 'closed';
export type DiskState = 'ok' | 'low' | 'critical';

const RETRY_MS = 100;
const PROBE_MS = 1_000;
/** Parts of one pwritev; Linux takes 1,024. */
const MAX_PARTS = 512;
const MAX_IDLE_BATCHES = 4;

export class WriteAheadLog implements SessionLog, RecorderLog {
  readonly #options: WalOptions;
  #state: WalState = 'ready';
  #disk: DiskState = 'ok';
  readonly #writer: WalWriter;
  #lastSlot = 0;
  readonly #open = new Map<number, WalRecorder>();
  #batch = new WalBatch();
  /** Full batches that could not be written yet, oldest first. Empty unless paused. */
  #queue: WalBatch[] = [];
  readonly #idleBatches: WalBatch[] = [];
  #touched: WalRecorder[] = [];
  #deliveries: { recorder: WalRecorder; delivery: Delivery }[] = [];
  #turnScheduled = false;
  readonly #onTurn = (): void => this.#endTurn();
  #pausedSinceUs = 0;
  #lastFault = '';
  #retry: NodeJS.Timeout | undefined;

  /** Throws when the first file cannot be made: there is no log then, and no session. */
  constructor(options: WalOptions) {
    this.#options = options;
    this.#writer = new WalWriter({ ...options, onSyncFailed: (error) => this.#syncFailed(error) });
    this.#writer.startFile();
  }

  get state(): WalState {
    return this.#state;
  }

  get disk(): DiskState {
    return this.#disk;
  }

  get lastFault(): string {
    return this.#lastFault;
  }

  get openSessions(): number {
    return this.#open.size;
  }

  readonly keepOriginals = keepOriginals;

  monotonicUs(): number {
    return this.#options.clock.monotonicUs();
  }

  open(
    opened: SessionOpened,
    onFailed: (fault: LogFault) => void,
    originals?: KeptOriginals,
  ): Result<SessionRecorder, LogFault> {
    if (this.#state !== 'ready') return err(fault(this.#lastFault || `the log is ${this.#state}`));
    if (this.#disk !== 'ok') return err(fault('the disk of the write-ahead log is nearly full'));
    const recorder = new WalRecorder(this, opened.session, ++this.#lastSlot, onFailed, originals);
    this.#open.set(recorder.slot, recorder);
    recorder.fact(0, opened);
    return ok(recorder);
  }

  append(recorder: WalRecorder, direction: Direction, lane: number, body: Uint8Array): void {
    const batch = this.#room(recorder, body.length <= INLINE_BYTES ? body.length : 0);
    batch.addBytes(recorder.slot, recorder.sequence++, recorder.elapsedUs(), direction, lane, body);
    recorder.pendingBytes += body.length;
    this.#appended(recorder, batch);
  }

  appendOriginal(recorder: WalRecorder, number: number, sealed: Uint8Array): void {
    const batch = this.#room(recorder, sealed.length <= INLINE_BYTES ? sealed.length : 0);
    batch.addOriginal(recorder.slot, recorder.sequence, number, sealed);
    recorder.pendingBytes += sealed.length;
    this.#appended(recorder, batch);
  }

  appendFact(recorder: WalRecorder, lane: number, fact: Fact): void {
    const text = fitFact(fact);
    let batch: WalBatch;
    if (text.length * 3 < ARENA_BYTES / 2) {
      batch = this.#room(recorder, text.length * 3);
      recorder.pendingBytes += batch.addText(recorder.slot, recorder.sequence++, recorder.elapsedUs(), lane, text);
    } else {
      const body = Buffer.from(text);
      batch = this.#room(recorder, 0);
      batch.addLongText(recorder.slot, recorder.sequence++, recorder.elapsedUs(), lane, body);
      recorder.pendingBytes += body.length;
    }
    this.#appended(recorder, batch);
  }

  register(recorder: WalRecorder, delivery: Delivery): void {
    this.#deliveries.push({ recorder, delivery });
    this.#touch(recorder);
  }

  endedUnlogged(recorder: WalRecorder, ended: SessionEnded): void {
    this.#open.delete(recorder.slot);
    if (recorder.committedSequence === 0) return;
    this.#options.events.endedUnlogged({
      session: recorder.session,
      sequence: recorder.committedSequence,
      timeUs: recorder.elapsedUs(),
      ended,
    });
  }

  /** What the disk watch found. Critical: running sessions end, and their end is still recorded. */
  diskIs(disk: DiskState): void {
    if (disk === this.#disk) return;
    this.#disk = disk;
    if (disk === 'critical' && this.#state === 'ready') this.#endForDisk();
  }

  /** Its disk is short of room: what is stored is let go, also where no session writes that would begin the next file. */
  diskIsShort(): void {
    if (this.#state !== 'ready') return;
    try {
      this.#writer.startFileWhenIdle();
    } catch {
      // Not even room for a header: asked again soon.
    }
  }

  #endForDisk(): void {
    this.#endTurn();
    for (const recorder of [...this.#open.values()])
      recorder.fail(fault('the disk of the write-ahead log is nearly full'));
  }

  /** Ends the turn early: what was appended is written and handed on now. */
  commitNow(): void {
    this.#endTurn();
  }

  /** Writes what is pending, makes it durable and closes the file. No append after. */
  async close(): Promise<void> {
    if (this.#state === 'closed') return;
    this.#endTurn();
    if (this.#state === 'paused') this.#fail();
    this.#state = 'closed';
    clearTimeout(this.#retry);
    await this.#writer.close();
  }

  #room(recorder: WalRecorder, bytes: number): WalBatch {
    if (!this.#batch.hasRoomFor(bytes)) this.#empty();
    this.#batch.addSession(recorder.slot, recorder.session);
    return this.#batch;
  }

  #appended(recorder: WalRecorder, batch: WalBatch): void {
    this.#touch(recorder);
    if (batch.payloadBytes >= BATCH_TARGET_BYTES || batch.parts >= MAX_PARTS) this.#empty();
  }

  #touch(recorder: WalRecorder): void {
    if (!recorder.touched) {
      recorder.touched = true;
      this.#touched.push(recorder);
    }
    if (this.#turnScheduled) return;
    this.#turnScheduled = true;
    setImmediate(this.#onTurn);
  }

  #endTurn(): void {
    this.#turnScheduled = false;
    if (this.#state === 'ready' && this.#write()) this.#deliver();
  }

  /** The present batch is full: it is written, or waits in the queue for a log that can be. */
  #empty(): void {
    if (this.#state === 'ready' && this.#write()) return;
    this.#queue.push(this.#batch);
    this.#batch = this.#idleBatches.pop() ?? new WalBatch();
  }

  /**
   * Writes all that waits; whether everything appended so far is in the log. A batch that cannot be written and is
   * not full stays the one that is appended to: turns of a paused log cost what they append, not an arena each.
   */
  #write(): boolean {
    for (;;) {
      const batch = this.#queue[0] ?? this.#batch;
      if (batch.payloadBytes === 0) break;
      try {
        this.#writer.write(batch);
      } catch (error) {
        this.#writeFailed(error);
        return false;
      }
      if (batch === this.#batch) this.#batch = this.#idleBatches.pop() ?? new WalBatch();
      else this.#queue.shift();
      this.#recycle(batch);
    }
    for (const recorder of this.#touched) {
      recorder.committed();
      if (recorder.ended) this.#open.delete(recorder.slot);
    }
    this.#touched.length = 0;
    return true;
  }

  // After a failed fdatasync the kernel may have dropped the pages (fsync(2)): what was written can
  // no longer be called logged, so there is nothing to try again.
  #syncFailed(error: unknown): void {
    if (this.#state === 'closed' || this.#state === 'failed') return;
    this.#lastFault = `fdatasync of the write-ahead log: ${reasonOf(error)}`;
    this.#fail();
  }

  #writeFailed(error: unknown): void {
    this.#lastFault = `write-ahead log: ${reasonOf(error)}`;
    if (this.#state === 'paused') return;
    this.#state = 'paused';
    this.#pausedSinceUs = this.monotonicUs();
    this.#options.events.failing(this.#lastFault);
    this.#retry = setTimeout(() => this.#tryAgain(), RETRY_MS);
  }

  #tryAgain(): void {
    if (this.#state !== 'paused') return;
    if (this.#write()) {
      this.#state = 'ready';
      this.#options.events.recovered();
      this.#deliver();
      // It may have become so while nothing could be written, which the room set aside then allowed again.
      if (this.#disk === 'critical') this.#endForDisk();
    } else if (this.monotonicUs() - this.#pausedSinceUs >= this.#options.limits.pauseMs * 1000) this.#fail();
    else this.#retry = setTimeout(() => this.#tryAgain(), RETRY_MS);
  }

  #fail(): void {
    this.#state = 'failed';
    this.#queue = [];
    this.#batch.clear();
    this.#touched.length = 0;
    this.#deliveries = [];
    this.#writer.abandonFile();
    const sessions = [...this.#open.values()];
    for (const recorder of sessions) {
      recorder.cutOff = true;
      recorder.touched = false;
      recorder.sequence = recorder.committedSequence;
    }
    this.#options.events.failed(this.#lastFault);
    for (const recorder of sessions) {
      if (recorder.ended) this.endedUnlogged(recorder, recorder.ended);
      recorder.fail(fault(this.#lastFault));
    }
    this.#retry = setTimeout(() => this.#probe(), PROBE_MS);
    this.#retry.unref();
  }

  #probe(): void {
    if (this.#state !== 'failed') return;
    try {
      this.#writer.startFile();
    } catch (error) {
      this.#lastFault = `write-ahead log: ${reasonOf(error)}`;
      this.#retry = setTimeout(() => this.#probe(), PROBE_MS);
      this.#retry.unref();
      return;
    }
    this.#state = 'ready';
    this.#options.events.recovered();
  }

  #deliver(): void {
    if (this.#deliveries.length === 0) return;
    const deliveries = this.#deliveries;
    this.#deliveries = [];
    for (const { recorder, delivery } of deliveries) {
      // Told in the meantime that nothing more is delivered.
      if (recorder.fault) continue;
      try {
        delivery.deliver();
      } catch (error) {
        this.#options.events.deliveryThrew(error);
        recorder.fail(fault('the session could not be carried on'));
      }
    }
  }

  #recycle(batch: WalBatch): void {
    if (this.#idleBatches.length >= MAX_IDLE_BATCHES) return;
    batch.clear();
    this.#idleBatches.push(batch);
  }
}

const fault = (message: string): LogFault => ({ reason: 'log_unavailable', message });

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown error';
  const { code, syscall } = error as NodeJS.ErrnoException;
  return code ? `${code} on ${syscall ?? 'write'}` : error.message;
}
