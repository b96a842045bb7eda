// PostgreSQL's own parser (libpg_query as WASM) behind core's reader of statements.

import { loadModule, parseSync } from 'libpg-query';
import type { Summaries } from '../../../core/policy/judge.ts';
import { type PgParser, type PgTextSettings, summarizePostgres } from '../../../core/sql/postgres.ts';

/** Before the first text is read. Once for the process. */
export const loadParser = (): Promise<void> => loadModule();

let last: { readonly text: string; readonly tree: unknown } | undefined;

/** The tree of a text, not to be changed. What is judged is then read for masking: the same text twice in a row. Throws for a syntax error. */
export const parse: PgParser = (text) => {
  if (last?.text !== text) last = { text, tree: parseSync(text) };
  return last.tree;
};

/** Never throws. */
export const readStatements = (text: string, settings: PgTextSettings): Summaries =>
  summarizePostgres(parse, text, settings);
