// What a statement does, in words that no database owns: what rules are matched against, what an
// approver is shown, what a recording says. Parsers make it (postgres.ts); core/policy judges it.
//
// A statement is a list of *acts*: reading this table, deleting from that one, calling a function,
// changing the role. Rules look at acts, so it does not matter in which corner of a statement an
// act hides. What a parser cannot see into is listed as `opaque`, never left out.

export const STATEMENT_CLASSES = ['read', 'write', 'schema', 'privilege', 'session', 'opaque'] as const;
export type StatementClass = (typeof STATEMENT_CLASSES)[number];

/** Part of a relation's name that is missing could be anything: `undefined` schema: the search path decides; `undefined` name: every table there. */
export interface RelationName {
  readonly schema?: string;
  readonly name?: string;
  /** Where no schema is written: one that is looked into whatever the search path says. */
  readonly implied?: string;
}

export interface FunctionName {
  readonly schema?: string;
  readonly name: string;
}

export interface Act {
  /** Any of them in an allow list lets it pass; any of them in a block, hold or warn list stops it. */
  readonly verbs: readonly string[];
  /** Further names that stop it and do not let it pass: COPY t TO reads `t` as a select does. */
  readonly also?: readonly string[];
  readonly class: StatementClass;
  readonly relation?: RelationName;
  readonly function?: FunctionName;
  /** Of `set role` and its kin. `null`: only the server will know. */
  readonly role?: string | null;
  /** Of `set`. `null`: only the server will know. */
  readonly setting?: string | null;
  /** No condition chooses among the table's rows. */
  readonly withoutWhere?: true;
  /** Needs no place in an allow list: it does nothing of its own, or goes with the act beside it. */
  readonly free?: true;
  /** Is done only where an entry that allows or holds names one of its verbs: a clause that says why. */
  readonly askedFor?: string;
}

/** What cannot be seen: code in a string, a procedure, SQL sent elsewhere. */
export interface Opacity {
  readonly why: string;
  /** How an author names exactly this, and thereby takes it out of `unparsable`. */
  readonly verbs: readonly string[];
  readonly function?: FunctionName;
}

export interface StatementSummary {
  /** In the words of a rule: `select`, `drop`, `set role`. */
  readonly kind: string;
  readonly acts: readonly Act[];
  readonly opaque: readonly Opacity[];
  /** Roles that it names, wherever. */
  readonly roles: readonly string[];
  /** Statements within: a data-modifying CTE, what PREPARE prepares, what EXPLAIN ANALYZE runs. They count as run. */
  readonly nested: readonly StatementSummary[];
  /** PREPARE name: a session keeps `nested` under it. */
  readonly prepares?: string;
  /** EXECUTE name: does what was prepared under it; opaque for whoever does not know. */
  readonly executes?: string;
  /** DEALLOCATE PREPARE name of MySQL. */
  readonly deallocates?: string;
  /** USE name of MySQL: the schema of names without one from here on. */
  readonly uses?: string;
  /** LOAD DATA LOCAL of MySQL: the client's file that the server will ask for, as the text names it; null: only the server will know. */
  readonly clientFile?: string | null;
  /** UTF-8 bytes in the text that was read. */
  readonly at: { readonly offset: number; readonly length: number };
}

/** Why a text could not be read. Safe to log: it quotes nothing of the text. */
export interface Unparsable {
  readonly reason: 'syntax' | 'nul' | 'encoding' | 'string_syntax' | 'too_long' | 'too_deep' | 'unknown_node';
  readonly message: string;
  /** As the database itself would say it. Quotes the text: for nobody but who wrote it. */
  readonly said?: SyntaxFault;
}

export interface SyntaxFault {
  readonly message: string;
  /** In characters, from 1; undefined: the whole of it. */
  readonly position: number | undefined;
}

/** A statement and all within it. */
export function* everyStatement(summary: StatementSummary): Generator<StatementSummary> {
  yield summary;
  for (const nested of summary.nested) yield* everyStatement(nested);
}

/** What EXPLAIN does with a statement that it plans and does not run. Functions stay, since planning may call them. */
export function asPlanned(summary: StatementSummary): StatementSummary {
  return {
    ...summary,
    kind: 'explain',
    acts: summary.acts.flatMap((act): Act[] => {
      if (act.function !== undefined || act.role !== undefined || act.setting !== undefined) return [act];
      if (!act.relation) return [];
      return [{ verbs: ['explain'], also: ['select'], class: 'read', relation: act.relation }];
    }),
    nested: summary.nested.map(asPlanned),
  };
}

/** What they do hangs on what was prepared under a name before. */
export const executesByName = (summaries: readonly StatementSummary[]): boolean =>
  summaries.some((top) => [...everyStatement(top)].some(({ executes }) => executes !== undefined));

interface TouchedRelation extends RelationName {
  readonly access: 'read' | 'write' | 'schema';
}

/** The tables that statements touch, each with its strongest access: for a person to look at. */
export function relationsTouched(summaries: readonly StatementSummary[]): TouchedRelation[] {
  const rank = { read: 0, write: 1, schema: 2 };
  const found = new Map<string, TouchedRelation>();
  for (const { acts } of summaries.flatMap((summary) => [...everyStatement(summary)])) {
    for (const act of acts) {
      if (!act.relation) continue;
      const access = act.class === 'read' || act.class === 'write' ? act.class : 'schema';
      const key = JSON.stringify([act.relation.schema, act.relation.name]);
      const known = found.get(key);
      if (!known || rank[known.access] < rank[access]) found.set(key, { ...act.relation, access });
    }
  }
  return [...found.values()];
}

export function classesOf(summaries: readonly StatementSummary[]): Set<StatementClass> {
  const found = new Set<StatementClass>();
  for (const { acts, opaque } of summaries.flatMap((summary) => [...everyStatement(summary)])) {
    for (const act of acts) found.add(act.class);
    if (opaque.length > 0) found.add('opaque');
  }
  return found;
}
