// Which mask rule a result column falls under. Its origin comes from the target (table and attribute),
// its lineage from the statement's parse tree; where neither is known, the column is withheld.

import type { Way } from './ways.ts';

export interface BaseColumn {
  /** Undefined: any schema may be meant. */
  readonly schema?: string | undefined;
  readonly table: string;
  readonly column: string;
}

/** Base columns that a result column is computed from (empty: a constant), or that nobody knows. */
export type Lineage = readonly BaseColumn[] | 'unknown';

/** A column as the target's catalogue names it. */
export interface Origin extends BaseColumn {
  /**
   * For what is not an ordinary table (view, materialised view, foreign table, partition): the columns it stands for.
   * Undefined: it is one itself.
   */
  readonly bases?: Lineage | undefined;
  /** Values are stored in it as they are, not computed of others. */
  readonly stored?: true;
  /** It is made of them, and is none of them itself. */
  readonly computed?: boolean | undefined;
  /** The server's own, and holds samples of any table's data, or texts of statements: hidden wherever there is a rule on columns. */
  readonly sample?: boolean | undefined;
}

export interface ColumnRule {
  /** Index into the tally. */
  readonly rule: number;
  readonly way: Way;
  readonly pattern: CompiledPattern;
}

export type ColumnDecision =
  | { readonly kind: 'pass' }
  | { readonly kind: 'mask'; readonly rule: number; readonly way: Way }
  | { readonly kind: 'withhold' };

const PASS: ColumnDecision = { kind: 'pass' };
const WITHHOLD: ColumnDecision = { kind: 'withhold' };

/**
 * `origin` undefined: the target names none, or nobody knows the one it names. `mayTouch` false: no table of a rule
 * can be part of the statement.
 */
export function decideColumn(
  rules: readonly ColumnRule[],
  origin: Origin | undefined,
  lineage: Lineage,
  mayTouch: boolean,
): ColumnDecision {
  if (rules.length === 0) return PASS;
  const sets: Lineage[] = [lineage];
  if (origin) sets.push([origin], origin.bases ?? []);
  for (const rule of rules)
    for (const set of sets)
      if (set !== 'unknown' && set.some((base) => fits(rule.pattern, base)))
        return { kind: 'mask', rule: rule.rule, way: rule.way };
  // An ordinary table's own column is what the target says it is, whatever the parse tree could not tell.
  const proven = origin ? origin.bases !== 'unknown' : lineage !== 'unknown';
  return proven || !mayTouch ? PASS : WITHHOLD;
}

interface CompiledPattern {
  readonly schema: ((name: string) => boolean) | undefined;
  readonly table: (name: string) => boolean;
  readonly column: (name: string) => boolean;
}

export function compileColumnPattern(text: string): CompiledPattern {
  const parts = [...text.matchAll(/"((?:[^"]|"")+)"|([^\s".]+)/g)].map(([, quoted, plain]) =>
    quoted !== undefined ? exactly(quoted.replaceAll('""', '"')) : like(plain ?? ''),
  );
  const column = parts.pop() ?? never;
  const table = parts.pop() ?? never;
  return { schema: parts.pop(), table, column };
}

const never = (): boolean => false;
const exactly = (wanted: string) => (name: string) => name === wanted;

/** Unquoted names fit in any case: hiding one column too many is the better mistake. */
function like(glob: string): (name: string) => boolean {
  if (glob === '*') return () => true;
  const pieces = glob.toLowerCase().split('*');
  const [head = '', ...rest] = pieces;
  const tail = rest.pop();
  return (name) => {
    const folded = name.toLowerCase();
    if (tail === undefined) return folded === head;
    if (folded.length < head.length + tail.length || !folded.startsWith(head) || !folded.endsWith(tail)) return false;
    let at = head.length;
    for (const piece of rest) {
      const found = folded.indexOf(piece, at);
      if (found < 0) return false;
      at = found + piece.length;
    }
    return at <= folded.length - tail.length;
  };
}

const fits = (pattern: CompiledPattern, base: BaseColumn): boolean =>
  pattern.column(base.column) && fitsTable(pattern, base);

/** Whether a pattern could mean a column of this table. */
export function fitsTable(
  pattern: CompiledPattern,
  base: { readonly schema?: string | undefined; readonly table: string },
): boolean {
  if (!pattern.table(base.table)) return false;
  return pattern.schema === undefined || base.schema === undefined || pattern.schema(base.schema);
}

/** The rule that hides this column. */
export const ruleOf = (rules: readonly ColumnRule[], base: BaseColumn): number | undefined =>
  rules.find(({ pattern }) => fits(pattern, base))?.rule;

/** Whether any rule hides this column. */
export const fitsBase = (rules: readonly ColumnRule[], base: BaseColumn): boolean => ruleOf(rules, base) !== undefined;
