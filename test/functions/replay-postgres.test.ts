// A replay shows what a client saw: real drivers and psql through the gateway's session pipeline to
// a real PostgreSQL, recorded, stored, replayed.

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import pg from 'pg';
import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ReplayEvent } from '../../core/catalogue.ts';
import { exportAsciicast } from '../../functions/export/asciicast.ts';
import { type Gateway, startGateway, trusted } from '../harness/gateway.ts';
import { memoryReader } from '../harness/memory-reader.ts';
import { findClient, type PostgresServer, startPostgres } from '../harness/postgres.ts';
import type { RecordingBuilder } from '../harness/recording-builder.ts';
import { replayStored, storeRecording } from '../harness/stored-session.ts';

let server: PostgresServer;
let gateway: Gateway;
let grant: { secret: string };
beforeAll(async () => {
  server = await startPostgres();
  gateway = await startGateway({ targets: { demo: trusted(server.port) } });
  grant = gateway.edge.issue();
});
afterAll(async () => {
  await gateway?.close();
  await server?.stop();
});

const login = () => ({
  host: gateway.host,
  port: gateway.port,
  user: 'alice@example.com',
  password: grant.secret,
  database: 'demo',
});

/** Runs `work` as one session, stores what it recorded in segments of `cutBytes`, and replays that. */
async function replayOf(work: () => Promise<unknown>, cutBytes = 1024): Promise<ReplayEvent[]> {
  const before = gateway.log.sessions.length;
  await work();
  await expect.poll(() => gateway.log.sessions.at(-1)?.ended, { timeout: 10_000 }).toBeDefined();
  const recording = gateway.log.sessions[before];
  if (!recording) throw new Error('nothing was recorded');
  const events: ReplayEvent[] = [];
  for await (const event of replay(storeRecording(recording, cutBytes))) events.push(ReplayEvent.parse(event));
  return events;
}

const replay = (builder: RecordingBuilder) => replayStored(builder.opened, memoryReader(builder.objects));

const of = <K extends ReplayEvent['kind']>(events: readonly ReplayEvent[], kind: K) =>
  events.filter((event): event is Extract<ReplayEvent, { kind: K }> => event.kind === kind);

