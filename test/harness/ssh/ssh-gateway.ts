// The connector's session pipeline with an SSH listener in the test's own process, and real clients that go through it.

import { spawn } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { newId } from '../../../core/ids.ts';
import { err, ok } from '../../../core/result.ts';
import type { SshTarget } from '../../../connector/protocols/ssh/login/target-login.ts';
import type { Protocol } from '../../../connector/protocol.ts';
import { PROTOCOL_MODULES } from '../../../connector/registry.ts';
import { startListener } from '../../../connector/session/serve.ts';
import { createSessions, type Entrance, type SessionsDeps } from '../../../connector/session/sessions.ts';
import { MemoryEdge } from '../memory-edge.ts';
import { MemoryLog } from '../memory-log.ts';
import { type Ran, run } from '../run.ts';

export interface SshGateway {
  readonly port: number;
  readonly hostKey: Extract<NonNullable<Protocol<SshTarget>['hostKey']>, { ok: true }>['value'];
  readonly edge: MemoryEdge;
  readonly log: MemoryLog;
  readonly bugs: unknown[];
  /** Options of ssh, scp and sftp that make them trust the gateway, and nothing else. */
  readonly options: readonly string[];
  /** With which ssh shows the grant when it is asked for a password. */
  readonly environment: Readonly<Record<string, string>>;
  /** Another secret than the grant that was issued. */
  environmentOf(secret: string): Readonly<Record<string, string>>;
  /** `ssh ... LOGIN@web@gateway COMMAND`, to its end. */
  ssh(command: readonly string[], more?: { input?: string | Buffer; options?: readonly string[] }): Promise<RanBytes>;
  /** Any program that runs ssh. */
  run(program: string, args: readonly string[], env?: Record<string, string>): Promise<Ran>;
  close(): Promise<void>;
}

export interface RanBytes {
  readonly code: number | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

export async function startSshGateway(
  upstream: SshTarget,
  more: { rules?: Partial<MemoryEdge['rules']>; limits?: SessionsDeps['limits'] } = {},
): Promise<SshGateway> {
  const edge = new MemoryEdge();
  edge.protocol = 'ssh';
  edge.rules = { ...edge.rules, ...more.rules };
  const log = new MemoryLog();
  const bugs: unknown[] = [];
  const sessions = createSessions({
    edge,
    log,
    connector: { id: newId('con'), name: 'test', build: 'test' },
    keyedHash: (value) => createHmac('sha256', 'test').update(value).digest(),
    ...(more.limits && { limits: more.limits }),
    onBug: (error) => bugs.push(error),
  });
  const protocol = PROTOCOL_MODULES.ssh.create({});
  const entrance: Entrance<SshTarget> = {
    name: 'ssh',
    protocol,
    targets: async (resource) =>
      resource === 'web' ? ok(upstream) : err({ reason: 'resource_unknown', message: 'There is no such resource.' }),
    tls: undefined,
    allowPlainText: true,
  };
  const listener = await startListener({ host: '127.0.0.1', port: 0, entrance, sessions });
  const { port } = listener.address;
  const directory = mkdtempSync(join(tmpdir(), 'gatehouse-ssh-'));
  const file = (name: string) => join(directory, name);
  if (!protocol.hostKey?.ok) throw new Error('the listener has no host key');
  writeFileSync(file('known_hosts'), `[127.0.0.1]:${port} ${protocol.hostKey.value.line}\n`);
  writeFileSync(file('askpass'), '#!/bin/sh\nprintf "%s\\n" "$GATEHOUSE_GRANT"\n');
  chmodSync(file('askpass'), 0o700);
  const options = [
    ['-F', 'none'],
    ['-o', `UserKnownHostsFile=${file('known_hosts')}`],
    ['-o', 'GlobalKnownHostsFile=/dev/null'],
    ['-o', 'StrictHostKeyChecking=yes'],
    ['-o', 'LogLevel=ERROR'],
    ['-o', 'NumberOfPasswordPrompts=1'],
  ].flat();
  const environmentOf = (secret: string) => ({
    SSH_ASKPASS: file('askpass'),
    SSH_ASKPASS_REQUIRE: 'force',
    GATEHOUSE_GRANT: secret,
    SSH_AUTH_SOCK: '',
    HOME: directory,
  });
  const environment = environmentOf(edge.issue({ resource: 'web' }).secret);
  return {
    port,
    hostKey: protocol.hostKey.value,
    edge,
    log,
    bugs,
    options,
    environment,
    environmentOf,
    ssh: (command, { input, options: own = [] } = {}) =>
      runBytes(
        'ssh',
        [...own, ...options, '-p', String(port), `${upstream.login}@web@127.0.0.1`, ...command],
        environment,
        input,
      ),
    run: (program, args, env = {}) => run(program, args, { env: { ...environment, ...env }, timeoutMs: 110_000 }),
    async close() {
      listener.close();
      await sessions.close(0);
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** To its end, or killed just before its test would be. */
export function runBytes(
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  input: string | Buffer = '',
): Promise<RanBytes> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { env: { ...process.env, LC_ALL: 'C.UTF-8', ...env } });
    const out: Buffer[] = [];
    let stderr = '';
    const timer = setTimeout(() => child.kill('SIGKILL'), 110_000);
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    child.once('error', reject);
    child.once('close', (code) => {
      clearTimeout(timer);
      resolve({ code, stdout: Buffer.concat(out), stderr });
    });
    child.stdin.on('error', () => {});
    child.stdin.end(input);
  });
}
