// Finds what a statement's text says that is a secret: literals that a word such as PASSWORD names, also
// in connection strings, JSON and SQL within a literal, and the parameters that stand in such places.
// Writes over them in place, byte for byte.
//
// literal-reader.ts goes through the text by tokens (sql-tokens.ts); secret-words.ts has the words and patterns.

import type { Hider } from '../../core/masking/masks.ts';
import { LiteralReader } from './literal-reader.ts';
import type { Withholding } from '../protocols/postgres/requests/text-fates.ts';

export interface LiteralOptions {
  /** What rules hide of its literals and comments. Undefined: nothing. */
  readonly withholding?: Withholding | undefined;
  /** standard_conforming_strings is off, or not known to be on: a backslash may escape in every string. */
  readonly backslashEscapes?: boolean;
  /** Statements that PREPARE made, with the numbers of their parameters that are secrets. */
  readonly prepared?: ReadonlyMap<string, ReadonlySet<number>>;
}

/** What a text holds of secrets. */
export interface Secrets {
  /** As they stand in the text. */
  readonly values: readonly Buffer[];
  /** Numbers of the parameters ($1 is 1) whose values are secrets; `all` where nobody could look. */
  readonly parameters: ReadonlySet<number> | 'all';
}

export interface FoundSecrets extends Secrets {
  readonly hidden: boolean;
  /** How many values were hidden, by what hid them. */
  readonly counts: ReadonlyMap<Hider, number>;
  /** As LiteralOptions.prepared: what this text makes. */
  readonly prepares: ReadonlyMap<string, ReadonlySet<number>>;
}

/** What readings of one text found so far. */
export class Found implements FoundSecrets {
  readonly counts = new Map<Hider, number>();
  readonly values: Buffer[] = [];
  readonly parameters = new Set<number>();
  readonly prepares = new Map<string, Set<number>>();

  get hidden(): boolean {
    return this.counts.size > 0;
  }

  /** Of another reading of the same text. */
  join(other: Found): void {
    for (const [by, count] of other.counts) this.counts.set(by, Math.max(this.counts.get(by) ?? 0, count));
    this.values.push(...other.values);
    for (const number of other.parameters) this.parameters.add(number);
    for (const [name, numbers] of other.prepares)
      this.prepares.set(name, new Set([...(this.prepares.get(name) ?? []), ...numbers]));
  }

  hide(by: Hider): void {
    this.counts.set(by, (this.counts.get(by) ?? 0) + 1);
  }
}

const BACKSLASH = 0x5c;

/** Whether `b[start, end)` may run statements of these names. False is certain. */
export const mayRun = (b: Buffer, start: number, end: number, prepared: LiteralOptions['prepared']): boolean =>
  prepared !== undefined && prepared.size > 0 && /execute/i.test(b.toString('latin1', start, end));

/** Writes over the text in place. Gives whether anything was hidden, and what of it are secrets. */
export function hideLiterals(b: Buffer, options: LiteralOptions): FoundSecrets {
  const found = new Found();
  const original = Buffer.from(b);
  new LiteralReader(b, original, options, found).read();
  if (options.backslashEscapes === true && b.includes(BACKSLASH)) {
    // Nobody is sure that it escapes: what either reading hides is hidden.
    const other = Buffer.from(original);
    const again = new Found();
    new LiteralReader(other, original, { ...options, backslashEscapes: false }, again).read();
    found.join(again);
    for (let at = 0; at < b.length; at++) if (other[at] !== original[at]) b[at] = other[at] as number;
  }
  return found;
}
