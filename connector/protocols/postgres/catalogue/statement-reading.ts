// What a text says about its statements by itself, before any catalogue is asked. Read once for each
// text, for all sessions.

import type { Summaries } from '../../../../core/policy/sections/judge.ts';
import type { ResultLineage } from '../../../../core/sql/lineage.ts';
import {
  type PgParser,
  type PgTextSettings,
  readTree,
  summarizePostgres,
} from '../../../../core/sql/postgres/postgres.ts';
import { asEscaping } from '../../../../core/sql/postgres/strings.ts';
import type { Meeting } from '../../../../core/sql/meetings.ts';
import { argumentsOf, meetingsOf } from '../../../../core/sql/postgres/meetings.ts';
import { lineagePostgres } from '../../../../core/sql/postgres/lineage.ts';
import { makesShapes } from '../../../../core/sql/postgres/shapes.ts';
import {
  children,
  constantText,
  names,
  nodeOf,
  nodesOf,
  type TreeNode,
  text,
} from '../../../../core/sql/postgres/tree.ts';
import {
  type Act,
  everyStatement,
  type Opacity,
  type RelationName,
  type StatementSummary,
} from '../../../../core/sql/statement.ts';
import type { StatementSource } from '../pipeline/statement.ts';
import { type CopyForm, copyFormOf, type CopyInto, copyIntoOf } from './copy-form.ts';
import { type Mentions, mentionsOf } from './mentions.ts';

export interface StatementReading {
  readonly result: ResultLineage;
  readonly defines:
    | { readonly kind: 'cursor' | 'prepared'; readonly name: string; readonly result: ResultLineage }
    | undefined;
  readonly summary: StatementSummary;
  /** For COPY TO STDOUT. Undefined: it is none, or of a form that is not known. */
  readonly copy: CopyForm | undefined;
  /** COPY TO of a table as such: generated columns are not among its columns. */
  readonly copiesTable: boolean;
  /** COPY FROM STDIN. Undefined: it is none, or of a form that is not known. */
  readonly copiesInto: CopyInto | undefined;
  /** Views and columns may be others behind it. */
  readonly changesDefinitions: boolean;
  /** It changes relations of these names and nothing else. Undefined: that is not certain. */
  readonly changes: ReadonlySet<string> | undefined;
  /** The body of a DO block in PL/pgSQL. */
  readonly block: string | undefined;
  /** CREATE FUNCTION or PROCEDURE: what it makes. `body` undefined: of another language, or not certain. */
  readonly makes: { readonly body: string | undefined } | undefined;
  /** It may give a setting a value that came out of a table. */
  readonly fillsSettings: boolean;
  /** It makes a view or a rule on settings: writing to that fills them, and nobody sees it. */
  readonly opensSettings: boolean;
  readonly readsSettings: boolean;
  /** It may change how dates are written: some ways give the time zone's name with them. */
  readonly changesDates: boolean;
  /** Behind it text may come in another encoding; the target says so at its next ReadyForQuery only. */
  readonly changesEncoding: boolean;
  readonly writes: readonly RelationName[];
  readonly mentions: Mentions;
  /** Which columns its literals and parameters meet. Undefined: that is not followed. */
  readonly meetings: readonly Meeting[] | undefined;
  /** Literals from here on are options of COPY, and meet no column. */
  readonly optionsFrom: number | undefined;
  /** EXECUTE: what its arguments hold, by the parameters that they are for. */
  readonly passes: readonly Meeting[];
  /** Where it stands in the text, in UTF-8 bytes; a length of 0: to its end. */
  readonly at: StatementSummary['at'];
  /** Keys of JSON and lengths of arrays in its result may be data. */
  readonly makesShapes: boolean;
  /** It means the same whatever the session did before: no cursor, nothing prepared in SQL. */
  readonly alone: boolean;
  /** All of the text that it stands in. */
  readonly text: string;
}

export interface TextReading {
  readonly text: string;
  /** It is not read for its length. */
  readonly tooLong?: true;
  /** Undefined: it cannot be read, so nothing is known of it. */
  readonly statements: readonly StatementReading[] | undefined;
}

/** A longer text would hold up all sessions while it is read (10 ms and more), so nothing is known of it. */
const MAX_READ_CHARACTERS = 64 * 1024;
/** Texts kept, and their characters together. */
const MAX_KEPT = 2_000;
const MAX_KEPT_CHARACTERS = 4 * 1024 * 1024;

type Summarize = (text: string, settings: PgTextSettings) => Summaries;

