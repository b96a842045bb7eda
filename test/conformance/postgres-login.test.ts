// Logins, on both sides of the gateway: TLS, the kinds of authentication, and everybody who is turned away.

import { spawnSync } from 'node:child_process';
import { connect as connectTls, createSecureContext } from 'node:tls';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { UpstreamTarget } from '../../connector/net/dial.ts';
import {
  cancelRequest,
  int32,
  message,
  PROTOCOL_3_0,
  PROTOCOL_3_2,
  startupMessage,
} from '../../connector/protocols/postgres/wire/messages.ts';
import { createAuthority, type TestAuthority } from '../harness/certificates.ts';
import { BARE_ENV } from '../harness/child-env.ts';
import { type Gateway, password, startGateway, trusted } from '../harness/gateway.ts';
import { findClient, type PostgresServer, startPostgres } from '../harness/postgres/postgres.ts';
import { dialRaw, type FakeTarget, logInRaw, RawPeer, startFakeTarget } from '../harness/postgres/raw-postgres.ts';
import { run, until } from '../harness/run.ts';

const MAIN = join(import.meta.dirname, '../../connector/main.ts');
let authority: TestAuthority;
let server: PostgresServer;
let gateway: Gateway;
let silent: FakeTarget;
let grant: { id: string; secret: string };
let directory: string;

const HBA = [
  'host all md5_user 127.0.0.1/32 md5',
  'host all scram_user 127.0.0.1/32 scram-sha-256',
  'host all clear_user 127.0.0.1/32 password',
  'hostssl all tls_user 127.0.0.1/32 scram-sha-256',
  'hostnossl all tls_user 127.0.0.1/32 reject',
];

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

