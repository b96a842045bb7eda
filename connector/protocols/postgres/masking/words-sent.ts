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
  /** What ran before it may be at work too: deferred triggers. Under strict rules code of the database's own always may. */
  readonly otherCode: boolean;
}

/** What runs deferred triggers of the statements before it. */
const SETTLES: ReadonlySet<string> = new Set(['commit', 'prepare transaction', 'set constraints']);

/** `factsFor`: of one of its statements, and those that stand before it. */
export function wordsOf(
  reading: TextReading | undefined,
  masks: Masks,
  factsFor: (statement: StatementReading, earlier: readonly StatementReading[]) => StatementFacts,
): Words {
  if (!reading?.statements)
    return { text: reading && maskUnreadText(reading.text, masks), mayTouch: true, otherCode: true };
  const { text, statements } = reading;
  const facts = statements.map((statement, index) => factsFor(statement, statements.slice(0, index)));
  const withholding = withholdingOf(
    statements,
    facts.map(({ fates }) => fates),
  );
  return {
    text: maskStatementText(text, masks, { withholding, again: true }),
    mayTouch: facts.some(({ touched }) => masks.mayTouch(touched)),
    otherCode: masks.strict || statements.some(({ summary }) => SETTLES.has(summary.kind)),
  };
}
