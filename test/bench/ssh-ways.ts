// The ways to an sshd that are compared: itself, through another as a jump host, through Gatehouse, and through Gatehouse
// that records nothing, which is as fast as the library that encrypts and decrypts can be. The client and
// its cipher are the same on all of them; each is a name in one configuration file.

import { spawn } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { type Sshd, startSshd } from '../harness/ssh/sshd.ts';

const CIPHER = 'aes128-gcm@openssh.com';

interface OwnWay {
  readonly name: string;
  readonly pid: number;
  readonly port: number;
  readonly secret: string;
  readonly hostKey: string;
  stop(): Promise<void>;
}

export interface SshWays {
  /** Hosts of the configuration. */
  readonly names: readonly string[];
  readonly gateway: OwnWay;
  /** One that has done nothing yet. */
  another(): Promise<OwnWay>;
  /** In front of every command of OpenSSH's. */
  readonly options: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  stop(): Promise<void>;
}

export async function sshWays(directory: string): Promise<SshWays> {
  const target = await startSshd();
  const hop = await startSshd();
  const own = await startOwn(target, directory, 'gatehouse');
  const unrecorded = await startOwn(target, directory, 'unrecorded', own.secret);
  const file = (name: string) => join(directory, name);
  const known = [
    `[127.0.0.1]:${target.port} ${target.hostKey}`,
    `[127.0.0.1]:${hop.port} ${hop.hostKey}`,
    `[127.0.0.1]:${own.port} ${own.hostKey}`,
    `[127.0.0.1]:${unrecorded.port} ${unrecorded.hostKey}`,
  ];
  writeFileSync(file('known_hosts'), `${known.join('\n')}\n`);
  writeFileSync(file('askpass'), '#!/bin/sh\nprintf "%s\\n" "$GATEHOUSE_GRANT"\n');
  chmodSync(file('askpass'), 0o700);
  const host = (name: string, lines: readonly string[]) => `Host ${name}\n${lines.map((one) => `  ${one}\n`).join('')}`;
  const config = [
    ...[own, unrecorded].map(({ name, port }) =>
      host(name, [`User ${target.login}@web`, `Port ${port}`, 'PubkeyAuthentication no']),
    ),
    host('hop', [`Port ${hop.port}`, `IdentityFile ${hop.keyFile}`]),
    host('jump', ['ProxyJump hop']),
    host('direct jump', [`Port ${target.port}`, `IdentityFile ${target.keyFile}`]),
    host('*', [
      'HostName 127.0.0.1',
      `User ${target.login}`,
      `Ciphers ${CIPHER}`,
      'IdentitiesOnly yes',
      `UserKnownHostsFile ${file('known_hosts')}`,
      'GlobalKnownHostsFile /dev/null',
      'StrictHostKeyChecking yes',
      'LogLevel ERROR',
      // Of later versions: keys are sent as they are typed.
      'IgnoreUnknown ObscureKeystrokeTiming',
      'ObscureKeystrokeTiming no',
    ]),
  ];
  writeFileSync(file('config'), config.join(''));
  return {
    names: ['direct', 'jump', own.name, unrecorded.name],
    gateway: own,
    another: () => startOwn(target, directory, 'another'),
    options: ['-F', file('config')],
    env: {
      SSH_ASKPASS: file('askpass'),
      SSH_ASKPASS_REQUIRE: 'force',
      GATEHOUSE_GRANT: own.secret,
      SSH_AUTH_SOCK: '',
    },
    async stop() {
      await own.stop();
      await unrecorded.stop();
      hop.close();
      target.close();
    },
  };
}

async function startOwn(
  { port, login, keyFile, hostKey }: Sshd,
  directory: string,
  name: string,
  secret?: string,
): Promise<OwnWay> {
  const more = name === 'unrecorded' ? [name] : [];
  const folder = join(directory, name);
  mkdirSync(folder);
  const program = fileURLToPath(new URL('ssh-process.ts', import.meta.url));
  const child = spawn(process.execPath, [program, String(port), login, keyFile, hostKey, folder, ...more], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, ...(secret !== undefined && { GATEHOUSE_GRANT: secret }) },
  });
  const first = await createInterface({ input: child.stdout })[Symbol.asyncIterator]().next();
  if (first.done) throw new Error('the gateway did not start');
  return {
    name,
    pid: child.pid ?? 0,
    ...(JSON.parse(first.value) as { port: number; secret: string; hostKey: string }),
    async stop() {
      const gone = new Promise((resolve) => child.once('exit', resolve));
      child.stdin.end();
      await gone;
    },
  };
}
