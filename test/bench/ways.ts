// The ways to a database that are compared, each a process of its own beside the database.

import { type ChildProcess, spawn } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { freePort, otherUser } from '../harness/postgres/postgres.ts';
import { until } from '../harness/run.ts';
import type { BenchRules } from './rules.ts';

export interface Way {
  readonly name: string;
  /** Undefined for the database itself. */
  readonly pid: number | undefined;
  readonly port: number;
  /** For libpq's clients. */
  readonly env: Record<string, string>;
  stop(): Promise<void>;
}

const find = (name: string): string | undefined =>
  ['/usr/sbin', '/usr/bin', '/usr/local/bin']
    .map((directory) => join(directory, name))
    .find((path) => existsSync(path));

export const direct = (port: number): Way => ({
  name: 'direct',
  pid: undefined,
  port,
  env: address(port),
  stop: async () => {},
});

const address = (port: number): Record<string, string> => ({
  PGHOST: '127.0.0.1',
  PGPORT: String(port),
  PGUSER: 'postgres',
  PGDATABASE: 'postgres',
});

/** Session mode, so that it keeps what a session is. Undefined when it is not installed. */
export async function pgbouncer(target: number, directory: string): Promise<Way | undefined> {
  const settings = (port: number) => `[databases]
* = host=127.0.0.1 port=${target} user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = session
max_client_conn = 2000
default_pool_size = 1500
ignore_startup_parameters = extra_float_digits
`;
  return proxy('pgbouncer', directory, settings, (file) => ['-q', file]);
}

export async function haproxy(target: number, directory: string): Promise<Way | undefined> {
  const settings = (port: number) => `global
  maxconn 4000
  nbthread 1
defaults
  mode tcp
  timeout connect 5s
  timeout client 1h
  timeout server 1h
listen database
  bind 127.0.0.1:${port}
  server one 127.0.0.1:${target}
`;
  return proxy('haproxy', directory, settings, (file) => ['-db', '-q', '-f', file]);
}

/** Each client has a connection of its own behind it, as a gateway that records it must. Undefined when it is not installed. */
export async function proxysql(
  target: number,
  directory: string,
  login: { readonly user: string; readonly secret: string },
): Promise<Way | undefined> {
  const settings = (port: number) => `datadir="${directory}"
admin_variables={ mysql_ifaces="${join(directory, 'proxysql-admin.sock')}" }
mysql_variables={ threads=1 interfaces="127.0.0.1:${port}" multiplexing=false max_connections=2000 monitor_enabled=false }
mysql_servers=( { address="127.0.0.1" port=${target} hostgroup=0 max_connections=200 } )
mysql_users=( { username="${login.user}" password="${login.secret}" default_hostgroup=0 } )
`;
  return proxy('proxysql', directory, settings, (file) => ['-f', '--no-monitor', '--idle-threads', '-c', file]);
}

async function proxy(
  name: string,
  directory: string,
  settings: (port: number) => string,
  args: (file: string) => string[],
): Promise<Way | undefined> {
  const program = find(name);
  if (!program) return undefined;
  const port = await freePort();
  const user = otherUser();
  const file = join(directory, `${name}.conf`);
  writeFileSync(file, settings(port));
  if (user) chownSync(file, user.uid, user.gid);
  const child = spawn(program, args(file), { stdio: ['ignore', 'ignore', 'inherit'], ...user });
  await until(`${name} listens`, () => listens(port));
  return { name, pid: child.pid, port, env: address(port), stop: () => stopChild(child) };
}

/** With recording on, into a directory. */
export async function gatehouse(
  target: number,
  directory: string,
  run = 'gatehouse',
  rules: BenchRules = 'none',
  protocol: 'postgres' | 'mysql' = 'postgres',
): Promise<Way & { secret: string }> {
  const folder = join(directory, run);
  mkdirSync(folder);
  const program = fileURLToPath(new URL('gatehouse-process.ts', import.meta.url));
  const child = spawn(process.execPath, [program, String(target), folder, rules, protocol], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  if (!child.stdout) throw new Error('no output');
  const first = await createInterface({ input: child.stdout })[Symbol.asyncIterator]().next();
  if (first.done) throw new Error('the gateway did not start');
  const { port, secret } = JSON.parse(first.value) as { port: number; secret: string };
  const env = { ...address(port), PGUSER: 'alice@example.com', PGDATABASE: 'demo', PGPASSWORD: secret };
  const stop = async () => {
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.stdin?.end();
    await gone;
  };
  return { name: run, pid: child.pid, env, port, secret, stop };
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true));
    socket.once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

async function stopChild(child: ChildProcess): Promise<void> {
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), 3000);
  await gone;
  clearTimeout(timer);
}
