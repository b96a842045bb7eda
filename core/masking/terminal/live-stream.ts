// Masks what a program writes while somebody watches: text in chunks cut anywhere, which goes on line by line. Values
// are found as in the whole text (Finder), through colours between their letters. What stands behind the last line
// break is held until the line goes on; after a pause all of it that can be no value's beginning goes on as well
// (docs/adr/0035). A line without an end is worked on in blocks, as in text-stream.ts, so memory is bounded.

import { LOOK_AHEAD_BYTES, LOOK_BEHIND_BYTES, TAIL_OVERLAP_BYTES } from '../detector.ts';
import type { Finder, Match } from '../finder.ts';
import { BLOCK_BYTES, join, WHOLE_BYTES } from '../text-stream.ts';
import { valueMayBeginAt } from './beginnings.ts';
import { terminalColumns } from './terminal-columns.ts';
import { ShownText } from './shown-text.ts';

/** What is taken at a time: the lines in it are looked at together. */
const SLICE_BYTES = 32 * 1024;
const BEHIND = LOOK_BEHIND_BYTES + 32;
/** A longer value is followed without being kept. */
const MAX_VALUE_BYTES = 4096;
/** Looked at again with each new line, since a name may stand above its value. */
const AGAIN_BYTES = LOOK_AHEAD_BYTES * 2;
const LINE_FEED = 0x0a;
const RETURN = 0x0d;

/**
 * What takes a value's place. `free`: as the rule says. `columns`: as many columns of a terminal, line by line, so that
 * nothing on the screen moves.
 */
export type Shape = 'free' | 'columns';

/** Counts the value and says what stands for it. `value` is undefined where it was not seen whole. */
type Replace = (source: number, value: Uint8Array | undefined) => string;

type Reach = 'lines' | 'block' | 'pause' | 'end';

const encoder = new TextEncoder();

export class LiveStream {
  readonly #finder: Finder;
  readonly #replace: Replace;
  readonly #shape: Shape;
  readonly #text = new ShownText();
  /** Everything before it was given out. */
  #given = 0;
  /** Where the line, or the block of a long one, begins that has not been settled. */
  #segment = 0;
  /** Up to where no line break was found behind it. */
  #searched = 0;
  /** Where the finder starts, and before which nothing begins any more. */
  #from = 0;
  #low = 0;
  /** The end of what was hidden last. */
  #hiddenTo = -1;
  /** A value of more than MAX_VALUE_BYTES that goes on. */
  #open: number | undefined;
  #partly = 0;

  constructor(finder: Finder, replace: Replace, shape: Shape) {
    this.#finder = finder;
    this.#replace = replace;
    this.#shape = shape;
  }

  /** Something waits for more, or for a pause. */
  get holds(): boolean {
    return this.#given < this.#text.length || this.#text.midSequence;
  }

  /** Values whose beginning went on in a pause, so that only the rest was hidden. */
  get partly(): number {
    return this.#partly;
  }

  /** Takes the next chunk; gives what is settled by now. */
  push(chunk: Uint8Array): Uint8Array {
    const out: Uint8Array[] = [];
    for (let at = 0; at < chunk.length; at += SLICE_BYTES) {
      this.#text.append(at === 0 && chunk.length <= SLICE_BYTES ? chunk : chunk.subarray(at, at + SLICE_BYTES));
      this.#settleLines(out);
      this.#drop();
    }
    return join(out);
  }

  /** Nothing came for a while. `short`: what may be the beginning of a value waits on. */
  pause(length: 'short' | 'long'): Uint8Array {
    const out: Uint8Array[] = [];
    if (length === 'long') this.#text.closeSequence();
    this.#settle(out, this.#text.length, this.#text.length, 'pause', length);
    return join(out);
  }

  /** The text is over; gives the rest. */
  end(): Uint8Array {
    const out: Uint8Array[] = [];
    this.#text.closeSequence();
    this.#settle(out, this.#text.length, this.#text.length, 'end');
    return join(out);
  }

