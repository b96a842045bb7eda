// What a masker's output stands for, for originals that are kept: gathered while a chunk is rewritten. What is masked as a stream
// may come out later than it went in; then the whole of the one stands for the whole of the other.

import type { Replacement } from '../../../../core/recording/originals/original-object.ts';
import type { ChunkRewrite } from '../../../sql/output.ts';
import { differencesWithin } from '../../../../core/recording/originals/differences.ts';
import { HEADER_BYTES } from '../wire/framing.ts';

export class HiddenParts {
  #hid: Replacement[] = [];
  #notMasked = false;
  /** Went in, and of what came out since nothing is recorded yet. */
  #carried: Buffer[] = [];

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

  /** In place of `clear`, given[before, ...) comes out for now. */
  passed(clear: Buffer, given: readonly Buffer[], before: number): void {
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
      for (const { clear } of gathered) this.#carried.push(Buffer.from(clear));
      return given.map(() => []);
    }
    if (this.#carried.length > 0) gathered.unshift({ at: 0, length: 0, clear: Buffer.concat(this.#carried) });
    this.#carried = [];
    return divided(gathered, given);
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
