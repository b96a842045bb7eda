// A real MariaDB server for the demo, where one is installed: made on the first start, filled with demo data, listening on
// loopback TCP alone.

import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chown, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import mysql, { type Connection } from 'mysql2/promise';
import { z } from 'zod';
import type { Running } from '../child.ts';
import { exists } from '../data/data-dir.ts';
import { type Account, placeFor } from '../unprivileged.ts';
import { fillShop } from './demo-shop.ts';
import { DEMO_DATABASE_OF_MYSQL, DEMO_USER } from './mysql-resource.ts';

export const MariadbSettings = z.object({
  port: z.number().int(),
  /** Where its data should stand. */
  data: z.string(),
  /** Of the user that the connector logs in as. */
  password: z.string(),
});
export type MariadbSettings = z.infer<typeof MariadbSettings>;

/** Where Debian, Fedora and Homebrew have them. */
const SERVERS = [
  '/usr/sbin/mariadbd',
  '/usr/libexec/mariadbd',
  '/usr/local/bin/mariadbd',
  '/opt/homebrew/bin/mariadbd',
];
const INSTALLERS = ['/usr/bin', '/usr/local/bin', '/opt/homebrew/bin'].map((folder) =>
  join(folder, 'mariadb-install-db'),
);
const START_DEADLINE_MS = 30_000;
const LEFTOVER_DEADLINE_MS = 8_000;
const PID_FILE = 'mariadbd.pid';
const FIRST_FILE = 'first.sql';

export async function startMariadb(settings: MariadbSettings): Promise<Running> {
  const server = await installed(SERVERS);
  const installer = await installed(INSTALLERS);
  const { path: data, owner } = await placeFor(settings.data, ['mysql', 'nobody']);
  await mkdir(data, { recursive: true, mode: 0o700 });
  if (owner) await chown(data, owner.uid, owner.gid);
  await endLeftover(data);
  if (!(await exists(join(data, 'mysql')))) await makeData(installer, data, owner);
  const child = await launch(server, data, owner, settings);
  const gone = once(child, 'exit');
  let stopping = false;
  void gone.then(([code]) => {
    if (stopping) return;
    console.error(`MariaDB ended with ${code}`);
    process.exit(1);
  });
  const connection = await untilItAnswers(settings, child);
  try {
    await fillShop(connection);
  } finally {
    await connection.end();
    await rm(join(data, FIRST_FILE), { force: true });
  }
  return {
    pids: child.pid === undefined ? {} : { mariadb: child.pid },
    async stop() {
      stopping = true;
      child.kill('SIGTERM');
      const late = setTimeout(() => child.kill('SIGKILL'), 7_000);
      await gone;
      clearTimeout(late);
    },
  };
}

async function installed(paths: readonly string[]): Promise<string> {
  for (const path of paths) if (await exists(path)) return path;
  throw new Error(
    'there is no MariaDB server here: install it (Debian: apt-get install mariadb-server), or leave --with mysql out',
  );
}

async function makeData(installer: string, data: string, owner: Account | undefined): Promise<void> {
  const make = spawn(
    installer,
    ['--no-defaults', `--datadir=${data}`, '--auth-root-authentication-method=normal', '--skip-test-db'],
    { cwd: data, stdio: ['ignore', 'inherit', 'inherit'], ...owner },
  );
  const [code] = await once(make, 'exit');
  if (code !== 0) {
    // What is half made would be taken for whole.
    await rm(join(data, 'mysql'), { recursive: true, force: true });
    throw new Error(`MariaDB's mariadb-install-db ended with ${code}`);
  }
}

async function launch(
  server: string,
  data: string,
  owner: Account | undefined,
  { port, password }: MariadbSettings,
): Promise<ChildProcess> {
  // Run by the server itself before anybody can connect: its administrator gets a password that nobody keeps, and is not reached by TCP.
  const first = join(data, FIRST_FILE);
  const lines = [
    `ALTER USER root@localhost IDENTIFIED BY '${randomBytes(24).toString('base64url')}';`,
    `CREATE DATABASE IF NOT EXISTS ${DEMO_DATABASE_OF_MYSQL};`,
    `CREATE USER IF NOT EXISTS ${DEMO_USER}@'127.0.0.1';`,
    `ALTER USER ${DEMO_USER}@'127.0.0.1' IDENTIFIED BY '${password}';`,
    `GRANT ALL ON ${DEMO_DATABASE_OF_MYSQL}.* TO ${DEMO_USER}@'127.0.0.1';`,
    // For what people restore beside it: shop_copy, and whatever else begins so.
    `GRANT ALL ON \`${DEMO_DATABASE_OF_MYSQL}\\_%\`.* TO ${DEMO_USER}@'127.0.0.1';`,
    // There is one of the same name for each address of this machine, and some versions add one without a name.
    "DELETE FROM mysql.global_priv WHERE User = '' OR (User = 'root' AND Host <> 'localhost');",
    'FLUSH PRIVILEGES;',
  ];
  await rm(first, { force: true });
  await writeFile(first, `${lines.join('\n')}\n`, { mode: 0o600 });
  if (owner) await chown(first, owner.uid, owner.gid);
  return spawn(
    server,
    [
      '--no-defaults',
      `--datadir=${data}`,
      `--port=${port}`,
      '--bind-address=127.0.0.1',
      // In the data folder: the whole path may be too long for a socket.
      '--socket=mariadbd.sock',
      `--pid-file=${PID_FILE}`,
      `--init-file=${first}`,
      '--character-set-server=utf8mb4',
      '--innodb-buffer-pool-size=32M',
      // A demo may lose its last second in a power cut.
      '--innodb-flush-log-at-trx-commit=2',
      '--skip-log-bin',
      '--skip-name-resolve',
      '--default-time-zone=+00:00',
    ],
    { cwd: data, stdio: ['ignore', 'inherit', 'inherit'], ...owner },
  );
}

/** A server whose watcher was killed: it is ours, by its pid file, and stands in the way. */
async function endLeftover(data: string): Promise<void> {
  const pid = (await readFile(join(data, PID_FILE), 'utf8').catch(() => '')).trim();
  if (!/^\d+$/.test(pid)) return;
  const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  if (!command.includes(`--datadir=${data}\0`)) return;
  process.kill(Number(pid), 'SIGTERM');
  for (let waited = 0; waited < LEFTOVER_DEADLINE_MS && (await exists(`/proc/${pid}`)); waited += 50) await sleep(50);
}

async function untilItAnswers({ port, password }: MariadbSettings, server: ChildProcess): Promise<Connection> {
  const until = performance.now() + START_DEADLINE_MS;
  for (;;) {
    try {
      return await mysql.createConnection({
        ...{ host: '127.0.0.1', port, user: DEMO_USER, password, database: DEMO_DATABASE_OF_MYSQL },
        multipleStatements: true,
      });
    } catch (error) {
      if (server.exitCode !== null) throw new Error(`MariaDB ended with ${server.exitCode}`);
      if (performance.now() > until) throw error;
      await sleep(50);
    }
  }
}