  #settleLines(out: Uint8Array[]): void {
    for (;;) {
      const line = this.#lineEnd();
      if (line > this.#segment) {
        this.#settle(out, line, line, 'lines');
        this.#segment = line;
      } else if (this.#text.length - this.#segment >= WHOLE_BYTES) {
        this.#settle(out, this.#segment + BLOCK_BYTES, this.#segment + WHOLE_BYTES, 'block');
        this.#segment += BLOCK_BYTES;
      } else return;
      this.#searched = this.#segment;
    }
  }

  /** Behind the last line break that a block of this segment could hold; 0: there is none. */
  #lineEnd(): number {
    const { bytes, length } = this.#text;
    const limit = Math.min(length, this.#segment + WHOLE_BYTES);
    const feed = bytes.lastIndexOf(LINE_FEED, limit - 1);
    if (feed >= this.#searched) return feed + 1;
    // A line that is written over (a progress bar). The byte behind says that no line feed follows.
    for (let at = limit - 2; at >= this.#searched; at--) if (bytes[at] === RETURN) return at + 1;
    this.#searched = Math.max(this.#searched, limit - 1);
    return 0;
  }

  /** Gives out what begins before `to`, in the light of what stands before `end`. */
  #settle(out: Uint8Array[], to: number, end: number, reach: Reach, length?: 'short' | 'long'): void {
    const { bytes } = this.#text;
    if (this.#open !== undefined) this.#follow(out, end, reach === 'end');
    if (this.#open !== undefined) return;
    const begin = Math.max(0, this.#from - BEHIND);
    const matches = this.#finder.findBetween(bytes, begin, this.#from, to, end, this.#low, reach === 'end');
    for (const match of matches) {
      if (match.end <= this.#given) continue;
      if (match.open && match.end - match.start >= MAX_VALUE_BYTES) {
        this.#hide(out, match);
        this.#open = match.source;
        return;
      }
      const goesOn = match.open || (reach === 'lines' && match.end >= end);
      if (goesOn && this.#shape === 'free') {
        // Nothing of it is shown before all of it is here.
        this.#copy(out, match.start);
        return;
      }
      this.#hide(out, match);
    }
    if (reach === 'block') this.#copy(out, to - BEHIND);
    else if (length === 'short') this.#copy(out, valueMayBeginAt(bytes, this.#segment, to));
    else this.#copy(out, to);
    if (reach === 'lines') this.#startLater(to, matches);
    if (reach === 'block') {
      this.#from = to;
      this.#low = this.#given;
    }
  }

  /** The finder need not start so far back again. */
  #startLater(to: number, matches: readonly Match[]): void {
    if (to - this.#from < AGAIN_BYTES || matches.at(-1)?.open === true) return;
    const line = this.#text.bytes.lastIndexOf(LINE_FEED, to - LOOK_AHEAD_BYTES - 1) + 1;
    if (line <= this.#from || matches.some(({ start, end }) => start < line && end > line)) return;
    this.#from = line;
    this.#low = line;
  }

  /** A long value goes on: as far as its detector says. */
  #follow(out: Uint8Array[], end: number, final: boolean): void {
    const source = this.#open === undefined ? undefined : this.#finder.sources[this.#open];
    if (!source || !('detector' in source)) return;
    const again = Math.max(0, this.#given - TAIL_OVERLAP_BYTES);
    const stop = source.detector.tail?.(this.#text.bytes, again, end) ?? this.#given;
    const reached = stop < 0 ? end : Math.max(stop, this.#given);
    this.#rest(out, reached);
    this.#from = this.#low = this.#given;
    if (stop >= 0 || final) this.#open = undefined;
  }

  #copy(out: Uint8Array[], to: number, behind = false): void {
    if (to < this.#given) return;
    this.#text.copy(out, this.#given, to, behind);
    this.#given = to;
  }

  /** From its beginning, or from where it was shown up to. */
  #hide(out: Uint8Array[], match: Match): void {
    const shown = match.start < this.#given;
    // Colours in front of it are given first, as they are where a chunk ended behind them.
    if (!shown) this.#copy(out, match.start, true);
    if (shown && this.#hiddenTo === this.#given) {
      this.#rest(out, match.end);
      return;
    }
    if (shown) this.#partly++;
    const value = shown ? undefined : this.#valueOf(match);
    const text = this.#replace(match.source, value);
    if (this.#shape === 'free') out.push(encoder.encode(text));
    this.#rest(out, match.end, text);
  }

  /** Undefined: it is too long, or it is hidden line by line. */
  #valueOf({ start, end, open }: Match): Uint8Array | undefined {
    if (end - start > MAX_VALUE_BYTES || open) return undefined;
    const value = this.#text.bytes.slice(start, end);
    return this.#shape !== 'free' && value.includes(LINE_FEED) ? undefined : value;
  }

  /** Hides up to `to`, where `text` stands for it if there is room. What stands between the letters goes on. */
  #rest(out: Uint8Array[], to: number, text = ''): void {
    if (this.#shape === 'free') this.#text.eachMark(this.#given, to, ({ bytes }) => out.push(bytes));
    else {
      let at = this.#given;
      let left = text;
      const upTo = (stop: number): void => {
        left = this.#fill(out, at, stop, left);
        at = stop;
      };
      this.#text.eachMark(this.#given, to, (mark) => {
        upTo(mark.at);
        out.push(mark.bytes);
        if (mark.stands) at = mark.at + 1;
      });
      upTo(to);
    }
    this.#given = to;
    this.#hiddenTo = to;
  }

  /** Letters by as many columns, line breaks as they are. Gives the text that is still to be shown. */
  #fill(out: Uint8Array[], from: number, to: number, text: string): string {
    let left = text;
    for (let at = from; at < to; ) {
      let stop = at;
      while (stop < to && (this.#text.bytes[stop] as number) >= 0x20) stop++;
      if (stop > at) {
        const letters = this.#text.bytes.subarray(at, stop);
        const room = terminalColumns(letters);
        const shown = encoder.encode(left);
        const taken = terminalColumns(shown);
        out.push(taken > room ? stars(room) : shown, stars(taken > room ? 0 : room - taken));
        left = '';
      }
      if (stop < to) out.push(this.#text.bytes.slice(stop, stop + 1));
      at = stop + 1;
    }
    return left;
  }

  #drop(): void {
    const count = Math.min(this.#given - TAIL_OVERLAP_BYTES, this.#from - BEHIND, this.#segment);
    if (count < SLICE_BYTES && count < this.#text.length / 2) return;
    if (count <= 0) return;
    this.#text.drop(count);
    this.#given -= count;
    this.#from -= count;
    this.#low -= count;
    this.#segment -= count;
    this.#searched -= count;
    this.#hiddenTo -= count;
  }
}

const stars = (count: number): Uint8Array => new Uint8Array(count).fill(0x2a);
