// What the gateway costs, beside proxies that record nothing: `npm run bench -- postgres`. Rounds are
// interleaved, so that a busy moment of the machine hits all; figures are medians.

import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findClient, startPostgres } from '../harness/postgres/postgres.ts';
import { dialRaw, logInRaw, type RawPeer } from '../harness/postgres/raw-postgres.ts';
import { run } from '../harness/run.ts';
import { must, queriesPerSecond, table, transactions } from './pgbench.ts';
import { comeToRest, cpuMicroseconds, median, residentBytes } from './process-cost.ts';
import { direct, gatehouse, haproxy, pgbouncer, type Way } from './ways.ts';

const IDLE_SESSIONS = 1000;
const COPY_ROWS = 3_000_000;

interface Row {
  queries: number[];
  queriesOfOne: number[];
  cpu: number[];
  copySeconds: number[];
}

export async function benchPostgres({ rounds, seconds }: { rounds: number; seconds: number }): Promise<void> {
  const pgbench = findClient('pgbench');
  const psql = findClient('psql');
  if (!pgbench || !psql) throw new Error('pgbench and psql are needed (Debian: postgresql-client, postgresql-contrib)');
  const directory = mkdtempSync(join(tmpdir(), 'gatehouse-bench-'));
  // The proxies run as somebody else and read their settings here.
  chmodSync(directory, 0o755);
  const server = await startPostgres({
    version: findClient('postgres')?.includes('/15/') ? 15 : 18,
    settings: ['max_connections=1200', 'shared_buffers=512MB', 'max_wal_size=4GB'],
  });
  const stops: (() => Promise<void>)[] = [server.stop];
  try {
    const base = direct(server.port);
    await must(pgbench, ['-i', '-q', '-s', '10'], base);
    await must(
      psql,
      [
        '-q',
        '-c',
        `create unlogged table wide as select g as id, md5(g::text) as a, md5((g * 7)::text) as b, 'some more text' as c from generate_series(1, ${COPY_ROWS}) g`,
      ],
      base,
    );
    const own = await gatehouse(server.port, directory);
    const ways: Way[] = [base];
    for (const way of [await pgbouncer(server.port, directory), await haproxy(server.port, directory)])
      if (way) ways.push(way);
    ways.push(own);
    stops.unshift(...ways.map((way) => way.stop));

    const rows = new Map<string, Row>(
      ways.map(({ name }) => [name, { queries: [], queriesOfOne: [], cpu: [], copySeconds: [] }]),
    );
    const select = (way: Way, clients: number, time: number) =>
      must(pgbench, ['-n', '-S', '-M', 'prepared', '-c', String(clients), '-T', String(time)], way);
    for (const way of ways) await select(way, 16, 3);
    for (let round = 1; round <= rounds; round++) {
      for (const way of ways) {
        const row = rows.get(way.name) as Row;
        row.queriesOfOne.push(queriesPerSecond(await select(way, 1, seconds)));
        if (way.pid !== undefined) await comeToRest(way.pid, 15_000);
        const before = way.pid === undefined ? 0 : cpuMicroseconds(way.pid);
        const output = await select(way, 16, seconds);
        row.queries.push(queriesPerSecond(output));
        if (way.pid !== undefined) {
          await comeToRest(way.pid, 15_000);
          row.cpu.push((cpuMicroseconds(way.pid) - before) / transactions(output));
        }
        const began = performance.now();
        const copied = await run(psql, ['-X', '-c', 'copy wide to stdout'], {
          env: way.env,
          stdout: 'ignore',
          timeoutMs: 300_000,
        });
        if (copied.code !== 0) throw new Error(copied.stderr);
        row.copySeconds.push((performance.now() - began) / 1000);
        if (way.pid !== undefined) await comeToRest(way.pid, 15_000);
      }
      console.error(`round ${round} of ${rounds}`);
    }
    print(rows);
    // A fresh one: memory that earlier work left free would hide what sessions take.
    const idle = await gatehouse(server.port, directory, 'idle');
    stops.unshift(idle.stop);
    await printIdle(idle.port, idle.secret, idle.pid ?? 0);
  } finally {
    for (const stop of stops) await stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

function print(rows: ReadonlyMap<string, Row>): void {
  const of = (name: string) => rows.get(name);
  const base = of('direct');
  const bouncer = of('pgbouncer');
  const ratio = (value: number, to: readonly number[] | undefined) =>
    to?.length ? (value / median(to)).toFixed(2) : '-';
  const lines = [
    [
      'through',
      'queries/s, 1 client',
      'queries/s, 16',
      'of direct',
      'of pgbouncer',
      'CPU µs/query',
      'COPY s',
      'of direct',
    ],
  ];
  for (const [name, row] of rows) {
    const queries = median(row.queries);
    const copy = median(row.copySeconds);
    lines.push([
      name,
      median(row.queriesOfOne).toFixed(0),
      queries.toFixed(0),
      ratio(queries, base?.queries),
      ratio(queries, bouncer?.queries),
      row.cpu.length > 0 ? median(row.cpu).toFixed(1) : '-',
      copy.toFixed(2),
      ratio(copy, base?.copySeconds),
    ]);
  }
  table(lines);
}

/** Memory of sessions that are logged in and say nothing. */
async function printIdle(port: number, secret: string, pid: number): Promise<void> {
  const open = async (count: number): Promise<RawPeer[]> => {
    const peers: RawPeer[] = [];
    for (let i = 0; i < count; i++) {
      const peer = await dialRaw(port);
      const seen = await logInRaw(peer, secret);
      if (seen.at(-1)?.type !== 'Z') throw new Error('an idle session was not let in');
      peers.push(peer);
    }
    return peers;
  };
  const warm = await open(50);
  for (const peer of warm) peer.socket.destroy();
  await comeToRest(pid, 15_000);
  const before = residentBytes(pid);
  const peers = await open(IDLE_SESSIONS);
  await comeToRest(pid, 15_000);
  const each = (residentBytes(pid) - before) / IDLE_SESSIONS / 1024;
  console.log(
    `memory per idle session, of ${IDLE_SESSIONS}: ${each.toFixed(0)} KiB (resident before: ${(before / 1024 / 1024).toFixed(0)} MiB)`,
  );
  for (const peer of peers) peer.socket.destroy();
}
