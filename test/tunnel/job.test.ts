// A job without a login: its token for a grant, then a port of its own through the portal, by what the exchange gave. The real edge and
// command line; its provider is a stand-in (edge/test/workload-issuer.ts), and behind the tunnel is a service of the test.

import { spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { importJWK, type JWK, SignJWT } from 'jose';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { workloadIssuerOfTests } from '../../edge/test/workload-issuer.ts';
import { finish, gatehouse, until } from '../cli/run-cli.ts';
import { BARE_ENV } from '../harness/child-env.ts';
import { startTunnelConnector, type TunnelConnector } from './kit/connector.ts';
import { startTunnelEdge, type TunnelEdge } from './kit/edge.ts';
import { SERVICES } from './kit/services.ts';

const POLICY = `administrators: ["demo:administrators"]
rules:
  - name: ci
    resources: { env: demo }
    who: ["workload:k8s:job"]
    access: { ttl: 15m }
`;
let directory: string;
let edge: TunnelEdge;
let connector: TunnelConnector;
let issuer: string;
const provider = createServer();
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'gatehouse-job-'));
  await new Promise<void>((listening) => provider.listen(0, '127.0.0.1', listening));
  const base = `http://127.0.0.1:${(provider.address() as AddressInfo).port}`;
  provider.on('request', workloadIssuerOfTests()(base));
  issuer = `${base}/k8s`;
  const workloads = JSON.stringify([{ name: 'k8s', issuer }]);
  edge = await startTunnelEdge(directory, { policy: POLICY, settings: { WORKLOAD_ISSUERS: workloads } });
  connector = await startTunnelConnector({ edge, directory, services: SERVICES });
});
afterAll(async () => {
  await connector?.stop();
  await edge?.stop();
  provider.close();
  rmSync(directory, { recursive: true, force: true });
});

async function tokenOfJob(): Promise<string> {
  const key = (await (await fetch(`${issuer}/private`)).json()) as JWK;
  return new SignJWT({ sub: 'job', jti: crypto.randomUUID() })
    .setProtectedHeader({ alg: 'RS256', kid: key.kid ?? '' })
    .setIssuer(issuer)
    .setAudience(edge.url)
    .setIssuedAt()
    .setExpirationTime('5m')
    .sign(await importJWK(key, 'RS256'));
}

test('it asks for its grant, opens a port by it, and is refused another resource and a file that others can read', async () => {
  const env = { GATEHOUSE_URL: edge.url, HOME: directory, GATEHOUSE_ID_TOKEN: await tokenOfJob() };
  const asked = await gatehouse(['request', 'echo', '--workload', 'oidc'], env);
  expect([asked.code, asked.stderr]).toEqual([0, '']);
  const file = join(directory, 'grant.json');
  writeFileSync(file, asked.stdout, { mode: 0o600 });

  const child = spawn(process.execPath, [resolve('cli/main.ts'), 'connect', 'echo', '--grant', file, '--json'], {
    env: { ...BARE_ENV, ...env },
  });
  const ended = finish(child);
  let said = '';
  child.stdout.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  await until(() => said.includes('\n'), 30_000);
  const socket = connect(JSON.parse(said).port, '127.0.0.1');
  socket.end('by a job');
  let heard = '';
  for await (const part of socket) heard += String(part);
  expect(heard).toBe('by a job');
  child.kill('SIGTERM');
  expect((await ended).code).toBe(0);

  const other = await gatehouse(['connect', 'sink', '--grant', file], env);
  expect([other.code, other.stderr]).toEqual([2, expect.stringContaining('is for echo')]);
  chmodSync(file, 0o644);
  const exposed = await gatehouse(['connect', 'echo', '--grant', file], env);
  expect([exposed.code, exposed.stderr]).toEqual([2, expect.stringContaining('can be read by others')]);
  chmodSync(file, 0o600);
  const { grant } = JSON.parse(asked.stdout);
  const bob = (await edge.clientOf('bob')).client;
  await bob.post(`/grants/${grant.id}/revoke`, { reason: 'over' }, z.unknown());
  const over = await gatehouse(['connect', 'echo', '--grant', file], env);
  expect([over.code, over.stdout, over.stderr]).toEqual([1, '', expect.stringContaining('has ended')]);
  // What it was is told nowhere.
  for (const { stdout, stderr } of [other, exposed, over]) expect(stdout + stderr).not.toContain('gtt_');
});
