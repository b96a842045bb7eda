// Why a rule decides as it does about a statement. The verdict is judge's own.

import type { StatementReader } from '../../sql/reader.ts';
import { type Act, everyStatement } from '../../sql/statement.ts';
import type { Rule } from '../document.ts';
import type { Decision, Verdict } from '../sections/entries.ts';
import { compileStatementRules, describeAct, judgeUnder, NOTHING_KNOWN } from '../sections/statements.ts';

export interface StatementExplanation {
  readonly verdict: Verdict;
  readonly why: string;
  /** Index in the rule's `statements`; missing: no entry named it. */
  readonly entry?: number;
  readonly pattern?: string;
  readonly hint?: string;
  /** Who decides on a held one. */
  readonly approvers?: readonly string[];
  /** It followed `unparsable`. */
  readonly unreadable: boolean;
  /** What it does, each thing once, in the words of patterns; empty when it cannot be read. */
  readonly does: readonly string[];
}

export function explainStatement(
  rule: Pick<Rule, 'statements' | 'unparsable'>,
  reader: StatementReader,
  text: string,
  searchPath?: readonly string[] | undefined,
): StatementExplanation {
  const read = reader.summarize(text);
  const rules = rule.statements && compileStatementRules(rule.statements, rule.unparsable);
  const decision = judgeUnder(rules, read, { ...NOTHING_KNOWN, searchPath });
  const statements = read.ok ? read.value.flatMap((summary) => [...everyStatement(summary)]) : [];
  return {
    ...toldOf(decision),
    does: [
      ...new Set(
        statements.flatMap(({ acts, opaque }) => [
          ...acts.filter(({ free }) => !free).map(wordsOf),
          ...opaque.map((one) => one.why),
        ]),
      ),
    ],
  };
}

/** A decision as an explanation has it. */
export function toldOf(decision: Decision): Omit<StatementExplanation, 'does'> {
  const { verdict, why, entry, pattern, hint, approval } = decision;
  return {
    verdict,
    why,
    ...(entry !== undefined && { entry }),
    ...(pattern !== undefined && { pattern }),
    ...(hint !== undefined && { hint }),
    ...(approval && { approvers: approval.from }),
    unreadable: decision.unreadable === true,
  };
}

const wordsOf = (act: Act): string => {
  const named = [act.role, act.setting].find((name) => typeof name === 'string');
  return `${describeAct(act)}${named === undefined ? '' : ` ${named}`}${act.withoutWhere ? ' without where' : ''}`;
};
