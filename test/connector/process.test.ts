// The connector's process: what it prints, how it ends, and that it keeps its secrets.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type ConnectorProcess, runConnector } from './connector-process.ts';
import { answerAll, type FakeEdge, JOIN_TOKEN, startFakeEdge } from './fake-edge.ts';

const PASSWORD = 'tr0ub4dor-and-3';
let directory: string;
let edge: FakeEdge;
let running: ConnectorProcess[];

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'gatehouse-process-'));
  edge = await startFakeEdge();
  running = [];
  writeFileSync(
    join(directory, 'connector.yaml'),
    `probes: { periodSeconds: 0 }
resources:
  - name: demo
    protocol: postgres
    labels: { env: test }
    host: db.internal.example
    database: shop
    user: app
    password: { env: SHOP_PASSWORD }
`,
  );
});
afterEach(async () => {
  for (const it of running) {
    it.child.kill('SIGKILL');
    await it.ended;
  }
  await edge.close();
  rmSync(directory, { recursive: true, force: true });
});

function run(
  more: readonly string[] = [],
  environment: Record<string, string> = {},
  at = edge.origin,
): ConnectorProcess {
  const started = runConnector(
    [
      ...['--config', join(directory, 'connector.yaml'), '--name', 'dev', '--edge', at],
      ...['--state', join(directory, 'state'), '--store-directory', join(directory, 'objects')],
      ...['--listen-postgres', '127.0.0.1:0', '--health', '127.0.0.1:0', ...more],
    ],
    { GATEHOUSE_JOIN_TOKEN: JOIN_TOKEN, SHOP_PASSWORD: PASSWORD, ...environment },
  );
  running.push(started);
  return started;
}

interface Health {
  readonly ok: boolean;
  readonly link: { readonly state: string };
  readonly sessions: number;
}
async function health(of: ConnectorProcess, path: string): Promise<{ status: number; body: Health }> {
  const response = await fetch(`http://${(await of.event('listening')).health}${path}`);
  return { status: response.status, body: (await response.json()) as Health };
}

test('joins, announces its resources without their addresses, says ready, and stops with 0 on SIGTERM', async () => {
  const connector = run();
  const ready = await connector.event('ready');
  expect(ready).toMatchObject({
    level: 'info',
    listeners: { postgres: { host: '127.0.0.1', port: expect.any(Number) } },
  });

  const port = (ready.listeners as { postgres: { port: number } }).postgres.port;
  const hello = edge.messages.find((it) => it.kind === 'hello');
  expect(hello?.kind === 'hello' && hello.resources).toEqual([
    {
      name: 'demo',
      protocol: 'postgres',
      labels: { env: 'test' },
      endpoint: { host: '127.0.0.1', port },
      defaultDatabase: 'shop',
    },
  ]);
  // Laws 8 and 9: neither address nor credential of the target went to the edge.
  expect(JSON.stringify(edge.messages)).not.toMatch(/db\.internal|tr0ub4dor|"app"/);

  for (const path of ['/livez', '/readyz', '/health']) {
    expect(await health(connector, path)).toMatchObject({
      status: 200,
      body: { ok: true, sessions: 0, link: { state: 'linked' } },
    });
  }

  connector.child.kill('SIGTERM');
  expect((await connector.ended).code).toBe(0);
  expect(connector.lines.at(-1)?.event).toBe('connector.stopped');
});

test('starts again with its state while the edge is away, alive and not ready, and is ready when it is back', async () => {
  const first = run();
  await first.event('ready');
  first.child.kill('SIGINT');
  expect((await first.ended).code).toBe(0);
  const { port } = new URL(edge.origin);
  await edge.close();

  const second = run([], { GATEHOUSE_JOIN_TOKEN: '' }, `http://127.0.0.1:${port}`);
  await second.event('link.down');
  expect(await health(second, '/livez')).toMatchObject({ status: 200, body: { ok: false } });
  for (const path of ['/readyz', '/health'])
    expect(await health(second, path)).toMatchObject({ status: 503, body: { ok: false } });
  edge = await startFakeEdge(Number(port), edge.keys);
  await second.event('ready');
});

test('one that serves nothing is alive and not ready, and says so', async () => {
  edge.onMessage = (message, reply) => {
    if (message.kind !== 'hello') return answerAll(message, reply);
    reply({ kind: 'welcome', policyVersion: 1, understands: [], serving: 0 });
  };
  const idle = run();
  await idle.event('serving.nothing');
  expect(await health(idle, '/livez')).toMatchObject({ status: 200, body: { ok: false } });
  expect(await health(idle, '/readyz')).toMatchObject({ status: 503, body: { link: { state: 'linked', serving: 0 } } });
});

