// What is done with each column of a result: by the rules, by where the target says that it comes from, and by the items of the statement.

import { type ColumnRule, ruleOf } from '../../../../core/masking/columns.ts';
import type { Exposure, SelectItem } from '../../../../core/sql/mysql/hidden/hidden-columns.ts';
import type { ColumnDefinition } from '../wire/column-definition.ts';
import { holdsText, type ShownColumn } from './cells.ts';

interface PlanFacts {
  readonly rules: readonly ColumnRule[];
  readonly exposure: Exposure;
  /** A generated column that is computed of hidden ones. */
  computed(schema: string, table: string, column: string): boolean;
}

/** A number: of the column, from 1, that has no form in which it could be shown. */
export function planResult(columns: readonly ColumnDefinition[], facts: PlanFacts): readonly ShownColumn[] | number {
  const items = itemsOf(facts.exposure, columns.length);
  const plans = columns.map((column, at) => planOf(column, items?.[at] ?? 'unknown', facts));
  const unshown = plans.findIndex((plan, at) => plan.kind === 'hide' && !holdsText(columns[at] as ColumnDefinition));
  return unshown < 0 ? plans : unshown + 1;
}

function planOf(column: ColumnDefinition, item: SelectItem | 'star', { rules, computed }: PlanFacts): ShownColumn {
  const { schema, originalTable: table, originalName } = column;
  const rule = table === '' ? undefined : ruleNamed(rules, schema, table, originalName);
  if (rule) return { kind: 'mask', rule: rule.rule, way: rule.way };
  if (item === 'clear') return { kind: 'pass' };
  if (item === 'unknown') return { kind: 'hide' };
  // A table of the statement holds it as it is, and the target says which one; where it says an alias, it does not.
  const isIt = item === 'star' || item.column.toLowerCase() === originalName.toLowerCase();
  const known = isIt && schema !== '' && table !== '' && originalName !== '';
  return known && !computed(schema, table, originalName) ? { kind: 'pass' } : { kind: 'hide' };
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
function itemsOf(exposure: Exposure, columns: number): readonly (SelectItem | 'star')[] | undefined {
  if (exposure.kind === 'clear') return Array.from({ length: columns }, () => 'clear');
  if (exposure.kind !== 'items') return undefined;
  const { before, star, after } = exposure;
  const between = columns - before.length - after.length;
  if (star ? between < 1 : between !== 0) return undefined;
  return [...before, ...Array.from({ length: between }, () => 'star' as const), ...after];
}
