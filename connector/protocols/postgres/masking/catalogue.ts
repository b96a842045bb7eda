// What OIDs and names mean in one database at one moment, and which tables' columns stand behind a
// column: through views, materialised views, generated columns, partitions, inheritance, storage of
// long values and columns that hold whole rows. Errs on one side: a column may be listed that nothing
// comes from; what cannot be followed is `unknown`.
//
// Foreign tables stand for themselves: a rule must name them. So do the server's own tables and views,
// but for those that hold samples of data or texts of statements.

import type { BaseColumn, Lineage, Origin } from '../../../../core/masking/columns.ts';
import { alignLineage, type ResultLineage, type Sources } from '../../../../core/sql/lineage.ts';
import { COMPUTATIONS, READS_NO_TABLE } from '../../../../core/sql/postgres-computations.ts';
import { CONFORMING, type PgParser, summarizePostgres } from '../../../../core/sql/postgres.ts';
import { lineagePostgres } from '../../../../core/sql/postgres-lineage.ts';
import { everyStatement, type StatementSummary } from '../../../../core/sql/statement.ts';
import {
  type CatalogueColumn,
  type CatalogueContents,
  type Definitions,
  FIRST_OWN_OID,
  type Relation,
} from './catalogue-contents.ts';

/** Views over views. PostgreSQL makes no cycles; a deeper stack is unknown. */
const MAX_DEPTH = 64;
const SYSTEM_SCHEMAS: ReadonlySet<string> = new Set(['pg_catalog', 'information_schema']);
const SYSTEM_COLUMNS: ReadonlySet<string> = new Set(['ctid', 'tableoid', 'xmin', 'xmax', 'cmin', 'cmax']);
const VIEWS = 'vm';

/** Columns of the server's own that hold samples of any table's data, the texts of statements, or names that code chose. */
const SAMPLES: ReadonlyMap<string, RegExp> = new Map([
  ['pg_statistic', /^stavalues/],
  ['pg_statistic_ext_data', /^stx/],
  ['pg_stats', /^(most_common_(vals|elems)|histogram_bounds|range_)/],
  ['pg_stats_ext', /^(most_common_|exprs)/],
  ['pg_stats_ext_exprs', /^(most_common_|histogram_bounds|range_|expr$)/],
  ['pg_stat_activity', /^(query|application_name)$/],
  ['pg_backend_memory_contexts', /^ident$/],
  ['pg_stat_statements', /^query$/],
  ['pg_prepared_statements', /^(name|statement)$/],
  ['pg_cursors', /^(name|statement)$/],
  ['pg_largeobject', /^data$/],
  ['pg_attribute', /^attmissingval$/],
]);

/** A table as somebody names it; undefined schema: any. */
export interface TableName {
  readonly schema?: string | undefined;
  readonly table: string;
}

/** Names that a column had before, by `oid.attnum`: whoever renames it does not open it. */
export type FormerNames = ReadonlyMap<string, readonly BaseColumn[]>;

export class Catalogue {
  readonly #byOid = new Map<number, Relation>();
  readonly #byName = new Map<string, Relation[]>();
  readonly #children = new Map<number, Relation[]>();
  readonly #contents: CatalogueContents;
  readonly #definitions: Definitions;
  readonly #former: FormerNames;
  readonly #parse: PgParser;
  readonly #origins = new Map<string, Origin>();
  readonly #bases = new Map<string, Lineage>();
  readonly #views = new Map<number, readonly Sources[] | 'unknown'>();
  readonly #reach = new Map<number, readonly Relation[] | 'unknown'>();
  #asOf: number;

  constructor(
    contents: CatalogueContents,
    definitions: Definitions,
    former: FormerNames,
    parse: PgParser,
    asOf: number,
  ) {
    this.#contents = contents;
    this.#definitions = definitions;
    this.#former = former;
    this.#parse = parse;
    this.#asOf = asOf;
    for (const relation of contents.relations) {
      this.#byOid.set(relation.oid, relation);
      const named = this.#byName.get(relation.name);
      if (named) named.push(relation);
      else this.#byName.set(relation.name, [relation]);
      for (const parent of relation.parents) {
        const children = this.#children.get(parent);
        if (children) children.push(relation);
        else this.#children.set(parent, [relation]);
      }
    }
  }

  /** When the last query began that found the database like this; milliseconds, monotonic. */
  get asOf(): number {
    return this.#asOf;
  }

  /** It was found unchanged by a query that began then. */
  confirm(asOf: number): void {
    this.#asOf = asOf;
  }

