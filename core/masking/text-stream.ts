// Masks a text of any length as it comes in chunks. It is worked on in blocks at fixed places of the
// text, each with a margin on both sides, so where chunks were cut never matters. Memory is bounded:
// one block and its margins. Text shorter than that is worked on in one go.

import { LOOK_AHEAD_BYTES, LOOK_BEHIND_BYTES, TAIL_OVERLAP_BYTES } from './detector.ts';
import type { Finder, Match } from './finder.ts';

export const BLOCK_BYTES = 64 * 1024;
/** In front of a block: what detectors look back on, and the byte before it. */
const BEHIND = LOOK_BEHIND_BYTES + 32;
/** Text of fewer bytes is handled whole. */
export const WHOLE_BYTES = BLOCK_BYTES + LOOK_AHEAD_BYTES;
/** A longer value is not kept while it passes. */
const MAX_VALUE_BYTES = 4096;

/** Gives what takes a value's place. `value` is undefined when it was longer than MAX_VALUE_BYTES. */
type Replace = (source: number, value: Uint8Array | undefined, length: number) => Uint8Array;

const NOTHING = new Uint8Array(0);

export class TextStream {
  readonly #finder: Finder;
  readonly #replace: Replace;
  #buffer: Uint8Array = new Uint8Array(WHOLE_BYTES * 2);
  #length = 0;
  /** Where the next block begins, and up to where everything has been given out. Both in the buffer. */
  #from = 0;
  #given = 0;
  #open: { readonly source: number; value: Uint8Array | undefined; length: number } | undefined;

  constructor(finder: Finder, replace: Replace) {
    this.#finder = finder;
    this.#replace = replace;
  }

  /** Takes the next chunk; gives what is decided by now. */
  push(chunk: Uint8Array): Uint8Array {
    const out: Uint8Array[] = [];
    for (let at = 0; at < chunk.length; ) {
      const room = Math.min(chunk.length - at, this.#buffer.length - this.#length);
      this.#buffer.set(chunk.subarray(at, at + room), this.#length);
      this.#length += room;
      at += room;
      while (this.#length - this.#from >= WHOLE_BYTES)
        this.#block(out, this.#from + WHOLE_BYTES, this.#from + BLOCK_BYTES, false);
      this.#drop();
    }
    return join(out);
  }

  /** The text is over; gives the rest. */
  end(): Uint8Array {
    const out: Uint8Array[] = [];
    this.#block(out, this.#length, this.#length, true);
    return join(out);
  }

  #block(out: Uint8Array[], end: number, scanEnd: number, final: boolean): void {
    const bytes = this.#buffer;
    if (this.#open) this.#goOn(out, end, final);
    if (!this.#open) {
      const begin = Math.max(0, this.#from - BEHIND);
      for (const match of this.#finder.findBetween(bytes, begin, this.#from, scanEnd, end, this.#given, final))
        this.#take(out, match);
      const decided = final ? end : Math.max(this.#given, scanEnd - BEHIND);
      if (!this.#open && decided > this.#given) {
        out.push(bytes.slice(this.#given, decided));
        this.#given = decided;
      }
    }
    this.#from = scanEnd;
  }

  #take(out: Uint8Array[], match: Match): void {
    const bytes = this.#buffer;
    if (match.start > this.#given) out.push(bytes.slice(this.#given, match.start));
    const length = match.end - match.start;
    const value = length <= MAX_VALUE_BYTES ? bytes.slice(match.start, match.end) : undefined;
    if (match.open) this.#open = { source: match.source, value, length };
    else out.push(this.#replace(match.source, value, length));
    this.#given = match.end;
  }

  /** Follows an open value on. */
  #goOn(out: Uint8Array[], end: number, final: boolean): void {
    const open = this.#open;
    const source = open && this.#finder.sources[open.source];
    if (!open || !source || !('detector' in source)) return;
    const again = Math.max(0, this.#given - Math.min(TAIL_OVERLAP_BYTES, open.length));
    const stop = source.detector.tail?.(this.#buffer, again, end) ?? this.#given;
    const reached = stop < 0 ? end : Math.max(stop, this.#given);
    open.length += reached - this.#given;
    if (open.length > MAX_VALUE_BYTES) open.value = undefined;
    else if (open.value) open.value = join([open.value, this.#buffer.slice(this.#given, reached)]);
    this.#given = reached;
    if (stop < 0 && !final) return;
    this.#open = undefined;
    out.push(this.#replace(open.source, open.value, open.length));
  }

  #drop(): void {
    const keep = Math.max(0, Math.min(this.#given - TAIL_OVERLAP_BYTES, this.#from - BEHIND));
    if (keep === 0 || this.#buffer.length - this.#length > BLOCK_BYTES) return;
    this.#buffer.copyWithin(0, keep, this.#length);
    this.#length -= keep;
    this.#from -= keep;
    this.#given -= keep;
  }
}

export function join(parts: readonly Uint8Array[]): Uint8Array {
  if (parts.length === 0) return NOTHING;
  if (parts.length === 1) return parts[0] as Uint8Array;
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
