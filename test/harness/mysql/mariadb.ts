// Real MariaDB and MySQL servers for tests: Debian's, each with its own data directory and port, stopped by whoever started it.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import mysql, { type Connection } from 'mysql2/promise';
import { freePort, otherUser } from '../postgres/postgres.ts';
import type { LaterRelease } from './debian-root.ts';

export interface MariadbOptions {
  /** PEM. Turns TLS on. */
  readonly tls?: { readonly cert: string; readonly key: string };
  /** Further `--name=value` settings. */
  readonly settings?: readonly string[];
  /** Instead of the MariaDB that is installed. */
  readonly release?: LaterRelease | undefined;
}

export interface MariadbServer {
  readonly port: number;
  /** Runs statements as root, past any gateway; gives the rows of the last. */
  sql(...statements: readonly string[]): Promise<Record<string, unknown>[]>;
  /** What the server logged so far. */
  log(): string;
  stop(): Promise<void>;
}

const INSTALLED = '/usr/sbin/mariadbd';
const KEPT = resolve(import.meta.dirname, '../../../node_modules/.cache/gatehouse-tests');
const QUIET = ['--skip-networking=0', '--innodb-flush-log-at-trx-commit=0', '--innodb-buffer-pool-size=32M'];

type User = { uid: number; gid: number } | undefined;

/** What starts a server, with its messages and plugins. */
function serverCommand(release: LaterRelease | undefined): readonly [file: string, ...args: string[]] {
  if (!release) return [INSTALLED, '--no-defaults'];
  const { root } = release;
  const plugins = `--plugin-dir=${join(root, 'usr/lib/mysql/plugin')}`;
  const own = ['--no-defaults', `--basedir=${join(root, 'usr')}`, plugins];
  if (release.name === 'mariadb-11.8')
    return [...release.command('usr/sbin/mariadbd'), ...own, `--lc-messages-dir=${join(root, 'usr/share/mariadb')}`];
  own.push(
    `--lc-messages-dir=${join(root, 'usr/share/mysql')}`,
    '--mysqlx=OFF',
    '--secure-file-priv=',
    '--innodb-redo-log-capacity=8M',
  );
  return [...release.command('usr/sbin/mysqld'), ...own];
}

/** As the family's own installer leaves it, which takes longer than most tests: made once and copied. */
function freshData(data: string, user: User, release: LaterRelease | undefined): void {
  const [file, ...args] = serverCommand(release);
  const version = execFileSync(file, [...args, '--version'], { encoding: 'utf8' })
    .replace(/^.*?Ver/, '')
    .replace(/\W+/g, '-');
  const kept = join(KEPT, `${release?.name ?? 'mariadb'}-${user?.uid ?? 'own'}${version}`.slice(0, 100));
  if (!existsSync(kept)) {
    const work = mkdtempSync(join(tmpdir(), 'gatehouse-mariadb-install-'));
    if (user) chownSync(work, user.uid, user.gid);
    install(join(work, 'data'), release, { ...user, cwd: work });
    mkdirSync(KEPT, { recursive: true });
    const whole = mkdtempSync(join(KEPT, 'making-'));
    execFileSync('cp', ['-a', join(work, 'data'), join(whole, 'data')]);
    // Somebody else may have been faster.
    execFileSync('sh', ['-c', 'mv -T "$1" "$2" || test -d "$2"', 'sh', join(whole, 'data'), kept]);
    for (const left of [work, whole]) rmSync(left, { recursive: true, force: true });
  }
  execFileSync('cp', ['-a', kept, data]);
}

function install(data: string, release: LaterRelease | undefined, options: { cwd: string }): void {
  const run = { ...options, stdio: 'pipe' } as const;
  const [file, ...args] = serverCommand(release);
  if (!release) {
    const rootless = ['--auth-root-authentication-method=normal', '--skip-test-db'];
    execFileSync('mariadb-install-db', ['--no-defaults', `--datadir=${data}`, ...rootless], run);
  } else if (release.name === 'mysql-9') {
    execFileSync(file, [...args, `--datadir=${data}`, '--initialize-insecure'], run);
  } else {
    // mariadb-install-db is a script that starts programs without their loader; this is what it does.
    mkdirSync(join(options.cwd, 'data/mysql'), { recursive: true });
    execFileSync('chown', ['-R', '--reference', options.cwd, data]);
    const parts = ['system_tables', 'performance_tables', 'system_tables_data'].map((name) =>
      readFileSync(join(release.root, `usr/share/mariadb/mariadb_${name}.sql`), 'utf8'),
    );
    const input = ['use mysql;', 'set @auth_root_socket=NULL;', ...parts].join('\n');
    execFileSync(file, [...args, `--datadir=${data}`, '--bootstrap'], { ...run, input });
  }
}

export async function startMariadb(options: MariadbOptions = {}): Promise<MariadbServer> {
  if (!options.release && !existsSync(INSTALLED)) throw new Error('Debian package mariadb-server is not installed');
  const user = otherUser();
  const directory = mkdtempSync(join(tmpdir(), 'gatehouse-mariadb-'));
  if (user) chownSync(directory, user.uid, user.gid);
  const data = join(directory, 'data');
  freshData(data, user, options.release);
  const log = join(directory, 'error.log');
  const [file, ...args] = serverCommand(options.release);
  args.push(`--datadir=${data}`, `--socket=${join(directory, 'socket')}`, `--log-error=${log}`);
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
    const child = spawn(file, [...args, `--port=${port}`], { cwd: directory, stdio: 'ignore', ...user });
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
    if (attempt === 3) throw new Error(`${options.release?.name ?? 'MariaDB'} did not start: ${said().slice(-1000)}`);
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