  relation(oid: number): Relation | undefined {
    return this.#byOid.get(oid);
  }

  /** All that a name may mean: which schema the search path leads to is not known here. */
  named({ schema, table }: TableName): readonly Relation[] {
    const found = this.#byName.get(table) ?? [];
    return schema === undefined ? found : found.filter((relation) => relation.schema === schema);
  }

  /** For a column that the target names by numbers. Undefined: not known. */
  origin(oid: number, number: number): Origin | undefined {
    const key = `${oid}.${number}`;
    const known = this.#origins.get(key);
    if (known) return known;
    const relation = this.#byOid.get(oid);
    const column = relation?.columns.find((one) => one.number === number);
    if (!relation || !column) return undefined;
    const origin: Origin = {
      schema: relation.schema,
      table: relation.name,
      column: column.name,
      bases: this.basesOf(relation, column),
    };
    this.#origins.set(key, origin);
    return origin;
  }

  /** The column itself, and all that it may hold something of. */
  basesOf(relation: Relation, column: CatalogueColumn, depth = 0): Lineage {
    const key = `${relation.oid}.${column.number}`;
    const known = this.#bases.get(key);
    if (known) return known;
    if (depth > MAX_DEPTH) return 'unknown';
    const bases = this.#findBases(relation, column, depth);
    this.#bases.set(key, bases);
    return bases;
  }

