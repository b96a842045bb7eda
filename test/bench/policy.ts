// What deciding and masking cost: the gateway without rules beside the gateway with many. Rounds are
// interleaved, so that a busy moment of the machine hits all; figures are medians.
// `npm run bench -- policy`

import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findClient, startPostgres } from '../harness/postgres/postgres.ts';
import { must, queriesPerSecond, seconds as secondsOf, table, transactions } from './pgbench.ts';
import { comeToRest, cpuMicroseconds, median } from './process-cost.ts';
import type { BenchRules } from './rules.ts';
import { direct, gatehouse, type Way } from './ways.ts';

const ROWS = 500_000;
const PEOPLE = `create unlogged table people as select g as id, 'person ' || g as name,
  'person' || g || '@example.com' as email, '+49 30 ' || (1000000 + g) as phone, g % 97 as score,
  date '2020-01-01' + g % 2000 as since, md5(g::text) as note, 'some more text' as more
  from generate_series(1, ${ROWS}) g`;

const WAYS: Readonly<Record<BenchRules, string>> = {
  none: 'no rules',
  statements: '50 statement rules',
  unmatched: '50 rules, 20 masks',
  masked: '2 columns `partial`, 3 detectors',
  hashed: '2 columns `hash`, 3 detectors',
};

interface Row {
  readonly one: number[];
  readonly prepared: number[];
  readonly simple: number[];
  readonly cpu: number[];
  readonly rows: number[];
  readonly copy: number[];
}

export async function benchPolicy({ rounds, seconds }: { rounds: number; seconds: number }): Promise<void> {
  const pgbench = findClient('pgbench');
  const psql = findClient('psql');
  if (!pgbench || !psql) throw new Error('pgbench and psql are needed (Debian: postgresql-client, postgresql-contrib)');
  const directory = mkdtempSync(join(tmpdir(), 'gatehouse-bench-'));
  chmodSync(directory, 0o755);
  const server = await startPostgres({
    version: findClient('postgres')?.includes('/15/') ? 15 : 18,
    settings: ['max_connections=300', 'shared_buffers=512MB', 'max_wal_size=4GB'],
  });
  const stops: (() => Promise<void>)[] = [server.stop];
  try {
    await must(pgbench, ['-i', '-q', '-s', '10'], direct(server.port));
    await must(psql, ['-q', '-c', PEOPLE], direct(server.port));
    const ways = new Map<BenchRules, Way>();
    for (const rules of Object.keys(WAYS) as BenchRules[]) {
      const way = await gatehouse(server.port, directory, rules, rules);
      ways.set(rules, way);
      stops.unshift(way.stop);
    }
    const results = new Map<BenchRules, Row>(
      [...ways.keys()].map((rules) => [rules, { one: [], prepared: [], simple: [], cpu: [], rows: [], copy: [] }]),
    );
    const select = (way: Way, mode: string, clients: number, time: number) =>
      must(pgbench, ['-n', '-S', '-M', mode, '-c', String(clients), '-T', String(time)], way);
    for (const way of ways.values()) await select(way, 'prepared', 16, 3);
    for (let round = 1; round <= rounds; round++) {
      for (const [rules, way] of ways) {
        const row = results.get(rules) as Row;
        const rest = () => comeToRest(way.pid ?? 0, 15_000);
        row.one.push(queriesPerSecond(await select(way, 'prepared', 1, seconds)));
        await rest();
        const before = cpuMicroseconds(way.pid ?? 0);
        const output = await select(way, 'prepared', 16, seconds);
        row.prepared.push(queriesPerSecond(output));
        await rest();
        row.cpu.push((cpuMicroseconds(way.pid ?? 0) - before) / transactions(output));
        row.simple.push(queriesPerSecond(await select(way, 'simple', 16, seconds)));
        await rest();
        row.rows.push(ROWS / (await secondsOf(psql, 'select * from people', way)));
        await rest();
        row.copy.push(ROWS / (await secondsOf(psql, 'copy people to stdout', way)));
        await rest();
      }
      console.error(`round ${round} of ${rounds}`);
    }
    const none = results.get('none') as Row;
    const cells = (values: readonly number[], base: readonly number[]) => [
      median(values).toFixed(0),
      `${((median(values) / median(base)) * 100).toFixed(0)} %`,
    ];
    table([
      ['', '1 client, q/s', '', '16, q/s', '', '16 simple, q/s', '', 'CPU µs/query', 'rows/s', '', 'COPY rows/s', ''],
      ...[...results].map(([rules, row]) => [
        WAYS[rules],
        ...cells(row.one, none.one),
        ...cells(row.prepared, none.prepared),
        ...cells(row.simple, none.simple),
        median(row.cpu).toFixed(1),
        ...cells(row.rows, none.rows),
        ...cells(row.copy, none.copy),
      ]),
    ]);
  } finally {
    for (const stop of stops) await stop();
    rmSync(directory, { recursive: true, force: true });
  }
}
