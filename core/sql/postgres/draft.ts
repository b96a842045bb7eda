// A summary while it is being made: walks a statement's tree and notes what acts. Knows queries and
// expressions; what each statement is called is the business of statements.ts, which gives
// in how a statement within a statement is summarised.

import { knownFunction } from './functions.ts';
import {
  children,
  constantText,
  type Fields,
  MAX_DEPTH,
  names,
  nodeOf,
  nodesOf,
  TreeFault,
  type TreeNode,
  text,
} from './tree.ts';
import type { Act, Opacity, RelationName, StatementClass, StatementSummary } from '../statement.ts';

export interface DraftScope {
  /** Names that a WITH around gave; they hide tables of that name where no schema is written. */
  readonly ctes: ReadonlySet<string>;
  /** What is done to a table that is merely named here. */
  readonly verbs: readonly string[];
  readonly also?: readonly string[];
  readonly class: StatementClass;
  readonly depth: number;
}

export const READING = { verbs: ['select'], also: [], class: 'read' } as const;

type SummarizeNested = (node: TreeNode, scope: DraftScope) => StatementSummary;

export class Draft {
  kind: string;
  readonly acts: Act[] = [];
  readonly opaque: Opacity[] = [];
  readonly nested: StatementSummary[] = [];
  readonly roles = new Set<string>();
  prepares: string | undefined;
  executes: string | undefined;
  readonly #summarize: SummarizeNested;
  readonly #functions = new Set<string>();
  #touched = 0;

  constructor(kind: string, summarize: SummarizeNested) {
    this.kind = kind;
    this.#summarize = summarize;
  }

  /** Tables noted so far. */
  get touched(): number {
    return this.#touched;
  }

  act(act: Act): void {
    if (act.relation) this.#touched++;
    if (act.role) this.roles.add(act.role);
    this.acts.push(act);
  }

  nest(node: TreeNode, scope: DraftScope): void {
    this.nested.push(this.#summarize(node, scope));
  }

  visitAll(node: TreeNode, scope: DraftScope, skip: readonly string[] = []): void {
    for (const child of children(node, skip)) this.visit(child, scope);
  }

  visit(node: TreeNode, outer: DraftScope): void {
    if (outer.depth >= MAX_DEPTH) throw new TreeFault('too_deep', 'is nested too deeply');
    const scope = { ...outer, depth: outer.depth + 1 };
    switch (node.type) {
      case 'RangeVar': {
        const relation = relationOf(node.fields);
        if (relation.schema !== undefined || !scope.ctes.has(relation.name ?? ''))
          this.act({ verbs: scope.verbs, ...(scope.also && { also: scope.also }), class: scope.class, relation });
        return;
      }
      case 'SelectStmt':
        this.select(node, scope);
        return;
      case 'FuncCall':
        this.#call(node, scope);
        return;
      case 'RoleSpec':
        if (text(node.fields.rolename)) this.roles.add(String(node.fields.rolename));
        return;
      // Names aliases of the FROM beside it, which select() notes.
      case 'LockingClause':
        return;
      case 'ReturnStmt':
      case 'ReplicaIdentityStmt':
        this.visitAll(node, scope);
        return;
      default:
        if (node.type.endsWith('Stmt')) this.nest(node, scope);
        else this.visitAll(node, scope);
    }
  }

  /** A query: its tables are read, whatever the statement around it does. */
  select(node: TreeNode, outer: DraftScope): void {
    const { fields } = node;
    const scope = this.withClause(fields, { ...outer, ...READING });
    const into = nodeOf(fields.intoClause, 'IntoClause');
    if (into) {
      const rel = nodeOf(into.fields.rel, 'RangeVar');
      this.act({
        verbs: ['create', 'create table', 'select into'],
        class: 'schema',
        relation: rel ? relationOf(rel.fields) : {},
      });
      this.kind = this.kind === 'select' ? 'select into' : this.kind;
    }
    if (nodesOf(fields.lockingClause).length > 0) {
      const locked = nodesOf(fields.fromClause).flatMap(tablesOfJoin);
      const verbs = ['select for update'];
      for (const { fields: table } of locked) this.act({ verbs, class: 'write', relation: relationOf(table) });
      if (locked.length === 0) this.act({ verbs, class: 'write' });
    }
    this.visitAll(node, scope, ['withClause', 'intoClause']);
  }

  /** Notes what a WITH holds and gives the scope of the statement that it belongs to. */
  withClause(fields: Fields, outer: DraftScope): DraftScope {
    const clause = nodeOf(fields.withClause, 'WithClause');
    if (!clause) return outer;
    const found = nodesOf(clause.fields.ctes);
    const recursive = clause.fields.recursive === true;
    const ctes = new Set(outer.ctes);
    if (recursive) for (const cte of found) ctes.add(String(cte.fields.ctename));
    for (const cte of found) {
      if (cte.type !== 'CommonTableExpr') throw new TreeFault('unknown_node', `a ${cte.type} in a WITH`);
      // A snapshot: without RECURSIVE, a query sees only the names before its own.
      this.visitAll(cte, { ...outer, ...READING, ctes: new Set(ctes) });
      ctes.add(String(cte.fields.ctename));
    }
    return { ...outer, ctes };
  }

  #call(node: TreeNode, scope: DraftScope): void {
    const parts = names(node.fields.funcname);
    const name = parts.at(-1) ?? '';
    const schema = parts.length > 1 ? parts.at(-2) : undefined;
    const called = { ...(schema !== undefined && { schema }), name };
    if (name === 'set_config') {
      this.#setConfig(node.fields);
    } else {
      const known = knownFunction(name);
      const act = { verbs: ['function'], class: known?.class ?? 'read', function: called } as const;
      // A list of ten thousand rows calls now() ten thousand times, and does one thing.
      const key = `${schema ?? ''}.${name}`;
      const again = this.#functions.has(key);
      this.#functions.add(key);
      if (!again) this.act(known ? act : { ...act, free: true });
      if (known?.hides && !again) this.opaque.push({ why: `${name} ${known.hides}`, verbs: [], function: called });
    }
    this.visitAll(node, scope);
  }

