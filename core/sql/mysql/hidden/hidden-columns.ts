// What of a text's results may hold values of columns that a mask hides, by the text alone: a column takes part where its
// name stands, where a star or TABLE stands for it, or in a view or a function that uses it. Nothing else names one.
// Whatever is not of a form that is known here is refused, or may hold them all.

import { everyStatement, type RelationName, type StatementSummary } from '../../statement.ts';
import { MysqlFault } from '../faults.ts';
import { summarizeMysql } from '../mysql.ts';
import type { MysqlTextSettings } from '../settings.ts';
import { columnsOf, type ResultColumns } from './query-columns.ts';
import { readsElsewhere, setsOtherEngine } from './engines.ts';
import { type HiddenNames, holdsSamples, mayName, readsSamples, takesAll, wordAt } from './hidden-names.ts';
import { tokensOf, type Token } from './text-tokens.ts';

export type { SelectItem } from './query-columns.ts';

export type Exposure =
  /** Nothing that it gives can be of a hidden column. */
  | { readonly kind: 'clear' }
  /** By the columns of its one result: those before a star, those that the star stands for, those behind. */
  | (ResultColumns & {
      readonly kind: 'items';
      /** Of the statement: one of them holds what is named as a column. */
      readonly tables: readonly RelationName[];
    })
  /** The rows of EXPLAIN, a table of them. */
  | { readonly kind: 'plan' }
  /** The rows of SHOW WARNINGS, whose messages may quote values. */
  | { readonly kind: 'warnings' }
  /** Any of it may be. */
  | { readonly kind: 'unknown' }
  /** It would carry them where no mask is. A clause that says why. */
  | { readonly kind: 'refused'; readonly why: string };

export interface Exposed {
  readonly exposure: Exposure;
  /** A table of a rule may be touched: what an error quotes may be its data. */
  readonly touches: boolean;
  /** Literals may be values of hidden columns. */
  readonly literals: boolean;
}

const CLEAR: Exposure = { kind: 'clear' };
const UNKNOWN: Exposure = { kind: 'unknown' };
const refused = (why: string): Exposure => ({ kind: 'refused', why });

/** Functions that leave a value of theirs behind, for a statement that names no column. */
const KEEPS_VALUE: ReadonlySet<string> = new Set(['last_insert_id', 'setval', 'get_lock']);

/** These give nothing but what their words say, or are read below. */
const KINDS: ReadonlySet<string> = new Set([
  ...['select', 'insert', 'replace', 'update', 'delete', 'set', 'do', 'show', 'explain', 'use', 'kill', 'truncate'],
  ...['begin', 'commit', 'rollback', 'savepoint', 'release', 'lock', 'unlock', 'analyze', 'optimize'],
  ...['create table', 'create index', 'create database', 'drop table', 'drop index', 'drop view', 'drop database'],
  ...['rename table', 'create view', 'alter view'],
  ...['alter table', 'disable keys', 'enable keys', 'deallocate', 'set transaction', 'xa', 'help'],
]);
const WRITES: ReadonlySet<string> = new Set(['insert', 'replace', 'update', 'delete']);

const notSeen = (procedure: string): string =>
  `procedure ${procedure} does not exist, or may show a hidden column: its body names one, takes all columns, runs SQL of a string, or cannot be read`;

const SHOWN: ReadonlySet<string> = new Set([
  ...[
    'databases',
    'schemas',
    'tables',
    'columns',
    'fields',
    'index',
    'indexes',
    'keys',
    'create',
    'table',
    'variables',
  ],
  ...[
    'status',
    'engines',
    'charset',
    'character',
    'collation',
    'grants',
    'privileges',
    'plugins',
    'triggers',
    'events',
  ],
  ...['procedure', 'function', 'open', 'storage', 'count', 'package'],
]);
const BEFORE_SHOWN: ReadonlySet<string> = new Set(['full', 'global', 'session', 'local', 'extended', 'all']);

