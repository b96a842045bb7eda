// What is done with each column of a result: by the rules, by where the target says that it comes from, and by the items of the statement.

import { type ColumnRule, ruleOf } from '../../../../core/masking/columns.ts';
import type { Exposure, SelectItem } from '../../../../core/sql/mysql/hidden/hidden-columns.ts';
import type { ColumnDefinition } from '../wire/column-definition.ts';
import { accountSecretOf } from './account-secrets.ts';
import type { RelationName } from '../../../../core/sql/statement.ts';
import { holdsText, type ShownColumn } from './cells.ts';

interface PlanFacts {
  readonly rules: readonly ColumnRule[];
  readonly exposure: Exposure;
  readonly accounts: boolean;
  /** A generated column that is computed of hidden ones. */
  computed(schema: string, table: string, column: string): boolean;
}

/** EXPLAIN's rows; in another form it is one text, which quotes values. */
const MIN_PLAN_COLUMNS = 9;

/** Level, code, message. */
const WARNING: readonly ShownColumn[] = [{ kind: 'pass' }, { kind: 'pass' }, { kind: 'message' }];

/** A number: of the column, from 1, that has no form in which it could be shown. */
export function planResult(columns: readonly ColumnDefinition[], facts: PlanFacts): readonly ShownColumn[] | number {
  if (facts.exposure.kind === 'plan' && columns.length >= MIN_PLAN_COLUMNS)
    return columns.map(({ name }) => ({ kind: name.toLowerCase() === 'extra' ? 'words' : 'pass' }));
  if (facts.exposure.kind === 'warnings' && columns.length === WARNING.length) return WARNING;
  const items = itemsOf(facts.exposure, columns.length);
  const plans = columns.map((column, at) => planOf(column, items?.[at] ?? 'unknown', facts));
  const unshown = plans.findIndex((plan, at) => plan.kind === 'hide' && !holdsText(columns[at] as ColumnDefinition));
  return unshown < 0 ? plans : unshown + 1;
}

function planOf(column: ColumnDefinition, item: SelectItem | 'star', facts: PlanFacts): ShownColumn {
  const { schema, originalTable: table, originalName } = column;
  const { rules, accounts } = facts;
  const rule = table === '' ? undefined : ruleNamed(rules, schema, table, originalName);
  if (rule) return { kind: 'mask', rule: rule.rule, way: rule.way };
  const plan = planOfItem(column, item, facts);
  const secret = plan.kind === 'pass' ? accountSecretOf(column, accounts) : undefined;
  return secret ? { kind: 'account', secret } : plan;
}

function planOfItem(column: ColumnDefinition, item: SelectItem | 'star', facts: PlanFacts): ShownColumn {
  const { schema, originalTable: table, originalName } = column;
  const { exposure, computed } = facts;
  const byName = exposure.kind === 'items' ? exposure.byName : undefined;
  const kind = item === 'star' && byName ? byName(column.name) : item;
  if (kind === 'clear') return { kind: 'pass' };
  if (kind === 'unknown') return { kind: 'hide' };
  if (byName && kind !== 'star') return ofATable(kind.column, facts);
  // A table of the statement holds it as it is, and the target says which one; where it says an alias, it does not.
  const isIt = kind === 'star' || kind.column.toLowerCase() === originalName.toLowerCase();
  // MySQL's information_schema is views, and of what those compute it says no database.
  if (kind === 'star' && exposure.kind === 'items' && isOfInformationSchema(exposure.tables)) return { kind: 'pass' };
  const known = isIt && schema !== '' && table !== '' && originalName !== '';
  return known && !computed(schema, table, originalName) ? { kind: 'pass' } : { kind: 'hide' };
}

/** It is a column of this name, of a table of the statement. Whose it is, behind derived tables the target cannot be asked. */
function ofATable(name: string, { rules, exposure }: PlanFacts): ShownColumn {
  for (const { schema = '', name: table } of exposure.kind === 'items' ? exposure.tables : []) {
    const rule = table === undefined ? undefined : ruleNamed(rules, schema, table, name);
    if (rule) return { kind: 'mask', rule: rule.rule, way: rule.way };
  }
  return { kind: 'hide' };
}

/** None of another database: what it holds of data is refused before it is sent. */
const isOfInformationSchema = (tables: readonly RelationName[]): boolean =>
  tables.length > 0 && tables.every(({ schema }) => schema?.toLowerCase() === 'information_schema');

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
