// What a set of attacking statements is: rules, and for each statement the verdict that is right, and why.

import type { UnparsableVerdict } from '../../core/policy/sections/entries.ts';
import type { StatementEntry } from '../../core/policy/sections/statements.ts';

export type Expected = 'allow' | 'warn' | 'hold' | 'block';
export type Row = readonly [statement: string, expected: Expected, why: string];

export interface RuleSet {
  readonly name: string;
  readonly statements: readonly StatementEntry[];
  readonly unparsable?: UnparsableVerdict;
  readonly rows: readonly Row[];
}

export const approval = { from: ['dba'], count: 1, within: 300_000 };
