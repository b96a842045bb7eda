// What becomes of the literals of a whole text in the recording: each statement's own are judged by it alone.

import type { Fates } from './literal-fates.ts';
import type { StatementReading } from '../catalogue/statement-reading.ts';
import { SqlTokens } from '../../../sql/sql-tokens.ts';
import { WITHHOLD_ALL, type Withholding } from '../../../sql/withholding.ts';

/** Undefined: nothing of it is hidden. `fates`: one for each statement. */
export function withholdingOf(
  statements: readonly StatementReading[],
  fates: readonly Fates[],
): Withholding | undefined {
  if (fates.every(({ allStay }) => allStay)) return undefined;
  return {
    literal(offset) {
      const index = statements.findIndex(({ at }) => at.length === 0 || offset < at.offset + at.length);
      return fates[index] ? fates[index].literal(offset) : 'not_certain';
    },
    comments: fates.find(({ comments }) => comments !== undefined)?.comments,
  };
}

/** The same for the text as the client sent it, in an encoding that is not UTF-8: token for token. */
export function asSent(withholding: Withholding, text: string, sent: Buffer): Withholding {
  const read = Buffer.from(text);
  if (read.equals(sent)) return withholding;
  const [inText, inSent] = [startsOf(read), startsOf(sent)];
  if (inText.length !== inSent.length) return WITHHOLD_ALL;
  const offsets = new Map(inSent.map((start, index) => [start, inText[index] ?? -1]));
  return { ...withholding, literal: (offset) => withholding.literal(offsets.get(offset) ?? -1) };
}

/** Of a text that was read, so that no plain string escapes. */
function startsOf(text: Buffer): number[] {
  const tokens = new SqlTokens(text, false);
  const starts: number[] = [];
  while (tokens.next() !== undefined) starts.push(tokens.start);
  return starts;
}
