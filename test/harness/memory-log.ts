// A session log in memory, with the real one's group commit: what was appended in a turn is committed
// at its end, and only then delivered. Tests make it fail or stall.

import { Fact } from '../../core/recording/facts/fact.ts';
import type { SessionEnded, SessionOpened } from '../../core/recording/facts/session.ts';
import type { Direction } from '../../core/recording/frame.ts';
import { encodeReplacements, type Replacement, restoreBody } from '../../core/recording/originals/original-object.ts';
import { err, ok, type Result } from '../../core/result.ts';
import { keepOriginals } from '../../connector/recording/originals/seal-originals.ts';
import type { Delivery, LogFault } from '../../connector/door.ts';
import type { KeptOriginals, SessionLog, SessionRecorder } from '../../connector/session/session-log.ts';

export interface RecordedFrame {
  readonly lane: number;
  readonly direction: Direction;
  readonly bytes?: Buffer;
  /** As `bytes`, and as it stood before it was masked, where that is kept. */
  readonly clear?: Buffer;
  readonly fact?: Fact;
}

export class MemoryRecording implements SessionRecorder {
  readonly opened: SessionOpened;
  readonly frames: RecordedFrame[] = [];
  readonly counts: Record<Direction, number> = { client: 0, target: 0, gateway: 0 };
  ended: SessionEnded | undefined;
  pendingBytes = 0;
  readonly neverLogged = false;
  /** Set once: nothing of it is delivered any more. */
  failed = false;
  readonly onFailed: (fault: LogFault) => void;
  readonly #log: MemoryLog;
  readonly #startedAt = performance.now();

  readonly keepsOriginals: boolean;

  constructor(opened: SessionOpened, log: MemoryLog, onFailed: (fault: LogFault) => void, keepsOriginals = false) {
    this.keepsOriginals = keepsOriginals;
    this.opened = opened;
    this.#log = log;
    this.onFailed = onFailed;
  }

  bytes(direction: Direction, lane: number, chunk: Uint8Array, hid: readonly Replacement[] = []): void {
    if (this.ended) throw new Error('bytes after the end of the recording');
    this.counts[direction] += chunk.length;
    this.pendingBytes += chunk.length;
    if (this.#log.keepBytes) {
      const bytes = Buffer.from(chunk);
      const clear = hid.length > 0 ? Buffer.from(restoreBody(bytes, [encodeReplacements(hid, 0)])) : bytes;
      this.frames.push({ lane, direction, bytes, clear });
    }
    this.#log.wake(this);
  }

  fact(lane: number, fact: Fact): void {
    if (this.ended) throw new Error('a fact after the end of the recording');
    this.frames.push({ lane, direction: 'gateway', fact: this.#log.checkFacts ? Fact.parse(fact) : fact });
    this.#log.wake(this);
  }

  afterCommit(delivery: Delivery): void {
    if (!this.failed) this.#log.register(this, delivery);
    this.#log.wake(this);
  }

  elapsedUs(): number {
    return Math.round((performance.now() - this.#startedAt) * 1000);
  }

  end(ended: SessionEnded): void {
    if (this.ended) throw new Error('ended twice');
    this.ended = ended;
  }

  /** Of one lane, or of all. */
  facts<K extends Fact['kind']>(kind: K, lane?: number): Extract<Fact, { kind: K }>[] {
    return this.#framesOf(lane).flatMap(({ fact }) =>
      fact?.kind === kind ? [fact as Extract<Fact, { kind: K }>] : [],
    );
  }

  /** All recorded bytes of a direction, in order; of one lane, or of all. */
  wire(direction: Direction, lane?: number): Buffer {
    return Buffer.concat(
      this.#framesOf(lane).flatMap((frame) => (frame.direction === direction && frame.bytes ? [frame.bytes] : [])),
    );
  }

  /** The same with what masks hid, where the session keeps that. */
  clear(direction: Direction, lane?: number): Buffer {
    return Buffer.concat(
      this.#framesOf(lane).flatMap((frame) => (frame.direction === direction && frame.clear ? [frame.clear] : [])),
    );
  }

  #framesOf(lane: number | undefined): RecordedFrame[] {
    return lane === undefined ? this.frames : this.frames.filter((frame) => frame.lane === lane);
  }
}

export class MemoryLog implements SessionLog {
  readonly sessions: MemoryRecording[] = [];
  /** Off where a test moves more than fits. */
  keepBytes = true;
  checkFacts = true;
  /** Refuses new sessions. */
  refuseOpen = false;
  /** Set: every commit fails. */
  fault: LogFault | undefined;
  /** While true nothing is committed, as with a disk that hangs. */
  stalled = false;
  #deliveries = new Map<Delivery, MemoryRecording>();
  readonly #dirty = new Set<MemoryRecording>();
  #scheduled = false;

  readonly keepOriginals = keepOriginals;

  open(
    opened: SessionOpened,
    onFailed: (fault: LogFault) => void = () => {},
    originals?: KeptOriginals,
  ): Result<MemoryRecording, LogFault> {
    if (this.refuseOpen) return err({ reason: 'log_unavailable', message: 'ENOSPC' });
    const recording = new MemoryRecording(opened, this, onFailed, originals !== undefined);
    this.sessions.push(recording);
    return ok(recording);
  }

  wake(recording: MemoryRecording): void {
    this.#dirty.add(recording);
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => this.#commit());
  }

  register(recording: MemoryRecording, delivery: Delivery): void {
    this.#deliveries.set(delivery, recording);
  }

  /** Goes on after a stall. */
  resume(): void {
    this.stalled = false;
    this.#commit();
  }

  #commit(): void {
    this.#scheduled = false;
    if (this.stalled) return;
    const deliveries = this.#deliveries;
    this.#deliveries = new Map();
    for (const recording of this.#dirty) recording.pendingBytes = 0;
    this.#dirty.clear();
    if (this.fault) this.#fail(this.fault);
    else for (const delivery of deliveries.keys()) delivery.deliver();
  }

  /** Every session that is open hears of it, also those with nothing to deliver. */
  #fail(fault: LogFault): void {
    for (const recording of this.sessions) {
      if (recording.failed || recording.ended) continue;
      recording.failed = true;
      recording.onFailed(fault);
    }
  }

  /** The only session, or the last one opened. */
  get last(): MemoryRecording {
    const last = this.sessions.at(-1);
    if (!last) throw new Error('no session was recorded');
    return last;
  }
}
