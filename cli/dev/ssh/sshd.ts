// A real sshd for the demo, on loopback, as whoever runs `npm start`: with keys of its own, and for one key alone, which is the
// connector's.

import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { z } from 'zod';
import type { Running } from '../child.ts';
import { exists } from '../data/data-dir.ts';
import { hostKeyFile, loginKeyFile } from './ssh-keys.ts';

export const SshdSettings = z.object({ port: z.number().int(), directory: z.string() });
export type SshdSettings = z.infer<typeof SshdSettings>;

/** Where Debian, Fedora, macOS and Homebrew have it: it must be run by its full path. */
const PROGRAMS = ['/usr/sbin/sshd', '/usr/local/sbin/sshd', '/opt/homebrew/sbin/sshd'];
const START_DEADLINE_MS = 10_000;

export async function startSshd({ port, directory }: SshdSettings): Promise<Running> {
  const program = await installed();
  for (const file of [hostKeyFile(directory), loginKeyFile(directory)]) await makeKey(file);
  const authorized = join(directory, 'authorized_keys');
  await writeFile(authorized, await readFile(`${loginKeyFile(directory)}.pub`), { mode: 0o600 });
  await chmod(authorized, 0o600);
  // Where a sshd of root gives its privileges away.
  if (process.getuid?.() === 0) await mkdir('/run/sshd', { recursive: true });
  const lines = [
    `Port ${port}`,
    'ListenAddress 127.0.0.1',
    `HostKey ${hostKeyFile(directory)}`,
    `AuthorizedKeysFile ${authorized}`,
    'AuthenticationMethods publickey',
    'PermitRootLogin prohibit-password',
    // Its folder's modes are `npm start`'s.
    'StrictModes no',
    'UsePAM no',
    'PidFile none',
    'AcceptEnv LANG LANGUAGE LC_* TZ COLORTERM NO_COLOR GIT_PROTOCOL',
    'Subsystem sftp internal-sftp',
    // All come from one address.
    'MaxStartups 100',
    'MaxSessions 100',
  ];
  const file = join(directory, 'sshd_config');
  await writeFile(file, `${lines.join('\n')}\n`);
  const server = spawn(program, ['-D', '-e', '-f', file], { stdio: ['ignore', 'inherit', 'inherit'] });
  const gone = once(server, 'exit');
  let stopping = false;
  void gone.then(([code]) => {
    if (stopping) return;
    console.error(`sshd ended with ${code}`);
    process.exit(1);
  });
  await untilItListens(port, server);
  return {
    pids: server.pid === undefined ? {} : { sshd: server.pid },
    async stop() {
      stopping = true;
      server.kill('SIGTERM');
      await gone;
    },
  };
}

async function installed(): Promise<string> {
  for (const path of PROGRAMS) if (await exists(path)) return path;
  throw new Error(
    'there is no sshd here: install it (Debian: apt-get install openssh-server), or leave --with ssh out',
  );
}

async function makeKey(file: string): Promise<void> {
  if (await exists(file)) return;
  await promisify(execFile)('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'gatehouse-demo', '-f', file]);
}

async function untilItListens(port: number, server: ChildProcess): Promise<void> {
  const until = performance.now() + START_DEADLINE_MS;
  while (!(await listens(port))) {
    if (server.exitCode !== null) throw new Error(`sshd ended with ${server.exitCode}`);
    if (performance.now() > until) throw new Error('sshd does not listen');
    await sleep(50);
  }
}

const listens = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
