// Mask rules compiled for a session: column rules, and one finder for all detectors.

import { type ColumnRule, compileColumnPattern, fitsTable } from './columns.ts';
import { DETECTORS } from './detectors/catalogue.ts';
import { compilePattern } from './detectors/pattern.ts';
import { FieldMatcher, type FieldPath, type FieldRule, parseFieldPath } from './fields.ts';
import { Finder, type Match, type FinderSource } from './finder.ts';
import type { MaskEntry } from './mask-entry.ts';
import type { Incident, Incidents } from './masked.ts';
import { LiveStream, type Shape } from './terminal/live-stream.ts';
import { TextStream, WHOLE_BYTES } from './text-stream.ts';
import { type KeyedHash, maskText, placeholder, type Way } from './ways.ts';

/** A rule of the policy with what it masks. */
interface MaskRule {
  readonly name: string;
  readonly mask: readonly MaskEntry[];
}

export interface MaskEnvironment {
  readonly keyedHash: KeyedHash;
  /** Told of whatever was withheld because something went wrong or was not known. */
  readonly incidents: Incidents;
}

/**
 * What hid a value of a statement in the recording: a column rule (ColumnRule.rule), or a reason that is no rule.
 * `secret`: the statement's words say that it is one. `not_certain`: it may meet a column that a rule hides.
 * `too_long`: so it may, in a statement that is too long to be followed. `typed`: typed at a terminal, whose echo is the target's.
 */
export type Hider = number | 'secret' | 'typed' | 'not_certain' | 'too_long';

/** Why an original is not kept. `too_large`: it is above what is kept of a frame. `secret`: it may say one of the client's, or an account's. */
type NotKept = 'too_large' | 'secret';

interface DetectRule {
  readonly rule: number;
  readonly kind: string;
  readonly way: Way;
  /** What takes a value's place where that does not hang on the value. */
  readonly constant: Uint8Array | undefined;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** What rules come to, for all sessions that stand under them. Has no state. */
interface CompiledMasks {
  readonly columnRules: readonly ColumnRule[];
  /** Of JSON documents. Undefined: no rule names any. */
  readonly fields: FieldMatcher | undefined;
  readonly finder: Finder | undefined;
  readonly detectRules: readonly DetectRule[];
  readonly names: readonly string[];
  /** Whoever is under them is assumed to look for ways around them. */
  readonly strict: boolean;
}

/** Throws for a pattern that no policy can hold (law 4). */
export function compileMasks(rules: readonly MaskRule[]): CompiledMasks {
  const names: string[] = [];
  const columns: ColumnRule[] = [];
  const fields: FieldRule[] = [];
  const detects: DetectRule[] = [];
  const sources: FinderSource[] = [];
  const seen = new Set<string>();
  for (const { name, mask } of rules) {
    mask.forEach((entry, index) => {
      if (entry.columns) {
        const rule = names.push(`${name}#${index + 1}`) - 1;
        for (const pattern of entry.columns)
          columns.push({ rule, way: entry.with, pattern: compileColumnPattern(pattern) });
      }
      if (entry.fields) {
        const rule = names.push(`${name}#${index + 1}`) - 1;
        for (const path of entry.fields) fields.push({ rule, way: entry.with, path: fieldPathOf(path) });
      }
      for (const detect of entry.detect ?? []) {
        const kind = typeof detect === 'string' ? detect : detect.name;
        // The first rule that names a detector decides how its values are masked.
        const identity = typeof detect === 'string' ? kind : `${kind} ${detect.pattern}`;
        if (seen.has(identity)) continue;
        seen.add(identity);
        const rule = names.push(`${name}#${index + 1}/${kind}`) - 1;
        detects.push({ rule, kind, way: entry.with, constant: constantOf(entry.with, kind) });
        sources.push(sourceOf(detect));
      }
    });
  }
  const strict = rules.some(({ mask }) => mask.some((entry) => entry.columns && entry.strict === true));
  const finder = sources.length > 0 ? new Finder(sources) : undefined;
  const matcher = fields.length > 0 ? new FieldMatcher(fields) : undefined;
  return { columnRules: columns, fields: matcher, finder, detectRules: detects, names, strict };
}

/** One session's masks: compiled rules, and its own counts. */
export class Masks {
  readonly columnRules: readonly ColumnRule[];
  readonly fields: FieldMatcher | undefined;
  readonly finder: Finder | undefined;
  readonly keyedHash: KeyedHash;
  readonly strict: boolean;
  readonly #detectRules: readonly DetectRule[];
  readonly #names: readonly string[];
  readonly #counts: Float64Array;
  readonly #hidden = new Map<Hider, number>();
  readonly #notKept = new Map<NotKept, number>();
  #total = 0;
  readonly #incidents: Incidents;

