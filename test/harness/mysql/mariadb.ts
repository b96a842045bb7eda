// Real MariaDB servers for tests: Debian's, each with its own data directory and port, stopped by whoever started it.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import mysql, { type Connection } from 'mysql2/promise';
import { freePort, otherUser } from '../postgres/postgres.ts';

export interface MariadbOptions {
  /** PEM. Turns TLS on. */
  readonly tls?: { readonly cert: string; readonly key: string };
  /** Further `--name=value` settings. */
  readonly settings?: readonly string[];
}

export interface MariadbServer {
  readonly port: number;
  /** Runs statements as root, past any gateway; gives the rows of the last. */
  sql(...statements: readonly string[]): Promise<Record<string, unknown>[]>;
  /** What the server logged so far. */
  log(): string;
  stop(): Promise<void>;
}

const SERVER = '/usr/sbin/mariadbd';
const KEPT = resolve(import.meta.dirname, '../../../node_modules/.cache/gatehouse-tests');
const QUIET = ['--skip-networking=0', '--innodb-flush-log-at-trx-commit=0', '--innodb-buffer-pool-size=32M'];

/** As mariadb-install-db leaves it, which takes longer than most tests: made once and copied. */
function freshData(data: string, user: { uid: number; gid: number } | undefined): void {
  const version = execFileSync(SERVER, ['--version'], { encoding: 'utf8' }).replace(/\W+/g, '-');
  const kept = join(KEPT, `mariadb-${user?.uid ?? 'own'}-${version}`.slice(0, 100));
  if (!existsSync(kept)) {
    const work = mkdtempSync(join(tmpdir(), 'gatehouse-mariadb-install-'));
    if (user) chownSync(work, user.uid, user.gid);
    execFileSync(
      'mariadb-install-db',
      [
        '--no-defaults',
        `--datadir=${join(work, 'data')}`,
        '--auth-root-authentication-method=normal',
        '--skip-test-db',
      ],
      { stdio: 'pipe', ...user, cwd: work },
    );
    mkdirSync(KEPT, { recursive: true });
    const whole = mkdtempSync(join(KEPT, 'making-'));
    execFileSync('cp', ['-a', join(work, 'data'), join(whole, 'data')]);
    // Somebody else may have been faster.
    execFileSync('sh', ['-c', 'mv -T "$1" "$2" || test -d "$2"', 'sh', join(whole, 'data'), kept]);
    for (const left of [work, whole]) rmSync(left, { recursive: true, force: true });
  }
  execFileSync('cp', ['-a', kept, data]);
}

export async function startMariadb(options: MariadbOptions = {}): Promise<MariadbServer> {
  if (!existsSync(SERVER)) throw new Error('Debian package mariadb-server is not installed');
  const user = otherUser();
  const directory = mkdtempSync(join(tmpdir(), 'gatehouse-mariadb-'));
  if (user) chownSync(directory, user.uid, user.gid);
  const data = join(directory, 'data');
  freshData(data, user);
  const log = join(directory, 'error.log');
  const args = ['--no-defaults', `--datadir=${data}`, `--socket=${join(directory, 'socket')}`, `--log-error=${log}`];
  args.push('--bind-address=127.0.0.1', `--pid-file=${join(directory, 'pid')}`, ...QUIET);
  if (options.tls) {
    for (const part of ['cert', 'key'] as const) {
      const path = join(directory, `${part}.pem`);
      writeFileSync(path, options.tls[part], { mode: 0o600 });
      if (user) chownSync(path, user.uid, user.gid);
      args.push(`--ssl-${part}=${path}`);
    }
  }
  args.push(...(options.settings ?? []));
  const said = () => (existsSync(log) ? readFileSync(log, 'utf8') : '');
  for (let attempt = 1; ; attempt++) {
    const port = await freePort();
    const child = spawn(SERVER, [...args, `--port=${port}`], { cwd: directory, stdio: 'ignore', ...user });
    if (await becomesReady(child, said)) {
      const root = await mysql.createConnection({ host: '127.0.0.1', port, user: 'root' });
      return {
        port,
        log: said,
        sql: (...statements) => runAll(root, statements),
        async stop() {
          root.destroy();
          await stopChild(child);
          rmSync(directory, { recursive: true, force: true });
        },
      };
    }
    // Somebody may have taken the port in between.
    if (attempt === 3) throw new Error(`MariaDB did not start: ${said().slice(-1000)}`);
  }
}

async function runAll(root: Connection, statements: readonly string[]): Promise<Record<string, unknown>[]> {
  let rows: unknown = [];
  for (const statement of statements) [rows] = await root.query(statement);
  return Array.isArray(rows) ? (rows as Record<string, unknown>[]) : [];
}

async function becomesReady(child: ChildProcess, said: () => string): Promise<boolean> {
  let gone = false;
  child.once('exit', () => {
    gone = true;
  });
  while (!gone) {
    if (/ready for connections/.test(said())) return true;
    await new Promise((wake) => setTimeout(wake, 20));
  }
  return false;
}

async function stopChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((wake) => child.once('exit', wake));
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), 15_000);
  await gone;
  clearTimeout(timer);
}
