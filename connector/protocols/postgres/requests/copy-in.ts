// COPY FROM STDIN as it is recorded: as long, with what detectors find written over. It goes on as it
// comes, so a part is decided at once: whole lines are searched, and a line that a part's border cuts
// is written over whole, since nobody knows yet what its rest will be.

import type { Masks } from '../../../../core/masking/masks.ts';

const LF = 0x0a;
const STAR = 0x2a;
/** What values that go over several lines end with. */
const END_MARK = '-----END';

export class CopyInLines {
  /** The last part ended within a line. */
  #cut = false;
  /** Within a value that goes on over lines. */
  #open = false;

  /** Another COPY begins. */
  begin(): void {
    this.#cut = false;
    this.#open = false;
  }

  /** A copy of the next part. */
  mask(part: Buffer, masks: Masks): Buffer {
    const copy = Buffer.from(part);
    const last = copy.lastIndexOf(LF);
    let from = 0;
    if (this.#open) {
      const end = copy.indexOf(END_MARK);
      const stop = end < 0 ? copy.length : Math.max(end, copy.indexOf(LF, end));
      hide(copy, 0, stop);
      if (end < 0) return copy;
      this.#open = false;
      from = stop;
    } else if (this.#cut) {
      const end = copy.indexOf(LF);
      from = end < 0 ? copy.length : end + 1;
      hide(copy, 0, from);
    }
    if (last >= from) {
      this.#open = this.#opens(copy, from, last + 1, masks);
      masks.maskInPlace(copy, from, last + 1);
    }
    const tail = Math.max(from, last + 1);
    this.#cut = tail < copy.length || (this.#cut && last < 0);
    hide(copy, tail, copy.length);
    return copy;
  }

  #opens(bytes: Buffer, from: number, end: number, masks: Masks): boolean {
    const { finder } = masks;
    if (!finder) return false;
    return finder.findBetween(bytes, from, from, end, end, from, false).at(-1)?.open === true;
  }
}

/** Stars, but for the ends of lines. */
export function hide(bytes: Buffer, start: number, end: number): void {
  for (let at = start; at < end; at++) if (bytes[at] !== LF) bytes[at] = STAR;
}
