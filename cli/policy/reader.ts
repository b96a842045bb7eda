// PostgreSQL's own parser, as the connector has it.

import { loadModule, parseSync } from 'libpg-query';
import { postgresReader, type StatementReader } from '../../core/sql/reader.ts';

export async function loadReader(): Promise<StatementReader> {
  await loadModule();
  return postgresReader(parseSync);
}
