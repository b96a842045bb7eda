// The demo's database server, in its own process.

import { runChild } from '../child.ts';
import { PostgresSettings, startPostgres } from './postgres.ts';

runChild(PostgresSettings, startPostgres);
