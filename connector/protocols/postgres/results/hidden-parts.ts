// What a masker's output stands for, for originals that are kept: gathered while a chunk is rewritten. What is masked as a stream
// may come out later than it went in; then the whole of the one stands for the whole of the other.

import {
  MAX_FRAME_ORIGINAL_BYTES,
  type Replacement,
  withinFrame,
} from '../../../../core/recording/originals/original-object.ts';
import type { Masks } from '../../../../core/masking/masks.ts';
import type { ChunkRewrite } from '../../../sql/output.ts';
import { differencesWithin } from '../../../../core/recording/originals/differences.ts';
import { HEADER_BYTES } from '../wire/framing.ts';

export class HiddenParts {
  #hid: Replacement[] = [];
  #notMasked = false;
  /** Went in, and of what came out since nothing is recorded yet. */
  #carried: Buffer[] = [];
  #carriedBytes = 0;
  /** More went in than is kept, and nothing came out since. */
  #over = false;
  /** Of the long message that passes nothing is kept. */
  #tooLong = false;
  /** Values masked so far, when this was asked last. */
  #masked = 0;
  readonly #masks: Pick<Masks, 'total' | 'leaveOut'>;
  readonly #leftOut = (values: number) => this.#masks.leaveOut('too_large', values);

  /** `masks`: told of how many values what stood there is not kept. */
  constructor(masks: Pick<Masks, 'total' | 'leaveOut'>) {
    this.#masks = masks;
  }

  /** The message that begins at chunk[at] was looked at, since `to.from` and `to.written` were `from` and `written`. */
  rewritten(to: ChunkRewrite, chunk: Buffer, at: number, from: number, written: number): void {
    const replaced = this.#notMasked;
    this.#notMasked = false;
    if (to.from <= at || replaced) return;
    // Of the chunk's end that stays as it is nothing is written yet, here and there.
    const start = Math.max(0, written) + at - from;
    const place = to.givenBytes + start;
    differencesWithin(chunk, at, to.from, to.bytes, start, to.written, place, HEADER_BYTES, this.#hid);
  }

  /** The message that is looked at is replaced by the gateway's own: nothing of the target's is hidden in that. */
  notMasked(): void {
    this.#notMasked = true;
  }

  /** A message begins that passes part by part, of which so many bytes may come before anything is given. */
  long(bytes: number): void {
    this.#tooLong = bytes > MAX_FRAME_ORIGINAL_BYTES;
    this.#masked = this.#masks.total;
  }

  /** In place of `clear`, given[before, ...) comes out for now. */
  passed(clear: Buffer, given: readonly Buffer[], before: number): void {
    if (this.#tooLong) {
      this.#leftOut(this.#masks.total - this.#masked);
      this.#masked = this.#masks.total;
      return;
    }
    if (given.length === before + 1 && given[before] === clear) return;
    const out = Buffer.concat(given.slice(before));
    if (out.equals(clear)) return;
    this.#hid.push({ at: lengthOf(given.slice(0, before)), length: out.length, clear });
  }

  /** For each part that is given of the chunk, what stood in it. */
  take(given: readonly Uint8Array[]): readonly (readonly Replacement[])[] {
    const gathered = this.#hid;
    this.#hid = [];
    if (lengthOf(given) === 0) {
      for (const { clear } of gathered) this.#carry(clear);
      return given.map(() => []);
    }
    this.#over = false;
    if (this.#carried.length > 0) gathered.unshift({ at: 0, length: 0, clear: Buffer.concat(this.#carried) });
    this.#carried = [];
    this.#carriedBytes = 0;
    return divided(withinFrame(gathered, this.#leftOut), given);
  }

  #carry(clear: Uint8Array): void {
    if (this.#over) return;
    this.#carriedBytes += clear.length;
    this.#over = this.#carriedBytes > MAX_FRAME_ORIGINAL_BYTES;
    if (!this.#over) this.#carried.push(Buffer.from(clear));
    else {
      this.#carried = [];
      this.#carriedBytes = 0;
      this.#leftOut(1);
    }
  }
}

/** One that reaches into the next part is put back in the first. */
function divided(hid: readonly Replacement[], given: readonly Uint8Array[]): readonly (readonly Replacement[])[] {
  if (given.length === 1) return [hid];
  let start = 0;
  let next = 0;
  let over = 0;
  return given.map((part, index) => {
    const own: Replacement[] = [];
    const end = start + part.length;
    if (over > 0) own.push({ at: 0, length: Math.min(over, part.length), clear: NOTHING });
    over = Math.max(0, over - part.length);
    for (let one = hid[next]; one && (one.at < end || index === given.length - 1); one = hid[++next]) {
      const length = Math.min(one.length, end - one.at);
      own.push({ at: one.at - start, length, clear: one.clear });
      over = one.length - length;
    }
    start = end;
    return own;
  });
}

const NOTHING = Buffer.alloc(0);
const lengthOf = (parts: readonly Uint8Array[]): number => parts.reduce((sum, { length }) => sum + length, 0);
