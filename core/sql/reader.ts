// What can be said about a text, whatever the database: for whoever explains a policy or tries it.

import type { Result } from '../result.ts';
import type { StatementLineage } from './lineage.ts';
import { CONFORMING, type PgParser, summarizePostgres } from './postgres/postgres.ts';
import { lineagePostgres } from './postgres/lineage.ts';
import type { StatementSummary, Unparsable } from './statement.ts';

export interface StatementReader {
  summarize(text: string): Result<readonly StatementSummary[], Unparsable>;
  /** One for each statement. */
  lineage(text: string): Result<readonly StatementLineage[], Unparsable>;
}

/** As a session reads it whose `standard_conforming_strings` is on, the default since PostgreSQL 9.1. */
export const postgresReader = (parse: PgParser): StatementReader => ({
  summarize: (text) => summarizePostgres(parse, text, CONFORMING),
  lineage: (text) => lineagePostgres(parse, text, CONFORMING),
});