  /** A function that is named to be called later, whose arguments nobody knows. */
  called(parts: readonly string[]): void {
    const name = parts.at(-1) ?? '';
    if (name === 'set_config') {
      this.setting(null, null);
      this.opaque.push({ why: 'set_config under another name changes settings unseen', verbs: [], function: { name } });
    }
    const known = knownFunction(name);
    if (!known) return;
    const schema = parts.at(-2);
    const called = { ...(schema !== undefined && { schema }), name };
    this.act({ verbs: ['function'], class: known.class, function: called });
    if (known.hides) this.opaque.push({ why: `${name} ${known.hides}`, verbs: [], function: called });
  }

  #setConfig(fields: Fields): void {
    const given = nodesOf(fields.args);
    const inOrder = fields.func_variadic !== true && !given.some(({ type }) => type === 'NamedArgExpr');
    const args = Array.isArray(fields.args) ? fields.args : [];
    const setting = inOrder ? constantText(args[0]) : undefined;
    this.setting(setting ?? null, setting === undefined ? null : (constantText(args[1]) ?? null));
  }

  /** A setting is changed, to `value`. null: only the server will know. */
  setting(name: string | null, value: string | null, also: readonly string[] = ['set']): void {
    const setting = name?.toLowerCase() ?? null;
    const kinds = setting === null ? ['role', 'session_authorization', null] : [setting];
    for (const one of kinds) {
      if (one === 'role') this.act({ verbs: ['set role'], also, class: 'privilege', role: value, setting: one });
      else if (one === 'session_authorization')
        this.act({
          verbs: ['set session authorization'],
          also: [...also, 'set role'],
          class: 'privilege',
          role: value,
          setting: one,
        });
      else this.act({ verbs: ['set'], class: 'session', setting: one });
    }
  }

  finish(at: StatementSummary['at']): StatementSummary {
    return {
      kind: this.kind,
      acts: this.acts,
      opaque: this.opaque,
      roles: [...this.roles],
      nested: this.nested,
      ...(this.prepares !== undefined && { prepares: this.prepares }),
      ...(this.executes !== undefined && { executes: this.executes }),
      at,
    };
  }
}

export function relationOf(fields: Fields): RelationName {
  const schema = text(fields.schemaname);
  const name = text(fields.relname) ?? '';
  if (schema !== undefined) return { schema, name };
  // pg_catalog is searched whether the path names it or not, and its tables are all called so.
  return name.startsWith('pg_') ? { name, implied: 'pg_catalog' } : { name };
}

/** Names as a list: `{ items: [schema, table] }`, the last being the table. */
export function relationOfNames(parts: readonly string[]): RelationName {
  const schema = parts.at(-2);
  const name = parts.at(-1);
  return { ...(schema !== undefined && { schema }), ...(name !== undefined && { name }) };
}

function tablesOfJoin(node: TreeNode): TreeNode[] {
  if (node.type === 'RangeVar') return [node];
  if (node.type === 'JoinExpr')
    return [node.fields.larg, node.fields.rarg].flatMap((side) => {
      const child = nodeOf(side);
      return child ? tablesOfJoin(child) : [];
    });
  if (node.type === 'RangeTableSample') {
    const table = nodeOf(node.fields.relation);
    return table ? tablesOfJoin(table) : [];
  }
  return [];
}
