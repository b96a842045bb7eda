// One pass over text with all detectors of a rule set. A table over pairs of bytes decides for each byte
// whether anybody wants to look, so that text without candidates costs two look-ups a byte.

import { DIGIT, isOf } from './byte-classes.ts';
import { type Detector, LOOK_AHEAD_BYTES, type Span } from './detector.ts';
import { DETECTOR_NAMES } from './detectors/names.ts';
import type { DetectorPattern } from './detectors/pattern.ts';

export interface Match {
  readonly start: number;
  /** For an open match the end so far. */
  readonly end: number;
  /** Index into the list that the finder was made of. */
  readonly source: number;
  /** The value reaches the end of what was shown and may go on behind it. */
  readonly open: boolean;
}

export type FinderSource = { readonly detector: Detector } | { readonly pattern: DetectorPattern };

const NOTHING: readonly Match[] = [];
/** Groups of triggers that may stand behind the same bytes; the highest bit is a reader's own. */
const MAX_GROUPS = 15;

interface Candidate {
  readonly detector: Detector;
  readonly source: number;
  /** Of its group. */
  readonly bit: number;
}

/** What a value is recognised by: a maker's mark says more than a name in front, and that more than a form. */
const rankOf = ({ name }: Detector): number => (DETECTOR_NAMES as readonly string[]).indexOf(name);

/**
 * Whether a detector looks at byte b behind byte a: `(entries[a] << 16) & entries[b]` is not 0. The upper half of an
 * entry says of which groups of triggers the byte is one, the lower half which groups may stand behind it; `start` is
 * the upper half for the start of a text. Bits 15 and 31 are not used. Not to be changed.
 */
interface TriggerTable {
  readonly entries: Int32Array;
  readonly start: number;
}

export class Finder {
  readonly sources: readonly FinderSource[];
  /** Which detectors look at a byte, in order of precedence. */
  readonly #candidates: (readonly Candidate[])[];
  readonly triggers: TriggerTable;
  readonly #patterns: { readonly pattern: DetectorPattern; readonly source: number }[] = [];
  readonly #span: Span = { start: 0, end: 0 };