/** `statements`: as the same text was read under the same settings. */
export function exposeHidden(
  text: string,
  settings: MysqlTextSettings,
  statements: readonly StatementSummary[],
  names: HiddenNames,
): Exposed {
  const all = statements.flatMap((top) => [...everyStatement(top)]);
  const tokens = tokensOf(text, settings);
  const relations = all.flatMap(({ acts }) => acts.flatMap(({ relation }) => (relation ? [relation] : [])));
  const code = tokens.some((token) => token.name !== undefined && names.code(token.name));
  const touches =
    code ||
    all.some(({ kind }) => kind === 'call') ||
    relations.some(({ schema, name }) => name === undefined || names.table(schema, name));
  const dirty = touches && (code || tokens.some((token) => mentions(token, names)) || takesAll(tokens));
  const literals = touches && (dirty || all.some(({ kind }) => kind === 'insert' || kind === 'replace'));
  return { exposure: exposureOf(), touches, literals };

  function exposureOf(): Exposure {
    for (const { kind, opaque, clientFile } of all) {
      if (kind === 'call') {
        const called = opaque[0]?.function?.name ?? '';
        if (names.procedure(called)) return refused(notSeen(called));
      } else if (opaque.length > 0) return refused('it runs code that is not seen');
      else if (clientFile !== undefined && touches)
        return refused('it touches a table with a hidden column, and its file would be recorded as it is');
      else if (clientFile !== undefined) continue;
      else if (!KINDS.has(kind)) return refused(`${kind.toUpperCase()} is not supported in a session with masks`);
    }
    for (const relation of relations)
      if (readsSamples(relation, names.inServersOwn))
        return refused(`${relation.name ?? relation.schema} may hold data of any table`);
    if (all.some(({ uses }) => uses !== undefined && holdsSamples(uses)))
      return refused("the server's own tables may hold data of any table");
    if (tokens.some(({ word }) => word === 'analyse') && tokens.some(({ word }) => word === 'procedure'))
      return refused('PROCEDURE ANALYSE shows values');
    const [statement] = statements;
    const kinds = new Set(all.map(({ kind }) => kind));
    if (kinds.has('show')) {
      if (statements.length > 1) return refused('SHOW is to be sent by itself');
      if (dirty && asksForHidden()) return refused('its condition is about a hidden column');
      return shown(tokens);
    }
    if (kinds.has('explain') && isOfAConnection(tokens))
      return refused('the plan of another session may hold data of any table');
    if (renamings(all).some(([from, to]) => names.moves(from, to)))
      return refused('a table with hidden columns would get a name that their rules may not be about');
    if (kinds.has('rename table') && code) return refused('it may give a view of a hidden column another name');
    if (kinds.has('alter table') && touches && (dirty || code || !keepsNames(tokens)))
      return refused(
        'it may give a hidden column another name; ADD, DROP and MODIFY that name no hidden column do not',
      );
    if ((kinds.has('alter table') || kinds.has('create table')) && readsElsewhere(tokens))
      return refused('the table would show data of another one');
    // Tables made later would be of an engine that reads other tables, and not say so.
    if (setsOtherEngine(all, text, tokens))
      return refused('a default engine may show data of other tables: name the engine in CREATE TABLE');
    if (!dirty) return CLEAR;
    if (!statement || statements.length > 1)
      return refused('statements about hidden columns are to be sent one by one');
    if (has(tokens, ':=', 'into') && statement.kind === 'select')
      return refused('it would keep a hidden column in a variable or a file');
    if (tokens.some(({ name }) => KEEPS_VALUE.has(name?.toLowerCase() ?? '')))
      return refused('it would keep a hidden column in the session');
    switch (statement.kind) {
      case 'select':
        return code || has(tokens, ':=') ? exposureOfCode(tokens) : itemsOf(tokens);
      case 'explain':
        return planned();
      case 'insert':
      case 'replace':
      case 'create table':
        if (copiesClearly(tokens)) return CLEAR;
        return statement.kind === 'create table' ? defined() : written(statement, tokens, names, code);
      case 'update':
      case 'delete':
        return written(statement, tokens, names, code);
      case 'create view':
      case 'alter view':
        return refused('a view that names a hidden column, or takes all, would show it under a name of its own');
      case 'rename table':
        return CLEAR;
      case 'create index':
      case 'drop table':
      case 'drop index':
      case 'truncate':
      case 'lock':
      case 'analyze':
      case 'optimize':
      case 'disable keys':
      case 'enable keys':
        return defined();
      default:
        return refused(`${statement.kind.toUpperCase()} of a hidden column is not supported`);
    }
  }

  /** SHOW ... WHERE: any expression, with variables that it sets and functions that keep a value. */
  function asksForHidden(): boolean {
    const where = tokens.findIndex(({ word }) => word === 'where');
    const condition = where < 0 ? [] : tokens.slice(where + 1);
    const isCode = ({ name }: Token): boolean => name !== undefined && names.code(name);
    return has(condition, 'select', 'table', 'values') || condition.some((one) => isCode(one) || mentions(one, names));
  }

  function itemsOf(query: readonly Token[]): Exposure {
    const columns = columnsOf(query, (name) => mayName(name, names));
    return columns ? { ...columns, kind: 'items', tables: relations } : UNKNOWN;
  }

  function defined(): Exposure {
    return code || has(tokens, 'select') || takesAll(tokens) ? refused('it would copy a hidden column') : CLEAR;
  }

  /** `INSERT INTO t SELECT id, name FROM people WHERE ssn IS NULL`: nothing of what is written is of a hidden column. */
  function copiesClearly(written: readonly Token[]): boolean {
    const from = written.findIndex(({ word, depth }) => depth === 0 && (word === 'select' || word === 'with'));
    const query = written.slice(from);
    if (code || from < 0 || has(query, ':=', 'into', 'duplicate', 'returning')) return false;
    const columns = columnsOf(query, (name) => mayName(name, names));
    return columns !== undefined && !columns.star && columns.before.every((item) => item === 'clear');
  }

  /** Of a statement that would run by itself: tables of plans name tables, keys and steps. */
  function planned(): Exposure {
    const from = tokens.findIndex(({ word }, at) => at > 0 && PLANNED.has(word));
    const first = tokens[from];
    // DESCRIBE people ssn: as SHOW COLUMNS.
    if (!first || statements[0]?.nested.length === 0) return CLEAR;
    const before = tokens.slice(0, from);
    const format = before.findIndex(({ word }) => word === 'format');
    const isTable = format < 0 || /^(?:traditional|tabular)$/i.test(formatAt(before, format));
    const runs = before[0]?.word !== 'analyze' && has(before, 'analyze');
    if (!isTable || runs || has(before, 'into'))
      return refused('such a plan quotes values of the rows; EXPLAIN by itself, without FORMAT or ANALYZE, does not');
    const inner = text.slice(first.start);
    const read = summarizeMysql(inner, settings);
    if (!read.ok) throw new MysqlFault(read.error.reason, read.error.message);
    const { exposure } = exposeHidden(inner, settings, read.value, names);
    return exposure.kind === 'refused' ? exposure : { kind: 'plan' };
  }
}

