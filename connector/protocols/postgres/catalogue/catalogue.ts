// What OIDs and names mean in one database at one moment, and which tables' columns stand behind a
// column: through views, materialised views, generated columns, partitions, inheritance, storage of
// long values and columns that hold whole rows. Errs on one side: a column may be listed that nothing
// comes from; what cannot be followed is `unknown`.
//
// Foreign tables stand for themselves: a rule must name them. So do the server's own tables and views,
// but for those that hold samples of data or texts of statements.

import type { BaseColumn, Lineage, Origin } from '../../../../core/masking/columns.ts';
import { alignLineage, type ResultLineage, type Sources } from '../../../../core/sql/lineage.ts';
import { CONFORMING, type PgParser, readTree, summarizePostgres } from '../../../../core/sql/postgres/postgres.ts';
import { lineagePostgres } from '../../../../core/sql/postgres/lineage.ts';
import { makesShapes } from '../../../../core/sql/postgres/shapes.ts';
import type { StatementSummary } from '../../../../core/sql/statement.ts';
import {
  type CatalogueColumn,
  type CatalogueContents,
  type Definitions,
  FIRST_OWN_OID,
  type Relation,
} from './catalogue-contents.ts';
import { isWord } from './body-code.ts';
import { Reach, type Reached } from './reach.ts';

/** What code puts into a table's rows. */
interface RowCode {
  /** Names of columns that it may set, in lower case. undefined: any. */
  readonly sets: ReadonlySet<string> | undefined;
  /** Base columns that what it sets may come from. */
  readonly from: Lineage;
}

/** Views over views. PostgreSQL makes no cycles; a deeper stack is unknown. */
const MAX_DEPTH = 64;
const SYSTEM_SCHEMAS: ReadonlySet<string> = new Set(['pg_catalog', 'information_schema']);
const SYSTEM_COLUMNS: ReadonlySet<string> = new Set(['ctid', 'tableoid', 'xmin', 'xmax', 'cmin', 'cmax']);
const VIEWS = 'vm';
const STORING = 'rpf';

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
interface TableName {
  readonly schema?: string | undefined;
  readonly table: string;
}

/** Names that a column had before, by `oid.attnum`: whoever renames it does not open it. */
type FormerNames = ReadonlyMap<string, readonly BaseColumn[]>;

export class Catalogue {
  readonly #byOid = new Map<number, Relation>();
  readonly #byName = new Map<string, Relation[]>();
  readonly #children = new Map<number, Relation[]>();
  readonly #definitions: Definitions;
  readonly #former: FormerNames;
  readonly #parse: PgParser;
  readonly #origins = new Map<string, Origin>();
  readonly #bases = new Map<string, Lineage>();
  readonly #views = new Map<number, readonly Sources[] | 'unknown'>();
  readonly #rowCode = new Map<number, RowCode>();
  readonly #shapes = new Map<number, boolean>();
  readonly #reach: Reach;
  readonly #ownNames: ReadonlySet<string>;
  readonly #bySpelling = new Map<string, Relation[]>();
  /** When the first query began that found the database like this. */
  readonly since: number;
  #asOf: number;

