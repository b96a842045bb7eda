// A database behind a gateway with mask rules, clients through it, and what of the secrets came out where.

import pg from 'pg';
import { expect } from 'vitest';
import { SessionRules } from '../../core/policy/session-rules.ts';
import { type Gateway, startGateway, trusted } from '../harness/gateway.ts';
import { findPsql } from '../harness/guarded.ts';
import { type OwnDatabase, ownDatabase, ownServer } from '../harness/postgres/own-database.ts';
import { dialRaw, logInRaw, type RawPeer } from '../harness/postgres/raw-postgres.ts';
import { run, until } from '../harness/run.ts';
import { RULES, SECRETS } from './live/live-schema.ts';

/** Letters as they are and in capitals. */
export const FOUND = [...SECRETS, 'SECRETSECRET'];

export interface Place {
  readonly server: OwnDatabase;
  readonly gateway: Gateway;
  readonly password: string;
  /** Past the gateway. */
  readonly direct: pg.Client;
  /** Through it, open until `hangUp`. */
  readonly clients: pg.Client[];
  readonly peers: RawPeer[];
}

/**
 * `on`: a database of the server that the run shares, or a server of its own (for roles, and other versions).
 * `rules`: of whoever comes through the gateway.
 */
export async function place(on: 'shared' | 18 | 15, schema: readonly string[], rules: unknown = RULES): Promise<Place> {
  const server = on === 'shared' ? await ownDatabase() : await ownServer(on);
  const { host, port, database } = server;
  const direct = new pg.Client({ host, port, user: 'postgres', database });
  await direct.connect();
  try {
    for (const one of schema) await direct.query(one);
  } catch (error) {
    await direct.end();
    await server.drop();
    throw error;
  }
  const gateway = await startGateway({ targets: { demo: trusted(port, { database }) } });
  const at = { server, gateway, password: gateway.edge.issue().secret, direct, clients: [], peers: [] };
  use(at, rules);
  return at;
}

/** Rules of sessions that begin from now on. */
export function use({ gateway }: Place, rules: unknown): void {
  gateway.edge.rules = SessionRules.parse(rules);
}

/** As if no session had been there. */
export function forget(at: Place, rules: unknown = RULES): void {
  at.gateway.log.sessions.length = 0;
  use(at, rules);
}

/** `at` undefined: it was never there. */
export async function leave(at: Place | undefined): Promise<void> {
  await at?.gateway.close();
  await at?.direct.end();
  await at?.server.drop();
  expect(at?.gateway.bugs ?? []).toEqual([]);
}

/** Each text is a Query of its own, or a command of psql, all of one session. */
function runPsql(env: Readonly<Record<string, string>>, texts: readonly string[]) {
  return run(findPsql(), ['-X', '-A', '-t', ...texts.flatMap((text) => ['-c', text])], { env });
}

/** Without the gateway. */
export const straight = ({ server }: Place, texts: readonly string[]) => runPsql(server.env, texts);

/** A session of psql through the gateway, when all that is recorded has ended. */
export async function psql(at: Place, texts: readonly string[]) {
  const { gateway, password } = at;
  const env = {
    PGHOST: gateway.host,
    PGPORT: String(gateway.port),
    PGUSER: 'alice@example.com',
    PGDATABASE: 'demo',
    PGPASSWORD: password,
  };
  const ran = await runPsql(env, texts);
  await ended(at);
  const all = recorded(at);
  const shown = ran.stdout + ran.stderr.replaceAll(/^LINE .*$/gm, '');
  return {
    ...ran,
    recorded: all,
    leaks: { client: found(shown), recording: found(all) },
  };
}

export const login = ({ gateway, password }: Place) => ({
  host: gateway.host,
  port: gateway.port,
  user: 'alice@example.com',
  database: 'demo',
  password,
});

export async function connect(at: Place): Promise<pg.Client> {
  const client = new pg.Client(login(at));
  client.on('error', () => undefined);
  await client.connect();
  at.clients.push(client);
  return client;
}

/** A raw session. */
export async function open(at: Place): Promise<RawPeer> {
  const peer = await dialRaw(at.gateway.port);
  at.peers.push(peer);
  expect((await logInRaw(peer, at.password)).at(-1)?.type).toBe('Z');
  return peer;
}

export async function hangUp({ clients, peers }: Place): Promise<void> {
  for (const { socket } of peers.splice(0)) socket.destroy();
  for (const client of clients.splice(0)) await client.end().catch(() => undefined);
}

/** Everything recorded of every session: wire bytes of all directions, and facts. */
export const recorded = ({ gateway }: Place): string =>
  gateway.log.sessions
    .flatMap(({ frames }) => frames.map(({ bytes, fact }) => (bytes ? bytes.toString('latin1') : JSON.stringify(fact))))
    .join('\n');

export const ended = ({ gateway }: Place): Promise<void> =>
  until('all sessions have ended', () => gateway.log.sessions.every((session) => session.ended));

export const found = (text: string): string[] => FOUND.filter((secret) => text.includes(secret));

/** What stderr says when nothing went wrong but that results were refused. */
export const ONLY_REFUSED = /^(?:ERROR: {2}Gatehouse: .*\nHINT: {2}.*\n)*$/;

export const NOTHING = { client: [], recording: [] };