describe('a replay of a PostgreSQL session', () => {
  it('shows node-postgres’ statements with their rows and errors', async () => {
    const events = await replayOf(async () => {
      const client = new pg.Client(login());
      await client.connect();
      await client.query('create temp table t (id int, name text, price numeric(10,2))');
      await client.query('insert into t values ($1, $2, $3), (2, null, 12.5)', [1, 'Ada', '9.99']);
      await client.query('select * from t where id >= $1 order by id', [1]);
      await client.query('select 1 as a; select 2 as b, 3 as c');
      await client.query('select * from nowhere').catch(() => {});
      await client.query('select id from t where false');
      await client.end();
    });
    expect(of(events, 'statement').map(({ text }) => text.slice(0, 12))).toEqual([
      'create temp ',
      'insert into ',
      'select * fro',
      'select 1 as ',
      'select * fro',
      'select id fr',
    ]);
    expect(of(events, 'rows').map(({ statement, columns, rows }) => [statement, columns, rows])).toEqual([
      [
        3,
        ['id', 'name', 'price'],
        [
          ['1', 'Ada', '9.99'],
          ['2', null, '12.50'],
        ],
      ],
      [4, ['a'], [['1']]],
      [4, ['b', 'c'], [['2', '3']]],
      [6, ['id'], []],
    ]);
    expect(of(events, 'result').at(4)?.error).toMatchObject({ code: '42P01', severity: 'ERROR' });
    expect(of(events, 'ended')).toHaveLength(1);
  });

  it('shows the rows of statements that a driver described once and binds in binary or text', async () => {
    const events = await replayOf(async () => {
      const sql = postgres({ ...login(), max: 1, prepare: true, fetch_types: false, onnotice: () => {} });
      for (const i of [1, 2, 3]) await sql`select ${i}::int as number, ${'x'.repeat(i)} as text`;
      await sql.end();
    });
    expect(of(events, 'rows').map(({ columns, rows }) => ({ columns, rows }))).toEqual(
      [1, 2, 3].map((i) => ({ columns: ['number', 'text'], rows: [[String(i), 'x'.repeat(i)]] })),
    );
  });

  it('shows binary cells as text, and what the server itself would have shown', async () => {
    const columns = [
      "'2026-11-20'::date as d",
      "'2026-11-20 04:22:57.760256'::timestamp as ts",
      "'1999-12-31 23:59:59.5+00'::timestamptz as tz",
      "'12:30:15.25'::time as t",
      '-12345.678900::numeric as n',
      '0.0001::numeric as small',
      '1e20::numeric as large',
      "'00112233-4455-6677-8899-aabbccddeeff'::uuid as u",
      'true as yes',
      '-9223372036854775807::int8 as i8',
      '(-7)::int2 as i2',
      '1.5::float8 as f8',
      '0.25::float4 as f4',
      `'{"a": 1}'::jsonb as j`,
      "'\\xdeadbeef'::bytea as b",
      'null::text as nothing',
    ].join(', ');
    const events = await replayOf(async () => {
      const client = new pg.Client(login());
      await client.connect();
      await client.query("set timezone = 'UTC'");
      await client.query({ text: `select ${columns}`, values: [] });
      await client.query({ text: `select ${columns}`, values: [], binary: true } as pg.QueryConfig);
      await client.end();
    });
    const [text, binary] = of(events, 'rows');
    expect(binary?.rows[0]).toEqual(text?.rows[0]);
    expect(text?.rows[0]?.[0]).toBe('2026-11-20');
  });

  it('keeps the first rows of a big answer and counts the rest', async () => {
    const events = await replayOf(async () => {
      const client = new pg.Client(login());
      await client.connect();
      await client.query('select i, repeat(chr(97), 500) from generate_series(1, 5000) i');
      await client.end();
    }, 256 * 1024);
    const [rows] = of(events, 'rows');
    expect(rows?.rows).toHaveLength(100);
    expect(rows?.omitted).toBe(4900);
    expect(rows?.rows[99]?.[0]).toBe('100');
    expect(of(events, 'result')[0]?.rows).toBe(5000);
  });

  it('keeps a pipeline’s answers apart', async () => {
    const events = await replayOf(async () => {
      const sql = postgres({ ...login(), max: 1, fetch_types: false, onnotice: () => {} });
      await Promise.all(Array.from({ length: 50 }, (_, i) => sql`select ${i}::int as i`));
      await sql.end();
    });
    const byStatement = new Map(of(events, 'statement').map(({ statement, parameters }) => [statement, parameters]));
    const rows = of(events, 'rows').filter(({ columns }) => columns[0] === 'i');
    expect(rows).toHaveLength(50);
    for (const { statement, rows: cells } of rows) expect(cells[0]?.[0]).toBe(byStatement.get(statement)?.[0]?.value);
  });

  it('shows psql’s session: COPY both ways, notices, cursors; as a terminal recording too', async (context) => {
    const psql = findClient('psql');
    if (!psql) return context.skip('psql is not installed');
    const script = [
      'create temp table c (a int, b text);',
      'copy c from stdin;\n1\tone\n2\t\\N\n\\.\n',
      'copy c to stdout;',
      "do $$ begin raise notice 'look here'; end $$;",
      'begin; declare k cursor for select generate_series(1, 5); fetch 2 from k; fetch 2 from k; commit;',
    ].join('\n');
    const before = gateway.log.sessions.length;
    const events = await replayOf(async () => {
      const { host, port, user, password } = login();
      const run = promisify(execFile)(psql, [`host=${host} port=${port} dbname=demo user=${user}`, '-qX'], {
        env: { ...process.env, PGPASSWORD: password, PGSSLMODE: 'disable' },
      });
      run.child.stdin?.end(script);
      await run;
    });
    expect(of(events, 'rows').find(({ columns }) => columns[0] === 'copy')?.rows).toEqual([['1\tone'], ['2\t\\N']]);
    expect(of(events, 'notice')).toMatchObject([{ severity: 'NOTICE', message: 'look here' }]);
    expect(of(events, 'rows').filter(({ columns }) => columns[0] === 'generate_series')).toMatchObject([
      { rows: [['1'], ['2']] },
      { rows: [['3'], ['4']] },
    ]);
    const recording = gateway.log.sessions[before];
    if (!recording) throw new Error('nothing was recorded');
    let cast = '';
    for await (const line of exportAsciicast(replay(storeRecording(recording, 1024)))) cast += line;
    expect(cast).toContain('generate_series');
  });
});
