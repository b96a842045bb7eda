// What must be known of a message before it is judged or held, and takes a while: large texts are read
// in a thread, and the target is asked what it expects of what will be held.

import type { Decision } from '../../../../core/policy/sections/entries.ts';
import type { ActionToHold } from '../../../action.ts';
import { MAX_HELD_CHARACTERS } from './held-statement.ts';
import type { Verdicts } from './verdicts.ts';
import type { StatementSource } from '../pipeline/statement.ts';

/** What the target expects of a text. Never rejects, and takes no longer than people would wait for it. */
export type AskEstimate = (text: string) => Promise<ActionToHold['estimate']>;

/** Each promise: not yet, ask again when it resolves. */
export class Readiness {
  readonly #verdicts: Verdicts;
  readonly #ask: AskEstimate;
  #estimated: { readonly offset: number; readonly estimate: ActionToHold['estimate'] } | undefined;

  constructor(verdicts: Verdicts, ask: AskEstimate) {
    this.#verdicts = verdicts;
    this.#ask = ask;
  }

  /** Of texts that are judged. */
  read(...sources: readonly (StatementSource | undefined)[]): Promise<void> | undefined {
    for (const source of sources) {
      const reading = this.#verdicts.reading(source);
      if (reading) return reading;
    }
    return undefined;
  }

  /** Of the message at `offset`, which was judged. */
  estimate(offset: number, decision: Decision, source: StatementSource | undefined): Promise<void> | undefined {
    if (decision.verdict !== 'hold' || this.#estimated?.offset === offset) return undefined;
    const text = source?.text;
    this.#estimated = undefined;
    if (text === undefined || text.length > MAX_HELD_CHARACTERS) return undefined;
    const known = (estimate: ActionToHold['estimate']) => {
      this.#estimated = { offset, estimate };
    };
    return this.#ask(text).then(known, () => known(undefined));
  }

  /** Of the message that was asked about last. */
  get estimated(): ActionToHold['estimate'] {
    return this.#estimated?.estimate;
  }
}
