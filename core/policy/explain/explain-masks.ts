// How the columns of a statement's result are shown under a rule. The decision on a column is
// core/masking's own, as the connector makes it; what the connector asks the target's catalogue is
// not known here. So names count as columns of tables, unless the tables are described, and no
// table as a view.

import {
  type BaseColumn,
  type ColumnRule,
  compileColumnPattern,
  decideColumn,
  fitsTable,
} from '../../masking/columns.ts';
import { Masks } from '../../masking/masks.ts';
import type { ColumnsOf, ResultColumn, ResultLineage, Source, Sources } from '../../sql/lineage.ts';
import type { StatementReader } from '../../sql/reader.ts';
import { relationsTouched } from '../../sql/statement.ts';
import type { Rule } from '../document.ts';
import type { Way } from '../../masking/ways.ts';

export interface ShownAs {
  /** untold: the target's description of the result decides, which is not known here. */
  readonly shown: 'clear' | 'masked' | 'withheld' | 'untold';
  readonly with?: Way;
  /** Index in the rule's `mask`. */
  readonly entry?: number;
  readonly pattern?: string;
}

export interface ExplainedColumn extends ShownAs {
  /** Missing: the server makes one up. `*` for all columns of a table that is not described. */
  readonly name?: string;
  /** `customers.email`, `customers.*`. */
  readonly from: readonly string[] | 'unknown';
  /** Of a `*`: the columns that a pattern names. */
  readonly columns?: readonly (ShownAs & { readonly name: string })[];
}

interface ExplainedResult {
  /** Position of the statement in the text, from 1. */
  readonly statement: number;
  readonly columns: readonly ExplainedColumn[];
}

export interface MaskExplanation {
  readonly results: readonly ExplainedResult[];
  /** What is searched for in everything that is not masked as a column. */
  readonly detect: readonly { readonly detector: string; readonly with: Way; readonly entry: number }[];
  /** `customers.c`: taken for a column of a table that is not described; it could stand for the whole row. */
  readonly assumed: readonly string[];
  /** How `[schema.]table.column`, or a name of the result, is shown; more than once if it is in the result so. */
  shown(column: readonly string[]): readonly (ShownAs | 'absent')[];
}

type Masking = Pick<Rule, 'name' | 'mask'>;

/** `statement` undefined: `shown` answers for a column by itself. */
export function explainMasks(
  rule: Masking,
  reader: StatementReader,
  statement: string | undefined,
  tables: Readonly<Record<string, readonly string[]>> = {},
): MaskExplanation {
  const explainer = new Explainer(rule, tables, reader.masksByResult === true);
  const detect = (rule.mask ?? []).flatMap((entry, index) =>
    (entry.detect ?? []).map((each) => ({
      detector: typeof each === 'string' ? each : each.name,
      with: entry.with,
      entry: index,
    })),
  );
  if (statement === undefined) {
    return { results: [], detect, assumed: [], shown: (column) => [explainer.decide([baseOf(column)], [], true)] };
  }
  const read = reader.summarize(statement);
  const lineage = reader.lineage(statement);
  // What cannot be read could read any table.
  if (!read.ok || !lineage.ok) {
    const column = explainer.explain({ kind: 'value', sources: 'unknown', exact: false }, true);
    return { results: [{ statement: 1, columns: [column] }], detect, assumed: [], shown: () => [column] };
  }
  const statements = read.value;
  const hides = statements.some(({ opaque }) => opaque.length > 0);
  const defined = new Map<string, ResultLineage>();
  const results = lineage.value.flatMap(({ result, defines }, index) => {
    if (defines) defined.set(`${defines.kind} ${defines.name}`, defines.result);
    const named = result.kind === 'cursor' || result.kind === 'prepared' ? `${result.kind} ${result.name}` : '';
    const read = explainer.columnsOf(defined.get(named) ?? result);
    const unsure = hides || (reader.masksByResult !== true && read.some(readsUnseen));
    // Beside code that nobody reads, only what the target itself says is a table's column is known.
    const columns = unsure ? read.map(known) : read;
    const summary = statements[index];
    const touched = unsure || named !== '' || !summary ? 'unknown' : tablesOf(relationsTouched([summary]));
    const mayTouch = explainer.mayTouch(touched);
    return columns.length === 0 ? [] : [{ statement: index + 1, columns, mayTouch }];
  });
  return {
    results: results.map(({ statement: number, columns, mayTouch }) => ({
      statement: number,
      columns: columns.map((column) => explainer.explain(column, mayTouch)),
    })),
    detect,
    assumed: [...new Set(results.flatMap(({ columns }) => columns.flatMap((column) => explainer.assumedIn(column))))],
    shown: (wanted) => {
      const found = results.flatMap(({ columns, mayTouch }) =>
        columns.flatMap((column) => explainer.shownIn(column, wanted, mayTouch) ?? []),
      );
      return found.length === 0 ? ['absent'] : found;
    },
  };
}

