// What can be said about a text, whatever the database: for whoever explains a policy or tries it.

import type { ProtocolName } from '../protocols.ts';
import { err, ok, type Result } from '../result.ts';
import type { ResultLineage, StatementLineage } from './lineage.ts';
import { summarizeMysql } from './mysql/mysql.ts';
import { READ_BY_DEFAULT } from './mysql/settings.ts';
import { CONFORMING, type PgParser, summarizePostgres } from './postgres/postgres.ts';
import { lineagePostgres } from './postgres/lineage.ts';
import type { StatementSummary, Unparsable } from './statement.ts';

export interface StatementReader {
  summarize(text: string): Result<readonly StatementSummary[], Unparsable>;
  /** One for each statement. */
  lineage(text: string): Result<readonly StatementLineage[], Unparsable>;
  /** Masks go by the result itself, which the target describes: how a column is shown is not told ahead of it. */
  readonly masksByResult?: true;
}

/** By the protocol that a text is sent in. */
export type StatementReaders = Readonly<Partial<Record<ProtocolName, StatementReader>>>;

const NO_STATEMENTS: Unparsable = { reason: 'syntax', message: 'is no statement of this protocol' };
const NO_READER: StatementReader = { summarize: () => err(NO_STATEMENTS), lineage: () => err(NO_STATEMENTS) };

export const readerOf = (readers: StatementReaders, protocol: ProtocolName): StatementReader =>
  readers[protocol] ?? NO_READER;

/** As a session reads it whose `standard_conforming_strings` is on, the default since PostgreSQL 9.1. */
export const postgresReader = (parse: PgParser): StatementReader => ({
  summarize: (text) => summarizePostgres(parse, text, CONFORMING),
  lineage: (text) => lineagePostgres(parse, text, CONFORMING),
});

/** As a session reads it that has set nothing, on a server of which nothing is known. */
export const mysqlReader: StatementReader = {
  summarize: (text) => summarizeMysql(text, READ_BY_DEFAULT),
  lineage: (text) => {
    const read = summarizeMysql(text, READ_BY_DEFAULT);
    return read.ok ? ok(read.value.map(() => ({ result: UNKNOWN }))) : read;
  },
  masksByResult: true,
};

const UNKNOWN: ResultLineage = { kind: 'unknown', why: 'columns of MySQL are not followed' };
