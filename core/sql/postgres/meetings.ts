// Which columns each literal and parameter of a statement meets: is written to, compared with, computed
// together with. The recording keeps those that meet only columns that no rule masks.
//
// Follows literals as lineage follows columns: through sub-selects, CTEs, VALUES, set operations and calls.
// What is compared stands for each other, so `email = phone2 and phone2 = 'x'` meets email. Parts that AND, OR
// and NOT join are judged each by itself, rows (`(id, email) = (1, 'x')`) position by position, and the branches of a
// CASE apart from its conditions. Errs on one side: a column may be listed that is not met, and what is
// not followed meets anything. A literal or parameter that is not listed may meet anything too.

import { type Source, type Sources, sourcesOf, union } from '../lineage.ts';
import {
  type Given,
  type Meeting,
  MeetingClasses,
  type Member,
  meetingOf,
  memberKey,
  type Place,
} from '../meetings.ts';
import { type Around, type Columns, type From, LineageReader, OUTERMOST, tableItem } from './lineage-reader.ts';
import { type ScopeItem, named, type Scope, type Value } from './lineage-scope.ts';
import { children, names, nodeOf, nodesOf, type TreeNode, text } from './tree.ts';

/** Undefined: a statement of which nothing is known but its tables. Throws TreeFault as lineage does. */
export function meetingsOf(statement: TreeNode): readonly Meeting[] | undefined {
  const { type, fields } = statement;
  switch (type) {
    case 'SelectStmt':
    case 'InsertStmt':
    case 'UpdateStmt':
    case 'DeleteStmt':
    case 'MergeStmt':
      return new MeetingReader().read(statement);
    case 'ExplainStmt':
    case 'DeclareCursorStmt':
    case 'PrepareStmt':
    case 'CreateTableAsStmt':
    case 'ViewStmt': {
      const query = nodeOf(fields.query);
      return query && meetingsOf(query);
    }
    case 'CopyStmt': {
      const query = nodeOf(fields.query);
      return query ? meetingsOf(query) : new MeetingReader().copied(fields);
    }
    default:
      return undefined;
  }
}

/** EXECUTE: what each of its arguments holds, in the places of the parameters that it gives values for. */
export function argumentsOf(statement: TreeNode): readonly Meeting[] {
  const { type, fields } = statement;
  if (type === 'ExplainStmt' || type === 'CreateTableAsStmt') {
    const query = nodeOf(fields.query);
    return query ? argumentsOf(query) : [];
  }
  if (type !== 'ExecuteStmt') return [];
  return nodesOf(fields.params).map((node) => {
    const given = givenIn(node);
    return meetingOf(given, given, false, false);
  });
}

/** Where lineage knows columns and calls only, a given value is a call of what nobody can name. */
const standIn = (given: Given): Source => ({ kind: 'call', name: `\0${memberKey(given)}` });
/** And so is what is not followed. */
const ANYTHING = { kind: 'call', name: '\0' } as const;

const SETTING = { kind: 'call', name: 'current_setting' } as const;

function givenOf(name: string): Given {
  const number = Number(name.slice(2));
  return name[1] === 'l' ? { kind: 'literal', offset: number } : { kind: 'parameter', number };
}

class MeetingReader extends LineageReader {
  protected override readonly readsAll = true;
  readonly #classes = new MeetingClasses();
  /** Parameters by where they stand, so that none is overlooked. */
  readonly #parameters = new Set<number>();
  #lost = false;