export class Readings {
  readonly #parse: PgParser;
  readonly #summarize: Summarize;
  readonly #kept = new Map<string, TextReading>();
  readonly #ofSource = new WeakMap<StatementSource, TextReading>();
  #characters = 0;

  constructor(parse: PgParser, summarize: Summarize = (text, settings) => summarizePostgres(parse, text, settings)) {
    this.#parse = parse;
    this.#summarize = summarize;
  }

  /** Undefined: its text is not at hand. */
  of(source: StatementSource): TextReading | undefined {
    if (source.text === undefined) return undefined;
    const known = this.#ofSource.get(source);
    if (known) return known;
    const reading = this.read(source.text, source.settings);
    this.#ofSource.set(source, reading);
    return reading;
  }

  read(statements: string, settings: PgTextSettings): TextReading {
    // Without the setting a text with a backslash means something else; others read alike.
    const conforming = settings.standardConformingStrings;
    const plain =
      conforming === true ||
      !statements.includes('\\') ||
      (conforming === undefined && asEscaping(statements) !== undefined);
    if (statements.length > MAX_READ_CHARACTERS) return { text: statements, statements: undefined, tooLong: true };
    if (!plain) return { text: statements, statements: undefined };
    const known = this.#kept.get(statements);
    if (known) {
      this.#kept.delete(statements);
      this.#kept.set(statements, known);
      return known;
    }
    const reading = { text: statements, statements: readStatements(this.#parse, this.#summarize, statements) };
    this.#kept.set(statements, reading);
    this.#characters += statements.length;
    for (const [oldest] of this.#kept) {
      if (this.#kept.size <= MAX_KEPT && this.#characters <= MAX_KEPT_CHARACTERS) break;
      this.#kept.delete(oldest);
      this.#characters -= oldest.length;
    }
    return reading;
  }
}

const CONFORMING: PgTextSettings = { standardConformingStrings: true };

function readStatements(
  parse: PgParser,
  summarize: Summarize,
  statements: string,
): readonly StatementReading[] | undefined {
  const nodes = readTree(parse, statements, CONFORMING);
  if (!nodes.ok) return undefined;
  const summaries = summarize(statements, CONFORMING);
  const lineages = lineagePostgres(parse, statements, CONFORMING);
  if (!summaries.ok || !lineages.ok) return undefined;
  try {
    return nodes.value.map(({ node }, index) => {
      const summary = summaries.value[index];
      const lineage = lineages.value[index];
      if (!summary || !lineage) throw new Error('statements do not line up');
      const values = new ValuesReading(parse, statements, index);
      return readingOf(node as TreeNode, statements, summary, lineage.result, lineage.defines, values);
    });
  } catch {
    return undefined;
  }
}

function readingOf(
  node: TreeNode,
  within: string,
  summary: StatementSummary,
  result: ResultLineage,
  defines: StatementReading['defines'],
  values: ValuesReading,
): StatementReading {
  const all = [...everyStatement(summary)];
  const acts = all.flatMap((one) => one.acts);
  const calls = (name: string) => acts.some((act) => act.function?.name === name);
  const opaque = all.some((one) => one.opaque.some(runsUnseen));
  const block = node.type === 'DoStmt' ? blockOf(node) : undefined;
  return {
    result,
    defines,
    summary,
    copy: node.type === 'CopyStmt' ? copyFormOf(node) : undefined,
    copiesTable:
      node.type === 'CopyStmt' && nodeOf(node.fields.query) === undefined && !Array.isArray(node.fields.attlist),
    copiesInto: node.type === 'CopyStmt' ? copyIntoOf(node) : undefined,
    // Of a block that is followed, whoever follows it says.
    changesDefinitions:
      (all.some((one) => one.opaque.length > 0) && block === undefined) || acts.some((act) => act.class === 'schema'),
    changes: CHANGES_RELATIONS.has(node.type) && !isOtherDrop(node) ? namesOf(acts) : undefined,
    block,
    makes: node.type === 'CreateFunctionStmt' ? { body: bodyOf(node) } : undefined,
    // set_config leaves an act with its setting, and is no function there.
    // Of a block that is followed, whoever follows it says.
    fillsSettings:
      (opaque && block === undefined) ||
      (acts.some((act) => act.setting !== undefined) && setsByData(node)) ||
      acts.some((act) => act.class === 'write' && act.relation?.name === 'pg_settings'),
    opensSettings:
      acts.some((act) => act.class === 'schema') && acts.some((act) => act.relation?.name === 'pg_settings'),
    readsSettings:
      (node.type === 'VariableShowStmt' && !SHOWN.has(text(node.fields.name)?.toLowerCase() ?? '')) ||
      calls('current_setting') ||
      calls('timeofday') ||
      (calls('to_char') && showsZone(node)) ||
      (node.type === 'ExplainStmt' && explainsSettings(node)) ||
      (acts.some((act) => ROLES.test(act.relation?.name ?? '')) && namesConfig(node)) ||
      acts.some((act) => SETTINGS.test(act.relation?.name ?? '')),
    changesDates:
      opaque || (acts.some(({ setting }) => setting === null || setting === 'datestyle') && !setsIsoDates(node)),
    changesEncoding:
      (opaque && block === undefined) || acts.some(({ setting }) => setting === null || setting === 'client_encoding'),
    writes: acts.flatMap((act) => (act.class === 'write' && act.relation ? [act.relation] : [])),
    get mentions() {
      return values.mentions;
    },
    get meetings() {
      return values.meetings;
    },
    get makesShapes() {
      return values.makesShapes;
    },
    optionsFrom: node.type === 'CopyStmt' ? optionsOf(node) : undefined,
    passes: argumentsOf(node),
    at: summary.at,
    alone: result.kind !== 'cursor' && result.kind !== 'prepared' && all.every((one) => one.executes === undefined),
    text: within,
  };
}

/** Where they begin. Undefined: there are none, or a condition comes behind them. */
function optionsOf({ fields }: TreeNode): number | undefined {
  if (fields.whereClause !== undefined) return undefined;
  const places = nodesOf(fields.options).map(({ fields: option }) => Number(option.location ?? Number.NaN));
  return places.length > 0 && places.every(Number.isFinite) ? Math.min(...places) : undefined;
}

/**
 * What is asked of statements that touch masked columns only, so it is read when it is asked for. The tree is not kept,
 * being many times its text: a reading lives as long as what was prepared.
 */
class ValuesReading {
  readonly #parse: PgParser;
  readonly #text: string;
  readonly #index: number;
  #mentions: { readonly found: Mentions } | undefined;
  #meetings: { readonly found: readonly Meeting[] | undefined } | undefined;
  #makesShapes: boolean | undefined;

  constructor(parse: PgParser, text: string, index: number) {
    this.#parse = parse;
    this.#text = text;
    this.#index = index;
  }

  get mentions(): Mentions {
    this.#mentions ??= { found: this.#read(mentionsOf, undefined) };
    return this.#mentions.found;
  }

  get meetings(): readonly Meeting[] | undefined {
    this.#meetings ??= { found: this.#read(meetingsOf, undefined) };
    return this.#meetings.found;
  }

  get makesShapes(): boolean {
    this.#makesShapes ??= this.#read(makesShapes, true);
    return this.#makesShapes;
  }

  /** `otherwise`: nested too deeply, or of a kind that is not known, so its values may be anything. */
  #read<T>(read: (node: TreeNode) => T, otherwise: T): T {
    const tree = readTree(this.#parse, this.#text, CONFORMING);
    const node = tree.ok ? tree.value[this.#index]?.node : undefined;
    if (!node) return otherwise;
    try {
      return read(node);
    } catch {
      return otherwise;
    }
  }
}

/** Of which a statement makes what runs later, or what stands on the server's disk: it runs nothing of the client's. */
const MAKES: ReadonlySet<string> = new Set([
  'create function',
  'create procedure',
  'create extension',
  'alter extension',
]);

/** Whether it runs code that the statement's text does not show. A procedure's is followed as a function's is. */
export const runsUnseen = ({ verbs, function: called }: Opacity): boolean =>
  !verbs.some((verb) => MAKES.has(verb) || verb === 'call') && !READS_LARGE_OBJECTS.has(called?.name ?? '');

/** What stands in large objects was put there as into a table of its own. */
const READS_LARGE_OBJECTS: ReadonlySet<string> = new Set(['lo_get', 'loread']);
export const readsLargeObjects = ({ function: called }: Opacity): boolean =>
  READS_LARGE_OBJECTS.has(called?.name ?? '');

/** Statements that change the relations that they name, and no function, type, operator, rule or trigger. */
const CHANGES_RELATIONS: ReadonlySet<string> = new Set([
  'CreateStmt',
  'CreateTableAsStmt',
  'SelectStmt',
  'IndexStmt',
  'CreateSeqStmt',
  'AlterSeqStmt',
  'AlterTableStmt',
  'DropStmt',
  'CommentStmt',
  'VacuumStmt',
  'ReindexStmt',
]);
const DROPPED: ReadonlySet<string> = new Set(['OBJECT_TABLE', 'OBJECT_INDEX', 'OBJECT_SEQUENCE']);
const isOtherDrop = ({ type, fields }: TreeNode): boolean =>
  type === 'DropStmt' && !DROPPED.has(String(fields.removeType));

const namesOf = (acts: readonly Act[]): ReadonlySet<string> =>
  new Set(acts.flatMap(({ relation }) => relation?.name ?? []));

/** Undefined: of another language, or not certain. */
function blockOf({ fields }: TreeNode): string | undefined {
  const given = nodesOf(fields.args).map(({ fields: option }) => [option.defname, constantText(option.arg)] as const);
  const language = given.find(([name]) => name === 'language')?.[1] ?? 'plpgsql';
  return language === 'plpgsql' ? given.find(([name]) => name === 'as')?.[1] : undefined;
}

function bodyOf({ fields }: TreeNode): string | undefined {
  const options = nodesOf(fields.options).map(({ fields: option }) => option);
  const language = constantText(options.find(({ defname }) => defname === 'language')?.arg);
  if (language !== 'sql' && language !== 'plpgsql') return undefined;
  const [only, ...more] = nodesOf(nodeOf(options.find(({ defname }) => defname === 'as')?.arg)?.fields.items);
  return more.length === 0 ? text(only?.fields.sval) : undefined;
}

/** The server's own relations that show settings. */
export const SETTINGS = /^pg_(?:settings|db_role_setting|stat_activity|file_settings)$/;

/** The server's own views of roles, a column of which is their settings. */
const ROLES = /^pg_(?:roles|shadow|user)$/;

/** That column, all of them, or a whole row. */
function namesConfig(node: TreeNode): boolean {
  const tree = JSON.stringify(node.fields);
  const rows = [...tree.matchAll(/"(?:aliasname|relname)":"([^"\\]*)"/g)].map(([, name]) => name);
  return (
    /"(?:rolconfig|useconfig)"|"A_Star"/.test(tree) ||
    rows.some((name) => tree.includes(`"fields":[{"String":{"sval":"${name}"}}]`))
  );
}

/** Settings whose values the server chooses or takes from a short list of its own. */
const SHOWN: ReadonlySet<string> = new Set([
  'transaction_isolation',
  'transaction_read_only',
  'server_version',
  'server_version_num',
  'server_encoding',
  'client_encoding',
  'standard_conforming_strings',
  'in_hot_standby',
  'is_superuser',
  'integer_datetimes',
  'max_identifier_length',
]);

/** `set datestyle to iso, mdy` */
function setsIsoDates({ type, fields }: TreeNode): boolean {
  if (type !== 'VariableSetStmt' || fields.kind !== 'VAR_SET_VALUE') return false;
  const given = (Array.isArray(fields.args) ? fields.args : []).map((arg) => constantText(arg) ?? '?');
  return /^iso\b/i.test(given[0] ?? '') && given.every((one) => /^(?:iso|mdy|dmy|ymd|us|euro\w*|\s|,)*$/i.test(one));
}

/** EXPLAIN (SETTINGS) gives those that the planner looks at, the search path among them. */
const explainsSettings = ({ fields }: TreeNode): boolean =>
  nodesOf(fields.options).some(
    ({ fields: option }) =>
      option.defname === 'settings' && !/^(?:false|off|0)$/i.test(constantText(option.arg) ?? 'true'),
  );

/** `to_char(t, 'TZ')` gives the time zone's name, which is a setting. */
function showsZone(node: TreeNode): boolean {
  if (node.type === 'FuncCall' && names(node.fields.funcname).at(-1) === 'to_char') {
    const format = nodesOf(node.fields.args)[1];
    const { sval } = (format?.fields.sval ?? {}) as { sval?: string };
    if (format?.type !== 'A_Const' || /tz|of/i.test(sval ?? '')) return true;
  }
  return children(node).some(showsZone);
}

/** It calls set_config with a name or a value that is not written out: with these a setting holds the client's own words. */
function setsByData(node: TreeNode): boolean {
  if (node.type === 'FuncCall' && names(node.fields.funcname).at(-1) === 'set_config') {
    const given = nodesOf(node.fields.args).slice(0, 2);
    if (given.length < 2 || given.some(({ type }) => type !== 'A_Const')) return true;
  }
  return children(node).some(setsByData);
}
