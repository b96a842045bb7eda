// One session's hand on the log: what connector/session sees of it.

import { MAX_FRAME_BODY_BYTES, type Direction } from '../../../core/recording/frame.ts';
import type { Fact } from '../../../core/recording/facts/fact.ts';
import type { SessionEnded } from '../../../core/recording/facts/session.ts';
import type { Replacement } from '../../../core/recording/originals/original-object.ts';
import type { SessionId } from '../../../core/ids.ts';
import type { Delivery, LogFault } from '../../door.ts';
import type { KeptOriginals, SessionRecorder } from '../../session/session-log.ts';

/** What a recorder needs of the log. */
export interface RecorderLog {
  monotonicUs(): number;
  append(recorder: WalRecorder, direction: Direction, lane: number, body: Uint8Array): void;
  appendOriginal(recorder: WalRecorder, number: number, sealed: Uint8Array): void;
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

  readonly #originals: KeptOriginals | undefined;

  constructor(
    log: RecorderLog,
    session: SessionId,
    slot: number,
    onFailed: (fault: LogFault) => void,
    originals: KeptOriginals | undefined,
  ) {
    this.#onFailed = onFailed;
    this.#originals = originals;
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

  get keepsOriginals(): boolean {
    return this.#originals !== undefined;
  }

  bytes(direction: Direction, lane: number, chunk: Uint8Array, hid?: readonly Replacement[]): void {
    this.#assertOpen();
    if (this.cutOff || chunk.length === 0) return;
    if (hid && hid.length > 0 && this.#originals) {
      for (const { body, replacements } of byFrame(chunk, hid)) {
        if (replacements.length > 0)
          for (const { number, sealed } of this.#originals.seal(body, replacements))
            this.#log.appendOriginal(this, number, sealed);
        this.#log.append(this, direction, lane, body);
      }
      return;
    }
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

/** A chunk as frames, with the replacements that begin in each: what reaches over a border is put back in front of it. */
function* byFrame(
  chunk: Uint8Array,
  hid: readonly Replacement[],
): Generator<{ readonly body: Uint8Array; readonly replacements: readonly Replacement[] }> {
  let next = 0;
  /** Of one that began in the frame before. */
  let over = 0;
  for (let from = 0; from < chunk.length; from += MAX_FRAME_BODY_BYTES) {
    const body = chunk.subarray(from, from + MAX_FRAME_BODY_BYTES);
    const end = from + body.length;
    const replacements: Replacement[] = [];
    if (over > 0) replacements.push({ at: 0, length: Math.min(over, body.length), clear: NOTHING });
    over = Math.max(0, over - body.length);
    for (let one = hid[next]; one && (one.at < end || end === chunk.length); one = hid[++next]) {
      const at = one.at - from;
      const length = Math.min(one.length, body.length - at);
      replacements.push({ at, length, clear: one.clear });
      over = one.length - length;
    }
    yield { body, replacements };
  }
}

const NOTHING = new Uint8Array(0);
