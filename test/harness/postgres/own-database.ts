// A database of one's own on the PostgreSQL that a run shares: for files that need no settings, roles or log of the server.

import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { runServer } from '../../servers/run-server.ts';
import { startPostgres } from './postgres.ts';

export interface OwnDatabase {
  readonly host: '127.0.0.1';
  readonly port: number;
  readonly database: string;
  /** For libpq's clients. */
  readonly env: Record<string, string>;
  /** Ends the sessions that are left in it. */
  drop(): Promise<void>;
}

export async function ownDatabase(): Promise<OwnDatabase> {
  const { host, port } = await runServer('postgres');
  const database = `test_${randomUUID().replaceAll('-', '')}`;
  const asAdmin = async (statement: string): Promise<void> => {
    const admin = new pg.Client({ host, port, user: 'postgres', database: 'postgres' });
    await admin.connect();
    await admin.query(statement).finally(() => admin.end());
  };
  await asAdmin(`create database ${database}`);
  return { ...reached(host, port, database), drop: () => asAdmin(`drop database ${database} with (force)`) };
}

/** The usual database of a server that nobody else uses. */
export async function ownServer(version: 18 | 15): Promise<OwnDatabase> {
  const { host, port, stop } = await startPostgres({ version });
  return { ...reached(host, port, 'postgres'), drop: stop };
}

function reached(host: '127.0.0.1', port: number, database: string): Omit<OwnDatabase, 'drop'> {
  const env = { PGHOST: host, PGPORT: String(port), PGUSER: 'postgres', PGDATABASE: database };
  return { host, port, database, env };
}
