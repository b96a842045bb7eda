// A real PostgreSQL server for the demo: made on the first start, filled with demo data, listening on
// loopback TCP alone.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chown, readFile, rm, writeFile } from 'node:fs/promises';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { z } from 'zod';
import type { Running } from '../child.ts';
import { exists } from '../data/data-dir.ts';
import { DEMO_DATABASE, DEMO_ROLE, fillDemoDatabase } from './demo-data.ts';
import { findPostgresHome, type PostgresHome } from './postgres-home.ts';

export const PostgresSettings = z.object({
  port: z.number().int(),
  /** Where the cluster should stand. */
  cluster: z.string(),
  /** Of the role that the connector logs in as. */
  rolePassword: z.string(),
  adminPassword: z.string(),
});
export type PostgresSettings = z.infer<typeof PostgresSettings>;

const ADMIN = 'postgres';
const START_DEADLINE_MS = 30_000;
const LEFTOVER_PATIENCE_MS = 6_000;

export async function startPostgres(settings: PostgresSettings): Promise<Running> {
  const home = await findPostgresHome(settings.cluster);
  await endLeftover(home.cluster);
  if (!(await exists(join(home.cluster, 'PG_VERSION')))) await makeCluster(home, settings.adminPassword);
  const server = await launch(home, settings);
  const gone = once(server, 'exit');
  let stopping = false;
  void gone.then(([code]) => {
    if (stopping) return;
    console.error(`PostgreSQL ended with ${code}`);
    process.exit(1);
  });
  await fillDemoDatabase(
    await connect(settings, ADMIN),
    (database) => connect(settings, database),
    settings.rolePassword,
  );
  return {
    pids: server.pid === undefined ? {} : { postgres: server.pid },
    async stop() {
      stopping = true;
      // Fast shutdown: ends sessions, writes everything.
      server.kill('SIGINT');
      const late = setTimeout(() => server.kill('SIGQUIT'), 5_000);
      await gone;
      clearTimeout(late);
    },
  };
}

/**
 * Resolves when the server answers. The children of a server that was killed hold its shared memory
 * for a moment longer; until they are gone a new one refuses to start.
 */
async function launch(home: PostgresHome, settings: PostgresSettings): Promise<ChildProcess> {
  const until = performance.now() + LEFTOVER_PATIENCE_MS;
  for (;;) {
    const server = run(home, 'postgres', [
      ...['-D', home.cluster, '-p', String(settings.port), '-h', '127.0.0.1'],
      // No socket file: nothing is left behind, and no path is too long for one.
      ...[
        '-c',
        'unix_socket_directories=',
        '-c',
        'timezone=UTC',
        '-c',
        'log_timezone=UTC',
        '-c',
        'max_connections=200',
      ],
      // A demo may lose its last half second in a power cut, and starts faster for it.
      ...['-c', 'synchronous_commit=off', '-c', 'shared_buffers=64MB'],
    ]);
    try {
      await untilItAnswers(settings, server);
      return server;
    } catch (error) {
      if (server.exitCode === null || performance.now() > until) throw error;
      await sleep(250);
    }
  }
}

async function makeCluster(home: PostgresHome, adminPassword: string): Promise<void> {
  const passwordFile = `${home.cluster}.${randomBytes(6).toString('hex')}`;
  await writeFile(passwordFile, `${adminPassword}\n`, { mode: 0o600 });
  try {
    if (home.owner) await chown(passwordFile, home.owner.uid, home.owner.gid);
    const initdb = run(home, 'initdb', [
      ...['-D', home.cluster, '-U', ADMIN, `--pwfile=${passwordFile}`, '--auth=scram-sha-256'],
      ...['--encoding=UTF8', '--locale=C', '--no-sync', '--no-instructions'],
    ]);
    const [code] = await once(initdb, 'exit');
    if (code !== 0) throw new Error(`PostgreSQL's initdb ended with ${code}`);
  } finally {
    await rm(passwordFile, { force: true });
  }
}

function run(home: PostgresHome, program: string, args: readonly string[]): ChildProcess {
  return spawn(join(home.programs, 'bin', program), args, {
    cwd: '/',
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { PATH: '/usr/bin:/bin', LANG: 'C', LC_ALL: 'C', TZ: 'UTC' },
    ...(home.owner ? { uid: home.owner.uid, gid: home.owner.gid } : {}),
  });
}

/** A server whose watcher was killed: it is ours, by its pid file, and stands in the way. */
async function endLeftover(cluster: string): Promise<void> {
  const [pid = '', dir = ''] = (await readFile(join(cluster, 'postmaster.pid'), 'utf8').catch(() => '')).split('\n');
  if (!/^\d+$/.test(pid) || dir !== cluster) return;
  const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  if (!command.includes(cluster)) return;
  process.kill(Number(pid), 'SIGINT');
  for (let waited = 0; waited < 5_000 && (await exists(`/proc/${pid}`)); waited += 50) await sleep(50);
}

async function untilItAnswers(settings: PostgresSettings, server: ChildProcess): Promise<void> {
  const until = performance.now() + START_DEADLINE_MS;
  for (;;) {
    try {
      return await (await connect(settings, ADMIN)).end();
    } catch (error) {
      if (server.exitCode !== null || performance.now() > until) throw error;
      await sleep(50);
    }
  }
}

async function connect(settings: PostgresSettings, database: string): Promise<Client> {
  const client = new Client({
    host: '127.0.0.1',
    port: settings.port,
    user: ADMIN,
    password: settings.adminPassword,
    database,
    connectionTimeoutMillis: 5_000,
  });
  // Without a listener a server that goes away would end this process with a stack.
  client.on('error', () => {});
  await client.connect();
  return client;
}

export { DEMO_DATABASE, DEMO_ROLE };
