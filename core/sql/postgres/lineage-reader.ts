// Walks queries and expressions for their lineage. What a node type is not listed for is unknown.

import { type Assignment, type ResultColumn, type Source, type Sources, sourcesOf, union } from '../lineage.ts';
import { COMPUTATIONS, READS_NO_TABLE } from './computations.ts';
import {
  findItem,
  type ScopeItem,
  NOTHING,
  rename,
  resolve,
  type Scope,
  sideBySide,
  starOf,
  UNKNOWN,
  type Value,
} from './lineage-scope.ts';
import { children, MAX_DEPTH, names, nodeOf, nodesOf, TreeFault, type TreeNode, text } from './tree.ts';

export type Columns = readonly ResultColumn[];
type Ctes = ReadonlyMap<string, Cte>;

export interface Around {
  readonly scope: Scope | undefined;
  readonly ctes: Ctes;
}

export const OUTERMOST: Around = { scope: undefined, ctes: new Map() };

interface Cte {
  readonly node: TreeNode;
  /** Where its query stands; of WITH RECURSIVE: with all names beside it. */
  readonly around: () => Around;
  columns: Columns | undefined;
  state: 'new' | 'reading' | 'done';
}

export interface From {
  readonly items: readonly ScopeItem[];
  /** What `*` stands for. */
  readonly star: Columns;
}

const UNKNOWN_COLUMNS: Columns = [{ kind: 'star', sources: 'unknown' }];
/** Nodes looked at for one text: recursion within recursion must not run away. */
const MAX_STEPS = 200_000;

/** Expressions that are made of what stands in them and of nothing else. */
const TRANSPARENT: ReadonlySet<string> = new Set(
  `BoolExpr A_Expr CaseExpr CaseWhen CoalesceExpr MinMaxExpr NullTest BooleanTest RowExpr A_ArrayExpr A_Indirection
  A_Indices NamedArgExpr CollateClause TypeCast XmlExpr XmlSerialize JsonValueExpr JsonIsPredicate JsonBehavior JsonOutput
  JsonReturning JsonFormat JsonArgument JsonFuncExpr JsonTablePathSpec JsonKeyValue JsonParseExpr JsonScalarExpr
  JsonSerializeExpr JsonObjectConstructor JsonArrayConstructor JsonArrayQueryConstructor JsonAggConstructor JsonObjectAgg
  JsonArrayAgg JsonTable JsonTableColumn RangeTableFunc RangeTableFuncCol ResTarget GroupingFunc SortBy WindowDef List
  String A_Star A_Const ParamRef SetToDefault SQLValueFunction TypeName MergeSupportFunc Integer Float Boolean BitString
  Alias DefElem`.split(/\s+/),
);

/** meetings.ts follows more of a statement than what its result is made of: what is protected here is for it. */
export class LineageReader {
  /** By statements with RETURNING that were read. */
  readonly assigned: Assignment[] = [];
  #steps = 0;
  #depth = 0;
  /** Parts that no result is made of are read as well. */
  protected readonly readsAll: boolean = false;

  /** Columns of what is not followed. */
  protected get unknown(): Columns {
    return UNKNOWN_COLUMNS;
  }

  /** A query's conditions and the rest of its clauses; `scope`: what its names stand for. */
  protected queried(_fields: TreeNode['fields'], _scope: Scope, _around: Around): void {}
  /** What a set operation puts into the same columns. */
  protected combined(_columns: Columns): void {}
  /** A join of what has these names; `scope`: what its condition may name. */
  protected joined(_fields: TreeNode['fields'], _left: From, _right: From, _scope: Scope, _around: Around): void {}
  /** A statement that writes to `target`. */
  protected written(_node: TreeNode, _target: ScopeItem, _scope: Scope, _around: Around): void {}
  /** A column of a result. */
  protected given(_sources: Sources): void {}