  read(statement: TreeNode): readonly Meeting[] | undefined {
    this.query(statement, OUTERMOST);
    if (this.#lost) return undefined;
    const overlooked = parametersIn(statement).filter(({ offset }) => !this.#parameters.has(offset));
    const unknown = overlooked.map(({ number }): Given => ({ kind: 'parameter', number }));
    this.#classes.beside(unknown, true);
    return this.#classes.meetings();
  }

  /** Which rows COPY FROM takes. */
  copied(fields: TreeNode['fields']): readonly Meeting[] | undefined {
    const relation = nodeOf(fields.relation, 'RangeVar');
    if (!relation) return undefined;
    this.#condition(nodeOf(fields.whereClause), { items: [tableItem(relation)], outer: undefined }, OUTERMOST);
    return this.#lost ? undefined : this.#classes.meetings();
  }

  protected override get unknown(): Columns {
    this.#lost = true;
    return super.unknown;
  }

  // --- what meets ---

  /** They are compared with each other, or one is written to the other. */
  #bind(all: readonly Sources[], written?: readonly Place[]): void {
    const { members, anything } = this.#membersOf(all);
    this.#classes.bind([...members, ...(written ?? [])], anything, written !== undefined);
  }

  protected override given(sources: Sources): void {
    const { members, anything } = this.#membersOf([sources]);
    this.#classes.beside(members, anything);
  }

  #membersOf(all: readonly Sources[]): { members: readonly Member[]; anything: boolean } {
    const found: Member[] = [];
    let anything = false;
    for (const sources of all) {
      if (sources === 'unknown') this.#lost = true;
      else
        for (const source of sources) {
          if (source.kind !== 'call' || !source.name.startsWith('\0')) found.push(source);
          else if (source.name === ANYTHING.name) anything = true;
          else found.push(givenOf(source.name));
        }
    }
    return { members: found, anything };
  }

  // --- expressions ---

  protected override value(node: TreeNode, scope: Scope, around: Around): Value {
    const { type, fields } = node;
    switch (type) {
      case 'A_Const':
        return { sources: [standIn({ kind: 'literal', offset: Number(fields.location ?? 0) })], exact: false };
      case 'ParamRef':
        this.#parameters.add(Number(fields.location ?? 0));
        return { sources: [standIn({ kind: 'parameter', number: Number(fields.number ?? 0) })], exact: false };
      case 'TypeName':
        // `varchar(10)`
        for (const modifier of nodesOf(fields.typmods)) this.given(super.value(modifier, scope, around).sources);
        return { sources: [], exact: false };
      case 'CaseExpr':
        return this.#case(fields, scope, around);
      default: {
        const value = super.value(node, scope, around);
        // Two calls give the same, so what is compared with one is compared with the other.
        if (type === 'FuncCall' && names(fields.funcname).at(-1) === SETTING.name)
          return { sources: union([value.sources, [SETTING]]), exact: false };
        if (value.sources !== 'unknown') return value;
        return { sources: union([this.parts(node, scope, around), [ANYTHING]]), exact: false };
      }
    }
  }

