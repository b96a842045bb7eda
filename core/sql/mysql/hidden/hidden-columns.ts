// What of a text's results may hold values of columns that a mask hides, by the text alone: a column takes part where its
// name stands, where a star or TABLE stands for it, or in a view or a function that uses it. Nothing else names one.
// Whatever is not of a form that is known here is refused, or may hold them all.

import { everyStatement, type StatementSummary } from '../../statement.ts';
import { readItems, type SelectItem } from './select-items.ts';
import type { MysqlTextSettings } from '../settings.ts';
import { tokensOf, type Token } from './text-tokens.ts';

export type { SelectItem } from './select-items.ts';

/** What the rules and the target's catalogue say of names, in any case. */
export interface HiddenNames {
  /** A rule may be about a table of this name. */
  table(schema: string | undefined, name: string): boolean;
  /** A rule may be about a column of this name. */
  column(name: string): boolean;
  /** A view that may show a hidden column, or a function of the database's own. */
  code(name: string): boolean;
}

export type Exposure =
  /** Nothing that it gives can be of a hidden column. */
  | { readonly kind: 'clear' }
  /** By the columns of its one result: those before a star, those that the star stands for, those behind. */
  | {
      readonly kind: 'items';
      readonly before: readonly SelectItem[];
      readonly star: boolean;
      readonly after: readonly SelectItem[];
    }
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
  ...['alter table', 'deallocate', 'set transaction', 'xa', 'help'],
]);
const WRITES: ReadonlySet<string> = new Set(['insert', 'replace', 'update', 'delete']);

/** Statistics, texts of statements, histograms: data of any table. */
const SERVERS_OWN: ReadonlySet<string> = new Set(['performance_schema', 'mysql', 'sys']);
const SAMPLES =
  /^(?:x\$.*|processlist|innodb_.*|events_.*|column_stat.*|table_stats|index_stats|general_log|slow_log|optimizer_trace|profiling|user_variables.*|prepared_statements_instances|threads|statements?_.*|session.*|error_log|proc|event|histogram.*|query_cache.*|metadata_lock_info)$/i;

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
  const touches = code || relations.some(({ schema, name }) => name === undefined || names.table(schema, name));
  const dirty = touches && (code || tokens.some((token) => mentions(token, names)) || takesAll(tokens));
  const literals = touches && (dirty || all.some(({ kind }) => kind === 'insert' || kind === 'replace'));
  return { exposure: exposureOf(), touches, literals };

  function exposureOf(): Exposure {
    for (const { kind, opaque } of all) {
      if (opaque.length > 0) return refused('it runs code that is not seen');
      if (!KINDS.has(kind)) return refused(`${kind.toUpperCase()} is not supported in a session with masks`);
    }
    for (const { schema, name } of relations)
      if ((schema !== undefined && SERVERS_OWN.has(schema.toLowerCase())) || SAMPLES.test(name ?? ''))
        return refused(`${name ?? schema} may hold data of any table`);
    if (all.some(({ uses }) => uses !== undefined && SERVERS_OWN.has(uses.toLowerCase())))
      return refused("the server's own tables may hold data of any table");
    if (tokens.some(({ word }) => word === 'analyse') && tokens.some(({ word }) => word === 'procedure'))
      return refused('PROCEDURE ANALYSE shows values');
    const [statement] = statements;
    const kinds = new Set(all.map(({ kind }) => kind));
    if (kinds.has('show')) {
      if (statements.length > 1) return refused('SHOW is to be sent by itself');
      return shown(tokens);
    }
    if (kinds.has('alter table') && touches) return refused('it may give a hidden column another name');
    if ((kinds.has('alter table') || kinds.has('create table')) && readsElsewhere(tokens))
      return refused('the table would show data of another one');
    if (!dirty) return CLEAR;
    if (!statement || statements.length > 1)
      return refused('statements about hidden columns are to be sent one by one');
    if (has(tokens, ':=', 'into') && statement.kind === 'select')
      return refused('it would keep a hidden column in a variable or a file');
    if (tokens.some(({ name }) => KEEPS_VALUE.has(name?.toLowerCase() ?? '')))
      return refused('it would keep a hidden column in the session');
    switch (statement.kind) {
      case 'select':
        return code || tokens.some(({ word }) => word === ':=')
          ? exposureOfCode(tokens)
          : (readItems(tokens, (name) => mayName(name, names)) ?? UNKNOWN);
      case 'insert':
      case 'replace':
      case 'update':
      case 'delete':
        return written(statement, tokens, names, code);
      case 'create table':
      case 'create index':
      case 'drop table':
      case 'drop index':
      case 'truncate':
      case 'lock':
      case 'analyze':
      case 'optimize':
        return code || has(tokens, 'select') || takesAll(tokens) ? refused('it would copy a hidden column') : CLEAR;
      default:
        return refused(`${statement.kind.toUpperCase()} of a hidden column is not supported`);
    }
  }
}

const exposureOfCode = (tokens: readonly Token[]): Exposure =>
  has(tokens, ':=') ? refused('it would keep a hidden column in a variable') : UNKNOWN;

