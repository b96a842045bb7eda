// A PostgreSQL with every kind of login, and a gateway whose resources log in to it in all of them.

import { createSecureContext } from 'node:tls';
import pg from 'pg';
import { afterAll, beforeAll, expect } from 'vitest';
import { writeFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { UpstreamTarget } from '../../../connector/net/dial.ts';
import { createAuthority, type TestAuthority } from '../certificates.ts';
import { type Gateway, password, startGateway, trusted } from '../gateway.ts';
import { type PostgresServer, startPostgres } from './postgres.ts';
import { type FakeTarget, startFakeTarget } from './raw-postgres.ts';

export let authority: TestAuthority;
export let server: PostgresServer;
export let gateway: Gateway;
let silent: FakeTarget;
export let grant: { id: string; secret: string };
export let directory: string;

const HBA = [
  'host all md5_user 127.0.0.1/32 md5',
  'host all scram_user 127.0.0.1/32 scram-sha-256',
  'host all clear_user 127.0.0.1/32 password',
  'hostssl all tls_user 127.0.0.1/32 scram-sha-256',
  'hostnossl all tls_user 127.0.0.1/32 reject',
];

/** For the file that calls it: a target with every kind of login, and a gateway in front of it. */
export function withLogins(): void {
  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'gatehouse-login-'));
    authority = await createAuthority();
    writeFileSync(join(directory, 'ca.pem'), authority.ca);
    const own = await authority.issue(['127.0.0.1', 'localhost']);
    server = await startPostgres({ hba: HBA, tls: await authority.issue(['db.internal', '127.0.0.1']) });
    const admin = new pg.Client({ host: server.host, port: server.port, user: 'postgres', database: 'postgres' });
    await admin.connect();
    for (const user of ['scram_user', 'clear_user', 'tls_user'])
      await admin.query(`create role ${user} login password 'target password'`);
    await admin.query(`set password_encryption = md5; create role md5_user login password 'target password'`);
    await admin.end();
    silent = await startFakeTarget();
    const verify = (serverName?: string, ca: string | undefined = authority.ca): UpstreamTarget['tls'] => ({
      mode: 'verify-full',
      ca,
      serverName,
    });
    const as = (user: string, more: Partial<UpstreamTarget> = {}) =>
      trusted(server.port, { user, password: password('target password'), ...more });
    gateway = await startGateway({
      tls: createSecureContext(own),
      targets: {
        demo: trusted(server.port),
        scram: as('scram_user'),
        md5: as('md5_user'),
        clear: as('clear_user'),
        'clear-tls': as('clear_user', { tls: verify() }),
        plus: as('tls_user', { tls: verify('db.internal') }),
        unverified: as('tls_user', { tls: { mode: 'require-unverified' } }),
        'wrong-name': as('tls_user', { tls: verify('other.internal') }),
        'wrong-ca': as('tls_user', { tls: verify(undefined, (await createAuthority('Another')).ca) }),
        'wrong-password': as('scram_user', { password: password('not it') }),
        'no-password': as('scram_user', { password: undefined }),
        closed: trusted(1),
        silent: trusted(silent.port, { connectTimeoutMs: 300 }),
      },
    });
    grant = gateway.edge.issue();
  });

  afterAll(async () => {
    await gateway?.close();
    await silent?.close();
    await server?.stop();
    rmSync(directory, { recursive: true });
    expect(gateway.bugs).toEqual([]);
  });
}

/** Connects as psql would and gives what `select` answers, or the error. */
export async function connectAs(over: Partial<pg.ClientConfig> = {}): Promise<pg.Client> {
  const resource = (over.database ?? 'demo').replace(/\/.*/, '');
  const { secret } = resource === 'demo' ? grant : gateway.edge.issue({ resource });
  const client = new pg.Client({
    host: gateway.host,
    port: gateway.port,
    user: 'alice@example.com',
    database: 'demo',
    password: secret,
    ...over,
  });
  client.on('error', () => {});
  await client.connect();
  return client;
}

export const refusedAs = async (over: Partial<pg.ClientConfig>): Promise<[string, string]> => {
  const error = await connectAs(over).then(
    () => expect.fail('was let in'),
    (failure: pg.DatabaseError) => failure,
  );
  return [error.code ?? '', error.message];
};
