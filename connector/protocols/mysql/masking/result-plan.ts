// What is done with each column of a result: by the rules, by where the target says that it comes from, and by the items of the statement.

import { type ColumnRule, ruleOf } from '../../../../core/masking/columns.ts';
import type { Way } from '../../../../core/masking/ways.ts';
import type { Exposure, Item } from '../../../../core/sql/mysql/hidden/hidden-columns.ts';
import type { ColumnDefinition } from '../wire/column-definition.ts';
import { isText } from './cells.ts';

export type ColumnPlan =
  | { readonly kind: 'pass' }
  | { readonly kind: 'mask'; readonly rule: number; readonly way: Way }
  /** It may be made of a hidden column: a text that says so. */
  | { readonly kind: 'hide' };

interface PlanFacts {
  readonly rules: readonly ColumnRule[];
  readonly exposure: Exposure;
  /** A generated column that is computed of hidden ones. */
  computed(schema: string, table: string, column: string): boolean;
}

/** A number: of the column, from 1, that has no form in which it could be shown. */
export function planResult(columns: readonly ColumnDefinition[], facts: PlanFacts): readonly ColumnPlan[] | number {
  const items = itemsOf(facts.exposure, columns.length);
  const plans = columns.map((column, at) => planOf(column, items?.[at] ?? 'unknown', facts));
  const unshown = plans.findIndex((plan, at) => plan.kind === 'hide' && !isText(columns[at] as ColumnDefinition));
  return unshown < 0 ? plans : unshown + 1;
}

function planOf(column: ColumnDefinition, item: Item | 'star', { rules, computed }: PlanFacts): ColumnPlan {
  const { schema, originalTable: table, originalName } = column;
  const rule = table === '' ? undefined : ruleNamed(rules, schema, table, originalName);
  if (rule) return { kind: 'mask', rule: rule.rule, way: rule.way };
  switch (item) {
    case 'clear':
      return { kind: 'pass' };
    case 'unknown':
      return { kind: 'hide' };
    case 'column':
    case 'star': {
      // Tables of the statement hold them as they are, and the target says which one.
      if (schema !== '' && table !== '' && originalName !== '')
        return computed(schema, table, originalName) ? { kind: 'hide' } : { kind: 'pass' };
      return { kind: 'hide' };
    }
  }
}

/** By any case of the names. */
function ruleNamed(
  rules: readonly ColumnRule[],
  schema: string,
  table: string,
  column: string,
): ColumnRule | undefined {
  for (const fold of [(name: string) => name, (name: string) => name.toLowerCase()]) {
    const base = { ...(schema !== '' && { schema: fold(schema) }), table: fold(table), column: fold(column) };
    const rule = rules.find((one) => ruleOf([one], base) !== undefined);
    if (rule) return rule;
  }
  return undefined;
}

/** Undefined: it is not known which is which. */
function itemsOf(exposure: Exposure, columns: number): readonly (Item | 'star')[] | undefined {
  if (exposure.kind === 'clear') return Array.from({ length: columns }, () => 'clear');
  if (exposure.kind !== 'items') return undefined;
  const { before, star, after } = exposure;
  const between = columns - before.length - after.length;
  if (star ? between < 1 : between !== 0) return undefined;
  return [...before, ...Array.from({ length: between }, () => 'star' as const), ...after];
}