const mentions = ({ name }: Token, names: HiddenNames): boolean => name !== undefined && mayName(name, names);

/** Servers compare names without case and accents. */
const mayName = (name: string, names: HiddenNames): boolean => /[^\x20-\x7e]/.test(name) || names.column(name);

const has = (tokens: readonly Token[], ...words: readonly string[]): boolean =>
  tokens.some(({ word }) => words.includes(word));

/** A star that is no product and none of COUNT(*); TABLE t. */
function takesAll(tokens: readonly Token[]): boolean {
  return tokens.some(({ word }, at) => {
    if (word === 'table') return !isOfATable(tokens, at);
    return word === '*' && !isCount(tokens, at) && !isProduct(tokens, at);
  });
}

/** Up to TABLE, a statement that begins so does something with one; elsewhere it is a query of all its columns. */
const OF_A_TABLE: ReadonlySet<string> = new Set([
  ...['create', 'or', 'replace', 'temporary', 'truncate', 'drop', 'alter', 'online', 'ignore', 'lock', 'analyze'],
  ...['optimize', 'show', 'local', 'no_write_to_binlog'],
]);

/** Some of these words may be names as well: `insert into local table people`, `create table t replace table people`. */
function isOfATable(tokens: readonly Token[], at: number): boolean {
  let first = at;
  while (OF_A_TABLE.has(wordAt(tokens, first - 1))) first--;
  const begins = first === 0 || wordAt(tokens, first - 1) === ';';
  return begins && first < at && wordAt(tokens, first) !== 'replace';
}

const wordAt = (tokens: readonly Token[], at: number): string => tokens[at]?.word ?? '';

/** COUNT ( * ) */
const isCount = (tokens: readonly Token[], at: number): boolean =>
  wordAt(tokens, at - 1) === '(' && wordAt(tokens, at - 2) === 'count' && wordAt(tokens, at + 1) === ')';

/** Behind a number, a bracket or a literal it multiplies; behind a word it may as well stand for columns. */
const isProduct = (tokens: readonly Token[], at: number): boolean =>
  wordAt(tokens, at - 1) === ')' || tokens[at - 1]?.literal === true || tokens[at - 1]?.parameter === true;

/** Engines that keep their own rows, of those that do not need to be told where. */
const KEEPS_ROWS: ReadonlySet<string> = new Set(['innodb', 'myisam', 'aria', 'memory', 'heap', 'archive', 'rocksdb']);

function readsElsewhere(tokens: readonly Token[]): boolean {
  if (has(tokens, 'connection', 'union', 'exchange', 'tablespace', 'directory')) return true;
  return tokens.some(({ word }, at) => {
    if (word !== 'engine') return false;
    const named = tokens[wordAt(tokens, at + 1) === '=' ? at + 2 : at + 1];
    return !KEEPS_ROWS.has(named?.name?.toLowerCase() ?? '');
  });
}

/** In what is written, a hidden column may be what is written to; and in conditions it shows nothing. */
function written(statement: StatementSummary, tokens: readonly Token[], names: HiddenNames, code: boolean): Exposure {
  const { kind } = statement;
  if (!WRITES.has(kind) || has(tokens, 'returning')) return refused('RETURNING of hidden columns is not supported');
  if (code || has(tokens, ':=')) return refused('it would keep a hidden column');
  const where = tokens.findIndex(({ word, depth }) => word === 'where' && depth === 0);
  const until = where < 0 ? tokens.length : where;
  if (kind === 'delete') return CLEAR;
  if (tokens.slice(0, until).some(({ word }) => word === 'select' || word === '*' || word === 'table'))
    return refused('it would copy a hidden column');
  const values = tokens.findIndex(({ word }) => word === 'values' || word === 'value');
  const set = tokens.findIndex(({ word, depth }) => word === 'set' && depth === 0);
  for (let at = 0; at < until; at++) {
    if (!mentions(tokens[at] as Token, names)) continue;
    // The names of what is written, and what of the same row was written before.
    if (kind !== 'update' && set < 0 && !(at > values && has(tokens, 'duplicate'))) continue;
    if (isTarget(tokens, at)) continue;
    return refused('it would copy a hidden column to another one');
  }
  return CLEAR;
}

/** `SET [t.]column =`, or behind a comma of the list; `column = VALUES(column)`. */
function isTarget(tokens: readonly Token[], at: number): boolean {
  const token = tokens[at] as Token;
  if (token.depth === 0) {
    let before = at - 1;
    while (wordAt(tokens, before) === '.') before -= 2;
    return (
      (['set', ',', 'update'].includes(wordAt(tokens, before)) && wordAt(tokens, at + 1) === '=') ||
      wordAt(tokens, at + 1) === '.'
    );
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
  if (first === 'warnings' || first === 'errors')
    return { kind: 'items', before: ['clear', 'clear', 'unknown'], star: false, after: [] };
  return SHOWN.has(first) ? CLEAR : refused(`SHOW ${first.toUpperCase()} may hold data of any table`);
}
