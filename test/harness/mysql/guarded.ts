// A gateway in front of a real MariaDB or MySQL, with TLS, for tests of sessions and of what a policy does to them.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSecureContext } from 'node:tls';
import mysql, { type Connection, type ConnectionOptions } from 'mysql2/promise';
import { expect } from 'vitest';
import type { StatementEntry } from '../../../core/policy/sections/statements.ts';
import type { SessionRules } from '../../../core/policy/session-rules.ts';
import type { UpstreamTarget } from '../../../connector/net/dial.ts';
import { createAuthority } from '../certificates.ts';
import { type Gateway, password, startGateway, trusted } from '../gateway.ts';
import type { MemoryRecording } from '../memory-log.ts';
import { type Ran, run, until } from '../run.ts';
import type { LaterRelease } from './debian-root.ts';
import { type MariadbServer, startMariadb } from './mariadb.ts';

const USER = 'alice@example.com#demo';

export interface GuardedMysql {
  readonly gateway: Gateway;
  readonly server: MariadbServer;
  readonly secret: string;
  /** Of the authority that both the gateway's and the server's certificate are from, PEM; and the same as a file. */
  readonly ca: string;
  readonly caFile: string;
  /** A resource `name` of the same server. */
  target(name: string, more: Partial<UpstreamTarget>): void;
  /** For sessions opened from now on. */
  rules(statements: readonly StatementEntry[], more?: Partial<SessionRules>): void;
  /** mysql2 through the gateway; `past`: as the same user of the server. */
  connect(options?: ConnectionOptions, past?: 'gateway'): Promise<Connection>;
  /** As whom the server takes the login of that resource, also after COM_CHANGE_USER; or what the client is told. */
  whoAmI(name: string): Promise<string | undefined>;
  /** A program of MariaDB's through the gateway, or past it. */
  run(program: string, args: readonly string[], input?: string, past?: 'gateway'): Promise<Ran>;
  /** The last session's recording, once it ended. */
  recorded(): Promise<MemoryRecording>;
  close(): Promise<void>;
}

export async function startGuardedMysql(
  listener: object = {},
  settings: readonly string[] = [],
  release?: LaterRelease,
): Promise<GuardedMysql> {
  const directory = mkdtempSync(join(tmpdir(), 'gatehouse-mysql-'));
  const authority = await createAuthority();
  const own = await authority.issue(['localhost', '127.0.0.1']);
  const caFile = join(directory, 'ca.pem');
  writeFileSync(caFile, authority.ca);
  const server = await startMariadb({ tls: own, release, settings: ['--character-set-server=utf8mb4', ...settings] });
  await server.sql(
    'create database shop',
    "create user app@'127.0.0.1' identified by 'app-password'",
    "grant all on *.* to app@'127.0.0.1' with grant option",
  );
  const base: UpstreamTarget = {
    ...trusted(server.port),
    user: 'app',
    password: password('app-password'),
    database: 'shop',
    tls: { mode: 'verify-full', ca: authority.ca, serverName: undefined },
  };
  const targets: Record<string, UpstreamTarget> = { demo: base };
  const gateway = await startGateway({ protocol: 'mysql', targets, tls: createSecureContext(own), listener });
  const { edge, log } = gateway;
  const { secret } = edge.issue();
  const connections = new Set<Connection>();
  const guarded: GuardedMysql = {
    gateway,
    server,
    secret,
    ca: authority.ca,
    caFile,
    target(name, more) {
      targets[name] = { ...base, ...more };
    },
    rules(statements, more = {}) {
      const policyVersion = edge.rules.policyVersion + 1;
      edge.rules = { policyVersion, rule: 'orders-prod', statements: [...statements], limits: {}, ...more };
    },
    async connect(options = {}, past) {
      const way = past
        ? { port: server.port, user: 'app', password: 'app-password', database: 'shop' }
        : { port: gateway.port, user: USER, password: secret };
      const connection = await mysql.createConnection({
        host: '127.0.0.1',
        ssl: { ca: authority.ca },
        ...way,
        ...options,
      });
      connection.on('error', () => {});
      connections.add(connection);
      return connection;
    },
    whoAmI: (name) =>
      guarded.connect({ user: `alice@example.com#${name}`, password: edge.issue({ resource: name }).secret }).then(
        async (connection) => {
          const [rows] = await connection.query('select current_user() as u');
          await connection.changeUser({});
          await connection.end();
          return (rows as { u: string }[])[0]?.u;
        },
        ({ errno, message }) => `${errno} ${message}`,
      ),
    run: (program, args, input = '', past) =>
      run(
        program,
        past
          ? [
              '--no-defaults',
              '-h127.0.0.1',
              `-P${server.port}`,
              '-uapp',
              '-papp-password',
              `--ssl-ca=${caFile}`,
              ...args,
            ]
          : [
              '--no-defaults',
              '-h127.0.0.1',
              `-P${gateway.port}`,
              `-u${USER}`,
              `-p${secret}`,
              `--ssl-ca=${caFile}`,
              '--ssl-verify-server-cert',
              ...args,
            ],
        { input },
      ),
    async recorded() {
      await until('the session has ended', () => log.sessions.length > 0 && log.last.ended !== undefined);
      return log.last;
    },
    async close() {
      for (const connection of connections) connection.destroy();
      await gateway.close();
      await server.stop();
      rmSync(directory, { recursive: true });
      expect(gateway.bugs).toEqual([]);
    },
  };
  return guarded;
}
