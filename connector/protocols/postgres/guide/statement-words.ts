// What the client wrote of what the target speaks of, by what the pipeline says comes next. As recorded: what the target
// quotes of it is in the recording too.

import type { Masks } from '../../../../core/masking/masks.ts';
import type { Pipeline } from '../pipeline/pipeline.ts';
import type { Current } from './current-answer.ts';
import type { ResultKnowledge } from './result-knowledge.ts';
import type { StatementReading, TextReading } from '../catalogue/statement-reading.ts';
import { TransactionWords, valuesOf } from './transaction-words.ts';
import type { Words } from '../results/result-guide.ts';
import { settles, together, wordsOf } from './words-sent.ts';
import type { Portal, Prepared, StatementSource } from '../pipeline/statement.ts';

interface StatementWordsParts {
  readonly pipeline: Pipeline;
  /** Statements were sent before. */
  readonly begun: boolean;
  readonly masks: () => Masks;
  readonly readingOf: (source: StatementSource | undefined) => TextReading | undefined;
  readonly factsFor: (
    statement: StatementReading,
    reading: TextReading | undefined,
    number: number,
    earlier: readonly StatementReading[],
  ) => ResultKnowledge;
}

export class StatementWords {
  readonly #parts: StatementWordsParts;
  readonly #sent: TransactionWords;

  constructor(parts: StatementWordsParts) {
    this.#parts = parts;
    this.#sent = new TransactionWords(parts.begun);
  }

  /** The target will run it. `reading` undefined: nobody knows what it is. */
  add(reading: TextReading | undefined, number: number, portal: Portal | undefined): void {
    this.#sent.add(reading, number, reading ? valuesOf(portal?.parameters) : []);
  }

  /** The target is idle, outside of a transaction. */
  clear(): void {
    this.#sent.clear();
  }

  /** `current`: what is being answered. */
  now(current: Current): Words {
    const { next, transaction } = this.#parts.pipeline;
    const later = Number.MAX_SAFE_INTEGER;
    if (next?.kind === 'parse') return this.#wordsOf(next.prepared, later, [next.prepared.name]);
    if (next?.kind === 'describe') return this.#wordsOf(next.prepared ?? next.portal?.prepared, later, [next.name]);
    if (next?.kind === 'bind') {
      const { name, statement, prepared, parameters } = next.portal;
      return this.#wordsOf(prepared, later, [name, statement, ...valuesOf(parameters)]);
    }
    if (!next || !('statement' in next)) return this.#wordsOfTransaction();
    const { reading, number, portal } = current;
    const values = [next.statement.portal ?? '', portal?.statement ?? '', ...valuesOf(portal?.parameters)];
    const own = together([this.#wordsOfText(reading, number)], values);
    // A Query ends what stands before it without a Sync.
    const ends = settles(reading) || (next.kind === 'query' && transaction !== 'T');
    return ends ? together([own, this.#wordsOfTransaction()], []) : own;
  }

  #wordsOf(prepared: Prepared | undefined, number: number, values: readonly string[]): Words {
    return together([this.#wordsOfText(this.#parts.readingOf(prepared?.source), number)], values);
  }

  #wordsOfText(reading: TextReading | undefined, number: number): Words {
    return wordsOf(reading, this.#parts.masks(), (one, earlier) => this.#parts.factsFor(one, reading, number, earlier));
  }

  #wordsOfTransaction(): Words {
    const { texts, values, complete } = this.#sent;
    const each = [...texts].map(([reading, number]) => this.#wordsOfText(reading, number));
    const { text, mayTouch, otherCode } = together(each, values);
    // Where nothing was sent it is a trigger of the login that speaks.
    const unseen = texts.size === 0 || !complete || this.#parts.masks().strict;
    return { text, mayTouch: mayTouch || !complete, otherCode: otherCode || unseen };
  }
}
