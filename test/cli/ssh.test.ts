// gatehouse ssh with a stand-in for Gatehouse, and one for ssh that tells what it was given. With both for real:
// test/e2e/newcomer.test.ts.

import { spawn } from 'node:child_process';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { existsSync, readdirSync } from 'node:fs';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { GrantId } from '../../core/ids.ts';
import { ResourceName } from '../../core/resource.ts';
import { grantCertificateTerms } from '../../core/ssh/grant-certificate.ts';
import { certificateType, writeCertificate } from '../../core/ssh/certificate.ts';
import { blobOf } from '../../core/ssh/fields.ts';
import { publicKeyLine, readPublicLine } from '../../core/ssh/public-key.ts';
import { finish, gatehouse, until } from './run-cli.ts';

const [GRANT, OTHER] = ['grt_01m7xr5fk9b56k8brj0dvrwre8', 'grt_01m7xr5fk9b56k8brj0dvrwre9'];
const ALICE = 'alice@example.com';
let server: Server;
let env: Record<string, string>;
let directory: string;
let seen: string[];
/** What the stand-in has. */
let granted: { id: string; email: string; resource: string; state: string; until: string }[];
let asked: unknown;
let lastsMs: number;
let place: { host: string; user: string; knownHosts: string[] };
let resources: unknown[];

const grant = (id = GRANT, more: object = {}) => ({
  ...{ id, email: ALICE, resource: 'web', state: 'active', until: '2100-01-01T00:00:00.000Z', reason: '', labels: {} },
  ...{ from: '2026-01-01T00:00:00.000Z', rule: 'all', liveSessions: 0, ...more },
});

async function certificateFor(id: string, publicKey: string) {
  const key = readPublicLine(publicKey);
  if (!key) throw new Error('it sent no key');
  const until = Date.now() + lastsMs;
  const terms = grantCertificateTerms(
    { id: GrantId.parse(id), email: ALICE, resource: ResourceName.parse('web'), untilMs: until },
    1n,
    Date.now(),
  );
  const blob = await writeCertificate(key, terms, new Uint8Array(32), key.blob, async () => blobOf('x', 'x'));
  return {
    ...{ grant: id, resource: 'web', serial: '1', until: new Date(until).toISOString(), port: 2222, ...place },
    certificate: publicKeyLine(certificateType(key.type), blob),
  };
}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'gatehouse-ssh cli%h-'));
  server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    const path = (request.url ?? '').replace('/api/v1', '');
    seen.push(`${request.method} ${path}`);
    const certified = /^\/grants\/(\w+)\/ssh-certificate$/.exec(path)?.[1];
    const identity = {
      subject: 's',
      email: ALICE,
      name: 'A',
      groups: [],
      provider: 'p',
      authenticatedAt: '2026-01-01T00:00:00.000Z',
    };
    const answer =
      certified !== undefined
        ? await certificateFor(certified, JSON.parse(body).publicKey)
        : {
            '/me': { identity, administrator: true, auditor: true },
            '/grants': { grants: granted },
            '/requests': asked,
            '/resources': { resources },
          }[path];
    response.writeHead(answer ? 200 : 404, { 'content-type': 'application/json' }).end(JSON.stringify(answer ?? {}));
  }).listen(0, '127.0.0.1');
  await new Promise((settle) => server.once('listening', settle));
  // Tells its arguments and the files that they name; exits as its command says.
  await writeFile(
    join(directory, 'ssh'),
    `#!/bin/sh
for one in "$@"; do echo "<$one>"; last=$one; done
while [ $# -gt 0 ]; do
  if [ "$1" = -i ]; then ls -l "$2" | cut -c1-10; ls -ld "$(dirname "$2")" | cut -c1-10; echo "FOLDER $(dirname "$2")"; ssh-keygen -lf "$2" >/dev/null && echo KEY; fi
  shift
done
eval "$last"
`,
    { mode: 0o755 },
  );
  env = {
    GATEHOUSE_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    GATEHOUSE_TOKEN: 'gat_x',
    PATH: `${directory}:${dirname(process.execPath)}:/usr/bin:/bin`,
    TMPDIR: directory,
    XDG_CONFIG_HOME: join(directory, 'config'),
  };
});
afterAll(async () => {
  server.close();
  await rm(directory, { recursive: true, force: true });
});
beforeEach(() => {
  seen = [];
  granted = [grant()];
  asked = undefined;
  lastsMs = 300_000;
  place = { host: 'gw.example.com', user: 'deploy@web', knownHosts: ['[gw.example.com]:2222 ssh-ed25519 AAAA'] };
  resources = [];
});
const leftBehind = () => readdirSync(directory).filter((name) => name.startsWith('gatehouse-ssh-'));

