// node test/masking/measure-live.ts: masking in whole sessions, on one machine: server, gateway and
// client share its cores. Rows through psql with and without masks, what a large catalogue costs, and
// what a session's set-up costs with many masks.

import { loadModule, parseSync } from 'libpg-query';
import pg from 'pg';
import { Catalogues } from '../../connector/protocols/postgres/catalogue/catalogues.ts';
import { createRulesCompiler } from '../../connector/session/guard/rules.ts';
import { SessionRules } from '../../core/policy/session-rules.ts';
import { startGateway, trusted } from '../harness/gateway.ts';
import { findClient, startPostgres } from '../harness/postgres/postgres.ts';
import { run } from '../harness/run.ts';
import { keyedHash } from './masks-of.ts';

const ROWS = 300_000;
const psql = findClient('psql') ?? '';
await loadModule();
const server = await startPostgres();
const direct = new pg.Client({ host: '127.0.0.1', port: server.port, user: 'postgres', database: 'postgres' });
await direct.connect();
await direct.query(`create table customers as select n as id, 'user' || n || '@example.com' as email,
  '+1415555' || lpad((n % 10000)::text, 4, '0') as phone, 'Maria Gonzalez' as name, now() as created,
  (n % 977)::numeric / 2 as total, 'please leave the parcel with the neighbour' as note, 'shipped' as status
  from generate_series(1, ${ROWS}) n`);
const gateway = await startGateway({ targets: { demo: trusted(server.port) } });
gateway.log.keepBytes = false;
const { secret } = gateway.edge.issue();
const env = {
  PGHOST: gateway.host,
  PGPORT: String(gateway.port),
  PGUSER: 'alice@example.com',
  PGDATABASE: 'demo',
  PGPASSWORD: secret,
};
const use = (mask: unknown[] | undefined) => {
  gateway.edge.rules = SessionRules.parse({ policyVersion: 1, rule: 'r', limits: {}, ...(mask && { mask }) });
};
const rowsPerSecond = async (text: string): Promise<number> => {
  let best = Number.POSITIVE_INFINITY;
  for (let again = 0; again < 4; again++) {
    const begun = performance.now();
    const ran = await run(psql, ['-X', '-A', '-t', '-o', '/dev/null', '-v', 'FETCH_COUNT=0', '-c', text], { env });
    if (ran.code !== 0) throw new Error(ran.stderr);
    best = Math.min(best, performance.now() - begun);
  }
  return Math.round((ROWS / best) * 1000);
};
const RULE_SETS: readonly (readonly [string, unknown[] | undefined])[] = [
  ['no masks', undefined],
  ['rules that touch no column of the result', [{ columns: ['other.x'], with: 'null' }]],
  ['2 columns masked', [{ columns: ['*.email', '*.phone'], with: 'placeholder' }]],
  [
    '2 columns masked + 3 detectors',
    [
      { columns: ['*.email', '*.phone'], with: 'placeholder' },
      { detect: ['credit-card', 'iban', 'jwt'], with: 'placeholder' },
    ],
  ],
  ['2 columns `hash`', [{ columns: ['*.email', '*.phone'], with: 'hash' }]],
];
for (const text of ['select * from customers', 'copy customers to stdout'])
  for (const [name, mask] of RULE_SETS) {
    use(mask);
    console.log(`${text} | ${name} | ${(await rowsPerSecond(text)).toLocaleString('en')} rows/s`);
  }

const many = [
  { columns: Array.from({ length: 17 }, (_, index) => `t${index}.c${index}`), with: 'partial' },
  ...Array.from({ length: 19 }, (_, index) => ({
    detect: [{ name: `own-${index}`, pattern: `\\bX${index}-\\d{6}[A-Z]{2,4}\\b` }],
    with: 'placeholder',
  })),
];
const rules = SessionRules.parse({ policyVersion: 1, rule: 'r', limits: {}, mask: many });
const environment = { keyedHash, incidents: () => undefined };
const compiler = createRulesCompiler();
const first = performance.now();
compiler.compile(rules, environment);
const then = performance.now();
for (let again = 0; again < 1000; again++) compiler.compile(rules, environment);
console.log(
  `20 masks compiled: first session ${(then - first).toFixed(2)} ms, each further one ${(performance.now() - then).toFixed(2)} µs`,
);
const connects = async (): Promise<number> => {
  const begun = performance.now();
  for (let again = 0; again < 20; again++) {
    const client = new pg.Client({
      host: gateway.host,
      port: gateway.port,
      user: 'alice@example.com',
      database: 'demo',
      password: secret,
    });
    await client.connect();
    await client.query('select 1');
    await client.end();
  }
  return (performance.now() - begun) / 20;
};
for (const [name, mask] of [
  ['without masks', undefined],
  ['with 20', many],
] as const) {
  use(mask as unknown[] | undefined);
  await connects();
  console.log(`login, select 1, logout ${name}: ${(await connects()).toFixed(1)} ms`);
}

await direct.query(`do $$ begin for t in 1..2000 loop execute format('create table big_%s (%s)', t,
  (select string_agg(format('column_%s text', c), ', ') from generate_series(1, 25) c));
  if t % 10 = 0 then execute format('create view view_%s as select * from big_%s', t, t); end if; end loop; end $$`);
const heap = () => {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed / 1e6;
};
const before = heap();
const catalogues = new Catalogues({ parse: parseSync });
const lease = catalogues.lease(trusted(server.port), undefined);
const begun = performance.now();
await lease.refresh(begun);
const loaded = performance.now();
await lease.refresh(loaded);
console.log(
  `catalogue of ${55_000} columns: ${(loaded - begun).toFixed(0)} ms, found unchanged ${(performance.now() - loaded).toFixed(0)} ms, ${(heap() - before).toFixed(0)} MB`,
);
if (!lease.current) console.log(lease.fault);
lease.release();
await direct.end();
await gateway.close();
await server.stop();
process.exit(0);