/** Connects as psql would and gives what `select` answers, or the error. */
async function connect(over: Partial<pg.ClientConfig> = {}): Promise<pg.Client> {
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

const refusedAs = async (over: Partial<pg.ClientConfig>): Promise<[string, string]> => {
  const error = await connect(over).then(
    () => expect.fail('was let in'),
    (failure: pg.DatabaseError) => failure,
  );
  return [error.code ?? '', error.message];
};

describe('the target is logged in to', () => {
  it.each(['demo', 'scram', 'md5', 'clear-tls', 'plus', 'unverified'])('as its settings say: %s', async (database) => {
    const client = await connect({ database });
    const { rows } = await client.query(
      'select current_user as name, ssl from pg_stat_ssl where pid = pg_backend_pid()',
    );
    const tls = ['clear-tls', 'plus', 'unverified'].includes(database);
    expect(rows[0]).toEqual({ name: expect.stringMatching(/_user$|^postgres$/), ssl: tls });
    await client.end();
  });

  it.each(['user', 'database'])('a %s that is not written in UTF-8 is told so', async (name) => {
    const peer = await dialRaw(gateway.port);
    const names = Object.entries({ user: 'alice@example.com', database: 'demo', [name]: 'gr\u00f6\u00dfe' });
    const body = Buffer.from(`${names.flat().join('\0')}\0\0`, 'latin1');
    peer.send(int32(8 + body.length), int32(PROTOCOL_3_0), body);
    const [said] = await peer.untilClosed();
    expect(said?.type).toBe('E');
    expect(said?.body.toString()).toContain('The start-up packet is not UTF-8: give names of user and database');
  });

  it('and asked to cancel inside TLS too', async () => {
    const peer = await dialRaw(gateway.port);
    const { secret } = gateway.edge.issue({ resource: 'plus' });
    const seen = await logInRaw(peer, secret, { database: 'plus' });
    const key = seen.find(({ type }) => type === 'K')?.body ?? Buffer.alloc(8);
    peer.send(message('Q', "select repeat('x', 10000) from generate_series(1, 3); select pg_sleep(60)\0"));
    await peer.upTo('T');
    const canceller = await dialRaw(gateway.port);
    canceller.send(cancelRequest(key.readInt32BE(0), key.subarray(4)));
    await canceller.untilClosed();
    const answer = await peer.upTo('Z');
    expect(answer.find(({ type }) => type === 'E')?.body.toString()).toContain('C57014\0');
    peer.socket.destroy();
  });

  it.each([
    ['clear', '08001', /in the clear/],
    ['wrong-name', '08001', /certificate did not verify/],
    ['wrong-ca', '08001', /certificate did not verify/],
    ['wrong-password', '08004', /refused the gateway's own login/],
    ['no-password', '08004', /has none/],
    ['closed', '57P03', /not reachable/],
    ['silent', '57P03', /did not answer in time/],
    ['demo/nowhere', '3D000', /no such database/],
  ])('and when that fails, the client is told what to do: %s', async (database, code, text) => {
    const [was, said] = await refusedAs({ database });
    expect(was).toBe(code);
    expect(said).toMatch(text);
    expect(said).not.toMatch(/target password|not it|_user/);
    expect(gateway.log.last.ended?.message).toMatch(text);
  });

  it.each([
    // What the client, its pool or its libpq acts on is the target's own.
    ['57P03', false, '57P03', /starting up or stopping/],
    ['53300', false, '53300', /no more connections/],
    ['22023', false, '22023', /session: said of it \(22023\)/],
    ['42704', true, '42704', /session: said of it/],
    ['42601', true, '42601', /session: said of it/],
    ['57P01', true, '57P01', /session: said of it/],
    ['55000', true, '55000', /session: said of it/],
    ['3D000', true, '3D000', /no such database/],
    ['28000', true, '28000', /session: said of it/],
    // What it says of the gateway's own credential is none of the client's.
    ['28000', false, '08004', /refused the gateway's own login \(28000\)/],
    ['28P01', false, '08004', /refused the gateway's own login \(28P01\)/],
    ['28000', true, '08004', /refused the gateway's own login/, 'role "gatehouse_rw" is not permitted to log in'],
    ['42501', true, '42501', /for an administrator/, 'permission denied for "gatehouse_rw"'],
  ] as [string, boolean, string, RegExp, string?][])(
    'and a target that refuses with %s (credential taken: %s) is shown as %s',
    async (code, taken, shown, words, said: string = 'said of it') => {
      const target = await startFakeTarget();
      const user = 'gatehouse_rw';
      const other = await startGateway({ targets: { demo: trusted(target.port, { user }) } });
      const attempt = refusedAs({ port: other.port, password: other.edge.issue().secret });
      await until('the gateway dialled', () => target.connections.length === 1);
      const peer = target.connections[0] as RawPeer;
      await peer.take(4);
      const refusal = message('E', `SFATAL\0VFATAL\0C${code}\0M${said}\0\0`);
      peer.send(...(taken ? [message('R', 0), refusal] : [refusal]));
      peer.socket.end();
      const [was, text] = await attempt;
      expect(was).toBe(shown);
      expect(text).toMatch(words);
      expect(text).not.toContain(user);
      expect(other.log.last.ended?.message).not.toContain(user);
      await other.close();
      await target.close();
    },
  );

  it('unless it could not prove that it knows its password', async () => {
    const impostor = await startFakeTarget();
    const other = await startGateway({ targets: { demo: trusted(impostor.port, { password: password('x') }) } });
    const { secret } = other.edge.issue();
    const attempt = refusedAs({ port: other.port, password: secret });
    await until('the gateway dialled', () => impostor.connections.length === 1);
    const peer = impostor.connections[0] as RawPeer;
    const length = await peer.take(4);
    await peer.take((length?.readInt32BE(0) ?? 4) - 4);
    peer.send(message('R', 10, 'SCRAM-SHA-256\0\0'));
    const first = await peer.next();
    const nonce = /r=(.*)$/.exec(first?.body.toString() ?? '')?.[1] ?? '';
    peer.send(message('R', 11, `r=${nonce}more,s=${Buffer.from('salt').toString('base64')},i=4096`));
    await peer.next();
    peer.send(message('R', 0), message('Z', 'I'));
    expect((await attempt)[1]).toMatch(/did not prove/);
    await other.close();
    await impostor.close();
  });
});

describe('a client comes in', () => {
  it('with sslmode=verify-full against the authority, and channel binding', async ({ skip }) => {
    const psql = findClient('psql') ?? skip('psql is not installed (Debian: postgresql-client)');
    const ran = await run(psql, ['-X', '-A', '-t', '-c', '\\conninfo', '-c', 'select 1'], {
      env: {
        PGHOST: 'localhost',
        PGHOSTADDR: gateway.host,
        PGPORT: String(gateway.port),
        PGUSER: 'alice@example.com',
        PGDATABASE: 'demo',
        PGPASSWORD: grant.secret,
        PGSSLMODE: 'verify-full',
        PGSSLROOTCERT: join(directory, 'ca.pem'),
        PGCHANNELBINDING: 'require',
      },
    });
    expect(ran).toMatchObject({ code: 0, stderr: '' });
    expect(ran.stdout).toContain('TLSv1.3');
    expect(gateway.log.last.opened.client.tls).toMatch(/^TLSv1\.3 TLS_AES/);
  });

  it('with TLS from the first byte', async () => {
    const socket = connectTls({
      host: gateway.host,
      port: gateway.port,
      ca: authority.ca,
      ALPNProtocols: ['postgresql'],
    });
    await new Promise((resolve) => socket.once('secureConnect', resolve));
    const seen = await logInRaw(new RawPeer(socket), grant.secret);
    expect(seen.at(-1)?.type).toBe('Z');
    socket.destroy();
  });

  it('but not with TLS from the first byte that names no protocol', async () => {
    const socket = connectTls({ host: gateway.host, port: gateway.port, ca: authority.ca });
    const peer = new RawPeer(socket);
    await new Promise((resolve) => socket.once('secureConnect', resolve));
    expect((await peer.untilClosed()).map(({ type }) => type)).toEqual(['E']);
  });

  it('is told N when it asks for GSS encryption, and goes on', async () => {
    const peer = await dialRaw(gateway.port);
    peer.send(int32(8), int32(80877104));
    expect((await peer.take(1))?.toString()).toBe('N');
    expect((await logInRaw(peer, grant.secret)).at(-1)?.type).toBe('Z');
    peer.socket.destroy();
  });

  it('with version 3.2 gets a long cancel key, with 3.0 a short one', async () => {
    for (const [version, bytes] of [
      [PROTOCOL_3_2, 36],
      [0x30000, 8],
    ] as const) {
      const peer = await dialRaw(gateway.port);
      const seen = await logInRaw(peer, grant.secret, {}, version);
      expect(seen.find(({ type }) => type === 'K')?.body.length).toBe(bytes);
      expect(seen.some(({ type }) => type === 'v')).toBe(false);
      peer.socket.destroy();
    }
  });

  it.each([
    // [asked, answered, bytes of the cancel key's secret]
    [0x30009, PROTOCOL_3_2, 32],
    [0x30003, PROTOCOL_3_2, 32],
    [0x30002, PROTOCOL_3_2, 32],
    // Never released: named to nobody, and older than what has long keys.
    [0x30001, PROTOCOL_3_0, 4],
    [0x30000, PROTOCOL_3_0, 4],
  ])(
    'with version %i and unknown protocol options is told what is known, and not more than it asked',
    async (asked, answered, bytes) => {
      const peer = await dialRaw(gateway.port);
      const seen = await logInRaw(peer, grant.secret, { '_pq_.compression': 'zstd' }, asked);
      expect(seen[0]?.type).toBe('v');
      expect(seen[0]?.body.readInt32BE(0)).toBe(answered);
      expect(seen[0]?.body.toString('latin1', 8)).toBe('_pq_.compression\0');
      expect(seen.find(({ type }) => type === 'K')?.body.length).toBe(4 + bytes);
      expect(seen.at(-1)?.type).toBe('Z');
      peer.socket.destroy();
    },
  );

  it.each([
    ['alice@example.com#demo', 'template1', 'template1'],
    ['alice@example.com#demo', undefined, 'postgres'],
    ['Alice@example.com#demo', 'demo/x', undefined],
    ['alice@example.com', 'demo/template1', 'template1'],
  ])('as user %s with database %s', async (user, database, reached) => {
    const peer = await dialRaw(gateway.port);
    const seen = await logInRaw(peer, grant.secret, { user, database: database ?? '' });
    expect(seen.at(-1)?.type).toBe(reached === undefined ? 'E' : 'Z');
    if (reached === undefined) expect(seen.at(-1)?.body.toString()).toContain('C3D000\0');
    else {
      peer.send(message('Q', 'select current_database()\0'));
      expect((await peer.upTo('Z'))[1]?.body.toString('latin1', 6)).toBe(reached);
    }
    peer.socket.destroy();
  });

  it('with its password in the clear, where the listener says so and inside TLS only', async () => {
    const other = await startGateway({
      tls: createSecureContext(await authority.issue(['localhost'])),
      targets: { demo: trusted(server.port) },
      clientAuth: 'password',
    });
    const { secret } = other.edge.issue();
    const ssl = { ca: authority.ca, servername: 'localhost' };
    const client = await connect({ port: other.port, password: secret, ssl });
    await client.end();
    expect((await refusedAs({ port: other.port, password: 'wrong', ssl }))[0]).toBe('28P01');
    expect((await refusedAs({ port: other.port, password: secret }))[0]).toBe('0A000');
    await other.close();
  });
});

describe('a client is turned away', () => {
  const last = () => gateway.edge.reported('attempt.refused').at(-1);

  it.each([
    ['a wrong secret', { password: 'wrong' }],
    ['a person who has no grant', { user: 'bob@example.com' }],
    ['a person who does not exist', { user: 'nobody@nowhere.example' }],
    ['a resource that does not exist', { database: 'nowhere', password: 'wrong' }],
  ])('for %s, in the same words', async (_what, over) => {
    const before = gateway.log.sessions.length;
    const [code, text] = await refusedAs(over);
    expect(code).toBe('28P01');
    expect(text).toBe(
      `Gatehouse: The password is not a grant of this person on the resource ${'database' in over ? over.database : 'demo'}. Ask for one in the portal, and use its secret as the password. To name a database: user=EMAIL#RESOURCE, or dbname=RESOURCE/DATABASE.`,
    );
    expect(last()).toMatchObject({ reason: 'credentials_wrong', clientAddress: '127.0.0.1' });
    expect(gateway.log.sessions.length).toBe(before);
  });

  it("for somebody else's grant", async () => {
    const { secret } = gateway.edge.issue({ email: 'bob@example.com' });
    expect((await refusedAs({ password: secret }))[0]).toBe('28P01');
  });

  it('for a grant that has ended, and told to ask for a new one', async () => {
    const { secret } = gateway.edge.issue({ until: new Date(Date.now() - 1000) });
    const [code, text] = await refusedAs({ password: secret });
    expect([code, text]).toEqual(['28000', 'Gatehouse: This grant has ended. Ask for a new one in the portal.']);
    expect(last()?.reason).toBe('grant_expired');
  });

  it('for a grant that was revoked', async () => {
    const revoked = gateway.edge.issue();
    gateway.edge.revoke(revoked.id);
    expect(await refusedAs({ password: revoked.secret })).toEqual(['28000', expect.stringContaining('revoked')]);
  });

  it('while the edge is away (law 4)', async () => {
    gateway.edge.away = { reason: 'edge_unreachable', message: 'The portal cannot be reached. Try again in a moment.' };
    expect((await refusedAs({}))[0]).toBe('57P03');
    gateway.edge.away = undefined;
  });

  it('when the edge will not open the session', async () => {
    gateway.edge.refuseOpen = { reason: 'too_many_sessions', message: 'This grant has its sessions in use.' };
    expect((await refusedAs({}))[0]).toBe('53300');
    gateway.edge.refuseOpen = undefined;
  });

  it('while the log takes no sessions (law 1)', async () => {
    gateway.log.refuseOpen = true;
    expect((await refusedAs({}))[0]).toBe('53100');
    gateway.log.refuseOpen = false;
    // Nothing of it will ever be stored, so the edge is told that there is nothing to wait for.
    expect(gateway.edge.reported('session.ended').at(-1)).toMatchObject({ reason: 'log_failed', neverBegan: true });
  });

  it.each([
    ['no e-mail address', { user: 'postgres' }, '08P01'],
    ['no resource', { database: 'Not A Resource' }, '3D000'],
    ['no resource in the user', { user: 'alice@example.com#Not A Resource' }, '3D000'],
    ['a resource alone', { user: 'demo', database: 'postgres' }, '08P01'],
    ['replication', { replication: 'database' }, '0A000'],
  ])('for %s, at once', async (_what, over, code) => {
    const peer = await dialRaw(gateway.port);
    const seen = await logInRaw(peer, grant.secret, over as Record<string, string>);
    expect(seen.map(({ type }) => type)).toEqual(['E']);
    expect(seen[0]?.body.toString()).toContain(`C${code}\0`);
    peer.socket.destroy();
  });

  it('for plain text where the listener takes TLS only', async () => {
    const other = await startGateway({
      tls: createSecureContext(await authority.issue(['localhost'])),
      targets: { demo: trusted(server.port) },
      allowPlainText: false,
    });
    const { secret } = other.edge.issue();
    expect(await refusedAs({ port: other.port, password: secret })).toEqual([
      '0A000',
      expect.stringContaining('sslmode=require'),
    ]);
    await other.close();
  });

  it('for bytes that came before TLS and behind the request for it (CVE-2021-23214)', async () => {
    const peer = await dialRaw(gateway.port);
    peer.send(int32(8), int32(80877103), startupMessage(0x30000, new Map([['user', 'mallory@example.com']])));
    const seen = await peer.untilClosed();
    expect(seen.map(({ type }) => type)).toEqual(['E']);
  });

  it('and not counted when psql only came to learn that it needs a password', async () => {
    const before = gateway.edge.reports.length;
    const peer = await dialRaw(gateway.port);
    peer.send(
      startupMessage(
        0x30000,
        new Map([
          ['user', 'alice@example.com'],
          ['database', 'demo'],
        ]),
      ),
    );
    await peer.next();
    peer.socket.destroy();
    await peer.untilClosed();
    await (await connect()).end();
    await until('that session ended', () => gateway.edge.reports.length > before);
    expect(gateway.edge.reports.slice(before).map(({ kind }) => kind)).toEqual(['session.ended']);
  });
});

it('connector --check tries each target and says what it said to this login', () => {
  const file = join(directory, 'check.yaml');
  const target = (name: string, user: string, more: string) =>
    `  - { name: ${name}, protocol: postgres, host: 127.0.0.1, port: ${server.port}, user: ${user}, password: { env: TARGET }, ${more} }\n`;
  const check = (resources: string, password: string) => {
    writeFileSync(file, `resources:\n${resources}`);
    const flags = [
      '--check',
      '--config',
      file,
      '--name',
      'n',
      '--edge',
      'http://localhost:1',
      '--state',
      join(directory, 's'),
    ];
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [MAIN, ...flags, '--store-directory', join(directory, 'o'), '--listen-postgres', '127.0.0.1:0'],
      { encoding: 'utf8', env: { ...BARE_ENV, TARGET: password, GATEHOUSE_JOIN_TOKEN: 'x' } },
    );
    const lines = stderr.split('\n').flatMap((line) => line.split(`${server.port}): `)[1] ?? []);
    return { status, stdout, lines };
  };
  const good = target('tls', 'tls_user', 'database: postgres, tls: { ca: ca.pem }');
  expect(check(good, 'target password')).toEqual({ status: 0, stdout: 'ok: 1 resource\n', lines: [] });
  writeFileSync(join(directory, 'no.pem'), 'not a certificate');
  const wrong = [
    target('password', 'scram_user', 'database: postgres, tls: { ca: ca.pem }'),
    target('database', 'tls_user', 'database: nowhere, tls: { ca: ca.pem }'),
    target('authority', 'tls_user', 'database: postgres'),
    target('name', 'tls_user', 'database: postgres, tls: { ca: ca.pem, serverName: other.internal }'),
    target('pem', 'tls_user', 'database: postgres, tls: { ca: no.pem }'),
  ];
  expect(check(wrong[0] ?? '', 'another password')).toMatchObject({
    status: 1,
    lines: ['The database said: password authentication failed for user "scram_user" (28P01). See user and password.'],
  });
  expect(check(wrong.slice(1).join(''), 'target password')).toMatchObject({
    status: 1,
    lines: [
      'The database said: database "nowhere" does not exist (3D000). See database.',
      expect.stringMatching(/^The database's certificate did not verify \([A-Z_]+\)\. See tls: ca names the authority/),
      expect.stringMatching(/did not verify \(ERR_TLS_CERT_ALTNAME_INVALID\)/),
      expect.stringMatching(/certificate/),
    ],
  });
});