test('targets are tried without a session: the edge hears in words for people, the log in detail, and a stop ends them', async () => {
  const nobody = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => nobody.once('listening', resolve));
  const { port } = nobody.address() as AddressInfo;
  await new Promise((resolve) => nobody.close(resolve));
  const file = join(directory, 'connector.yaml');
  const settings = readFileSync(file, 'utf8').replace(/^probes.*\n/, '');
  writeFileSync(file, settings.replace('host: db.internal.example', `host: 127.0.0.1\n    port: ${port}`));
  edge.onMessage = (message, reply) => {
    if (message.kind !== 'hello') return answerAll(message, reply);
    reply({ kind: 'welcome', policyVersion: 1, understands: ['targets.seen'] });
  };
  const connector = run();
  expect(await connector.event('target.unusable')).toMatchObject({
    resource: 'demo',
    message: expect.stringContaining('See host and port'),
  });
  const told = () => edge.messages.flatMap((it) => (it.kind === 'targets.seen' ? it.targets : []));
  await vi.waitFor(
    () =>
      expect(told()).toEqual([
        {
          resource: 'demo',
          at: expect.any(String),
          fault: 'The database is not reachable (ECONNREFUSED). Tell an administrator if it stays so.',
        },
      ]),
    10_000,
  );
  connector.child.kill('SIGTERM');
  expect((await connector.ended).code).toBe(0);
});

test('ECS task protection outside of ECS is refused', async () => {
  const file = join(directory, 'connector.yaml');
  writeFileSync(file, `ecsTaskProtection: true\n${readFileSync(file, 'utf8')}`);
  expect((await run().ended).stderr).toContain('ecsTaskProtection is set, and ECS_AGENT_URI is not');
});

test('its state is its own: private files, and a second connector on it is refused in one line', async () => {
  await run().event('ready');
  await vi.waitFor(() => expect(readdirSync(join(directory, 'state'))).toContain('certificate.json'), 15_000);
  for (const name of ['identity.json', 'certificate.json', 'outbox.ndjson']) {
    expect(statSync(join(directory, 'state', name)).mode & 0o077, name).toBe(0);
  }
  const second = run();
  expect(await second.ended).toEqual({
    code: 1,
    stderr: `gatehouse connector: state directory ${join(directory, 'state')} is in use by another connector: give each its own --state\n`,
  });
});

describe('what is wrong is one line, and an exit code', () => {
  const line = async (of: ConnectorProcess) => {
    const { code, stderr } = await of.ended;
    expect(stderr.split('\n'), stderr).toHaveLength(2);
    expect(of.output()).not.toContain(PASSWORD);
    return `${code} ${stderr}`;
  };

  test('an unknown flag', async () => {
    expect(await line(run(['--nmae', 'x']))).toContain("2 gatehouse connector: Unknown option '--nmae': see --help");
  });
  test('a literal password', async () => {
    writeFileSync(
      join(directory, 'connector.yaml'),
      `resources:\n  - { name: demo, protocol: postgres, host: h, user: u, password: ${PASSWORD} }\n`,
    );
    expect(await line(run())).toContain(
      'connector.yaml:2:57: resources[0].password: a password does not stand in this file',
    );
  });
  test('a busy port', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const said = await line(run(['--listen-postgres', `127.0.0.1:${port}`]));
    expect(said).toBe(
      `1 gatehouse connector: listeners.postgres: cannot listen on 127.0.0.1:${port} (another program listens there): choose another address\n`,
    );
    server.close();
  });
  test('a busy port for health', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    expect(await line(run(['--health', `127.0.0.1:${port}`]))).toContain(
      '1 gatehouse connector: health: cannot listen on',
    );
    server.close();
  });
  test('a state directory that cannot be made', async () => {
    writeFileSync(join(directory, 'file'), '');
    expect(await line(run(['--state', join(directory, 'file', 'state')]))).toMatch(/^1 .*cannot be made \(ENOTDIR\)/);
  });
  test('a join token that the edge refuses', async () => {
    const connector = run([], { GATEHOUSE_JOIN_TOKEN: 'gjt_wrong' });
    expect(await line(connector)).toContain('1 gatehouse connector: the edge refused the join token');
    expect(connector.output()).not.toContain('gjt_wrong');
  });
  test('a missing events token', async () => {
    expect(await line(run(['--events-url', 'http://127.0.0.1:1']))).toContain('GATEHOUSE_EVENTS_TOKEN is not set');
  });
  test('a bucket that is not there', async () => {
    const error = '<?xml version="1.0"?><Error><Code>NoSuchBucket</Code></Error>';
    const store = createHttpServer((_, response) => void response.writeHead(404).end(error));
    await new Promise<void>((resolve) => store.listen(0, '127.0.0.1', resolve));
    const endpoint = `http://127.0.0.1:${(store.address() as AddressInfo).port}`;
    const bucket = ['--store-directory', '', '--store-bucket', 'nowhere', '--store-region', 'eu-west-1'];
    const keys = { AWS_ACCESS_KEY_ID: 'AKIATEST', AWS_SECRET_ACCESS_KEY: 'a-secret' };
    const said = await line(run([...bucket, '--store-endpoint', endpoint], keys));
    expect(said).toBe(`1 gatehouse connector: store: there is no bucket nowhere at ${endpoint}\n`);
    store.close();
  });
  test('no configuration at all', async () => {
    const connector = runConnector([]);
    running.push(connector);
    expect(await connector.ended).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^gatehouse connector: name is missing.*\n.*edge is missing.*\n.*state is missing/),
    });
  });
});

