// What was sent since the target was last idle. What the target says at a Sync, at a COMMIT or between two answers is
// about any of it: constraints and triggers that wait for the end, settings that are reported there.
//
// Texts are kept as they were read anyway, and short values of parameters. Of more than that it is only known that
// there was more.

import type { Parameter } from '../../../../core/recording/facts/database.ts';
import type { TextReading } from '../catalogue/statement-reading.ts';

const MAX_TEXTS = 256;
const MAX_CHARS = 256 * 1024;
const MAX_VALUE_CHARS = 128;

export class TransactionWords {
  readonly #texts = new Map<TextReading, number>();
  #values: string[] = [];
  #chars = 0;
  #complete: boolean;

  /** `begun`: statements were sent before anybody looked. */
  constructor(begun: boolean) {
    this.#complete = !begun;
  }

  /** Each with the number of the statement that was last sent of it. */
  get texts(): ReadonlyMap<TextReading, number> {
    return this.#texts;
  }

  get values(): readonly string[] {
    return this.#values;
  }

  /** Everything that was sent is among the texts. */
  get complete(): boolean {
    return this.#complete;
  }

  /** `reading` undefined: nobody knows what it is. */
  add(reading: TextReading | undefined, number: number, values: readonly string[]): void {
    if (!reading || (!this.#texts.has(reading) && !this.#fits(reading.text))) this.#complete = false;
    else this.#texts.set(reading, number);
    for (const value of values) if (value.length <= MAX_VALUE_CHARS && this.#fits(value)) this.#values.push(value);
  }

  clear(): void {
    if (this.#chars > 0) {
      this.#texts.clear();
      this.#values = [];
      this.#chars = 0;
    }
    this.#complete = true;
  }

  #fits(text: string): boolean {
    if (this.#texts.size >= MAX_TEXTS || this.#chars + text.length >= MAX_CHARS) return false;
    this.#chars += text.length + 1;
    return true;
  }
}

/** What the client wrote as parameters, as far as it is recorded as it was. */
export const valuesOf = (parameters: readonly Parameter[] | undefined): readonly string[] =>
  parameters?.flatMap(({ value, hidden, bytes }) => (value && !hidden && bytes === undefined ? [value] : [])) ?? [];
