// A gateway in front of a real PostgreSQL, for tests of what a policy does to sessions.

import { expect } from 'vitest';
import type { SessionRules } from '../../core/policy/session-rules.ts';
import type { StatementEntry } from '../../core/policy/sections/statements.ts';
import { type Gateway, startGateway, trusted } from './gateway.ts';
import type { Held } from './memory-edge.ts';
import type { MemoryRecording } from './memory-log.ts';
import { findClient, type PostgresServer, startPostgres } from './postgres/postgres.ts';
import { dialRaw, logInRaw, type RawMessage, type RawPeer } from './postgres/raw-postgres.ts';
import { type Ran, run, until } from './run.ts';

export interface Guarded {
  readonly gateway: Gateway;
  readonly server: PostgresServer;
  readonly secret: string;
  /** For libpq's clients: through the gateway, and past it. */
  readonly env: Record<string, string>;
  readonly direct: Record<string, string>;
  /** For sessions opened from now on. */
  rules(statements: readonly StatementEntry[], more?: Partial<SessionRules>): SessionRules;
  /** psql through the gateway, with SQLSTATEs. */
  psql(...args: string[]): Promise<Ran>;
  /** SQL past the gateway; gives its rows, bare. */
  sql(text: string): Promise<string>;
  /** A raw session through the gateway, or past it. */
  session(past?: 'gateway'): Promise<RawPeer>;
  /** Closes the raw sessions that are open. */
  leave(): void;
  /** The next held statement, as soon as there is one. */
  held(): Promise<Held>;
  /** The last session's recording, once it ended. */
  recorded(): Promise<MemoryRecording>;
  close(): Promise<void>;
}

export function findPsql(): string {
  const found = findClient('psql');
  if (!found) throw new Error('psql is not installed (Debian: postgresql-client)');
  return found;
}

/** `settings`: of the server, `name=value`. `hba`: lines of its pg_hba.conf. */
export async function startGuarded(
  version: 15 | 18 = 18,
  settings: readonly string[] = [],
  hba: readonly string[] = [],
): Promise<Guarded> {
  const server = await startPostgres({ version, settings, hba });
  const gateway = await startGateway({ targets: { demo: trusted(server.port) } });
  const { edge, log } = gateway;
  const { secret } = edge.issue();
  const psql = findPsql();
  const peers = new Set<RawPeer>();
  const env = {
    PGHOST: gateway.host,
    PGPORT: String(gateway.port),
    PGUSER: 'alice@example.com',
    PGDATABASE: 'demo',
    PGPASSWORD: secret,
  };
  const direct = { PGHOST: '127.0.0.1', PGPORT: String(server.port), PGUSER: 'postgres', PGDATABASE: 'postgres' };
  return {
    gateway,
    server,
    secret,
    env,
    direct,
    rules(statements, more = {}) {
      edge.rules = {
        policyVersion: edge.rules.policyVersion + 1,
        rule: 'orders-prod',
        statements: [...statements],
        limits: {},
        ...more,
      };
      return edge.rules;
    },
    psql: (...args) => run(psql, ['-X', '-v', 'VERBOSITY=verbose', ...args], { env }),
    async sql(text) {
      const ran = await run(psql, ['-XAtq', '-v', 'ON_ERROR_STOP=1', '-c', text], { env: direct });
      if (ran.code !== 0) throw new Error(ran.stderr);
      return ran.stdout.trim();
    },
    async session(past) {
      const peer = await dialRaw(past ? server.port : gateway.port);
      peers.add(peer);
      const seen = past
        ? await logInRaw(peer, '', { user: 'postgres', database: 'postgres' })
        : await logInRaw(peer, secret);
      expect(seen.at(-1)?.type).toBe('Z');
      return peer;
    },
    leave() {
      for (const peer of peers) peer.socket.destroy();
      peers.clear();
    },
    async held() {
      await until('a statement is held', () => edge.held.length > 0);
      return edge.held.shift() as Held;
    },
    async recorded() {
      await until('the session has ended', () => log.sessions.length > 0 && log.last.ended !== undefined);
      return log.last;
    },
    async close() {
      for (const peer of peers) peer.socket.destroy();
      await gateway.close();
      await server.stop();
      expect(gateway.bugs).toEqual([]);
    },
  };
}

/** Fields of an ErrorResponse or NoticeResponse by their code. */
export function fieldsOf({ body }: RawMessage): Record<string, string> {
  const fields: Record<string, string> = {};
  for (const field of body.toString().split('\0')) if (field) fields[field.slice(0, 1)] = field.slice(1);
  return fields;
}

/** The same without notices, which come whenever they come. */
export const answersOf = (messages: readonly RawMessage[]): string[] =>
  inShort(messages.filter(({ type }) => type !== 'N'));

/** `1`, `D`, `E 42501`, `Z I`...: what a client was told, in short. */
export const inShort = (messages: readonly RawMessage[]): string[] =>
  messages.map((one) => {
    if (one.type === 'E' || one.type === 'N') return `${one.type} ${fieldsOf(one).C}`;
    if (one.type === 'Z') return `Z ${one.body.toString()}`;
    if (one.type === 'C') return `C ${one.body.toString('utf8', 0, one.body.length - 1)}`;
    return one.type;
  });
