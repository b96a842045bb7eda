// COPY as real clients read it: psql's \copy through the rewriter.

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ColumnPlan } from '../../../connector/protocols/postgres/values/result-plan.ts';
import { type OwnDatabase, ownDatabase } from '../../harness/postgres/own-database.ts';
import { findClient } from '../../harness/postgres/postgres.ts';
import { copyCsv, copyText } from './copy-plans.ts';
import { type MaskingProxy, readOrigins, startMaskingProxy } from '../masking-proxy.ts';
import { masksOf } from '../masks-of.ts';

/** The rewriter reads messages behind the login's first answers, which are no messages. */
const env = { ...process.env, PGSSLMODE: 'disable', PGGSSENCMODE: 'disable' };

let server: OwnDatabase;
let proxy: MaskingProxy;
let direct: pg.Client;

beforeAll(async () => {
  server = await ownDatabase();
  proxy = await startMaskingProxy(server.port);
  direct = new pg.Client({ host: '127.0.0.1', port: server.port, user: 'postgres', database: server.database });
  await direct.connect();
  await direct.query('create table people (id int, email text, note text)');
  await direct.query(
    `insert into people select n, 'secret' || n || '@example.com', E'a\\tb\\\\ "q", x\\ny ' || case when n % 2 = 0 then '4111111111111111' else 'é' end from generate_series(1, 2000) n`,
  );
  await direct.query('create table masked (id int, email text, note text)');
});
afterAll(async () => {
  await direct?.end().catch(() => undefined);
  await proxy?.close();
  await server?.drop();
});

const columns: readonly ColumnPlan[] = [
  { kind: 'detect', type: 23, format: 'text' },
  { kind: 'mask', rule: 0, way: 'placeholder', type: 25, format: 'text' },
  { kind: 'detect', type: 25, format: 'text' },
];

test.each([
  ['text', 'copy people to stdout', 'from stdin', copyText(columns)],
  ['csv', 'copy people to stdout (format csv, header)', 'from stdin (format csv, header)', copyCsv(columns, true)],
  [
    'binary',
    'copy people to stdout (format binary)',
    'from stdin (format binary)',
    { kind: 'binary' as const, columns },
  ],
])('in %s format: what psql gets is masked, and a server takes it back', async (_name, text, back, copy) => {
  const psql = findClient('psql');
  if (!psql) throw new Error('psql is not installed');
  const { masks } = masksOf([
    { columns: ['people.email'], with: 'placeholder' },
    { detect: ['credit-card', 'email'], with: 'placeholder' },
  ]);
  proxy.use(masks, await readOrigins(direct));
  proxy.about({ text, copy });
  const run = promisify(execFile);
  const arrive = (port: number) => [
    '-X',
    '-q',
    '-h',
    '127.0.0.1',
    '-p',
    String(port),
    '-U',
    'postgres',
    '-d',
    server.database,
  ];
  const { stdout } = await run(psql, [...arrive(proxy.port), '-c', text], {
    env,
    timeout: 30_000,
    encoding: 'buffer',
    maxBuffer: 1 << 26,
  });
  expect(stdout.toString('latin1')).not.toMatch(/secret|4111111111111111/);
  await direct.query('truncate masked');
  const into = run(psql, [...arrive(server.port), '-c', `copy masked ${back}`], { env, timeout: 30_000 });
  into.child.stdin?.end(stdout);
  await into;
  const { rows } = await direct.query(
    `select count(*)::int as rows, count(*) filter (where m.email = '[masked]')::int as masked,
            count(*) filter (where m.note = replace(p.note, '4111111111111111', '[credit-card]'))::int as notes
       from people p join masked m using (id)`,
  );
  expect(rows).toEqual([{ rows: 2000, masked: 2000, notes: 2000 }]);
  expect(masks.masked()).toEqual([
    { rule: 'r#1', count: 2000 },
    { rule: 'r#2/credit-card', count: 1000 },
  ]);
});

test('a large result comes through the rewriter whole: every row, and only the masked columns changed', async () => {
  await direct.query(
    `create table wide as select n as id, 'user' || n || '@example.com' as email, '+1415555' || lpad((n % 10000)::text, 4, '0') as phone, 'Maria Gonzalez' as name,
       (n % 977)::numeric / 2 as total, 'please leave the parcel with the neighbour' as note from generate_series(1, 100000) n`,
  );
  const psql = findClient('psql');
  if (!psql) throw new Error('psql is not installed');
  proxy.use(
    masksOf([
      { columns: ['wide.email', 'wide.phone'], with: 'placeholder' },
      { detect: ['credit-card', 'iban', 'jwt'], with: 'placeholder' },
    ]).masks,
    await readOrigins(direct),
  );
  proxy.about({ text: 'select * from wide order by id' });
  const through = ['-h', '127.0.0.1', '-p', String(proxy.port), '-U', 'postgres', '-d', server.database];
  const { stdout } = await promisify(execFile)(
    psql,
    ['-X', '-q', '-A', '-t', ...through, '-c', 'select * from wide order by id'],
    { env, timeout: 60_000, maxBuffer: 64 * 1024 * 1024 },
  );
  const { rows } = await direct.query(
    "select string_agg(concat_ws('|', id, '[masked]', '[masked]', name, total, note), e'\\n' order by id) as expected from wide",
  );
  const placeholder = /\[(?:masked|email|phone)\]/g;
  expect(stdout.trimEnd().replace(placeholder, '[masked]') === rows[0].expected).toBe(true);
});
