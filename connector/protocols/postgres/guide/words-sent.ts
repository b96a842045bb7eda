// What the target may quote of what was sent to it: as it was recorded, since the quotation is recorded too.

import type { Masks } from '../../../../core/masking/masks.ts';
import type { ResultKnowledge } from './result-knowledge.ts';
import type { StatementReading, TextReading } from '../catalogue/statement-reading.ts';
import type { Words } from '../results/result-guide.ts';
import { withholdingOf } from '../requests/text-fates.ts';
import { maskStatementText, maskUnreadText } from '../requests/statement-text.ts';

/** What runs deferred triggers and checks of the statements before it. */
const SETTLES: ReadonlySet<string> = new Set(['commit', 'prepare transaction', 'set constraints']);

/** What the target says of it may be about anything that was sent before it in its transaction. */
export const settles = (reading: TextReading | undefined): boolean =>
  reading?.statements?.some(({ summary }) => SETTLES.has(summary.kind)) !== false;

/** `factsFor`: of one of its statements, and those that stand before it. */
export function wordsOf(
  reading: TextReading | undefined,
  masks: Masks,
  factsFor: (statement: StatementReading, earlier: readonly StatementReading[]) => ResultKnowledge,
): Words {
  if (!reading?.statements)
    return { text: reading ? maskUnreadText(reading.text, masks) : '', mayTouch: true, otherCode: true };
  const { text, statements } = reading;
  const facts = statements.map((statement, index) => factsFor(statement, statements.slice(0, index)));
  const withholding = withholdingOf(
    statements,
    facts.map(({ fates }) => fates),
  );
  return {
    text: maskStatementText(text, masks, { withholding, again: true }),
    mayTouch: facts.some(({ touched }) => masks.mayTouch(touched)),
    otherCode: masks.strict || facts.some(({ otherCode }) => otherCode),
  };
}

/** All of it. */
export const together = (words: readonly Words[], values: readonly string[]): Words => ({
  text: [...words.map(({ text }) => text), ...values].join('\n'),
  mayTouch: words.some(({ mayTouch }) => mayTouch),
  otherCode: words.some(({ otherCode }) => otherCode),
});