  constructor(rules: readonly MaskRule[] | CompiledMasks, environment: MaskEnvironment) {
    const compiled = 'columnRules' in rules ? rules : compileMasks(rules);
    this.columnRules = compiled.columnRules;
    this.fields = compiled.fields;
    this.finder = compiled.finder;
    this.strict = compiled.strict;
    this.keyedHash = environment.keyedHash;
    this.#detectRules = compiled.detectRules;
    this.#names = compiled.names;
    this.#counts = new Float64Array(compiled.names.length);
    this.#incidents = environment.incidents;
  }

  /** Whether anything at all may be masked, beside `fields` of JSON documents. */
  get any(): boolean {
    return this.columnRules.length > 0 || this.finder !== undefined;
  }

  /** Whether one of the tables could have a masked column; for `unknown` tables, whether there is any rule. */
  mayTouch(tables: readonly { readonly schema?: string | undefined; readonly table: string }[] | 'unknown'): boolean {
    if (this.columnRules.length === 0) return false;
    if (tables === 'unknown') return true;
    return tables.some((table) => this.columnRules.some(({ pattern }) => fitsTable(pattern, table)));
  }

  /** `orders-prod#1`. */
  nameOf(rule: number): string {
    return this.#names[rule] ?? '';
  }

  count(rule: number): void {
    this.#counts[rule] = (this.#counts[rule] ?? 0) + 1;
    this.#total++;
  }

  /** Values masked so far, by all rules. */
  get total(): number {
    return this.#total;
  }

  /** The originals of so many values are not kept, though the session keeps them. */
  leaveOut(reason: NotKept, values = 1): void {
    if (values > 0) this.#notKept.set(reason, (this.#notKept.get(reason) ?? 0) + values);
  }

  /** For Coverage.notKept. */
  notKept(): { reason: NotKept; count: number }[] {
    return [...this.#notKept].map(([reason, count]) => ({ reason, count }));
  }

  /** A literal, parameter or field that the client sent is written over in the recording. */
  hide(by: Hider, values = 1): void {
    if (values > 0) this.#hidden.set(by, (this.#hidden.get(by) ?? 0) + values);
  }

  /** For Coverage.hidden: rules and reasons, with how many values. */
  hidden(): { by: string; count: number }[] {
    return [...this.#hidden].map(([by, count]) => ({
      by: typeof by === 'number' ? (this.#names[by] ?? 'not_certain') : by,
      count,
    }));
  }

  report(incident: Incident): void {
    this.#incidents(incident);
  }

