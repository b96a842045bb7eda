// A real sshd on a free loopback port, with host keys and settings of its own, as whoever runs the tests.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { connect } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { PinnedKeys } from '../../../connector/protocols/ssh/login/pinned-keys.ts';
import type { SshTarget } from '../../../connector/protocols/ssh/login/target-login.ts';
import { parsePrivateKey } from '../../../connector/protocols/ssh/wire/ssh2.ts';
import { until } from '../run.ts';

const SSHD = '/usr/sbin/sshd';
export const hasSshd = existsSync(SSHD);

export interface Sshd {
  readonly port: number;
  readonly login: string;
  /** `ssh-ed25519 AAAA...`. */
  readonly hostKey: string;
  /** How the connector logs in there. */
  readonly upstream: SshTarget;
  /** A file with the private key that is let in. */
  readonly keyFile: string;
  /** What it said. */
  log(): string;
  /** Ends it with its connections. */
  close(): void;
}

/** `hosts`: names that it, and what it starts, find at 127.0.0.1 (Linux, as root). */
export async function startSshd(settings: readonly string[] = [], hosts: readonly string[] = []): Promise<Sshd> {
  const directory = mkdtempSync(join(tmpdir(), 'gatehouse-sshd-'));
  const file = (name: string) => join(directory, name);
  for (const name of ['host', 'user'])
    spawnSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'test', '-f', file(name)]);
  writeFileSync(file('authorized'), readFileSync(file('user.pub')));
  chmodSync(file('authorized'), 0o600);
  // Where sshd gives its privileges away; only root needs it.
  if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true });
  const port = await freePort();
  const lines = [
    `Port ${port}`,
    'ListenAddress 127.0.0.1',
    `HostKey ${file('host')}`,
    `AuthorizedKeysFile ${file('authorized')}`,
    'PidFile none',
    'StrictModes no',
    'UsePAM no',
    'PasswordAuthentication no',
    'PermitRootLogin yes',
    'AcceptEnv LANG LC_* GIT_PROTOCOL SECRET_*',
    'Subsystem sftp internal-sftp',
    'MaxStartups 200',
    'MaxSessions 200',
    // A shell that reads nobody's start-up files: they may take seconds.
    `SetEnv SHLVL=1 HOME=${directory}`,
    'LogLevel VERBOSE',
    ...settings,
  ];
  writeFileSync(file('config'), `${lines.join('\n')}\n`);
  const command = [SSHD, '-D', '-e', '-f', file('config')];
  if (hosts.length > 0) {
    writeFileSync(file('hosts'), `127.0.0.1 localhost ${hosts.join(' ')}\n`);
    // A view of the file system of its own, with another /etc/hosts.
    const within = `mount --bind "$0" /etc/hosts && exec "$@"`;
    command.unshift('unshare', '-m', 'sh', '-c', within, file('hosts'));
  }
  const [program = SSHD, ...args] = command;
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'], detached: true });
  let said = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  await until('sshd listens', () => listens(port));
  const hostKey = readFileSync(file('host.pub'), 'utf8').trim().split(' ').slice(0, 2).join(' ');
  const login = userInfo().username;
  const key = parsePrivateKey(readFileSync(file('user'), 'utf8'));
  if (!key) throw new Error('the key that ssh-keygen made cannot be read');
  return {
    port,
    login,
    hostKey,
    keyFile: file('user'),
    upstream: {
      host: '127.0.0.1',
      port,
      login,
      credential: { kind: 'key', key },
      hostKeys: new PinnedKeys([hostKey]),
      connectTimeoutMs: 60_000,
    },
    log: () => said,
    close() {
      endGroup(child);
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** The listener, and what it started for connections that are open. */
function endGroup(child: ChildProcess): void {
  if (child.pid === undefined || child.exitCode !== null) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // It is over already.
  }
}

const listens = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });

const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const at = server.address();
      server.close(() => resolve(typeof at === 'object' && at ? at.port : 0));
    });
  });