/** What EXPLAIN may stand before. */
const PLANNED: ReadonlySet<string> = new Set(['select', 'insert', 'replace', 'update', 'delete', 'with', 'table', '(']);

const formatAt = (tokens: readonly Token[], at: number): string => tokens[at + 2]?.name ?? tokens[at + 2]?.value ?? '';

/** RENAME TABLE: which table gets which name. */
const renamings = (all: readonly StatementSummary[]): readonly (readonly [RelationName, RelationName])[] =>
  all.flatMap(({ kind, acts }) =>
    kind !== 'rename table'
      ? []
      : acts.flatMap(({ relation }, at): [RelationName, RelationName][] =>
          at % 2 === 0 ? [[relation ?? {}, acts[at + 1]?.relation ?? {}]] : [],
        ),
  );

/** What an alteration begins with that gives neither a column nor the table another name, and moves no rows. */
const KEEPS_NAMES: ReadonlySet<string> = new Set(['add', 'drop', 'modify', 'alter', 'algorithm', 'lock']);

/** `ALTER TABLE [IF EXISTS] t ADD ..., MODIFY ...`, by itself. A column that is computed of a hidden one names it. */
function keepsNames(tokens: readonly Token[]): boolean {
  const table = tokens.findIndex(({ word }) => word === 'table');
  const first = tokens.findIndex(({ word }, at) => at > table + 1 && KEEPS_NAMES.has(word));
  if (first < 0 || has(tokens, 'rename', 'change') || has(tokens.slice(0, -1), ';')) return false;
  const named = tokens.slice(table + 1, first).filter(({ word }) => word !== 'if' && word !== 'exists');
  if (!named.every(({ word, name }, at) => (at % 2 === 0 ? name !== undefined : word === '.'))) return false;
  return tokens.every(({ word, depth }, at) => word !== ',' || depth > 0 || KEEPS_NAMES.has(wordAt(tokens, at + 1)));
}