  /** What it gives is one of its results; what it decides by is compared, and not given. */
  #case(fields: TreeNode['fields'], scope: Scope, around: Around): Value {
    const whens = nodesOf(fields.args);
    const arg = nodeOf(fields.arg);
    const conditions = whens.flatMap((when) => nodeOf(when.fields.expr) ?? []);
    if (arg) this.#bind([arg, ...conditions].map((node) => this.value(node, scope, around).sources));
    else for (const condition of conditions) this.#condition(condition, scope, around);
    const results = [...whens.map((when) => nodeOf(when.fields.result)), nodeOf(fields.defresult)];
    return {
      sources: union(results.flatMap((node) => (node ? [this.value(node, scope, around).sources] : []))),
      exact: false,
    };
  }

  // --- conditions ---

  #condition(node: TreeNode | undefined, scope: Scope, around: Around): void {
    if (!node) return;
    const { type, fields } = node;
    if (type === 'BoolExpr') {
      for (const part of nodesOf(fields.args)) this.#condition(part, scope, around);
      return;
    }
    if (type === 'A_Expr' && this.#rows(fields, scope, around)) return;
    if (type === 'SubLink' && this.#rowsOfQuery(fields, scope, around)) return;
    this.#bind([this.value(node, scope, around).sources]);
  }

  /** `(a, b) = (1, 2)`, `(a, b) in ((1, 2), (3, 4))`. */
  #rows({ lexpr, rexpr, name }: TreeNode['fields'], scope: Scope, around: Around): boolean {
    const left = rowOf(nodeOf(lexpr));
    if (!left || names(name).length > 1) return false;
    const right = nodeOf(rexpr);
    const rows = right?.type === 'List' ? nodesOf(right.fields.items) : right ? [right] : [];
    const others = rows.map(rowOf);
    if (others.some((row) => row?.length !== left.length)) return false;
    left.forEach((node, index) => {
      const values = [node, ...others.flatMap((row) => row?.[index] ?? [])];
      this.#bind(values.map((one) => this.value(one, scope, around).sources));
    });
    return true;
  }

  /** `(a, b) in (select ...)`, and EXISTS, whose columns nobody looks at. */
  #rowsOfQuery(fields: TreeNode['fields'], scope: Scope, around: Around): boolean {
    const query = nodeOf(fields.subselect);
    const test = nodeOf(fields.testexpr);
    if (!query) return false;
    if (!test) {
      if (fields.subLinkType !== 'EXISTS_SUBLINK') return false;
      this.query(query, { ...around, scope });
      return true;
    }
    const left = rowOf(test);
    if (!left) return false;
    const columns = this.query(query, { ...around, scope });
    const plain = columns.length === left.length && columns.every(({ kind }) => kind === 'value');
    left.forEach((node, index) => {
      const column = plain ? columns[index] : undefined;
      this.#bind([this.value(node, scope, around).sources, column ? column.sources : sourcesOf(columns)]);
    });
    return true;
  }

  // --- clauses ---

  protected override queried(fields: TreeNode['fields'], scope: Scope, around: Around): void {
    this.#condition(nodeOf(fields.whereClause), scope, around);
    this.#condition(nodeOf(fields.havingClause), scope, around);
    for (const clause of ['distinctClause', 'groupClause', 'sortClause'])
      for (const node of nodesOf(fields[clause])) this.given(this.value(node, scope, around).sources);
    for (const clause of ['limitOffset', 'limitCount']) {
      const node = nodeOf(fields[clause]);
      if (node) this.given(this.value(node, scope, around).sources);
    }
  }

  protected override combined(columns: Columns): void {
    for (const { sources } of columns) this.#bind([sources]);
  }

  protected override joined(fields: TreeNode['fields'], left: From, right: From, scope: Scope, around: Around): void {
    this.#condition(nodeOf(fields.quals), scope, around);
    for (const name of names(fields.usingClause))
      this.#bind([left, right].map(({ items }) => this.#column(name, { items, outer: undefined })));
    if (fields.isNatural === true) this.#bind([sourcesOf(left.star), sourcesOf(right.star)]);
  }

  #column(name: string, scope: Scope): Sources {
    const node: TreeNode = { type: 'ColumnRef', fields: { fields: [{ String: { sval: name } }] } };
    return this.value(node, scope, OUTERMOST).sources;
  }

  // --- statements that write ---

  protected override written({ type, fields }: TreeNode, target: ScopeItem, scope: Scope, around: Around): void {
    switch (type) {
      case 'InsertStmt':
        this.#insert(fields, target, scope, around);
        return;
      case 'UpdateStmt':
        this.#assign(nodesOf(fields.targetList), target, scope, around);
        break;
      case 'MergeStmt':
        this.#merge(fields, target, scope, around);
    }
    this.#condition(nodeOf(fields.whereClause), scope, around);
  }

  #insert(fields: TreeNode['fields'], target: ScopeItem, scope: Scope, around: Around): void {
    const query = nodeOf(fields.selectStmt);
    const columns = nodesOf(fields.cols);
    const rows = query?.fields.withClause === undefined ? nodesOf(query?.fields.valuesLists) : [];
    for (const row of rows) this.#insertRow(nodesOf(row.fields.items), columns, target, scope, around);
    if (query && rows.length === 0) this.#insertQuery(this.query(query, around), columns, target);
    for (const column of columns) this.#inside(column, scope, around);
    const conflict = nodeOf(fields.onConflictClause, 'OnConflictClause');
    if (!conflict) return;
    const beside: Scope = { ...scope, items: [...scope.items, { ...target, alias: 'excluded', hidden: true }] };
    const infer = nodeOf(conflict.fields.infer, 'InferClause');
    this.#condition(nodeOf(infer?.fields.whereClause), scope, around);
    for (const element of nodesOf(infer?.fields.indexElems)) {
      const expression = nodeOf(element.fields.expr);
      if (expression) this.given(this.value(expression, scope, around).sources);
    }
    this.#assign(nodesOf(conflict.fields.targetList), target, beside, around);
    this.#condition(nodeOf(conflict.fields.whereClause), beside, around);
  }

  #insertRow(
    values: readonly TreeNode[],
    columns: readonly TreeNode[],
    target: ScopeItem,
    scope: Scope,
    around: Around,
  ): void {
    values.forEach((value, index) => {
      const { sources } = this.value(value, { items: [], outer: scope.outer }, around);
      this.#write(sources, target, columns[index], index);
    });
  }

  #insertQuery(given: Columns, columns: readonly TreeNode[], target: ScopeItem): void {
    const star = given.findIndex(({ kind }) => kind === 'star');
    const plain = star < 0 ? given : given.slice(0, star);
    plain.forEach(({ sources }, index) => {
      this.#write(sources, target, columns[index], index);
    });
    if (star < 0) return;
    // From a star on nobody knows which column is which.
    const rest = columns.slice(star).flatMap((column) => this.#named(target, column));
    this.#bind([sourcesOf(given.slice(star)), ...(columns.length > 0 ? rest : [sourcesOf(target.columns)])], []);
  }

  #assign(targets: readonly TreeNode[], target: ScopeItem, scope: Scope, around: Around): void {
    for (const one of targets) {
      const value = nodeOf(one.fields.val);
      if (value) this.#write(this.#assigned(value, scope, around), target, one, undefined);
      this.#inside(one, scope, around);
    }
  }

  /** `set (a, b) = (1, 2)`, `= (select ...)`: of each column its own. */
  #assigned(value: TreeNode, scope: Scope, around: Around): Sources {
    if (value.type !== 'MultiAssignRef') return this.value(value, scope, around).sources;
    const source = nodeOf(value.fields.source);
    const index = Number(value.fields.colno ?? 1) - 1;
    const row = rowOf(source);
    if (row) {
      const node = row[index];
      return node ? this.value(node, scope, around).sources : [];
    }
    const query = source?.type === 'SubLink' ? nodeOf(source.fields.subselect) : undefined;
    if (!query) return source ? this.value(source, scope, around).sources : [];
    const columns = this.query(query, { ...around, scope });
    const before = columns.slice(0, index + 1);
    const own = before.every(({ kind }) => kind === 'value') ? columns[index] : undefined;
    return own ? own.sources : sourcesOf(columns);
  }

  #merge(fields: TreeNode['fields'], target: ScopeItem, scope: Scope, around: Around): void {
    this.#condition(nodeOf(fields.joinCondition), scope, around);
    for (const { fields: when } of nodesOf(fields.mergeWhenClauses)) {
      this.#condition(nodeOf(when.condition), scope, around);
      const targets = nodesOf(when.targetList);
      if (when.commandType !== 'CMD_INSERT') this.#assign(targets, target, scope, around);
      else
        nodesOf(when.values).forEach((value, index) => {
          this.#write(this.value(value, scope, around).sources, target, targets[index], index);
        });
    }
  }

  /** `column`: by name, when the statement names them. */
  #write(sources: Sources, target: ScopeItem, column: TreeNode | undefined, index: number | undefined): void {
    if (column) this.#bind([sources, ...this.#named(target, column)], []);
    else if (index !== undefined && target.table) this.#bind([sources], [{ kind: 'place', ...target.table, index }]);
    else this.#bind([sources, sourcesOf(target.columns)], []);
  }

  #named({ table, columns }: ScopeItem, column: TreeNode): readonly Sources[] {
    const name = text(column.fields.name);
    return [table && name !== undefined ? [named(table, name, 'row')] : sourcesOf(columns)];
  }

  /** `set data['key'] = ...`: the key. */
  #inside(column: TreeNode, scope: Scope, around: Around): void {
    for (const node of nodesOf(column.fields.indirection)) this.given(this.value(node, scope, around).sources);
  }
}

/** The values of a row; undefined: it is none. */
const rowOf = (node: TreeNode | undefined): readonly TreeNode[] | undefined =>
  node?.type === 'RowExpr' ? nodesOf(node.fields.args) : undefined;

interface Parameter {
  readonly number: number;
  readonly offset: number;
}

function parametersIn(node: TreeNode, found: Parameter[] = []): readonly Parameter[] {
  if (node.type === 'ParamRef')
    found.push({ number: Number(node.fields.number ?? 0), offset: Number(node.fields.location ?? 0) });
  for (const child of children(node)) parametersIn(child, found);
  return found;
}

function givenIn({ type, fields }: TreeNode): readonly Given[] {
  if (type === 'A_Const') return [{ kind: 'literal', offset: Number(fields.location ?? 0) }];
  if (type === 'ParamRef') return [{ kind: 'parameter', number: Number(fields.number ?? 0) }];
  return children({ type, fields }).flatMap(givenIn);
}
