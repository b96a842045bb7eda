// Storage engines that show rows of other tables: named where a table is made, or set for tables that name none.

import type { StatementSummary } from '../../statement.ts';
import { wordAt } from './hidden-names.ts';
import type { Token } from './text-tokens.ts';

/** Engines that keep their own rows, of those that do not need to be told where. */
const KEEPS_ROWS: ReadonlySet<string> = new Set(['innodb', 'myisam', 'aria', 'memory', 'heap', 'archive', 'rocksdb']);

/** Options by which CONNECT and Spider find the rows of other tables. */
const OF_ENGINES: ReadonlySet<string> = new Set([
  ...['connection', 'union', 'exchange', 'tablespace', 'directory'],
  ...['table_type', 'tabname', 'dbname', 'srcdef', 'file_name', 'wrapper', 'remote_table', 'remote_server'],
]);

const keepsRows = (named: Token | undefined): boolean =>
  KEEPS_ROWS.has((named?.name ?? named?.value ?? '').toLowerCase());

/** A comment that tells Spider where rows are: `wrapper "mysql", srv "s1"`. */
function tellsSpider(comment: string): boolean {
  const from = comment.search(/\b(?:wrapper|srv|server|host)\b/i);
  return from >= 0 && /["']/.test(comment.slice(from));
}

/** Of CREATE TABLE and ALTER TABLE. */
export function readsElsewhere(tokens: readonly Token[]): boolean {
  if (tokens.some(({ word }) => OF_ENGINES.has(word))) return true;
  if (tokens.some(({ value }) => tellsSpider(value ?? ''))) return true;
  return tokens.some(
    ({ word }, at) => word === 'engine' && !keepsRows(tokens[wordAt(tokens, at + 1) === '=' ? at + 2 : at + 1]),
  );
}

/** storage_engine, default_storage_engine, default_tmp_storage_engine, enforce_storage_engine. */
const ENGINE_SETTING = /storage_engine$/i;

/** A name without quotes or in backticks, or `@@name`, that is of such a setting. */
export const namesEngineSetting = (text: string, { literal, start, end }: Token): boolean =>
  literal === undefined && ENGINE_SETTING.test(text.slice(start, end).replace(/[`"]$/, ''));

const BEHIND_VALUE: ReadonlySet<string> = new Set([',', ';', 'for']);

/** Whether statements set one, to anything but an engine that keeps its own rows. `tokens`: of the whole text. */
export function setsOtherEngine(
  statements: readonly StatementSummary[],
  text: string,
  tokens: readonly Token[],
): boolean {
  const settings = statements.flatMap(({ acts }) =>
    acts.filter(({ setting }) => setting === null || ENGINE_SETTING.test(setting ?? '')),
  );
  if (settings.length === 0) return false;
  const harmless = tokens.filter((token, at) => {
    const assigned = [':=', '='].includes(wordAt(tokens, at + 1));
    const value = tokens[at + 2];
    const whole = at + 3 >= tokens.length || (value !== undefined && BEHIND_VALUE.has(wordAt(tokens, at + 3)));
    return namesEngineSetting(text, token) && assigned && whole && (keepsRows(value) || value?.word === 'default');
  });
  // Those that stand in hints, or that only the server will know, are in no token.
  return harmless.length < settings.length;
}