it('runs ssh with a key of its own in a private folder that goes with it, and exits as it does', async () => {
  const ran = await gatehouse(['ssh', 'web', '-o', 'RequestTTY=no', '--', '-v', 'exit 7'], env);
  expect([ran.code, ran.stderr]).toEqual([7, '']);
  const said = ran.stdout.split('\n');
  expect(said).toEqual(
    expect.arrayContaining(['-rw-------', 'drwx------', 'KEY', '<IdentitiesOnly=yes>', '<RequestTTY=no>']),
  );
  // What is behind -- is no option, whatever it looks like.
  expect(ran.stdout).toContain('<-p>\n<2222>\n<-l>\n<deploy@web>\n<-->\n<gw.example.com>\n<-v>\n<exit 7>\n');
  expect(ran.stdout).toContain(`%%h-`);
  const folder = said.find((one) => one.startsWith('FOLDER'))?.slice(7) ?? '';
  expect(existsSync(folder)).toBe(false);
  expect(seen).toEqual(expect.arrayContaining(['GET /grants', `POST /grants/${GRANT}/ssh-certificate`]));
});

it('goes as the login that it is given; a host or login like an option is none', async () => {
  place = { ...place, host: '-oProxyCommand=false', user: '-oProxyCommand=false' };
  expect((await gatehouse(['ssh', 'root@web', '--', 'true'], env)).stdout).toContain(
    '<-l>\n<root@web>\n<-->\n<-oProxyCommand=false>\n',
  );
  expect((await gatehouse(['ssh', 'web', '--', 'true'], env)).stdout).toContain('<-l>\n<-oProxyCommand=false>\n<-->\n');
});

it("does not take another's grant, one of another resource or one that is over; asks where there is none", async () => {
  granted = [
    grant(OTHER, { email: 'bob@example.com' }),
    grant(OTHER, { resource: 'db' }),
    grant(OTHER, { state: 'expired' }),
  ];
  asked = { grant: { id: GRANT, secret: 'ght_x', resource: 'web', until: '2100-01-01T00:00:00.000Z' }, connect: {} };
  const ran = await gatehouse(['ssh', 'web', '--reason', 'r', '--', 'true'], env);
  expect([ran.code, ran.stderr]).toEqual([0, '']);
  expect(seen).toContain(`POST /grants/${GRANT}/ssh-certificate`);
  expect(ran.stdout).not.toContain('ght_x');
});

it('runs nothing while the request waits, and says where', async () => {
  granted = [];
  asked = {
    request: { id: 'req_01m7xr5fk9b56k8brj0dvrwre8', state: 'pending', link: 'https://x.example/approvals/1' },
  };
  const ran = await gatehouse(['ssh', 'web', '--', 'true'], env);
  expect([ran.code, ran.stdout]).toEqual([1, '']);
  expect(ran.stderr).toContain('waits for approval: https://x.example/approvals/1');
});

it('says so where there is no ssh, and leaves no key behind', async () => {
  const ran = await gatehouse(['ssh', 'web', '--', 'true'], { ...env, PATH: dirname(process.execPath) });
  expect([ran.code, ran.stderr]).toEqual([2, expect.stringContaining('there is no ssh here')]);
  expect(leftBehind()).toEqual([]);
});

