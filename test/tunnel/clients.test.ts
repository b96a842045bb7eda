// gatehouse psql, connect and connect --stdio as their users run them: processes, with exit codes and streams.

import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { connect as connectSocket } from 'node:net';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { z } from 'zod';
import { GrantList } from '../../core/api.ts';
import { finish, gatehouse, until } from '../cli/run-cli.ts';
import {
  alice,
  alicesToken,
  connector,
  directory,
  edge,
  psql,
  withWholeGatehouse,
} from '../connector/whole-gatehouse.ts';
import { BARE_ENV } from '../harness/child-env.ts';

withWholeGatehouse();

let env: Record<string, string>;
const children: ChildProcess[] = [];
beforeEach((context) => {
  if (!psql) context.skip('psql is not installed: apt-get install postgresql postgresql-contrib');
  env = {
    GATEHOUSE_URL: edge.url,
    GATEHOUSE_TOKEN: alicesToken,
    XDG_CONFIG_HOME: join(directory, 'config'),
    XDG_RUNTIME_DIR: join(directory, 'run'),
    HOME: directory,
    // What would lead elsewhere.
    PGHOSTADDR: '192.0.2.1',
    PGSSLMODE: 'verify-full',
    TMPDIR: directory,
  };
});
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

const start = (...args: string[]): ChildProcess => {
  const child = spawn(process.execPath, [resolve('cli/main.ts'), ...args], { env: { ...BARE_ENV, ...env } });
  children.push(child);
  return child;
};
const passing = () => readdirSync(directory).filter((name) => name.startsWith('gatehouse-'));

test('psql asks for a grant, keeps its secret for the next time, and ends as psql does', async () => {
  const first = await gatehouse(['psql', '--reason', 'r', 'demo', '-XAtqc', 'select 6 * 7'], env);
  expect(first).toEqual({ code: 0, stdout: '42\n', stderr: '' });
  const folder = join(directory, 'config/gatehouse/grants', new URL(edge.url).host.replace(':', '_'));
  expect([statSync(folder).mode & 0o777, statSync(join(folder, 'demo')).mode & 0o777]).toEqual([0o700, 0o600]);
  const { grants } = await alice.get('/grants', GrantList);
  const second = await gatehouse(['psql', 'demo', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-c', 'select 1/0'], env);
  expect([second.code, second.stderr]).toEqual([1, expect.stringContaining('division by zero')]);
  expect((await alice.get('/grants', GrantList)).grants).toHaveLength(grants.length);
  expect(passing()).toEqual([]);
});

test('psql takes a secret from PGPASSWORD, and names the client of another protocol', async () => {
  const wrong = await gatehouse(['psql', 'demo', '-XAtqc', 'select 1'], { ...env, PGPASSWORD: 'ght_wrong' });
  expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringContaining('FATAL')]);
  const other = await gatehouse(['mysql', 'demo'], env);
  expect([other.code, other.stderr]).toEqual([2, expect.stringContaining('gatehouse psql')]);
});

test('a grant that is revoked ends the session, with its words; the tunnel alone opens nothing', async () => {
  const child = start('psql', 'demo', '-XAtqc', "select pg_sleep(60), 'never'");
  const ended = finish(child);
  await until(async () => {
    const { grants } = await alice.get('/grants', GrantList);
    return grants.some(({ liveSessions }) => liveSessions > 0);
  }, 30_000);
  const { grants } = await alice.get('/grants', GrantList);
  for (const { id, state } of grants) if (state === 'active') await alice.post(`/grants/${id}/revoke`, {}, z.unknown());
  const { code, stdout, stderr } = await ended;
  expect([code, stdout, stderr]).toEqual([2, '', expect.stringMatching(/revoked/)]);
  const none = await gatehouse(['connect', 'demo'], env);
  expect([none.code, none.stderr]).toEqual([1, expect.stringContaining('You hold no live grant for demo')]);
  await gatehouse(['request', 'demo', '--reason', 'r'], env);
});

test('connect --stdio carries one connection and ends with it', async () => {
  const child = start('connect', '--stdio', 'demo');
  const ended = finish(child);
  // SSLRequest, then silence in plain text: the listener answers S.
  child.stdin?.write(Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]));
  let said = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    said += chunk.toString('latin1');
  });
  await until(() => said === 'S', 30_000);
  child.stdin?.end();
  expect((await ended).code).toBe(0);
});

test('a connector that is killed is no hang: the command says so and ends with 3', async () => {
  const child = start('connect', 'demo');
  let said = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  const ended = finish(child);
  await until(() => said.includes('127.0.0.1:'), 30_000);
  const port = Number(/127\.0\.0\.1:(\d+)/.exec(said)?.[1]);
  const held = connectSocket(port, '127.0.0.1').on('error', () => {});
  held.write(Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]));
  await new Promise((answered) => held.once('data', answered));
  const hungUp = new Promise((closed) => held.once('close', closed));
  connector.child.kill('SIGKILL');
  await connector.ended;
  const { code, stderr } = await ended;
  await hungUp;
  expect([code, stderr]).toEqual([
    3,
    expect.stringMatching(
      /the tunnel is lost, and the connections in it with it: the other end did not come back(.|\n)*not linked now/,
    ),
  ]);
});