  /** The columns that a query gives back: a SELECT's own, or those of RETURNING. */
  query(node: TreeNode, around: Around): Columns {
    this.#depth++;
    if (this.#depth > MAX_DEPTH) throw new TreeFault('too_deep', 'is nested too deeply');
    const ctes = this.#ctes(node.fields, around);
    const inner = { ...around, ctes };
    const columns =
      node.type === 'SelectStmt'
        ? this.#select(node, inner)
        : isWriting(node)
          ? this.#returning(node, inner)
          : this.unknown;
    this.#depth--;
    return columns;
  }

  #select({ fields }: TreeNode, around: Around): Columns {
    // SELECT ... INTO gives nothing back.
    const into = fields.intoClause !== undefined;
    if (into && !this.readsAll) return [];
    if (fields.op !== undefined && fields.op !== 'SETOP_NONE') {
      const [left, right] = [nodeOf(fields.larg, 'SelectStmt'), nodeOf(fields.rarg, 'SelectStmt')];
      if (!left || !right) return this.unknown;
      const columns = sideBySide(this.query(left, around), this.query(right, around));
      this.combined(columns);
      this.queried(fields, { items: [{ alias: undefined, columns }], outer: around.scope }, around);
      return columns;
    }
    const lists = nodesOf(fields.valuesLists);
    if (lists.length > 0) {
      const scope = { items: [], outer: around.scope };
      const rows = lists.map((list) =>
        nodesOf(list.fields.items).map((item) => this.value(item, scope, around).sources),
      );
      this.queried(fields, scope, around);
      const [first = []] = rows;
      if (rows.some(({ length }) => length !== first.length)) return [{ kind: 'star', sources: union(rows.flat()) }];
      return first.map((_, index) => ({
        kind: 'value',
        name: `column${index + 1}`,
        sources: union(rows.map((row) => row[index] ?? 'unknown')),
        exact: false,
      }));
    }
    const from = this.#fromList(nodesOf(fields.fromClause), around);
    const scope = { items: from.items, outer: around.scope };
    // A window that is defined below may be used by any function above.
    const windows = union(nodesOf(fields.windowClause).map((window) => this.value(window, scope, around).sources));
    const columns = this.#targets(nodesOf(fields.targetList), scope, around, from.star, windows);
    this.queried(fields, scope, around);
    return into ? [] : columns;
  }

