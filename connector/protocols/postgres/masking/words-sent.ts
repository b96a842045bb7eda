// What the target may quote of what was sent to it: as it was recorded, since the quotation is recorded too.

import type { Masks } from '../../../../core/masking/masks.ts';
import type { StatementFacts } from './result-facts.ts';
import type { StatementReading, TextReading } from './statement-reading.ts';
import { withholdingOf } from './text-fates.ts';
import { maskStatementText, maskUnreadText } from './statement-text.ts';

export interface Words {
  /** Undefined: nobody knows what was sent. */
  readonly text: string | undefined;
  /** A table with masked columns may be touched. */
  readonly mayTouch: boolean;
}

/** `factsFor`: of one of its statements, and those that stand before it. */
export function wordsOf(
  reading: TextReading | undefined,
  masks: Masks,
  factsFor: (statement: StatementReading, earlier: readonly StatementReading[]) => StatementFacts,
): Words {
  if (!reading?.statements) return { text: reading && maskUnreadText(reading.text, masks), mayTouch: true };
  const { text, statements } = reading;
  const facts = statements.map((statement, index) => factsFor(statement, statements.slice(0, index)));
  const withholding = withholdingOf(
    statements,
    facts.map(({ fates }) => fates),
  );
  return {
    text: maskStatementText(text, masks, { withholding, again: true }),
    mayTouch: facts.some(({ touched }) => masks.mayTouch(touched)),
  };
}
