// gatehouse ssh and gatehouse mysql through the portal, on what `npm start` makes: the real clients, the real servers.

import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { finish, freePortBase, gatehouse, npmStart, type Started, untilReady } from '../cli/run-cli.ts';
import { BARE_ENV } from '../harness/child-env.ts';

let started: Started;
let directory: string;
let data: string;
let as: string[];
let env: Record<string, string>;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'gatehouse-programs-'));
  // The database runs as somebody else, who has to come in there.
  data = await mkdtemp(join(tmpdir(), 'gatehouse-programs-data-'));
  as = ['--data', data, '--as', 'alice'];
  env = { HOME: directory, XDG_CONFIG_HOME: join(directory, 'config'), TMPDIR: directory };
  started = npmStart(['--data', data, '--port-base', String(await freePortBase()), '--with', 'mysql,ssh']);
  await untilReady(started);
});
afterAll(async () => {
  started.child.kill('SIGTERM');
  await started.exited;
  for (const made of [directory, data]) await rm(made, { recursive: true, force: true });
});

const opened = async (): Promise<number> => {
  const auditor = ['--data', data, '--as', 'carol', '--json'];
  const { stdout } = await gatehouse([...auditor, 'audit', '--kind', 'tunnel.opened'], env);
  return (JSON.parse(stdout) as { entries: unknown[] }).entries.length;
};

test('mysql runs by it, whatever its user keeps in files of options', async () => {
  await writeFile(join(directory, '.my.cnf'), '[client]\nhost=192.0.2.1\npassword=wrong\n[mysql]\nuser=nobody\n');
  const first = await gatehouse([...as, 'mysql', '--reason', 'r', 'demo-mysql', '-BNe', 'select 6 * 7'], env);
  expect(first).toEqual({ code: 0, stdout: '42\n', stderr: '' });
  const failed = await gatehouse([...as, 'mysql', 'demo-mysql', '-e', 'select nothing'], env);
  expect([failed.code, failed.stderr]).toEqual([1, expect.stringContaining("Unknown column 'nothing'")]);
  expect(await opened()).toBe(2);
});

test('ssh runs by it, with host keys checked as ever, and so does each program that reads the configuration', async () => {
  const before = await opened();
  const ran = await gatehouse(
    [...as, 'ssh', '--via', 'portal', 'demo-host', '--reason', 'r', '--', 'head -c 3000000 /dev/zero; exit 4'],
    env,
  );
  expect([ran.code, ran.stdout.length, ran.stderr]).toEqual([4, 3_000_000, '']);
  const config = join(directory, 'ssh_config');
  await writeFile(config, (await gatehouse([...as, 'ssh-config', '--via', 'portal'], env)).stdout);
  const ssh = spawn('ssh', ['-F', config, 'demo-host', 'cat; echo in'], {
    env: { ...BARE_ENV, ...env, PATH: process.env.PATH },
  });
  ssh.stdin.end('asked, ');
  expect(await finish(ssh)).toEqual({ code: 0, stdout: 'asked, in\n', stderr: '' });
  expect(await opened()).toBe(before + 2);
});
