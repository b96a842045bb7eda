// PostgreSQL's own parser, as the connector has it.

import { setFlagsFromString } from 'node:v8';
import { loadModule, parseSync } from 'libpg-query';
import { postgresReader, type StatementReader } from '../../core/sql/reader.ts';

// Before the parser is compiled: plainly, which takes no time. Optimising it takes three seconds of CPU, which a command
// that reads some statements never gets back.
setFlagsFromString('--no-wasm-dynamic-tiering');
setFlagsFromString('--no-wasm-tier-up');

export async function loadReader(): Promise<StatementReader> {
  await loadModule();
  return postgresReader(parseSync);
}
