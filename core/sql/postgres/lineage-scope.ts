// Names in a query and what they stand for: FROM items, their columns, and the scopes around.

import { type ResultColumn, type Source, type Sources, sourcesOf, type StarColumns, union } from '../lineage.ts';

export interface ScopeItem {
  /** What qualifies its columns. */
  readonly alias: string | undefined;
  /** The table that it is, when it is one and nothing renames its columns. */
  readonly table?: { readonly schema?: string; readonly table: string };
  readonly columns: readonly ResultColumn[];
  /** Found by its qualifier alone: `old`, `new`, the alias of a USING. */
  readonly hidden?: true;
}

/** What a name means that the table has no column of. */
type Otherwise = Extract<Source, { kind: 'column' }>['otherwise'];

export interface Scope {
  readonly items: readonly ScopeItem[];
  readonly outer: Scope | undefined;
}

export interface Value {
  readonly sources: Sources;
  readonly exact: boolean;
}

export const NOTHING: Value = { sources: [], exact: false };
export const UNKNOWN: Value = { sources: 'unknown', exact: false };

/** What follows a name or several: `x`, `t.x`, `s.t.x`, `d.s.t.x`. */
export function resolve(parts: readonly string[], scope: Scope): Value {
  const column = parts.at(-1) ?? '';
  if (parts.length === 1) return resolveBare(column, scope);
  const item = findItem(parts.slice(0, -1), scope);
  if (!item) return UNKNOWN;
  const found = lookUp(item, column, 'row');
  if (found?.certain || (found && isTable(item))) return found.value;
  // Where there is no such column, `q.f` is `f(q)`.
  const row = sourcesOf(item.columns);
  const call: Source = { kind: 'call', name: column, maybe: true, of: row };
  return { sources: union([found?.value.sources ?? row, [call]]), exact: false };
}

/** Whoever has its columns tells a column from a function of the row. */
const isTable = ({ columns }: ScopeItem): boolean =>
  columns.every((one) => one.kind === 'star' && one.table !== undefined);

/** `called`: a function further in has this name as its alias, and is meant where no column is. */
function resolveBare(column: string, scope: Scope, called = false): Value {
  const aliased = called || scope.items.some(({ alias, table }) => alias === column && !table);
  const found: Value[] = [];
  let certain = false;
  for (const item of scope.items) {
    if (!item.hidden) {
      const hit = lookUp(item, column, aliased ? 'nothing' : 'other');
      if (hit) found.push(hit.value);
      certain ||= hit?.certain === true;
    }
    // The alias stands for the whole row, unless it is a column's name too.
    if (item.alias !== column) continue;
    found.push({ sources: item.table ? [named(item.table, column, 'row')] : sourcesOf(item.columns), exact: false });
  }
  if (!certain && scope.outer) {
    const further = resolveBare(column, scope.outer, aliased);
    if (found.length === 0) return further;
    // `unknown` further out means that no name was found there, which is no matter when one was here.
    if (further.sources !== 'unknown') found.push(further);
  }
  const [only] = found;
  if (!only) return UNKNOWN;
  return found.length === 1 ? only : { sources: union(found.map(({ sources }) => sources)), exact: false };
}

export function findItem(qualifier: readonly string[], scope: Scope | undefined): ScopeItem | undefined {
  const name = qualifier.at(-1);
  const schema = qualifier.at(-2);
  for (let at = scope; at; at = at.outer) {
    const found = at.items.filter((item) =>
      schema === undefined
        ? item.alias === name
        : item.alias === name &&
          item.table?.table === name &&
          (item.table?.schema === undefined || item.table.schema === schema),
    );
    const [only] = found;
    if (found.length === 1) return only;
    // Two of one name: `a.t, b.t` and `t.x`. PostgreSQL refuses most of these; all of them count.
    if (only) return { alias: name, columns: found.flatMap(({ columns }) => columns) };
  }
  return undefined;
}

export const named = (
  table: { readonly schema?: string; readonly table: string },
  column: string,
  otherwise: Otherwise,
): Source => ({ kind: 'column', ...table, column, otherwise });

function lookUp(item: ScopeItem, column: string, otherwise: Otherwise): { value: Value; certain: boolean } | undefined {
  const hits = item.columns.filter(
    (candidate) => candidate.kind === 'star' || candidate.name === undefined || candidate.name === column,
  );
  if (hits.length === 0) return undefined;
  const certain = hits.some((hit) => hit.kind === 'value' && hit.name === column);
  const values = hits.map((hit): Value => {
    if (hit.kind === 'value') return { sources: hit.sources, exact: hit.exact };
    return hit.table
      ? { sources: [named(hit.table, column, otherwise)], exact: true }
      : { sources: hit.sources, exact: false };
  });
  const [only] = values;
  const value =
    values.length === 1 && only ? only : { sources: union(values.map(({ sources }) => sources)), exact: false };
  return { value, certain };
}

/** `AS a (x, y)`: the first columns get these names. */
export function rename(columns: readonly ResultColumn[], given: readonly string[]): readonly ResultColumn[] {
  if (given.length === 0) return columns;
  // Past a star nobody knows which column is the first.
  if (columns.slice(0, given.length).some(({ kind }) => kind === 'star')) return [starOf(columns)];
  return columns.map((column, index) => {
    const name = given[index];
    return column.kind === 'value' && name !== undefined ? { ...column, name } : column;
  });
}

export const starOf = (columns: readonly ResultColumn[]): StarColumns => ({
  kind: 'star',
  sources: sourcesOf(columns),
});

/** The columns of a set operation: by position, both sides. */
export function sideBySide(left: readonly ResultColumn[], right: readonly ResultColumn[]): readonly ResultColumn[] {
  if (left.length !== right.length || [...left, ...right].some(({ kind }) => kind === 'star'))
    return [starOf([...left, ...right])];
  return left.map((column, index) => {
    const other = right[index];
    return { ...column, sources: union([column.sources, other?.sources ?? 'unknown']), exact: false };
  });
}
