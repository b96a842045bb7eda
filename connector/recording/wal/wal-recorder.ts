// One session's hand on the log: what connector/session sees of it.

import { MAX_FRAME_BODY_BYTES, type Direction } from '../../../core/recording/frame.ts';
import type { Fact } from '../../../core/recording/facts/fact.ts';
import type { SessionEnded } from '../../../core/recording/facts/session.ts';
import type { SessionId } from '../../../core/ids.ts';
import type { Delivery, LogFault } from '../../door.ts';
import type { SessionRecorder } from '../../session/session-log.ts';

/** What a recorder needs of the log. */
export interface RecorderLog {
  monotonicUs(): number;
  append(recorder: WalRecorder, direction: Direction, lane: number, body: Uint8Array): void;
  appendFact(recorder: WalRecorder, lane: number, fact: Fact): void;
  register(recorder: WalRecorder, delivery: Delivery): void;
  /** The recorder's session is over, and its last fact could not be written. */
  endedUnlogged(recorder: WalRecorder, ended: SessionEnded): void;
}

export class WalRecorder implements SessionRecorder {
  readonly session: SessionId;
  readonly slot: number;
  /** Place of the next frame, and what it was at the last commit. */
  sequence = 0;
  committedSequence = 0;
  pendingBytes = 0;
  lastTimeUs = 0;
  /** Has appended since the last commit. */
  touched = false;
  /** Set once: nothing of this session is delivered any more. */
  fault: LogFault | undefined;
  /** The log takes no more of this session. */
  cutOff = false;
  ended: SessionEnded | undefined;
  readonly #log: RecorderLog;
  readonly #startUs: number;
  readonly #waiting = new Set<Delivery>();
  readonly #onFailed: (fault: LogFault) => void;

  constructor(log: RecorderLog, session: SessionId, slot: number, onFailed: (fault: LogFault) => void) {
    this.#onFailed = onFailed;
    this.#log = log;
    this.session = session;
    this.slot = slot;
    this.#startUs = log.monotonicUs();
  }

  elapsedUs(): number {
    const elapsed = Math.round(this.#log.monotonicUs() - this.#startUs);
    if (elapsed > this.lastTimeUs) this.lastTimeUs = elapsed;
    return this.lastTimeUs;
  }

  bytes(direction: Direction, lane: number, chunk: Uint8Array): void {
    this.#assertOpen();
    if (this.cutOff || chunk.length === 0) return;
    if (chunk.length <= MAX_FRAME_BODY_BYTES) {
      this.#log.append(this, direction, lane, chunk);
      return;
    }
    for (let at = 0; at < chunk.length; at += MAX_FRAME_BODY_BYTES)
      this.#log.append(this, direction, lane, chunk.subarray(at, at + MAX_FRAME_BODY_BYTES));
  }

  fact(lane: number, fact: Fact): void {
    this.#assertOpen();
    if (!this.cutOff) this.#log.appendFact(this, lane, fact);
  }

  afterCommit(delivery: Delivery): void {
    if (this.fault || this.#waiting.has(delivery)) return;
    this.#waiting.add(delivery);
    this.#log.register(this, delivery);
  }

  get neverLogged(): boolean {
    return this.cutOff && this.committedSequence === 0;
  }

  end(ended: SessionEnded): void {
    this.#assertOpen();
    this.ended = ended;
    if (this.cutOff) this.#log.endedUnlogged(this, ended);
    else this.#log.appendFact(this, 0, ended);
  }

  committed(): void {
    this.touched = false;
    this.pendingBytes = 0;
    this.committedSequence = this.sequence;
    this.#waiting.clear();
  }

  /** Nothing that waits is delivered any more, and the session is told. Once. */
  fail(fault: LogFault): void {
    if (this.fault) return;
    this.fault = fault;
    this.#waiting.clear();
    this.#onFailed(fault);
  }

  #assertOpen(): void {
    if (this.ended) throw new Error(`append to the log of ${this.session} after its end`);
  }
}
