// What names hidden columns in a text: their own names, stars and TABLE, the server's own tables that hold samples of any.

import type { RelationName } from '../../statement.ts';
import { MODIFIERS } from './query-tokens.ts';
import type { Token } from './text-tokens.ts';

/** What the rules and the target's catalogue say of names, in any case. */
export interface HiddenNames {
  /** A rule may be about a table of this name. */
  table(schema: string | undefined, name: string): boolean;
  /** Of a table that gets another name: a rule that may be about it is not surely about that one too. */
  moves(from: RelationName, to: RelationName): boolean;
  /** A rule may be about a column of this name. */
  column(name: string): boolean;
  /** A view that may show a hidden column, or a function of the database's own. */
  code(name: string): boolean;
  /** A procedure that may show one, or is not known. */
  procedure(name: string): boolean;
  /** The current database may be one of the server's own. */
  readonly inServersOwn: boolean;
}

/** Servers compare names without case and accents. */
export const mayName = (name: string, names: Pick<HiddenNames, 'column'>): boolean =>
  /[^\x20-\x7e]/.test(name) || names.column(name);

/** Statistics, texts of statements, histograms, keys of locks: data of any table. */
const SERVERS_OWN: ReadonlySet<string> = new Set(['performance_schema', 'mysql', 'sys']);
const OF_SERVERS_OWN =
  /^(?:x\$.*|events_.*|table_stats|index_stats|general_log|slow_log|user_variables.*|prepared_statements_instances|threads|statements?_.*|session.*|error_log|proc|event|histogram.*|data_lock.*|replication_.*)$/i;
/** Of information_schema, which may be the current database. */
const OF_INFORMATION_SCHEMA =
  /^(?:processlist|innodb_.*|column_stat.*|optimizer_trace|profiling|user_variables|query_cache.*|metadata_lock_info)$/i;

/** A database of the server's own, or a table of information_schema that holds data of others. */
export const holdsSamples = (name: string): boolean =>
  SERVERS_OWN.has(name.toLowerCase()) || OF_INFORMATION_SCHEMA.test(name);

/** The same of a table as it is named. `inServersOwn`: where a name without a database may be of one of the server's own. */
export function readsSamples({ schema, name = '' }: RelationName, inServersOwn: boolean): boolean {
  if (schema === undefined) return OF_INFORMATION_SCHEMA.test(name) || (inServersOwn && OF_SERVERS_OWN.test(name));
  return holdsSamples(schema) || (schema.toLowerCase() === 'information_schema' && OF_INFORMATION_SCHEMA.test(name));
}

/** A star that is no product and none of COUNT(*); TABLE t. */
export function takesAll(tokens: readonly Token[]): boolean {
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

export const wordAt = (tokens: readonly Token[], at: number): string => tokens[at]?.word ?? '';

/** COUNT ( * ) */
const isCount = (tokens: readonly Token[], at: number): boolean =>
  wordAt(tokens, at - 1) === '(' && wordAt(tokens, at - 2) === 'count' && wordAt(tokens, at + 1) === ')';

/** Behind a value it multiplies; behind SELECT and its modifiers, a dot or a comma it stands for columns. */
function isProduct(tokens: readonly Token[], at: number): boolean {
  const { word = '', name, literal, parameter, variable } = tokens[at - 1] ?? {};
  if (word === ')' || literal !== undefined || parameter === true || variable === true) return true;
  return name !== undefined && word !== 'select' && word !== 'returning' && !MODIFIERS.has(word);
}