  constructor(sources: readonly FinderSource[]) {
    this.sources = sources;
    const detectors: { readonly detector: Detector; readonly source: number }[] = [];
    sources.forEach((one, source) => {
      if ('pattern' in one) this.#patterns.push({ pattern: one.pattern, source });
      else detectors.push({ detector: one.detector, source });
    });
    detectors.sort((a, b) => rankOf(a.detector) - rankOf(b.detector));
    const groups: (readonly boolean[])[] = [];
    this.#candidates = Array.from({ length: 256 }, (_, byte) =>
      detectors
        .filter(({ detector }) => detector.triggers.includes(String.fromCharCode(byte)))
        .map(({ detector, source }) => ({ detector, source, bit: groupOf(groups, detector, byte) })),
    );
    this.triggers = tableOf(this.#candidates, groups);
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
    const { entries, start } = this.triggers;
    let found: Match[] | undefined;
    let free = low;
    let at = from < low ? low : from;
    /** What may stand behind the byte before `at`. */
    let before = at > begin ? (entries[bytes[at - 1] as number] as number) << 16 : start;
    const lastFour = scanEnd - 4;
    while (at < scanEnd) {
      while (at <= lastFour) {
        const first = entries[bytes[at] as number] as number;
        const second = entries[bytes[at + 1] as number] as number;
        const third = entries[bytes[at + 2] as number] as number;
        const fourth = entries[bytes[at + 3] as number] as number;
        if (((before & first) | ((first << 16) & second) | ((second << 16) & third) | ((third << 16) & fourth)) !== 0)
          break;
        before = fourth << 16;
        at += 4;
      }
      for (const stop = at <= lastFour ? at + 4 : scanEnd; at < stop; at++) {
        const entry = entries[bytes[at] as number] as number;
        const bits = before & entry;
        before = entry << 16;
        if (bits === 0) continue;
        const first = this.#try(bits, bytes, at, begin, free, end, final);
        if (first === undefined) continue;
        const match = this.#overlapped(first, bytes, at, begin, free, end, final);
        if (found === undefined) found = [];
        found.push(match);
        free = match.end;
        if (match.end <= at + 1) continue;
        at = match.end;
        before = (entries[bytes[at - 1] as number] as number) << 16;
        break;
      }
    }
    if (this.#patterns.length === 0) return found ?? NOTHING;
    return this.#withPatterns(found, bytes, begin, Math.max(from, low), scanEnd, end, low);
  }

  /**
   * What is found within a value, or ends it: with the same borders or wider ones the surer of the two has it all, and
   * what goes on behind the value's end is hidden with it.
   */
  #overlapped(
    first: Match,
    bytes: Uint8Array,
    from: number,
    begin: number,
    low: number,
    end: number,
    final: boolean,
  ): Match {
    const { entries } = this.triggers;
    // As far as is certain to be there, wherever chunks are cut.
    const limit = Math.min(end, from + LOOK_AHEAD_BYTES);
    let match = first;
    if (this.#rank(first) === 0) return first;
    for (let at = from + 1; at <= match.end && at < limit; at++) {
      const bits = ((entries[bytes[at - 1] as number] as number) << 16) & (entries[bytes[at] as number] as number);
      const other = bits === 0 ? undefined : this.#try(bits, bytes, at, begin, low, limit, final, end);
      if (!other || other.start >= match.end) continue;
      const covers = other.start <= match.start && other.end >= match.end;
      if (covers && this.#rank(other) < this.#rank(match)) match = other;
      else if (at < match.end && other.start >= match.start && other.end > match.end)
        match = {
          ...(this.#rank(other) < this.#rank(match) ? other : match),
          start: match.start,
          end: other.end,
          open: other.open,
        };
      if (match.open) break;
    }
    return match;
  }

  #rank({ source }: Match): number {
    const found = this.sources[source];
    return found && 'detector' in found ? rankOf(found.detector) : DETECTOR_NAMES.length;
  }

  #try(
    bits: number,
    bytes: Uint8Array,
    at: number,
    begin: number,
    low: number,
    end: number,
    final: boolean,
    tailEnd = end,
  ): Match | undefined {
    const span = this.#span;
    const candidates = this.#candidates[bytes[at] as number] as readonly Candidate[];
    for (let i = 0; i < candidates.length; i++) {
      const { detector, source, bit } = candidates[i] as Candidate;
      if ((bits & bit) === 0) continue;
      span.start = span.end = 0;
      if (!detector.match(bytes, at, begin, low, end, span)) continue;
      if (!detector.tail) return { start: span.start, end: span.end, source, open: false };
      const stop = detector.tail(bytes, span.end, tailEnd);
      return { start: span.start, end: stop < 0 ? tailEnd : stop, source, open: stop < 0 && !final };
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
}

/** The upper half's bit of the group that `byte` belongs to as a trigger of `detector`. */
function groupOf(groups: (readonly boolean[])[], detector: Detector, byte: number): number {
  const behind = Array.from({ length: 257 }, (_, index) => canFollow(detector, index - 1, byte));
  let group = groups.findIndex((known) => known.every((can, index) => can === behind[index]));
  if (group < 0) group = groups.push(behind) - 1;
  if (group >= MAX_GROUPS) throw new Error('detectors have too many kinds of triggers');
  return 1 << (group + 16);
}

function canFollow(detector: Detector, before: number, byte: number): boolean {
  if (detector.firstDigitOnly === true && isOf(byte, DIGIT) && isOf(before, DIGIT)) return false;
  return detector.canFollow?.(before, byte) ?? true;
}

function tableOf(candidates: readonly (readonly Candidate[])[], groups: readonly (readonly boolean[])[]): TriggerTable {
  const behind = (before: number): number =>
    groups.reduce((bits, group, index) => (group[before + 1] ? bits | (1 << index) : bits), 0);
  const entries = Int32Array.from(candidates, (list, byte) => list.reduce((bits, { bit }) => bits | bit, behind(byte)));
  return { entries, start: behind(-1) << 16 };
}
