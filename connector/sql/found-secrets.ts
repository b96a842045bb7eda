// What a text holds of secrets and of what rules hide, as secret-literals.ts finds it.

import type { Hider } from '../../core/masking/masks.ts';
import type { Withholding } from './withholding.ts';

export interface LiteralOptions {
  /**
   * For an original of what rules hide: what is no secret for certain is one. Comments and dollar quotes that may say one, and
   * strings whose letters are escaped, in which no word is found.
   */
  readonly wary?: boolean;
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
