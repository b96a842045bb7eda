// psql through the portal: no route to the connector's port is used.

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { z } from 'zod';
import { GrantList } from '../../core/api.ts';
import { AuditPage } from '../../core/audit/audit-page.ts';
import { ResourceName } from '../../core/resource.ts';
import type { RelaySocket } from '../../core/tunnel/tunnel-end.ts';
import { ApiClient } from '../../cli/api-client.ts';
import { DEMO_PEOPLE } from '../../cli/dev/people.ts';
import { signInAs } from '../../cli/dev/sign-in.ts';
import { FetchedPolicy } from '../../cli/policy/stored.ts';
import { openLocalPort } from '../../cli/tunnel/local-port.ts';
import { openTunnel } from '../../cli/tunnel/open-tunnel.ts';
import {
  alice,
  carol,
  directory,
  edge,
  grant,
  newestSession,
  psql,
  startTheEdge,
  withWholeGatehouse,
} from '../connector/whole-gatehouse.ts';

withWholeGatehouse();
const run = promisify(execFile);
const DEMO = ResourceName.parse('demo');
const stops: (() => void)[] = [];
const faults: string[] = [];

beforeEach((context) => {
  if (!psql) context.skip('psql is not installed: apt-get install postgresql postgresql-contrib');
  faults.length = 0;
});
afterEach(() => {
  for (const stop of stops.splice(0)) stop();
});

/** `asked`: each connection to the relay, to cut it. */
async function throughTheTunnel(asked: RelaySocket[] = []) {
  const { id, secret } = await grant();
  const client = Object.create(alice, {
    socket: {
      value: async (...given: Parameters<ApiClient['socket']>) => {
        const made = await alice.socket(...given);
        if (made.ok) asked.push(made.value);
        return made;
      },
    },
    post: { value: alice.post.bind(alice) },
    bytes: { value: alice.bytes.bind(alice) },
  }) as ApiClient;
  const tunnel = await openTunnel(client, DEMO, () => {});
  const local = await openLocalPort(tunnel, 0, (fault) => faults.push(fault));
  stops.push(
    () => tunnel.close(),
    () => local.close(),
  );
  const target = `host=127.0.0.1 port=${local.port} dbname=demo user=alice@example.com sslmode=disable`;
  const env = { PATH: process.env.PATH ?? '', PGPASSWORD: secret, HOME: directory };
  const query = async (sql: string): Promise<string> => {
    const options = { env, timeout: 100_000, maxBuffer: 1024 * 1024 * 1024 };
    const { stdout } = await run(psql ?? '', ['-XAtq', '-d', target, '-c', sql], options);
    return stdout.trim();
  };
  return { grant: id, tunnel, query };
}

test('a query goes through it and is recorded, and who opened it is written down', async () => {
  const { grant: id, tunnel, query } = await throughTheTunnel();
  expect(await query('select 6 * 7')).toBe('42');
  await expect.poll(async () => (await newestSession())?.state).toBe('sealed');
  expect(await newestSession()).toMatchObject({
    grant: id,
    email: 'alice@example.com',
    client: { address: '127.0.0.1' },
  });
  const { entries, names } = await carol.get('/audit?kind=tunnel.opened', AuditPage);
  expect(entries[0]).toMatchObject({ object: 'demo', details: { grant: id } });
  expect(names[entries[0]?.actor ?? '']).toBe('alice@example.com');
  tunnel.close();
  // Either end may be the first to hear that it is over: neither took it for a loss.
  expect(['abandoned', 'ended']).toContain((await tunnel.closed).kind);
  expect(faults).toEqual([]);
});

test('a large result comes whole though its connection to the relay is cut again and again', async () => {
  const sockets: RelaySocket[] = [];
  const { query } = await throughTheTunnel(sockets);
  const rows = 120_000;
  const cutting = setInterval(() => sockets.at(-1)?.close(4000, 'cut by the test'), 250);
  const lines = (
    await query(`copy (select n, repeat(md5(n::text), 8) from generate_series(1, ${rows}) n) to stdout`)
  ).split('\n');
  clearInterval(cutting);
  expect(lines).toHaveLength(rows);
  lines.forEach((line, at) => {
    if (!line.startsWith(`${at + 1}\t`)) throw new Error(`line ${at + 1} is ${line.slice(0, 20)}`);
  });
  expect(sockets.length).toBeGreaterThan(2);
});

test('a statement outlives a restart of the portal, as each release of it makes one', async () => {
  const { grant: id, query } = await throughTheTunnel();
  const answer = query("select pg_sleep(4), 'still here'");
  // Let in, or the restart would refuse it.
  await expect
    .poll(async () => (await alice.get('/grants', GrantList)).grants.find((it) => it.id === id)?.liveSessions)
    .toBe(1);
  await edge.close();
  await startTheEdge();
  expect(await answer).toBe('|still here');
  expect(faults).toEqual([]);
  // The connector's own link is there again, too.
  await expect.poll(() => query('select 1').catch(() => '')).toBe('1');
});

test('a policy that asks for a network looks at the address that the portal sees, and a revoked grant opens nothing more', async () => {
  const { grant: id, query } = await throughTheTunnel();
  const administrator = DEMO_PEOPLE.find(({ key }) => key === 'bob');
  if (!administrator) throw new Error('there is no bob');
  const bob = new ApiClient({ origin: edge.url, token: (await signInAs(administrator, edge.url)).token });
  const { version, text } = await bob.get('/policy', FetchedPolicy);
  const from = (network: string) => text.replaceAll('reason: required', `reason: required, networks: ["${network}"]`);
  const apply = async (given: string, after: number) =>
    (await bob.put('/policy', { text: given, after }, FetchedPolicy)).version;
  const elsewhere = await apply(from('192.0.2.0/24'), version);
  await expect(query('select 1')).rejects.toThrow(/does not let you in from 127\.0\.0\.1/);
  const here = await apply(from('127.0.0.0/8'), elsewhere);
  expect(await query('select 1')).toBe('1');
  await apply(text, here);
  await alice.post(`/grants/${id}/revoke`, {}, z.unknown());
  await expect(query('select 1')).rejects.toThrow(/FATAL/);
});
