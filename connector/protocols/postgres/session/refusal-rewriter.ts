// The target's answers while a refused message waits for its error: every message passes as it came, but
// for the error of the statement that stands in for the refused one.

import { type ForClient, passUntouched } from '../../../../core/masking/masked.ts';
import type { Replacement } from '../../../../core/recording/originals/original-object.ts';
import { HEADER_BYTES } from '../wire/framing.ts';

/** Rewrites the target's stream. Sans I/O: any split of it gives the same bytes. */
export interface AnswerRewriter {
  /** Takes a chunk, and hands what goes on to its guide's `advance`: all of it but what it needs to see more of. */
  apply(chunk: Buffer): void;
  /** It keeps nothing back and is in no message: another may take its place. */
  readonly idle: boolean;
  /** It keeps what comes until it knows more; then it calls its guide's `goOn`. */
  readonly waits: boolean;
  /** So much of `chunk` belongs to the message that it is in; then it is idle. Undefined: it says nothing of that. */
  untilIdle(chunk: Buffer): number | undefined;
  /** Set when it cannot go on; in words for the session's end. */
  readonly fault: string | undefined;
}

/** Who follows the pipeline. A rewriter hands on all that stands in front of a message before it asks about that message. */
export interface AnswerGuide {
  /** The next bytes of the rewritten stream. They are recorded, read for facts, and go on. Not changed afterwards. `hid`: what stood in them. */
  advance(bytes: Buffer & ForClient, hid?: readonly Replacement[]): void;
  /** Whether `hid` is kept. */
  readonly keepsOriginals: boolean;
  /** What stands in for an ErrorResponse with this body, whole: it answers what was refused. Undefined: it is the target's own. */
  refusal(body: Buffer): Buffer | undefined;
  /** The rewriter waited, and handed on what it kept. */
  goOn(): void;
}

const NOTHING = Buffer.alloc(0);
const ERROR_RESPONSE = 0x45;
/** A longer error is not that of the gateway's own statement. */
const MAX_ERROR_BYTES = 64 * 1024;

export class RefusalRewriter implements AnswerRewriter {
  readonly fault = undefined;
  readonly waits = false;
  readonly #guide: AnswerGuide;
  #held: Buffer = NOTHING;
  /** Of a message that passes. */
  #left = 0;

  constructor(guide: AnswerGuide) {
    this.#guide = guide;
  }

  get idle(): boolean {
    return this.#held.length === 0 && this.#left === 0;
  }

  untilIdle(chunk: Buffer): number {
    if (this.#left > 0 || this.#held.length === 0) return this.#left;
    const header = Buffer.concat([this.#held, chunk.subarray(0, HEADER_BYTES)]);
    if (header.length < HEADER_BYTES) return chunk.length;
    return Math.max(HEADER_BYTES, header.readInt32BE(1) + 1) - this.#held.length;
  }

  apply(received: Buffer): void {
    const chunk = this.#held.length === 0 ? received : Buffer.concat([this.#held, received]);
    this.#held = NOTHING;
    const size = chunk.length;
    let from = 0;
    let at = Math.min(this.#left, size);
    this.#left -= at;
    while (at < size) {
      if (size - at < HEADER_BYTES) {
        this.#held = Buffer.from(chunk.subarray(at));
        break;
      }
      const declared = chunk.readInt32BE(at + 1);
      const end = at + 1 + Math.max(4, declared);
      if (chunk[at] !== ERROR_RESPONSE || declared > MAX_ERROR_BYTES) {
        this.#left = Math.max(0, end - size);
        at = Math.min(end, size);
        continue;
      }
      if (end > size) {
        this.#held = Buffer.from(chunk.subarray(at));
        break;
      }
      if (at > from) this.#guide.advance(passUntouched(chunk.subarray(from, at)));
      const refusal = this.#guide.refusal(chunk.subarray(at + HEADER_BYTES, end));
      this.#guide.advance(passUntouched(refusal ?? chunk.subarray(at, end)));
      at = end;
      from = at;
    }
    if (at > from) this.#guide.advance(passUntouched(from === 0 && at === size ? chunk : chunk.subarray(from, at)));
  }
}