/** EXPLAIN FOR CONNECTION n */
const isOfAConnection = (tokens: readonly Token[]): boolean =>
  tokens.some(({ word }, at) => word === 'for' && wordAt(tokens, at + 1) === 'connection');

const exposureOfCode = (tokens: readonly Token[]): Exposure =>
  has(tokens, ':=') ? refused('it would keep a hidden column in a variable') : UNKNOWN;

const mentions = ({ name }: Token, names: HiddenNames): boolean => name !== undefined && mayName(name, names);

const has = (tokens: readonly Token[], ...words: readonly string[]): boolean =>
  tokens.some(({ word }) => words.includes(word));

/** In what is written, a hidden column may be what is written to; and in conditions it shows nothing. */
function written(statement: StatementSummary, tokens: readonly Token[], names: HiddenNames, code: boolean): Exposure {
  const { kind } = statement;
  if (!WRITES.has(kind) || has(tokens, 'returning')) return refused('RETURNING of hidden columns is not supported');
  if (code || has(tokens, ':=')) return refused('it would keep a hidden column');
  const where = tokens.findIndex(({ word, depth }) => word === 'where' && depth === 0);
  const until = where < 0 ? tokens.length : where;
  if (kind === 'delete') return CLEAR;
  const before = tokens.slice(0, until);
  if (has(before, 'select') || takesAll(before)) return refused('it would copy a hidden column');
  const values = tokens.findIndex(({ word }) => word === 'values' || word === 'value');
  const set = tokens.findIndex(({ word, depth }) => word === 'set' && depth === 0);
  const updates = kind === 'update' || set >= 0;
  const mayUpdate = has(tokens, 'duplicate');
  for (let at = 0; at < until; at++) {
    if (!mentions(tokens[at] as Token, names)) continue;
    // The names of what is written, and what of the same row was written before.
    if (!updates && !(at > values && mayUpdate)) continue;
    if (isTarget(tokens, at)) continue;
    return refused('it would copy a hidden column to another one');
  }
  return CLEAR;
}

/** `SET [t.]column =`, or behind a comma of the list; `column = VALUES(column)`. */
function isTarget(tokens: readonly Token[], at: number): boolean {
  const token = tokens[at] as Token;
  if (token.depth === 0) {
    if (wordAt(tokens, at + 1) === '.') return true;
    let before = at - 1;
    while (wordAt(tokens, before) === '.') before -= 2;
    return ['set', ',', 'update'].includes(wordAt(tokens, before)) && wordAt(tokens, at + 1) === '=';
  }
  // VALUES(column) names the value that would have been written.
  return (
    wordAt(tokens, at - 1) === '(' &&
    ['values', 'value'].includes(wordAt(tokens, at - 2)) &&
    wordAt(tokens, at + 1) === ')' &&
    wordAt(tokens, at - 3) === '=' &&
    tokens[at - 4]?.name?.toLowerCase() === token.name?.toLowerCase()
  );
}

/** Warnings quote values. */
function shown(tokens: readonly Token[]): Exposure {
  const words = tokens.map(({ word, name }) => word || (name ?? '').toLowerCase()).slice(1);
  const first = words.find((word) => !BEFORE_SHOWN.has(word)) ?? '';
  if (first === 'warnings' || first === 'errors') return { kind: 'warnings' };
  return SHOWN.has(first) ? CLEAR : refused(`SHOW ${first.toUpperCase()} may hold data of any table`);
}
