// PostgreSQL's own parser (libpg_query as WASM) behind core's reader of statements.

import { loadModule, parseSync } from 'libpg-query';
import type { Summaries } from '../../../core/policy/judge.ts';
import { type PgTextSettings, summarizePostgres } from '../../../core/sql/postgres.ts';

/** Before the first text is read. Once for the process. */
export const loadParser = (): Promise<void> => loadModule();

/** Throws for a syntax error. */
export { parseSync };

/** Never throws. */
export const readStatements = (text: string, settings: PgTextSettings): Summaries =>
  summarizePostgres(parseSync, text, settings);
