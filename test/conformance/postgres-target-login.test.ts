// The gateway's own login to a target: TLS, the kinds of authentication, and what a client is told when it fails.

import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createCredentials } from '../../connector/credentials/open-credential.ts';
import { createLogger } from '../../connector/logger.ts';
import { cancelRequest, int32, message, PROTOCOL_3_0 } from '../../connector/protocols/postgres/wire/messages.ts';
import { PROTOCOL_MODULES } from '../../connector/registry.ts';
import { targetTools } from '../../connector/targets.ts';
import { tryTarget } from '../../connector/trial.ts';
import { ResourceName } from '../../core/resource.ts';
import { BARE_ENV } from '../harness/child-env.ts';
import { password, startGateway, trusted } from '../harness/gateway.ts';
import { dialRaw, logInRaw, type RawPeer, startFakeTarget } from '../harness/postgres/raw-postgres.ts';
import { until } from '../harness/run.ts';
import { connectAs, directory, gateway, refusedAs, server, withLogins } from '../harness/postgres/logins.ts';

const MAIN = join(import.meta.dirname, '../../connector/main.ts');

withLogins();

describe('the target is logged in to', () => {
  it.each(['demo', 'scram', 'md5', 'clear-tls', 'plus', 'unverified'])('as its settings say: %s', async (database) => {
    const client = await connectAs({ database });
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

it('a probe tells the operator what the target said, and people that it was refused', async () => {
  const target = await startFakeTarget();
  const { settings, ...resource } = parseResource(target.port);
  const credentials = createCredentials({ environment: {}, log: createLogger(() => {}) });
  const trying = tryTarget(
    PROTOCOL_MODULES.postgres.create({}),
    { ...resource, settings },
    {
      ...{ toolsFor: targetTools(credentials, 5_000), withinMs: 5_000, rights: false },
    },
  );
  await until('the probe dialled', () => target.connections.length === 1);
  const peer = target.connections[0] as RawPeer;
  await peer.take(4);
  peer.send(message('E', 'SFATAL\0VFATAL\0C42704\0Mno entry for host 10.1.2.3, user gatehouse_rw\0\0'));
  peer.socket.end();
  const { faults, refusal, madeUser } = await trying;
  expect(faults[0]?.message).toContain('no entry for host 10.1.2.3, user gatehouse_rw');
  expect(refusal?.message).toBe("The target refused the gateway's login. Tell an administrator.");
  expect(madeUser).toBe(false);
  await target.close();
});

function parseResource(port: number) {
  const written = {
    name: 'demo',
    protocol: 'postgres',
    host: '127.0.0.1',
    port,
    user: 'gatehouse_rw',
    tls: { mode: 'off' },
  };
  const { postgres } = PROTOCOL_MODULES;
  return {
    ...{ name: ResourceName.parse('demo'), protocol: 'postgres' as const, labels: {}, description: undefined },
    settings: postgres.settle(postgres.resource.strip().parse(written), (path) => path),
  };
}

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
  expect(check(good, 'target password')).toEqual({
    status: 0,
    stdout: expect.stringMatching(/^ok +tls +127\.0\.0\.1:\d+\nok: 1 resource\n$/m),
    lines: [],
  });
  // The file alone, as it is given to `npm start`: what stands in it is checked all the same.
  const alone = (password: string) =>
    spawnSync(process.execPath, [MAIN, '--check', '--config', file], {
      encoding: 'utf8',
      env: { ...BARE_ENV, TARGET: password },
    });
  expect(alone('target password')).toMatchObject({
    status: 0,
    stdout: expect.stringMatching(
      /^ok: 1 resource: there is nothing else in the file\.\n.*name, edge, state and store/m,
    ),
    stderr: '',
  });
  expect(alone('another password')).toMatchObject({
    status: 1,
    stdout: expect.stringMatching(/^WRONG {2}tls {2}127.*\n$/),
    stderr: expect.stringMatching(/check\.yaml:2:5: resources\[0\]: tls .*password authentication failed .*\n$/),
  });
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