  #returning(node: TreeNode, around: Around): Columns {
    const { fields } = node;
    const returning = nodeOf(fields.returningClause, 'ReturningClause');
    if (!returning && !this.readsAll) return [];
    const relation = nodeOf(fields.relation, 'RangeVar');
    if (!relation) return this.unknown;
    const target = tableItem(relation);
    const listed = ['fromClause', 'usingClause'].flatMap((field) => nodesOf(fields[field]));
    const source = nodeOf(fields.sourceRelation);
    const from = this.#fromList(source ? [...listed, source] : listed, around);
    const given = nodesOf(returning?.fields.options).flatMap((option) => text(option.fields.value) ?? []);
    const versions = ['old', 'new', ...given].map((alias): ScopeItem => ({ ...target, alias, hidden: true }));
    const scope = { items: [target, ...from.items, ...versions], outer: around.scope };
    this.written(node, target, scope, around);
    if (!returning) return [];
    // What MERGE merges comes first.
    const star = source ? [...from.star, ...target.columns] : [...target.columns, ...from.star];
    const excluded: ScopeItem = { ...target, alias: 'excluded', hidden: true };
    this.#assignments(node, { items: [target, ...from.items, excluded], outer: around.scope }, around);
    return this.#targets(nodesOf(returning.fields.exprs), scope, around, star, []);
  }

  /** INSERT, UPDATE, MERGE: which columns are given what. */
  #assignments({ type, fields }: TreeNode, scope: Scope, around: Around): void {
    const relation = nodeOf(fields.relation, 'RangeVar');
    if (!relation) return;
    const schema = text(relation.fields.schemaname);
    const table = { ...(schema !== undefined && { schema }), table: String(relation.fields.relname ?? '') };
    const assign = (column: Assignment['column'], sources: Sources) => {
      if (sources.length > 0) this.assigned.push({ ...table, column, sources });
    };
    /** `set doc[email] = 1`: what stands there becomes a key, or bounds. */
    const within = (target: TreeNode) => this.#all(nodesOf(target.fields.indirection), scope, around);
    const set = (targets: readonly TreeNode[]) => {
      for (const target of targets) {
        const value = nodeOf(target.fields.val);
        if (value) assign(text(target.fields.name), union([this.#assignedTo(value, scope, around), within(target)]));
      }
    };
    const insert = (names: readonly TreeNode[], columns: Columns) => {
      for (const name of names) assign(text(name.fields.name), within(name));
      if (columns.some(({ kind }) => kind === 'star')) assign(undefined, sourcesOf(columns));
      else columns.forEach(({ sources }, index) => void assign(text(names[index]?.fields.name) ?? index, sources));
    };
    if (type === 'UpdateStmt') set(nodesOf(fields.targetList));
    const query = nodeOf(fields.selectStmt);
    if (type === 'InsertStmt' && query) insert(nodesOf(fields.cols), this.query(query, around));
    set(nodesOf(nodeOf(fields.onConflictClause, 'OnConflictClause')?.fields.targetList));
    for (const { fields: when } of nodesOf(fields.mergeWhenClauses)) {
      const values = nodesOf(when.values);
      if (values.length === 0) set(nodesOf(when.targetList));
      insert(
        nodesOf(when.targetList),
        values.map((value) => ({ kind: 'value', exact: false, sources: this.value(value, scope, around).sources })),
      );
    }
  }

  /** `set (a, b) = (...)`: its share of the right side. */
  #assignedTo(value: TreeNode, scope: Scope, around: Around): Sources {
    if (value.type !== 'MultiAssignRef') return this.value(value, scope, around).sources;
    const source = nodeOf(value.fields.source);
    if (!source) return 'unknown';
    const own = source.type === 'RowExpr' ? nodesOf(source.fields.args)[Number(value.fields.colno) - 1] : undefined;
    return this.value(own ?? source, scope, around).sources;
  }

  #targets(targets: readonly TreeNode[], scope: Scope, around: Around, star: Columns, windows: Sources): Columns {
    return targets.flatMap((target): Columns => {
      const value = nodeOf(target.fields.val);
      if (target.type !== 'ResTarget' || !value) return this.unknown;
      const parts = value.type === 'ColumnRef' ? names(value.fields.fields) : [];
      if (parts.at(-1) === '*' && isStar(value)) {
        if (parts.length === 1) return star;
        return findItem(parts.slice(0, -1), scope)?.columns ?? this.unknown;
      }
      const { sources, exact } = this.value(value, scope, around);
      const all = value.type === 'ColumnRef' ? sources : union([sources, windows]);
      this.given(all);
      // `(t).*`: as many columns as the row has.
      if (value.type === 'A_Indirection' && nodesOf(value.fields.indirection).at(-1)?.type === 'A_Star')
        return [{ kind: 'star', sources: all }];
      const name = text(target.fields.name) ?? parts.at(-1);
      return [{ kind: 'value', ...(name !== undefined && { name }), sources: all, exact }];
    });
  }

  // --- FROM ---

  #fromList(nodes: readonly TreeNode[], around: Around): From {
    const items: ScopeItem[] = [];
    const star: ResultColumn[] = [];
    for (const node of nodes) {
      const found = this.#fromItem(node, around, items);
      items.push(...found.items);
      star.push(...found.star);
    }
    return { items, star };
  }

  /** `left`: what stands before it, for LATERAL. */
  #fromItem(node: TreeNode, around: Around, left: readonly ScopeItem[]): From {
    this.#step();
    const { type, fields } = node;
    const beside: Around = { ...around, scope: { items: left, outer: around.scope } };
    const derived = (columns: Columns): From => {
      const alias = nodeOf(fields.alias, 'Alias');
      const renamed = rename(columns, names(alias?.fields.colnames));
      return { items: [{ alias: text(alias?.fields.aliasname), columns: renamed }], star: renamed };
    };
    switch (type) {
      case 'RangeVar': {
        const cte = text(fields.schemaname) === undefined ? around.ctes.get(String(fields.relname)) : undefined;
        if (!cte) {
          const item = tableItem(node);
          return { items: [item], star: item.columns };
        }
        const found = derived(this.#cteColumns(cte));
        const alias = found.items[0]?.alias ?? String(fields.relname);
        return { ...found, items: found.items.map((item) => ({ ...item, alias })) };
      }
      case 'RangeSubselect': {
        const query = nodeOf(fields.subquery);
        if (!query) return derived(this.unknown);
        return derived(this.query(query, fields.lateral === true ? beside : around));
      }
      case 'RangeFunction': {
        const calls = nodesOf(fields.functions).flatMap((list) => nodesOf(list.fields.items));
        const scope = { items: left, outer: around.scope };
        const found = derived([{ kind: 'star', sources: this.#all(calls, scope, around) }]);
        // Without an alias the function's name is one.
        const name = names(calls[0]?.fields.funcname).at(-1);
        return { ...found, items: found.items.map((item) => ({ ...item, alias: item.alias ?? name })) };
      }
      case 'RangeTableFunc':
      case 'JsonTable':
        return derived([
          { kind: 'star', sources: this.value(node, { items: left, outer: around.scope }, around).sources },
        ]);
      case 'RangeTableSample': {
        const relation = nodeOf(fields.relation);
        return relation ? this.#fromItem(relation, around, left) : derived(this.unknown);
      }
      case 'JoinExpr':
        return this.#join(node, around, left);
      default:
        return derived(this.unknown);
    }
  }

  #join({ fields }: TreeNode, around: Around, before: readonly ScopeItem[]): From {
    const [larg, rarg] = [nodeOf(fields.larg), nodeOf(fields.rarg)];
    if (!larg || !rarg) return { items: [], star: this.unknown };
    const left = this.#fromItem(larg, around, before);
    const right = this.#fromItem(rarg, around, [...before, ...left.items]);
    const items = [...left.items, ...right.items];
    this.joined(fields, left, right, { items: [...before, ...items], outer: around.scope }, around);
    const both = [...left.star, ...right.star];
    const using = names(fields.usingClause);
    // Columns that both sides have in common come once, and first: which these are, a NATURAL join does not say.
    const merged = using.length > 0 || fields.isNatural === true;
    const star = merged ? [starOf(both)] : both;
    const usingAlias = text(nodeOf(fields.join_using_alias, 'Alias')?.fields.aliasname);
    const extra: ScopeItem[] =
      usingAlias === undefined ? [] : [{ alias: usingAlias, columns: [starOf(both)], hidden: true }];
    const alias = nodeOf(fields.alias, 'Alias');
    if (!alias) return { items: [...items, ...extra], star };
    const columns = rename(star, names(alias.fields.colnames));
    return { items: [{ alias: text(alias.fields.aliasname), columns }, ...extra], star: columns };
  }

  // --- WITH ---

  #ctes(fields: TreeNode['fields'], around: Around): Ctes {
    const clause = nodeOf(fields.withClause, 'WithClause');
    if (!clause) return around.ctes;
    const ctes = new Map(around.ctes);
    const recursive = clause.fields.recursive === true;
    for (const node of nodesOf(clause.fields.ctes)) {
      // Without RECURSIVE a query sees only the names before its own.
      const visible: Ctes = recursive ? ctes : new Map(ctes);
      ctes.set(String(node.fields.ctename), {
        node,
        around: () => ({ ...around, ctes: visible }),
        columns: undefined,
        state: 'new',
      });
    }
    if (this.readsAll) for (const cte of ctes.values()) this.#cteColumns(cte);
    return ctes;
  }

  #cteColumns(cte: Cte): Columns {
    if (cte.state !== 'new') return cte.columns ?? this.unknown;
    cte.state = 'reading';
    const query = nodeOf(cte.node.fields.ctequery);
    const aliases = names(cte.node.fields.aliascolnames);
    const read = (one: TreeNode | undefined) => rename(one ? this.query(one, cte.around()) : this.unknown, aliases);
    // The first part of a recursive union begins; then round and round until nothing new comes up.
    const begin = nodeOf(query?.fields.larg, 'SelectStmt');
    if (begin && query?.type === 'SelectStmt') {
      const around = cte.around();
      const inner = { ...around, ctes: this.#ctes(query.fields, around) };
      cte.columns = rename(this.query(begin, inner), aliases);
    }
    let columns = read(query);
    for (let known = cte.columns; JSON.stringify(known) !== JSON.stringify(columns); ) {
      this.#step();
      known = columns;
      cte.columns = columns;
      columns = read(query);
    }
    const extra = ['search_clause', 'cycle_clause'].some((field) => cte.node.fields[field] !== undefined);
    cte.columns = extra ? [...columns, starOf(columns)] : columns;
    cte.state = 'done';
    return cte.columns;
  }

  // --- expressions ---

  #all(nodes: readonly TreeNode[], scope: Scope, around: Around): Sources {
    return union(nodes.map((node) => this.value(node, scope, around).sources));
  }

  protected value(node: TreeNode, scope: Scope, around: Around): Value {
    this.#step();
    switch (node.type) {
      case 'ColumnRef': {
        const parts = names(node.fields.fields);
        if (!isStar(node)) return resolve(parts, scope);
        const items = parts.length === 1 ? scope.items : [findItem(parts.slice(0, -1), scope)];
        return { sources: union(items.map((item) => (item ? sourcesOf(item.columns) : 'unknown'))), exact: false };
      }
      case 'FuncCall': {
        const called = names(node.fields.funcname);
        const [schema, name = ''] = called.length > 1 ? called.slice(-2) : [undefined, called[0]];
        const known =
          (schema === undefined || schema === 'pg_catalog' || schema === 'information_schema') &&
          (COMPUTATIONS.has(name) || READS_NO_TABLE.has(name));
        const counts = known && name === 'count' && nodesOf(node.fields.args).every(({ type }) => type === 'ColumnRef');
        // How many values there are is none of them.
        const parts = this.parts(node, scope, around, counts ? ['args'] : []);
        return { sources: known ? parts : union([parts, [{ kind: 'call', name }]]), exact: false };
      }
      case 'A_Indirection': {
        // `(c).f`: a field, or a function of the row.
        const fields = names(node.fields.indirection).filter((name) => name !== '' && name !== '*');
        const calls = fields.map((name): Source => ({ kind: 'call', name, maybe: true }));
        return { sources: union([this.parts(node, scope, around), calls]), exact: false };
      }
      case 'NullTest':
        // Whether there is a value says nothing of it.
        if (nodeOf(node.fields.arg)?.type === 'ColumnRef') return NOTHING;
        return { sources: this.parts(node, scope, around), exact: false };
      case 'A_Expr':
        // An operator of somebody's own schema is a function call.
        return names(node.fields.name)
          .slice(0, -1)
          .some((schema) => schema !== 'pg_catalog')
          ? UNKNOWN
          : { sources: this.parts(node, scope, around), exact: false };
      case 'SubLink': {
        const query = nodeOf(node.fields.subselect);
        const test = nodeOf(node.fields.testexpr);
        if (!query) return UNKNOWN;
        const columns = this.query(query, { ...around, scope });
        return {
          sources: union([sourcesOf(columns), test ? this.value(test, scope, around).sources : []]),
          exact: false,
        };
      }
      case 'JsonArrayQueryConstructor': {
        const query = nodeOf(node.fields.query);
        return query ? { sources: sourcesOf(this.query(query, { ...around, scope })), exact: false } : UNKNOWN;
      }
      default:
        if (!TRANSPARENT.has(node.type)) return UNKNOWN;
        return { sources: this.parts(node, scope, around), exact: false };
    }
  }

  protected parts(node: TreeNode, scope: Scope, around: Around, skip: readonly string[] = []): Sources {
    this.#depth++;
    if (this.#depth > MAX_DEPTH) throw new TreeFault('too_deep', 'is nested too deeply');
    const parts = children(node, skip);
    const sources = parts.length === 0 ? NOTHING.sources : this.#all(parts, scope, around);
    this.#depth--;
    return sources;
  }

  #step(): void {
    if (++this.#steps > MAX_STEPS) throw new TreeFault('too_deep', 'takes too many steps to follow');
  }
}

const isWriting = ({ type }: TreeNode): boolean =>
  type === 'InsertStmt' || type === 'UpdateStmt' || type === 'DeleteStmt' || type === 'MergeStmt';

const isStar = ({ fields }: TreeNode): boolean => nodesOf(fields.fields).at(-1)?.type === 'A_Star';

export function tableItem({ fields }: TreeNode): ScopeItem {
  const schema = text(fields.schemaname);
  const table = { ...(schema !== undefined && { schema }), table: String(fields.relname ?? '') };
  const alias = nodeOf(fields.alias, 'Alias');
  const qualifier = text(alias?.fields.aliasname) ?? table.table;
  const renamed = names(alias?.fields.colnames).length > 0;
  const row = [{ kind: 'row' as const, ...table }];
  return renamed
    ? { alias: qualifier, columns: [{ kind: 'star', sources: row }] }
    : { alias: qualifier, table, columns: [{ kind: 'star', sources: row, table }] };
}