  /** For Coverage.masked: rules that changed something, with how many values. */
  masked(): { rule: string; count: number }[] {
    return this.#names.flatMap((rule, index) => {
      const count = this.#counts[index] ?? 0;
      return count > 0 ? [{ rule, count }] : [];
    });
  }

  /** What takes the place of a value that a detector found; null for `with: null`. Counts it. */
  replacementOf(source: number, value: Uint8Array | undefined): string | null {
    const detect = this.#detectRules[source];
    if (!detect) return '[withheld]';
    this.count(detect.rule);
    const looks = detect.way === 'partial' || detect.way === 'hash';
    return maskText(detect.way, detect.kind, looks && value ? decoder.decode(value) : undefined, this.keyedHash);
  }

  /** `[email]`, whatever way the rule names. */
  placeholderOf(source: number): string {
    return placeholder(this.#detectRules[source]?.kind ?? 'withheld');
  }

  /**
   * A whole text with its values masked; the very same bytes when there are none, null when a rule says so.
   * `adapt` makes a replacement fit where it is put. May throw, as the ways may: call it inside `attempt`.
   */
  maskBytes(
    bytes: Uint8Array,
    start: number,
    end: number,
    adapt?: ((text: string) => string) | undefined,
  ): Uint8Array | null {
    const { finder } = this;
    if (!finder) return bytes.subarray(start, end);
    if (end - start >= WHOLE_BYTES) {
      let nulled = false;
      const stream = new TextStream(finder, (source, value) => {
        const text = this.replacementOf(source, value);
        if (text === null) nulled = true;
        return encoder.encode(adapt && text ? adapt(text) : (text ?? ''));
      });
      const head = stream.push(bytes.subarray(start, end));
      const tail = stream.end();
      if (nulled) return null;
      const whole = new Uint8Array(head.length + tail.length);
      whole.set(head);
      whole.set(tail, head.length);
      return whole;
    }
    const matches = finder.find(bytes, start, end);
    return matches.length === 0 ? bytes.subarray(start, end) : this.replaceAll(bytes, start, end, matches, adapt);
  }

  replaceAll(
    bytes: Uint8Array,
    start: number,
    end: number,
    matches: readonly Match[],
    adapt?: ((text: string) => string) | undefined,
  ): Uint8Array | null {
    const pieces: Uint8Array[] = [];
    let length = end - start;
    let nulled = false;
    for (const match of matches) {
      const piece = this.#pieceOf(match, bytes, adapt);
      if (piece === null) nulled = true;
      else {
        length += piece.length - (match.end - match.start);
        pieces.push(piece);
      }
    }
    if (nulled) return null;
    const out = new Uint8Array(length);
    let from = start;
    let to = 0;
    for (let index = 0; index < pieces.length; index++) {
      const match = matches[index] as Match;
      const piece = pieces[index] as Uint8Array;
      for (; from < match.start; from++) out[to++] = bytes[from] as number;
      for (let i = 0; i < piece.length; i++) out[to++] = piece[i] as number;
      from = match.end;
    }
    if (end - from > 64) out.set(bytes.subarray(from, end), to);
    else for (; from < end; from++) out[to++] = bytes[from] as number;
    return out;
  }

  /** What takes a match's place; null for NULL. */
  #pieceOf(match: Match, bytes: Uint8Array, adapt: ((text: string) => string) | undefined): Uint8Array | null {
    const detect = this.#detectRules[match.source];
    if (detect?.constant && !adapt) {
      this.count(detect.rule);
      return detect.constant;
    }
    const text = this.replacementOf(match.source, bytes.subarray(match.start, match.end));
    return text === null ? null : encoder.encode(adapt && text ? adapt(text) : text);
  }

  /** The same for text at hand; where a rule says null, its placeholder. */
  maskString(text: string): string {
    const bytes = encoder.encode(text);
    const masked = this.maskBytes(bytes, 0, bytes.length);
    if (masked === null) return '[withheld]';
    return masked.length === bytes.length && masked.buffer === bytes.buffer ? text : decoder.decode(masked);
  }

  /**
   * Writes over a text in place: every value becomes as many bytes as it had. Says whether there was one. Not
   * `counted`: it is looked at again.
   */
  maskInPlace(bytes: Uint8Array, start: number, end: number, counted = true): boolean {
    const matches = this.finder?.find(bytes, start, end) ?? [];
    for (const match of matches) {
      if (counted) this.count(this.#detectRules[match.source]?.rule ?? -1);
      bytes.set(sameLength(this.placeholderOf(match.source), match.end - match.start), match.start);
    }
    return matches.length > 0;
  }

  /** Masks a text of any length in chunks, every value by as many bytes as it had. */
  sameLengthStream(): TextStream | undefined {
    if (!this.finder) return undefined;
    return new TextStream(this.finder, (source, _value, length) => {
      this.count(this.#detectRules[source]?.rule ?? -1);
      return sameLength(this.placeholderOf(source), length);
    });
  }

  /** Masks what a program writes while somebody watches. */
  liveStream(shape: Shape): LiveStream | undefined {
    if (!this.finder) return undefined;
    const replace = (source: number, value: Uint8Array | undefined) =>
      this.replacementOf(source, value) ?? this.placeholderOf(source);
    return new LiveStream(this.finder, replace, shape);
  }

  /** Masks a text of any length in chunks. */
  stream(): TextStream | undefined {
    if (!this.finder) return undefined;
    return new TextStream(this.finder, (source, value) =>
      encoder.encode(this.replacementOf(source, value) ?? '[withheld]'),
    );
  }
}

/** The placeholder and stars, or stars alone where it has no room. */
export function sameLength(text: string, length: number): Uint8Array {
  const out = new Uint8Array(length).fill(0x2a);
  if (text.length <= length) out.set(encoder.encode(text));
  return out;
}

function constantOf(way: Way, kind: string): Uint8Array | undefined {
  if (typeof way === 'object') return encoder.encode(way.fixed);
  return way === 'placeholder' ? encoder.encode(placeholder(kind)) : undefined;
}

function fieldPathOf(text: string): FieldPath {
  const parsed = parseFieldPath(text);
  // The policy was refused with it; a session without its mask must not begin (law 4).
  if (!parsed.ok) throw new Error(`mask field ${text}: ${parsed.error}`);
  return parsed.value;
}

function sourceOf(detect: NonNullable<MaskEntry['detect']>[number]): FinderSource {
  if (typeof detect === 'string') return { detector: DETECTORS[detect] };
  const compiled = compilePattern(detect.name, detect.pattern);
  // The policy was refused with it; a session without its mask must not begin (law 4).
  if (!compiled.ok) throw new Error(`mask pattern ${detect.name}: ${compiled.error}`);
  return { pattern: compiled.value };
}
