// One pass over text with all detectors of a rule set. A table of trigger bytes decides for each byte
// whether anybody wants to look, so that text without candidates costs one look-up a byte.

import { CLASS, DIGIT } from './byte-classes.ts';
import type { Detector, Span } from './detector.ts';
import type { Pattern } from './detectors/pattern.ts';

export interface Match {
  readonly start: number;
  /** For an open match the end so far. */
  readonly end: number;
  /** Index into the list that the finder was made of. */
  readonly source: number;
  /** The value reaches the end of what was shown and may go on behind it. */
  readonly open: boolean;
}

export type Source = { readonly detector: Detector } | { readonly pattern: Pattern };

const NOTHING: readonly Match[] = [];
const ANY = 1;
const RUN_START = 2;

export class Finder {
  readonly sources: readonly Source[];
  readonly #trigger = new Uint8Array(256);
  readonly #byTrigger: { readonly detector: Detector; readonly source: number }[][] = Array.from(
    { length: 256 },
    () => [],
  );
  readonly #patterns: { readonly pattern: Pattern; readonly source: number }[] = [];
  readonly #span: Span = { start: 0, end: 0 };

  constructor(sources: readonly Source[]) {
    this.sources = sources;
    sources.forEach((one, source) => {
      if ('pattern' in one) this.#patterns.push({ pattern: one.pattern, source });
      else this.#add(one.detector, source);
    });
  }

  /** Whether patterns of an author are among the sources: they can fit anything. */
  get hasPatterns(): boolean {
    return this.#patterns.length > 0;
  }

  /** Values in a text that is all of bytes[start, end): in order, none overlapping another. */
  find(bytes: Uint8Array, start: number, end: number): readonly Match[] {
    return this.findBetween(bytes, start, start, end, end, start, true);
  }

  /**
   * Values whose trigger (for a pattern: first byte) is in [from, scanEnd). Text exists in [begin, end); nothing may
   * begin before `low`. `final`: the text ends at `end`, so nothing stays open.
   */
  findBetween(
    bytes: Uint8Array,
    begin: number,
    from: number,
    scanEnd: number,
    end: number,
    low: number,
    final: boolean,
  ): readonly Match[] {
    const trigger = this.#trigger;
    let found: Match[] | undefined;
    let free = low;
    for (let at = from < low ? low : from; at < scanEnd; at++) {
      const kind = trigger[bytes[at] as number];
      if (kind === 0) continue;
      if (kind === RUN_START && at > begin && ((CLASS[bytes[at - 1] as number] as number) & DIGIT) !== 0) continue;
      const match = this.#try(bytes, at, begin, free, end, final);
      if (match === undefined) continue;
      if (found === undefined) found = [];
      found.push(match);
      free = match.end;
      if (match.end > at) at = match.end - 1;
    }
    if (this.#patterns.length === 0) return found ?? NOTHING;
    return this.#withPatterns(found, bytes, begin, Math.max(from, low), scanEnd, end, low);
  }

  #try(bytes: Uint8Array, at: number, begin: number, low: number, end: number, final: boolean): Match | undefined {
    const span = this.#span;
    for (const { detector, source } of this.#byTrigger[bytes[at] as number] as readonly {
      detector: Detector;
      source: number;
    }[]) {
      span.start = span.end = 0;
      if (!detector.match(bytes, at, begin, low, end, span)) continue;
      if (!detector.tail) return { start: span.start, end: span.end, source, open: false };
      const stop = detector.tail(bytes, span.end, end);
      return { start: span.start, end: stop < 0 ? end : stop, source, open: stop < 0 && !final };
    }
    return undefined;
  }

  /** Where two overlap, the earlier one keeps its place and the later one what is left. */
  #withPatterns(
    built: readonly Match[] | undefined,
    bytes: Uint8Array,
    begin: number,
    from: number,
    scanEnd: number,
    end: number,
    low: number,
  ): readonly Match[] {
    let all: Match[] | undefined = built ? [...built] : undefined;
    for (const { pattern, source } of this.#patterns) {
      pattern.each(bytes, begin, from, scanEnd, end, (start, stop) => {
        all = all ?? [];
        all.push({ start, end: stop, source, open: false });
      });
    }
    if (all === undefined) return NOTHING;
    all.sort((a, b) => a.start - b.start || b.end - a.end || a.source - b.source);
    const apart: Match[] = [];
    let free = low;
    for (const match of all) {
      if (match.end <= free) continue;
      apart.push(match.start < free ? { ...match, start: free } : match);
      free = match.end;
    }
    return apart;
  }

  #add(detector: Detector, source: number): void {
    for (let i = 0; i < detector.triggers.length; i++) {
      const byte = detector.triggers.charCodeAt(i);
      const digit = detector.firstDigitOnly === true && ((CLASS[byte] as number) & DIGIT) !== 0;
      if (!digit) this.#trigger[byte] = ANY;
      else if (this.#trigger[byte] === 0) this.#trigger[byte] = RUN_START;
      this.#byTrigger[byte]?.push({ detector, source });
    }
  }
}