  #findBases(relation: Relation, column: CatalogueColumn, depth: number): Lineage {
    if (isSample(relation, column.name)) return 'unknown';
    const own: BaseColumn = { schema: relation.schema, table: relation.name, column: column.name };
    const found: Lineage[] = [[own, ...(this.#former.get(`${relation.oid}.${column.number}`) ?? [])]];
    if (VIEWS.includes(relation.kind)) {
      const sources = this.#viewColumns(relation);
      const index = relation.columns.indexOf(column);
      const behind = sources === 'unknown' ? 'unknown' : this.expand(sources[index] ?? 'unknown', depth + 1);
      if (behind !== 'unknown' || !isServers(relation)) found.push(behind);
    }
    if (column.generated) found.push(this.#generated(relation, column, depth));
    if (relation.storageOf !== undefined) {
      const owner = this.#byOid.get(relation.storageOf);
      found.push(owner ? this.#rowOf(owner, depth) : 'unknown');
    }
    if (column.rowOf !== undefined) {
      const held = this.#byOid.get(column.rowOf);
      // A type that is no table's holds what it is given.
      if (held && held !== relation) found.push(this.#rowOf(held, depth));
    }
    for (const kin of this.#family(relation)) {
      const same = kin === relation ? undefined : kin.columns.find(({ name }) => name === column.name);
      if (same)
        found.push([
          { schema: kin.schema, table: kin.name, column: same.name },
          ...(this.#former.get(`${kin.oid}.${same.number}`) ?? []),
        ]);
    }
    return joined(found);
  }

  #rowOf(relation: Relation, depth: number): Lineage {
    return joined(relation.columns.map((column) => this.basesOf(relation, column, depth + 1)));
  }

  /** Parents, theirs, and all children of any: a rule on one of them covers what is read through another. */
  #family(relation: Relation): readonly Relation[] {
    if (relation.parents.length === 0 && !this.#children.has(relation.oid)) return [];
    const family = new Set<Relation>([relation]);
    for (const one of family) {
      for (const parent of one.parents) {
        const found = this.#byOid.get(parent);
        if (found) family.add(found);
      }
      for (const child of this.#children.get(one.oid) ?? []) family.add(child);
    }
    return [...family];
  }

  /** What a statement's columns lead to, expanded to the columns of tables. */
  expand(sources: Sources, depth = 0): Lineage {
    if (sources === 'unknown') return 'unknown';
    const found: Lineage[] = [];
    let missed = 0;
    for (const source of sources) {
      const relations = this.named(source);
      // A table made since, or one that only the session can see.
      if (relations.length === 0) return 'unknown';
      let hit = false;
      for (const relation of relations) {
        const column =
          source.kind === 'column' ? relation.columns.find(({ name }) => name === source.column) : undefined;
        if (column) found.push(this.basesOf(relation, column, depth));
        else if (source.kind === 'row') found.push(this.#rowOf(relation, depth));
        else if (source.otherwise === 'row' && !SYSTEM_COLUMNS.has(source.column)) {
          // The whole row, or a function of it. A function of the database's own may read anything.
          if (this.#contents.own.functions.has(source.column)) return 'unknown';
          found.push(this.#rowOf(relation, depth));
        } else if (!SYSTEM_COLUMNS.has(source.column)) continue;
        hit = true;
      }
      if (!hit) missed++;
    }
    if (sources.length > 0 && missed === sources.length) return 'unknown';
    return joined(found);
  }

  /** In order, for `*`. Undefined where the name may mean several tables that differ. */
  columnsOf(table: TableName): readonly string[] | undefined {
    return this.#columnsOf(table, false);
  }

  /** Without generated ones: what COPY of a table gives. */
  copiedColumnsOf(table: TableName): readonly string[] | undefined {
    return this.#columnsOf(table, true);
  }

  #columnsOf(table: TableName, copied: boolean): readonly string[] | undefined {
    const all = this.named(table).map(({ columns }) =>
      columns.filter(({ generated }) => !copied || !generated).map(({ name }) => name),
    );
    const [first, ...others] = all;
    return first && others.every((other) => other.join('\0') === first.join('\0')) ? first : undefined;
  }

  #viewColumns(view: Relation): readonly Sources[] | 'unknown' {
    const known = this.#views.get(view.oid);
    if (known) return known;
    const definition = this.#definitions.views.get(view.oid);
    const sources = definition === undefined ? 'unknown' : this.#read(definition, view.columns.length);
    this.#views.set(view.oid, sources);
    return sources;
  }

  #generated(relation: Relation, column: CatalogueColumn, depth: number): Lineage {
    const expression = this.#definitions.generated.get(`${relation.oid}.${column.number}`);
    if (expression === undefined) return 'unknown';
    const sources = this.#read(`select ${expression} from ${quoted(relation.schema)}.${quoted(relation.name)}`, 1);
    return sources === 'unknown' ? 'unknown' : this.expand(sources[0] ?? 'unknown', depth + 1);
  }

  #read(query: string, count: number): readonly Sources[] | 'unknown' {
    const lineage = lineagePostgres(this.#parse, query, CONFORMING);
    const summaries = summarizePostgres(this.#parse, query, CONFORMING);
    const [only] = lineage.ok ? lineage.value : [];
    if (!only || !lineage.ok || lineage.value.length !== 1 || !summaries.ok) return 'unknown';
    if (this.hidesOwnCode(query, summaries.value)) return 'unknown';
    return alignLineage(only.result, count, (table) => this.columnsOf(table));
  }

  align(result: ResultLineage, count: number, copied = false): readonly Sources[] {
    return alignLineage(result, count, (table) => (copied ? this.copiedColumnsOf(table) : this.columnsOf(table)));
  }

  /** Whether code of the database's own may run in a text: it may read any table. */
  hasOwnCode(text: string, summaries: readonly StatementSummary[]): boolean {
    const { functions } = this.#contents.own;
    return this.#callsOwn(text, summaries, (name) => functions.has(name));
  }

  /**
   * Whether it may do so where lineage sees nothing but a computation: functions of its own under names of the
   * server's, operators, casts.
   */
  hidesOwnCode(text: string, summaries: readonly StatementSummary[]): boolean {
    const { functions } = this.#contents.own;
    return this.#callsOwn(text, summaries, (name) => functions.has(name) && isHarmless({ name }));
  }

  #callsOwn(text: string, summaries: readonly StatementSummary[], counts: (name: string) => boolean): boolean {
    const { functions, operators, casts } = this.#contents.own;
    if (casts) return true;
    const spelt = text.toLowerCase();
    for (const operator of operators)
      if (text.includes(operator) || (WORDS_FOR_OPERATORS.get(operator)?.test(spelt) ?? false)) return true;
    if (functions.size === 0) return false;
    for (const name of LATER_KEYWORDS) if (functions.has(name) && spelt.includes(name)) return true;
    return summaries
      .flatMap((summary) => [...everyStatement(summary)])
      .some(({ acts }) => acts.some(({ function: called }) => called && counts(called.name)));
  }

  /** Whether code of the database's own may run, here or behind views; and whether it may do more than change rows. */
  mayRun(text: string, summaries: readonly StatementSummary[]): 'no' | 'own' | 'dynamic' {
    const kind = this.#contents.own.dynamic ? 'dynamic' : 'own';
    if (this.#contents.own.domains || this.hasOwnCode(text, summaries)) return kind;
    for (const { acts, opaque } of summaries.flatMap((summary) => [...everyStatement(summary)])) {
      if (opaque.length > 0) return 'dynamic';
      for (const act of acts) {
        // An extension's own, or one that was made a moment ago.
        if (act.function && !isHarmless(act.function)) return 'dynamic';
        if (!act.relation || act.class === 'schema') continue;
        const { schema, name } = act.relation;
        const relations = name === undefined ? [] : this.named({ schema, table: name });
        if (relations.length === 0) return 'dynamic';
        for (const relation of relations) {
          if (isServers(relation)) continue;
          const under = this.reach(relation);
          if (under === 'unknown' || under.some(({ runsCode }) => runsCode)) return kind;
        }
      }
    }
    return 'no';
  }

  /** Tables that are read or written when this one is: through views, and everything of its family. */
  reach(relation: Relation, depth = 0): readonly Relation[] | 'unknown' {
    const known = this.#reach.get(relation.oid);
    if (known) return known;
    if (depth > MAX_DEPTH) return 'unknown';
    const reach = this.#findReach(relation, depth);
    this.#reach.set(relation.oid, reach);
    return reach;
  }

  #findReach(relation: Relation, depth: number): readonly Relation[] | 'unknown' {
    if (relation.columns.some(({ name }) => isSample(relation, name))) return 'unknown';
    if (isServers(relation)) return [relation];
    if (relation.runsCode) return 'unknown';
    const found = new Set<Relation>([relation, ...this.#family(relation)]);
    if (VIEWS.includes(relation.kind)) {
      const definition = this.#definitions.views.get(relation.oid);
      const summaries = definition === undefined ? undefined : summarizePostgres(this.#parse, definition, CONFORMING);
      if (definition === undefined || !summaries?.ok) return 'unknown';
      const under = this.reachOf(definition, summaries.value, depth + 1);
      if (under === 'unknown') return 'unknown';
      for (const one of under) found.add(one);
    }
    return [...found];
  }

  /** The same for all that a text touches. */
  reachOf(text: string, summaries: readonly StatementSummary[], depth = 0): readonly Relation[] | 'unknown' {
    if (this.hasOwnCode(text, summaries)) return 'unknown';
    const found = new Set<Relation>();
    for (const { acts, opaque } of summaries.flatMap((summary) => [...everyStatement(summary)])) {
      if (opaque.length > 0) return 'unknown';
      for (const act of acts) {
        if (act.function && !isHarmless(act.function)) return 'unknown';
        if (!act.relation) continue;
        const { schema, name } = act.relation;
        const relations = name === undefined ? [] : this.named({ schema, table: name });
        // What is made is not there yet.
        if (relations.length === 0 && act.class === 'schema' && act.verbs[0] === 'create') continue;
        if (relations.length === 0) return 'unknown';
        for (const relation of relations) {
          const under = this.reach(relation, depth);
          if (under === 'unknown') return 'unknown';
          for (const one of under) found.add(one);
        }
      }
    }
    return [...found];
  }
}

const COMPARED =
  /\b(?:in|between|case|nullif|distinct|natural|using|any|some|all|greatest|least|order|group|union|row)\b/;
/** Operators that a text may call without their sign. */
const WORDS_FOR_OPERATORS: ReadonlyMap<string, RegExp> = new Map([
  ...['~~', '!~~', '~~*', '!~~*'].map((sign) => [sign, /like/] as const),
  ...['~', '!~'].map((sign) => [sign, /similar/] as const),
  ...['=', '<>', '<', '>', '<=', '>='].map((sign) => [sign, COMPARED] as const),
]);

/** What the parser takes for syntax, and an older server for the call of a function. */
const LATER_KEYWORDS = `json json_array json_arrayagg json_exists json_object json_objectagg json_query json_scalar
  json_serialize json_table json_value merge_action`.split(/\s+/);

export const isHarmless = ({ schema, name }: { readonly schema?: string; readonly name: string }): boolean =>
  (schema === undefined || SYSTEM_SCHEMAS.has(schema)) && (COMPUTATIONS.has(name) || READS_NO_TABLE.has(name));

/** Anybody may make more in their schemas. */
const isServers = ({ schema, oid }: Relation): boolean => SYSTEM_SCHEMAS.has(schema) && oid < FIRST_OWN_OID;

const isSample = (relation: Relation, column: string): boolean =>
  (SYSTEM_SCHEMAS.has(relation.schema) || relation.name === 'pg_stat_statements') &&
  SAMPLES.get(relation.name)?.test(column) === true;

const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;

function joined(all: readonly Lineage[]): Lineage {
  const [only] = all;
  if (all.length === 1 && only) return only;
  const found = new Map<string, BaseColumn>();
  for (const lineage of all) {
    if (lineage === 'unknown') return 'unknown';
    for (const base of lineage) found.set(`${base.schema}\0${base.table}\0${base.column}`, base);
  }
  return [...found.values()];
}
