// PostgreSQL's own parser (libpg_query as WASM) behind core's reader of statements.

import { loadModule, parseSync } from 'libpg-query';
import type { Summaries } from '../../../../core/policy/sections/judge.ts';
import { type PgParser, type PgTextSettings, summarizePostgres } from '../../../../core/sql/postgres/postgres.ts';

/** Before the first text is read. Once for the process. */
export const loadParser = (): Promise<void> => loadModule();

let last: { readonly text: string; readonly tree: unknown } | undefined;

/** The tree of a text, not to be changed. What is judged is then read for masking: the same text twice in a row. Throws for a syntax error. */
export const parse: PgParser = (text) => {
  if (last?.text !== text) last = { text, tree: parseSync(text) };
  return last.tree;
};

let lastRead: { readonly text: string; readonly conforming: boolean | undefined; readonly read: Summaries } | undefined;

/** Never throws. For masking too, what is judged is not read twice. */
export const readStatements = (text: string, settings: PgTextSettings): Summaries => {
  const conforming = settings.standardConformingStrings;
  if (lastRead?.text !== text || lastRead.conforming !== conforming)
    lastRead = { text, conforming, read: summarizePostgres(parse, text, settings) };
  return lastRead.read;
};
