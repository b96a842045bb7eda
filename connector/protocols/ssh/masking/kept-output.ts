// What a program wrote before it was masked, for originals that are kept (ADR 52). Masks hold back what may be the beginning of a
// value, so what comes out is behind what went in: it is compared line by line as far as whole lines came out. Where a pause let a
// part of a line go, all that went in stands for it, and what comes out of the rest of that stands for nothing more.
//
// The rest of a value that a pause parted, and with which the output ends, is hidden without a mark: no frame is recorded in which
// it could stand, and it is not kept. Nor is a value for which more is held back than a frame's originals may have: it is counted.

import type { Masks } from '../../../../core/masking/masks.ts';
import { MAX_FRAME_ORIGINAL_BYTES, type Replacement } from '../../../../core/recording/originals/original-object.ts';
import { differences } from '../../../../core/recording/originals/differences.ts';

const LINE_FEED = 0x0a;
const NOTHING = Buffer.alloc(0);

export class KeptOutput {
  #parts: Buffer[] = [];
  #bytes = 0;
  /** More was held back than a value has: of what comes out next nothing is kept. */
  #over = false;
  /** Values masked so far, when it went over. */
  #masked = 0;
  readonly #masks: () => Pick<Masks, 'total' | 'leaveOut'>;

  constructor(masks: () => Pick<Masks, 'total' | 'leaveOut'>) {
    this.#masks = masks;
  }

  push(data: Buffer): void {
    if (this.#over) {
      this.#waitBehindLine(data);
      return;
    }
    // What it lies in may be used again before it comes out.
    this.#parts.push(Buffer.from(data));
    this.#bytes += data.length;
    if (this.#bytes <= MAX_FRAME_ORIGINAL_BYTES) return;
    this.#over = true;
    this.#masked = this.#masks().total;
    this.#parts = [];
    this.#waitBehindLine(data);
  }

  /** What stood in `shown`, which came out now. `settled`: nothing is held back. */
  hidIn(shown: Buffer, settled: boolean): readonly Replacement[] {
    const hid: Replacement[] = [];
    if (this.#over) {
      this.#goOn(shown, settled);
      return hid;
    }
    const clear = Buffer.concat(this.#parts);
    if (settled || shown.at(-1) === LINE_FEED) {
      // Masks give out lines in their order, so what stands behind the last line break has not come out.
      const end = settled ? clear.length : clear.lastIndexOf(LINE_FEED) + 1;
      this.#wait(clear.subarray(end));
      lineByLine(clear.subarray(0, end), shown, hid);
      return hid;
    }
    let same = 0;
    while (same < shown.length && shown[same] === clear[same]) same++;
    if (same === shown.length) this.#wait(clear.subarray(same));
    else {
      hid.push({ at: same, length: shown.length - same, clear: clear.subarray(same) });
      this.#wait(NOTHING);
    }
    return hid;
  }

  /** No more comes out. */
  end(): void {
    if (this.#over) this.#goOn(NOTHING, true);
  }

  /** Behind a line's end what went in and what came out are together again. */
  #goOn(shown: Buffer, settled: boolean): void {
    if (!settled && shown.at(-1) !== LINE_FEED) return;
    const masks = this.#masks();
    // The value that was too long may have been counted when it began.
    masks.leaveOut('too_large', Math.max(1, masks.total - this.#masked));
    this.#over = this.#bytes > MAX_FRAME_ORIGINAL_BYTES && !settled;
    this.#masked = masks.total;
    if (settled) this.#wait(NOTHING);
  }

  /** Of `data` what stands behind its last line's end, which cannot have come out when a whole line did. */
  #waitBehindLine(data: Buffer): void {
    const behind = data.lastIndexOf(LINE_FEED) + 1;
    if (behind > 0) this.#wait(Buffer.from(data.subarray(behind)));
    else {
      this.#bytes += data.length;
      if (this.#bytes <= MAX_FRAME_ORIGINAL_BYTES) this.#parts.push(Buffer.from(data));
      else this.#parts = [];
    }
  }

  #wait(clear: Buffer): void {
    this.#parts = clear.length > 0 ? [clear] : [];
    this.#bytes = clear.length;
  }
}

/** Where both have as many lines; else as a whole. */
function lineByLine(clear: Buffer, shown: Buffer, into: Replacement[]): void {
  if (clear.equals(shown)) return;
  if (linesIn(clear) !== linesIn(shown)) {
    differences(clear, shown, 0, 0, into);
    return;
  }
  let from = 0;
  for (let at = 0; at < shown.length || from < clear.length; ) {
    const end = endOfLine(shown, at);
    const stop = endOfLine(clear, from);
    differences(clear.subarray(from, stop), shown.subarray(at, end), at, 0, into);
    at = end;
    from = stop;
  }
}

function endOfLine(bytes: Buffer, from: number): number {
  const feed = bytes.indexOf(LINE_FEED, from);
  return feed < 0 ? bytes.length : feed + 1;
}

function linesIn(bytes: Buffer): number {
  let lines = 0;
  for (let at = bytes.indexOf(LINE_FEED); at >= 0; at = bytes.indexOf(LINE_FEED, at + 1)) lines++;
  return lines;
}
