// What reads statements as the connector does: PostgreSQL's own parser, and the reader of MySQL's SQL.

import { setFlagsFromString } from 'node:v8';
import { loadModule, parseSync } from 'libpg-query';
import { mysqlReader, postgresReader, type StatementReaders } from '../../core/sql/reader.ts';

// Before the parser is compiled: plainly, which takes no time. Optimising it takes three seconds of CPU, which a command
// that reads some statements never gets back.
setFlagsFromString('--no-wasm-dynamic-tiering');
setFlagsFromString('--no-wasm-tier-up');

export async function loadReaders(): Promise<StatementReaders> {
  await loadModule();
  return { postgres: postgresReader(parseSync), mysql: mysqlReader };
}
