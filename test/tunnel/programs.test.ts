// gatehouse ssh and gatehouse mysql through the portal, on what `npm start` makes: the real clients, the real servers.

import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { finish, freePortBase, gatehouse, npmStart, type Started, untilReady } from '../cli/run-cli.ts';
import { BARE_ENV } from '../harness/child-env.ts';
import { run } from '../harness/run.ts';

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

test('scp, sftp and rsync copy by it, both ways', async () => {
  const config = join(directory, 'ssh_config');
  await writeFile(config, (await gatehouse([...as, 'ssh-config', '--via', 'portal'], env)).stdout);
  const content = randomBytes(3_000_001);
  const local = join(directory, 'content');
  await writeFile(local, content);
  const there = await mkdtemp(join(tmpdir(), 'gatehouse-programs-there-'));
  const with_ = { env: { ...BARE_ENV, ...env, PATH: process.env.PATH ?? '' } };
  try {
    await chmod(there, 0o777);
    const [at, here] = [(name: string) => join(there, name), (name: string) => join(directory, name)];
    const ok = { code: 0, stderr: '' };
    expect(await run('scp', ['-q', '-F', config, local, `demo-host:${at('a')}`], with_)).toMatchObject(ok);
    const batch = `get ${at('a')} ${here('got')}\nput ${local} ${at('b')}\n`;
    const sftp = await run('sftp', ['-q', '-F', config, '-b', '-', 'demo-host'], { ...with_, input: batch });
    expect(sftp).toMatchObject(ok);
    expect(await run('scp', ['-q', '-F', config, `demo-host:${at('b')}`, here('b')], with_)).toMatchObject(ok);
    const rsync = await run('rsync', ['-e', `ssh -F ${config}`, local, `demo-host:${at('c')}`], with_);
    expect(rsync).toMatchObject(ok);
    const files = [at('a'), here('got'), here('b'), at('c')];
    const same = files.map(async (file) => (await readFile(file)).equals(content));
    expect(await Promise.all(same)).toEqual([true, true, true, true]);
  } finally {
    await rm(there, { recursive: true, force: true });
  }
});