  constructor(
    contents: CatalogueContents,
    definitions: Definitions,
    former: FormerNames,
    parse: PgParser,
    asOf: number,
  ) {
    this.#definitions = definitions;
    this.#former = former;
    this.#parse = parse;
    this.since = asOf;
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
    for (const [name, relations] of this.#byName) {
      const spelling = name.toLowerCase();
      this.#bySpelling.set(spelling, [...(this.#bySpelling.get(spelling) ?? []), ...relations]);
    }
    this.#ownNames = new Set(contents.own.functions.map(({ name }) => name));
    this.#reach = new Reach(
      {
        relation: (oid) => this.#byOid.get(oid),
        named: (table) => this.named(table),
        spelt: (word) => this.#bySpelling.get(word) ?? [],
        odd: contents.relations.filter(({ name }) => !isWord(name.toLowerCase())),
        family: (relation) => this.#family(relation),
        isServers,
        holdsSamples: (relation) => relation.columns.some(({ name }) => isSample(relation, name)),
      },
      contents.own,
      definitions,
      parse,
    );
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
    const bases = this.basesOf(relation, column);
    const origin: Origin = {
      schema: relation.schema,
      table: relation.name,
      column: column.name,
      bases,
      computed: this.#isComputed(relation, column, bases),
      sample: isSample(relation, column.name),
      ...(STORING.includes(relation.kind) && !column.generated && { stored: true as const }),
    };
    this.#origins.set(key, origin);
    return origin;
  }

  /** As far as types tell: of another type than every column that it is made of. */
  #isComputed(relation: Relation, column: CatalogueColumn, bases: Lineage): boolean {
    if (bases === 'unknown' || !(VIEWS.includes(relation.kind) || column.generated)) return false;
    return !bases.some(({ schema, table, column: name }) =>
      this.named({ schema, table }).some((base) =>
        base.columns.some((one) => one !== column && one.name === name && one.type === column.type),
      ),
    );
  }

  /** The column itself, and all that it may hold something of. */
  basesOf(relation: Relation, column: CatalogueColumn, depth = 0): Lineage {
    const key = `${relation.oid}.${column.number}`;
    const known = this.#bases.get(key);
    if (known) return known;
    if (depth > MAX_DEPTH) return 'unknown';
    // For whatever leads back to it: a function may read the view that calls it.
    this.#bases.set(key, 'unknown');
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
    let named = 0;
    let missed = 0;
    for (const source of sources) {
      if (source.kind === 'call') {
        if (source.maybe && !this.#ownNames.has(source.name)) continue;
        found.push(this.#calledBy(source.name, depth));
        if (source.of) found.push(this.expand(source.of, depth + 1));
        continue;
      }
      named++;
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
          // The whole row, or a function of it.
          if (this.#ownNames.has(source.column)) found.push(this.#calledBy(source.column, depth));
          found.push(this.#rowOf(relation, depth));
        } else if (!SYSTEM_COLUMNS.has(source.column) && source.otherwise !== 'nothing') continue;
        hit = true;
      }
      if (!hit) missed++;
    }
    if (named > 0 && missed === named) return 'unknown';
    return joined(found);
  }

  /** All that a function may read. */
  #calledBy(name: string, depth: number): Lineage {
    const { relations } = this.#reach.ofFunction(name);
    if (relations === 'unknown') return 'unknown';
    return joined([...relations].map((relation) => this.#rowOf(relation, depth + 1)));
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
    if (this.hidesCode(query, summaries.value)) return 'unknown';
    return alignLineage(only.result, count, (table) => this.columnsOf(table));
  }

  /** Whether what a view or a generated column of it computes may have values for keys of JSON or lengths of arrays. */
  makesShapes(relation: Relation): boolean {
    const known = this.#shapes.get(relation.oid);
    if (known !== undefined) return known;
    const generated = relation.columns.flatMap(({ generated: is, number }) =>
      is ? [`select ${this.#definitions.generated.get(`${relation.oid}.${number}`)}`] : [],
    );
    const view = VIEWS.includes(relation.kind) ? [this.#definitions.views.get(relation.oid)] : [];
    const makes = [...view, ...generated].some((query) => {
      const read = query === undefined ? undefined : readTree(this.#parse, query, CONFORMING);
      return !read?.ok || read.value.some(({ node }) => makesShapes(node));
    });
    this.#shapes.set(relation.oid, makes);
    return makes;
  }

  /** What code of the database's own puts into rows of this table when they are written. */
  rowCode(relation: Relation): RowCode {
    const known = this.#rowCode.get(relation.oid);
    if (known) return known;
    const reached = this.#reach.ofRows(relation);
    const code: RowCode =
      reached === 'unknown'
        ? { sets: undefined, from: 'unknown' }
        : {
            sets: reached.sets,
            from: joined([
              ...relation.columns
                .filter(({ name }) => reached.read === undefined || reached.read.has(name))
                .map((column) => this.basesOf(relation, column)),
              ...[...reached.relations].filter((one) => one !== relation).map((one) => this.#rowOf(one, 0)),
            ]),
          };
    this.#rowCode.set(relation.oid, code);
    return code;
  }

  align(result: ResultLineage, count: number, copied = false): readonly Sources[] {
    return alignLineage(result, count, (table) => (copied ? this.copiedColumnsOf(table) : this.columnsOf(table)));
  }

  /** What statements can get at, and what code of the database's own may run; `text`: all that they stand in. */
  reach(text: string, summaries: readonly StatementSummary[], block?: string): Reached {
    return this.#reach.of(text, summaries, block);
  }

  /** Whether something may stand in settings before a session's first statement. */
  get fillsAtLogin(): boolean {
    return this.#reach.fillsAtLogin;
  }

  /** Whether code of the database's own may run where lineage sees nothing but a computation. */
  hidesCode(text: string, summaries: readonly StatementSummary[]): boolean {
    return this.#reach.hidesCode(text, summaries);
  }
}

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