const tablesOf = (relations: readonly { schema?: string; name?: string }[]) =>
  relations.some(({ name }) => name === undefined)
    ? 'unknown'
    : relations.map(({ schema, name = '' }) => ({ ...(schema !== undefined && { schema }), table: name }));

/** What a function reads is known to its database only. */
const readsUnseen = ({ sources }: ResultColumn): boolean =>
  sources === 'unknown' || sources.some((source) => source.kind === 'call' && !source.maybe);

const known = (column: ResultColumn): ResultColumn =>
  (column.kind === 'value' ? column.exact : column.table) ? column : { ...column, sources: 'unknown' };

function baseOf(parts: readonly string[]): BaseColumn {
  const [column = '', table = '', schema] = parts.toReversed();
  return { ...(schema !== undefined && { schema }), table, column };
}

/** A table whose columns are not known. */
type Row = { readonly schema?: string; readonly table: string };

class Explainer {
  readonly #rules: readonly (ColumnRule & { readonly entry: number; readonly text: string })[];
  readonly #masks: Masks;
  readonly #columnsOf: ColumnsOf;
  /** How what is not certain is shown. */
  readonly #unsure: ShownAs['shown'];

  constructor({ name, mask = [] }: Masking, tables: Readonly<Record<string, readonly string[]>>, byResult: boolean) {
    this.#unsure = byResult ? 'untold' : 'withheld';
    const patterns = mask.flatMap((entry, index) =>
      (entry.columns ?? []).map((text) => ({ text, entry: index, way: entry.with })),
    );
    this.#rules = patterns.map((each, rule) => ({ ...each, rule, pattern: compileColumnPattern(each.text) }));
    this.#masks = new Masks([{ name, mask }], { keyedHash: () => new Uint8Array(32), incidents: () => undefined });
    this.#columnsOf = ({ schema, table }) => {
      const qualified = schema === undefined ? undefined : tables[`${schema}.${table}`];
      return qualified ?? (Object.hasOwn(tables, table) ? tables[table] : undefined);
    };
  }

  mayTouch(tables: Parameters<Masks['mayTouch']>[0]): boolean {
    return this.#masks.mayTouch(tables);
  }

  /** With every `*` of a table that is described written out. */
  columnsOf(result: ResultLineage): readonly ResultColumn[] {
    if (result.kind === 'none') return [];
    if (result.kind !== 'columns') return [{ kind: 'star', sources: 'unknown' }];
    return result.columns.flatMap((column): readonly ResultColumn[] => {
      const table = column.kind === 'star' ? column.table : undefined;
      const known = table && this.#columnsOf(table);
      if (!table || !known) return [column];
      return known.map((name) => ({
        kind: 'value',
        name,
        sources: [{ kind: 'column', ...table, column: name, otherwise: 'row' }],
        exact: true,
      }));
    });
  }

  explain(column: ResultColumn, mayTouch: boolean): ExplainedColumn {
    const { sources } = column;
    const from = sources === 'unknown' ? sources : sources.map(sourceText);
    if (column.kind === 'star' && column.table) {
      const table = column.table;
      const columns = this.#rules
        .filter(({ pattern }) => fitsTable(pattern, table))
        .map(({ text, way, entry }) => ({
          name: `${tableText(table)}.${lastPart(text)}`,
          shown: 'masked' as const,
          with: way,
          entry,
          pattern: text,
        }));
      return { name: '*', from, shown: 'clear', ...(columns.length > 0 && { columns }) };
    }
    const name = column.kind === 'star' ? '*' : column.name;
    return { ...(name !== undefined && { name }), from, ...this.#decideSources(sources, mayTouch) };
  }

  /** How a base column, or a name of the result, is shown in one of its columns; undefined: it is not in it. */
  shownIn(column: ResultColumn, wanted: readonly string[], mayTouch: boolean): ShownAs | undefined {
    const base = baseOf(wanted);
    const table = column.kind === 'star' ? column.table : undefined;
    if (wanted.length === 1) {
      if (table) return this.decide([{ ...table, column: base.column }], [], mayTouch);
      const isIt = column.kind === 'value' && column.name === base.column;
      return isIt || column.kind === 'star' ? this.#decideSources(column.sources, mayTouch) : undefined;
    }
    if (table) return isTable(table, base) ? this.decide([base], [], mayTouch) : undefined;
    if (column.sources === 'unknown') return this.#decideSources('unknown', mayTouch);
    const { bases, rows } = this.#resolve(column.sources);
    const isPart =
      rows.some((row) => isTable(row, base)) ||
      (bases !== 'unknown' && bases.some((one) => one.column === base.column && isTable(one, base)));
    if (!isPart) return undefined;
    return this.decide(bases === 'unknown' ? bases : [...bases, base], rows, mayTouch);
  }

  /** Where a mask could matter, and no rule names the column anyway. */
  assumedIn({ sources }: ResultColumn): string[] {
    if (sources === 'unknown') return [];
    return sources
      .filter((source) => source.kind === 'column' && source.otherwise === 'row' && !this.#columnsOf(source))
      .filter((source) => source.kind !== 'call' && this.#rules.some(({ pattern }) => fitsTable(pattern, source)))
      .filter((source) => this.#decideSources([source], true).shown === 'clear')
      .map(sourceText);
  }

  decide(bases: readonly BaseColumn[] | 'unknown', rows: readonly Row[], mayTouch: boolean): ShownAs {
    const decision = decideColumn(this.#rules, undefined, bases, mayTouch);
    // Of a whole row, any column that a pattern names could be part.
    const ofRow = this.#rules.find(({ pattern }) => rows.some((row) => fitsTable(pattern, row)));
    const own = decision.kind === 'mask' ? this.#rules[decision.rule] : undefined;
    const first = own && ofRow ? (own.rule < ofRow.rule ? own : ofRow) : (own ?? ofRow);
    if (first) return { shown: 'masked', with: first.way, entry: first.entry, pattern: first.text };
    return { shown: decision.kind === 'withhold' ? this.#unsure : 'clear' };
  }

  #decideSources(sources: Sources, mayTouch: boolean): ShownAs {
    if (sources === 'unknown') return this.decide('unknown', [], mayTouch);
    const { bases, rows } = this.#resolve(sources);
    return this.decide(bases, rows, mayTouch);
  }

  #resolve(sources: readonly Source[]): { bases: readonly BaseColumn[] | 'unknown'; rows: readonly Row[] } {
    const bases: BaseColumn[] = [];
    const rows: Row[] = [];
    let named = 0;
    let missed = 0;
    for (const source of sources) {
      if (source.kind === 'call') {
        if (source.maybe) continue;
        return { bases: 'unknown', rows };
      }
      named++;
      const table: Row = { ...(source.schema !== undefined && { schema: source.schema }), table: source.table };
      const known = this.#columnsOf(table);
      const isColumn = source.kind === 'column' && (known === undefined || known.includes(source.column));
      if (isColumn) bases.push({ ...table, column: source.column });
      else if (source.kind === 'column' && source.otherwise === 'other') missed++;
      else if (known) bases.push(...known.map((column) => ({ ...table, column })));
      else rows.push(table);
    }
    return { bases: named > 0 && missed === named ? 'unknown' : bases, rows };
  }
}

const isTable = (one: Row | BaseColumn, other: BaseColumn): boolean =>
  one.table === other.table && (one.schema === undefined || other.schema === undefined || one.schema === other.schema);

const tableText = ({ schema, table }: Row): string => (schema === undefined ? table : `${schema}.${table}`);
const sourceText = (source: Source): string =>
  source.kind === 'call' ? `${source.name}()` : `${tableText(source)}.${source.kind === 'row' ? '*' : source.column}`;
const lastPart = (pattern: string): string => /(?:"(?:[^"]|"")+"|[^\s".]+)$/.exec(pattern)?.[0] ?? pattern;
