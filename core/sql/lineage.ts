// Which columns of which tables a result's columns may derive from: what masking asks, before rows
// come. Said symbolically, since no catalogue is at hand: `alignLineage` brings one in.
//
// The answer errs on one side only. A column may be listed that a value does not derive from; a value
// whose origin is not certain is `unknown`, and whoever masks must then withhold it. What is not
// lineage: that a row is there at all, or in which order, tells something about the columns in WHERE
// and ORDER BY; and an error's text may quote a value.

/** Names as the statement has them. A table may be a view: whoever has its definition asks again about that. */
export type Source =
  | {
      readonly kind: 'column';
      readonly schema?: string;
      readonly table: string;
      readonly column: string;
      /**
       * What it means when the table has no such column. `row`: the name stood for the whole row, or for
       * a function of it (`c.f` is `f(c)`). `other`: the name belongs to another of the sources; if none
       * of them has it, the answer is unknown. `nothing`: it belongs to a function's alias then, whose sources are listed beside.
       */
      readonly otherwise: 'row' | 'other' | 'nothing';
    }
  /** Any column of it. */
  | { readonly kind: 'row'; readonly schema?: string; readonly table: string }
  /**
   * Whatever a function of this name reads, beside its arguments. Of any schema. `maybe`: it may as well be a field's name
   * (`(c).f` is `f(c)`), when no function of the database's own has it. `of`: what counts beside, if one has.
   */
  | { readonly kind: 'call'; readonly name: string; readonly maybe?: true; readonly of?: Sources };

export type Sources = readonly Source[] | 'unknown';

interface ValueColumn {
  readonly kind: 'value';
  /** undefined: PostgreSQL makes one up (`upper`, `?column?`). */
  readonly name?: string;
  readonly sources: Sources;
  /** The very value of its one source, not something made of it. */
  readonly exact: boolean;
}

/** None, one or more columns, each of which may derive from any of `sources`. */
export interface StarColumns {
  readonly kind: 'star';
  readonly sources: Sources;
  /** They are the columns of this table, in its order. */
  readonly table?: { readonly schema?: string; readonly table: string };
}

export type ResultColumn = ValueColumn | StarColumns;

export type ResultLineage =
  | { readonly kind: 'none' }
  | {
      readonly kind: 'columns';
      readonly columns: readonly ResultColumn[];
      /** What statements that write put into the rows which RETURNING shows. */
      readonly assigned?: readonly Assignment[];
    }
  /** FETCH, EXECUTE: what `defines` said when the name was made. */
  | { readonly kind: 'cursor' | 'prepared'; readonly name: string }
  | { readonly kind: 'unknown'; readonly why: string };

export interface Assignment {
  readonly schema?: string;
  readonly table: string;
  /** Its name, or its place in the table from 0 on. undefined: any of them. */
  readonly column: string | number | undefined;
  readonly sources: Sources;
}

export interface StatementLineage {
  readonly result: ResultLineage;
  /** DECLARE, PREPARE: for the session to keep under the name. */
  readonly defines?: { readonly kind: 'cursor' | 'prepared'; readonly name: string; readonly result: ResultLineage };
}

/** Alike for sources that mean the same. */
export const keyOf = (source: Source): string =>
  source.kind === 'call'
    ? JSON.stringify([source.name, source.maybe, source.of])
    : JSON.stringify([source.schema, source.table, source.kind === 'column' ? source.column : null]);

export function union(all: readonly Sources[]): Sources {
  if (all.length === 1 && all[0]) return all[0];
  const found = new Map<string, Source>();
  for (const sources of all) {
    if (sources === 'unknown') return 'unknown';
    for (const source of sources) {
      const key = keyOf(source);
      const known = found.get(key);
      if (!known || (known.kind === 'column' && known.otherwise !== 'row')) found.set(key, source);
    }
  }
  return [...found.values()];
}

export const sourcesOf = (columns: readonly ResultColumn[]): Sources => union(columns.map(({ sources }) => sources));

/**
 * A table's columns in order; undefined when they are not known. Never a view's: what is in a view comes
 * from elsewhere. Whoever has its definition asks for the lineage of that; without, all of it is unknown.
 */
export type ColumnsOf = (table: { readonly schema?: string; readonly table: string }) => readonly string[] | undefined;

/** One for each of the `count` columns that the server announced. Whatever does not line up is unknown. */
export function alignLineage(lineage: ResultLineage, count: number, columnsOf: ColumnsOf): readonly Sources[] {
  const unknown = () => Array.from({ length: count }, (): Sources => 'unknown');
  if (lineage.kind !== 'columns') return unknown();
  const expanded = lineage.columns.flatMap((column): ResultColumn[] => {
    const table = column.kind === 'star' ? column.table : undefined;
    const names = table && columnsOf(table);
    if (!table || !names) return [column];
    return names.map((name) => ({
      kind: 'value',
      name,
      sources: [{ kind: 'column', ...table, column: name, otherwise: 'row' }],
      exact: true,
    }));
  });
  const first = expanded.findIndex(({ kind }) => kind === 'star');
  if (first < 0) return expanded.length === count ? expanded.map(({ sources }) => sources) : unknown();
  // What stands before the first star and after the last one has its place all the same.
  const last = expanded.findLastIndex(({ kind }) => kind === 'star');
  const [head, middle, tail] = [expanded.slice(0, first), expanded.slice(first, last + 1), expanded.slice(last + 1)];
  const between = count - head.length - tail.length;
  if (between < middle.filter(({ kind }) => kind === 'value').length) return unknown();
  const any = sourcesOf(middle);
  return [
    ...head.map(({ sources }) => sources),
    ...Array.from({ length: between }, () => any),
    ...tail.map(({ sources }) => sources),
  ];
}

/** Whether a value may derive from a column, as far as anybody can tell. Yes whenever that is not certain. */
export function mayDeriveFrom(
  sources: Sources,
  wanted: { readonly schema?: string; readonly table: string; readonly column: string },
  columnsOf: ColumnsOf,
): boolean {
  if (sources === 'unknown') return true;
  let named = 0;
  let missed = 0;
  for (const source of sources) {
    // What it reads is not known here.
    if (source.kind === 'call') {
      if (source.maybe) continue;
      return true;
    }
    named++;
    const { table, schema } = source;
    const known = columnsOf({ ...(schema !== undefined && { schema }), table });
    // A view, or a table made since: what is in it is not known here.
    if (!known) return true;
    const same =
      table === wanted.table && (schema === undefined || wanted.schema === undefined || schema === wanted.schema);
    if (source.kind === 'row') {
      if (same) return true;
    } else if (known.includes(source.column) || SYSTEM_COLUMNS.has(source.column)) {
      if (same && source.column === wanted.column) return true;
    } else if (source.otherwise === 'row') {
      if (same) return true;
    } else if (source.kind === 'column' && source.otherwise === 'nothing') named--;
    else missed++;
  }
  // A name that nobody has: the catalogue is not the server's.
  return named > 0 && missed === named;
}

const SYSTEM_COLUMNS: ReadonlySet<string> = new Set(['ctid', 'tableoid', 'xmin', 'xmax', 'cmin', 'cmax']);