test('--check says all that is wrong and starts nothing; --help fits a screen', async () => {
  const main = join(import.meta.dirname, '../../connector/main.ts');
  const file = join(directory, 'connector.yaml');
  const check = (more: readonly string[], env: Record<string, string> = {}) => {
    const flags = ['--config', file, '--name', 'dev', '--edge', edge.origin, '--listen-postgres', '127.0.0.1:0'];
    const checked = spawnSync(process.execPath, [main, '--check', ...flags, ...more], { encoding: 'utf8', env });
    const lines = checked.stderr.replaceAll('gatehouse connector: ', '').trimEnd().split('\n');
    return { status: checked.status, stdout: checked.stdout, lines };
  };
  const folders = ['--state', join(directory, 'state'), '--store-directory', join(directory, 'o')];
  writeFileSync(
    file,
    `masking: { key: { env: NO_KEY } }
resources:
  - { name: a, protocol: postgres, host: 127.0.0.1, port: 1, user: u, password: { file: no-password }, tls: { ca: no-ca.pem } }
  - { name: b, protocol: postgres, host: 127.0.0.1, port: 1, user: u, password: { env: SHOP_PASSWORD } }
`,
  );
  expect(check(['--events-url', 'http://127.0.0.1:9', ...folders], { SHOP_PASSWORD: PASSWORD })).toEqual({
    status: 1,
    stdout: [
      'WRONG  join     a token for the first start',
      `ok     state    ${join(directory, 'state')}`,
      `WRONG  store    ${join(directory, 'o')}`,
      'WRONG  masking',
      'WRONG  a        127.0.0.1:1',
      'WRONG  b        127.0.0.1:1\n',
    ].join('\n'),
    lines: [
      expect.stringMatching(
        /^.*yaml:1:1: join: this connector has not joined the edge yet: .* set GATEHOUSE_JOIN_TOKEN$/,
      ),
      expect.stringMatching(/^--events-url: GATEHOUSE_EVENTS_TOKEN is not set/),
      expect.stringMatching(/yaml:1:12: masking\.key: environment variable NO_KEY is not set$/),
      expect.stringMatching(/yaml:3:71: resources\[0\]\.password: .*no-password cannot be read \(ENOENT\)$/),
      expect.stringMatching(/yaml:3:111: resources\[0\]\.tls\.ca: .*no-ca\.pem cannot be read \(ENOENT\)$/),
      expect.stringMatching(
        /yaml:4:5: resources\[1\]: b \(127\.0\.0\.1:1\): .*not reachable \(ECONNREFUSED\)\. See host and port/,
      ),
    ],
  });
  writeFileSync(file, 'resources: []\n');
  const nowhere = ['--state', '/proc/gatehouse/state', '--store-directory', '/proc/gatehouse/o'];
  expect(check(nowhere, { GATEHOUSE_JOIN_TOKEN: 'x' }).lines).toEqual([
    expect.stringMatching(/^--state: \/proc\/gatehouse\/state cannot be written to/),
    expect.stringMatching(/^--store-directory: \/proc\/gatehouse\/o cannot be written to/),
    expect.stringMatching(/yaml:1:1: resources: there are none/),
  ]);
  expect(readdirSync(directory)).toEqual(['connector.yaml']);

  const started = runConnector(
    ['--config', file, '--name', 'dev', '--edge', edge.origin, '--listen-postgres', '127.0.0.1:0', ...nowhere],
    {},
  );
  running.push(started);
  expect(await started.ended).toMatchObject({ code: 1 });

  const help = spawnSync(process.execPath, [main, '--help'], { encoding: 'utf8', env: {} });
  expect(help.status).toBe(0);
  expect(help.stdout.split('\n').length).toBeLessThan(25);
});
