// A database behind a gateway with mask rules, psql through it, and what of the secrets came out where.

import pg from 'pg';
import { expect } from 'vitest';
import { SessionRules } from '../../core/policy/session-rules.ts';
import { type Gateway, startGateway, trusted } from '../harness/gateway.ts';
import { findClient, type PostgresServer, startPostgres } from '../harness/postgres.ts';
import { run, until } from '../harness/run.ts';
import { RULES, SECRETS } from './live-schema.ts';

/** Letters as they are and in capitals. */
export const FOUND = [...SECRETS, 'SECRETSECRET'];

export interface Place {
  readonly server: PostgresServer;
  readonly gateway: Gateway;
  readonly password: string;
}

/** `rules`: of whoever comes through the gateway. */
export async function place(version: 18 | 15, schema: readonly string[], rules: unknown = RULES): Promise<Place> {
  const server = await startPostgres({ version });
  const direct = new pg.Client({ host: '127.0.0.1', port: server.port, user: 'postgres', database: 'postgres' });
  await direct.connect();
  for (const one of schema) await direct.query(one);
  await direct.end();
  const gateway = await startGateway({ targets: { demo: trusted(server.port) } });
  gateway.edge.rules = SessionRules.parse(rules);
  return { server, gateway, password: gateway.edge.issue().secret };
}

/** `at` undefined: it was never there. */
export async function leave(at: Place | undefined): Promise<void> {
  await at?.gateway.close();
  await at?.server.stop();
  expect(at?.gateway.bugs ?? []).toEqual([]);
}

/** Each text is a Query of its own, or a command of psql, all of one session. */
function runPsql(env: Readonly<Record<string, string>>, texts: readonly string[]) {
  const program = findClient('psql');
  if (!program) throw new Error('psql is not installed (Debian: postgresql-client)');
  return run(program, ['-X', '-A', '-t', ...texts.flatMap((text) => ['-c', text])], { env });
}

/** Without the gateway. */
export const straight = ({ server }: Place, texts: readonly string[]) =>
  runPsql({ PGHOST: '127.0.0.1', PGPORT: String(server.port), PGUSER: 'postgres', PGDATABASE: 'postgres' }, texts);

export async function psql({ gateway, password }: Place, texts: readonly string[]) {
  const env = {
    PGHOST: gateway.host,
    PGPORT: String(gateway.port),
    PGUSER: 'alice@example.com',
    PGDATABASE: 'demo',
    PGPASSWORD: password,
  };
  const ran = await runPsql(env, texts);
  await until('all sessions have ended', () => gateway.log.sessions.every((session) => session.ended));
  const recorded = gateway.log.sessions
    .flatMap(({ frames }) => frames.map(({ bytes, fact }) => (bytes ? bytes.toString('latin1') : JSON.stringify(fact))))
    .join('\n');
  const shown = ran.stdout + ran.stderr.replaceAll(/^LINE .*$/gm, '');
  return {
    ...ran,
    recorded,
    leaks: {
      client: FOUND.filter((secret) => shown.includes(secret)),
      recording: FOUND.filter((secret) => recorded.includes(secret)),
    },
  };
}

export const NOTHING = { client: [], recording: [] };