it('a signal that ends it ends ssh, and leaves no key behind; one that ends ssh is told as a shell does', async () => {
  const child = spawn(process.execPath, [resolve('cli/main.ts'), 'ssh', 'web', '--', 'exec sleep 60'], {
    env: { ...env, HOME: '/nonexistent' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  child.stdout.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  const ended = finish(child);
  await until(() => said.includes('KEY'), 20_000);
  child.kill('SIGTERM');
  expect((await ended).code).toBe(143);
  expect(leftBehind()).toEqual([]);
  expect((await gatehouse(['ssh', 'web', '--', 'kill -9 $$'], env)).code).toBe(137);
});

it('keeps a key and renews its certificate, whoever else does so at the same time', async () => {
  const ready = async () =>
    JSON.parse((await gatehouse(['--json', 'ssh', '--certify', 'web'], env)).stdout) as Record<string, string>;
  const all = await Promise.all(Array.from({ length: 4 }, ready));
  const [{ identityFile = '', certificateFile = '', knownHostsFile = '' } = {}] = all;
  expect(new Set(all.map((one) => one.identityFile)).size).toBe(1);
  const certified = async () => (await readFile(certificateFile, 'utf8')).split(' ')[1] ?? '';
  // The certificate is of the key that is there.
  const key = await finish(spawn('ssh-keygen', ['-y', '-f', identityFile]));
  expect(
    Buffer.from(await certified(), 'base64').includes(
      Buffer.from(key.stdout.split(' ')[1] ?? '', 'base64').subarray(-32),
    ),
  ).toBe(true);
  expect(((await stat(identityFile)).mode & 0o777).toString(8)).toBe('600');
  expect(((await stat(dirname(identityFile))).mode & 0o777).toString(8)).toBe('700');
  expect(await readFile(knownHostsFile, 'utf8')).toBe('[gw.example.com]:2222 ssh-ed25519 AAAA\n');
  expect(readdirSync(dirname(identityFile)).sort()).toEqual(['web', 'web-cert.pub', 'web.known_hosts']);

  const first = await certified();
  seen = [];
  await ready();
  expect([await certified(), seen.filter((one) => one.startsWith('POST'))]).toEqual([first, []]);
  // Its grant is over, so it opens nothing, however long it lasts.
  granted = [grant(OTHER)];
  lastsMs = 30_000;
  expect(await ready()).toMatchObject({ grant: OTHER });
  expect(await certified()).not.toBe(first);
  // What lasts for half a minute may be over when it is shown.
  seen = [];
  await ready();
  expect(seen).toContain(`POST /grants/${OTHER}/ssh-certificate`);
  await writeFile(identityFile, 'no key');
  const damaged = await gatehouse(['ssh', '--certify', 'web'], env);
  expect([damaged.code, damaged.stdout, damaged.stderr]).toEqual([2, '', expect.stringContaining('remove it')]);
  await rm(identityFile);
});

it('writes a configuration that ssh reads, and nothing into it that a connector made up', async () => {
  const listed = (name: string, more: object = {}) => ({
    ...{
      name,
      protocol: 'ssh',
      labels: {},
      endpoint: { host: 'gw.example.com', port: 2222 },
      login: 'deploy',
      mayAsk: true,
    },
    ...{ connector: { id: 'con_01m7xr5fk9b56k8brj0dvrwre8', name: 'c', online: true }, ...more },
  });
  resources = [
    listed('web'),
    listed('evil', { login: 'x\n  ProxyCommand touch /tmp/x' }),
    listed('other', { mayAsk: false }),
    listed('db', { protocol: 'postgres' }),
  ];
  const { stdout, code } = await gatehouse(['ssh-config'], env);
  expect(code).toBe(0);
  expect(stdout).not.toContain('ProxyCommand');
  expect(stdout.match(/^Host .*/gm)).toEqual(['Host web']);
  const config = join(directory, 'ssh_config');
  await writeFile(config, stdout);
  const read = await finish(
    spawn('/usr/bin/ssh', ['-T', '-G', '-F', config, 'web'], { env: { ...env, HOME: '/nonexistent' } }),
  );
  expect(read.stderr).toBe('');
  const folder = join(directory, 'config/gatehouse/ssh', new URL(env.GATEHOUSE_URL ?? '').host.replace(':', '_'));
  for (const line of [
    'hostname gw.example.com',
    'port 2222',
    'user deploy@web',
    'identitiesonly yes',
    // ssh shows it as it is written, and opens it with one %.
    `certificatefile ${folder.replaceAll('%', '%%')}/web-cert.pub`,
    `userknownhostsfile ${folder}/web.known_hosts`,
  ])
    expect(read.stdout.split('\n')).toContain(line);
  resources = [];
  expect(await gatehouse(['ssh-config'], env)).toMatchObject({ code: 1, stdout: '' });
});
