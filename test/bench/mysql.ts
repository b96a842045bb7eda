// What the gateway costs in front of MariaDB, beside proxies that record nothing: `npm run bench -- mysql`. Point selects by
// prepared statements (sysbench), and a dump of 300 MB. Rounds are interleaved, figures are medians.

import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startMariadb } from '../harness/mysql/mariadb.ts';
import { run } from '../harness/run.ts';
import { table } from './pgbench.ts';
import { comeToRest, cpuMicroseconds, median } from './process-cost.ts';
import { direct, gatehouse, haproxy, proxysql, type Way } from './ways.ts';

const DUMPED_ROWS = 3_000_000;
const SELECTED_ROWS = 100_000;
const REST_MS = 15_000;

interface MysqlWay extends Way {
  readonly user: string;
  readonly secret: string;
}

interface MysqlRow {
  readonly ofOne: number[];
  readonly of16: number[];
  readonly cpu: number[];
  readonly dumpSeconds: number[];
  readonly dumpCpuSeconds: number[];
}

export async function benchMysql({ rounds, seconds }: { rounds: number; seconds: number }): Promise<void> {
  for (const program of ['sysbench', 'mariadb-dump'])
    if (!existsSync(join('/usr/bin', program)))
      throw new Error(`${program} is needed (Debian: sysbench, mariadb-client; beside them haproxy)`);
  const directory = mkdtempSync(join(tmpdir(), 'gatehouse-bench-'));
  // The proxies run as somebody else and read their settings here.
  chmodSync(directory, 0o755);
  const server = await startMariadb({
    settings: ['--innodb-buffer-pool-size=512M', '--max-connections=200', '--aria-pagecache-buffer-size=64M'],
  });
  const stops: (() => Promise<void>)[] = [server.stop];
  try {
    await server.sql(
      'create database bench',
      "create user bench@'127.0.0.1' identified by 'bench'",
      "grant all on *.* to bench@'127.0.0.1'",
      'use bench',
      'create table wide (id int primary key, a varchar(32), b varchar(32), c varchar(20)) engine=aria transactional=0',
      `insert into wide select seq, md5(seq), md5(seq * 7), 'some more text' from seq_1_to_${DUMPED_ROWS}`,
    );
    const owner = { user: 'bench', secret: 'bench' };
    const base: MysqlWay = { ...direct(server.port), ...owner };
    const ways: MysqlWay[] = [base];
    for (const way of [await haproxy(server.port, directory), await proxysql(server.port, directory, owner)])
      if (way) ways.push({ ...way, ...owner });
    const own = await gatehouse(server.port, directory, 'gatehouse', 'none', 'mysql');
    ways.push({ ...own, user: 'alice@example.com#demo' });
    stops.unshift(...ways.map((way) => way.stop));
    await sysbench(directory, base, ['prepare']);

    const rows = new Map<string, MysqlRow>(
      ways.map(({ name }) => [name, { ofOne: [], of16: [], cpu: [], dumpSeconds: [], dumpCpuSeconds: [] }]),
    );
    for (const way of ways) await select(directory, way, 16, 3);
    for (let round = 1; round <= rounds; round++) {
      for (const way of ways) {
        const row = rows.get(way.name) as MysqlRow;
        row.ofOne.push((await select(directory, way, 1, seconds)) / seconds);
        const [queries, cpu] = await costOf(way, () => select(directory, way, 16, seconds));
        row.of16.push(queries / seconds);
        row.cpu.push(cpu / queries);
        const began = performance.now();
        let took = 0;
        const [, dumpCpu] = await costOf(way, async () => {
          await dump(way);
          took = (performance.now() - began) / 1000;
        });
        row.dumpSeconds.push(took);
        row.dumpCpuSeconds.push(dumpCpu / 1_000_000);
      }
      console.error(`round ${round} of ${rounds}`);
    }
    print(rows);
  } finally {
    for (const stop of stops) await stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

/** With the CPU time of the proxy, in µs, work left to the background included. */
async function costOf<T>({ pid }: Way, work: () => Promise<T>): Promise<readonly [T, number]> {
  if (pid === undefined) return [await work(), 0];
  await comeToRest(pid, REST_MS);
  const before = cpuMicroseconds(pid);
  const done = await work();
  await comeToRest(pid, REST_MS);
  return [done, cpuMicroseconds(pid) - before];
}

/** Queries that were answered. */
async function select(directory: string, way: MysqlWay, threads: number, time: number): Promise<number> {
  const output = await sysbench(directory, way, [`--threads=${threads}`, `--time=${time}`, 'run']);
  return Number(/^\s*total:\s+(\d+)/m.exec(output)?.[1] ?? 0);
}

async function sysbench(directory: string, way: MysqlWay, args: readonly string[]): Promise<string> {
  // Its words are no command line: passwords stand in them.
  const file = join(directory, `${way.name}.sysbench`);
  const settings = {
    ...{ 'db-driver': 'mysql', 'mysql-host': '127.0.0.1', 'mysql-port': way.port, 'mysql-db': 'bench' },
    ...{ 'mysql-user': way.user, 'mysql-password': way.secret, tables: 1, 'table-size': SELECTED_ROWS },
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name}=${value}\n`);
  writeFileSync(file, lines.join(''), { mode: 0o600 });
  const ran = await run('sysbench', [`--config-file=${file}`, 'oltp_point_select', ...args], { timeoutMs: 300_000 });
  if (ran.code !== 0) throw new Error(`sysbench through ${way.name}: ${ran.stderr || ran.stdout}`);
  return ran.stdout;
}

async function dump(way: MysqlWay): Promise<void> {
  const ran = await run(
    'mariadb-dump',
    [
      ...['--no-defaults', '-h', '127.0.0.1', '-P', String(way.port), '-u', way.user],
      // It would take a connection for a secure one that it only wished to be.
      ...['--skip-ssl', '--quick', '--skip-lock-tables', 'bench', 'wide'],
    ],
    { env: { MYSQL_PWD: way.secret }, stdout: 'ignore', timeoutMs: 300_000 },
  );
  if (ran.code !== 0) throw new Error(`mariadb-dump through ${way.name}: ${ran.stderr}`);
}

function print(rows: ReadonlyMap<string, MysqlRow>): void {
  const base = rows.get('direct');
  const ratio = (value: number, to: readonly number[] | undefined) =>
    to?.length ? (value / median(to)).toFixed(2) : '-';
  const lines = [
    [
      ...['through', 'queries/s, 1 client', 'of direct', 'queries/s, 16', 'of direct', 'CPU µs/query'],
      ...['dump s', 'of direct', 'CPU s/dump'],
    ],
  ];
  for (const [name, row] of rows) {
    const isProxy = name !== 'direct';
    lines.push([
      name,
      median(row.ofOne).toFixed(0),
      ratio(median(row.ofOne), base?.ofOne),
      median(row.of16).toFixed(0),
      ratio(median(row.of16), base?.of16),
      isProxy ? median(row.cpu).toFixed(1) : '-',
      median(row.dumpSeconds).toFixed(2),
      ratio(median(row.dumpSeconds), base?.dumpSeconds),
      isProxy ? median(row.dumpCpuSeconds).toFixed(2) : '-',
    ]);
  }
  table(lines);
}
