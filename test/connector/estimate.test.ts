// Estimates of held statements, against a real PostgreSQL.

import { type AddressInfo, createServer, type Server } from 'node:net';
import { loadModule, parseSync } from 'libpg-query';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { estimate, isEstimable, type OpenUpstream } from '../../connector/protocols/postgres/rules/estimate.ts';
import { logIn } from '../../connector/protocols/postgres/login/upstream.ts';
import { type PostgresServer, startPostgres } from '../harness/postgres/postgres.ts';

let server: PostgresServer;
let admin: pg.Client;
const openAt =
  (port: number): OpenUpstream =>
  (parameters) =>
    logIn(
      {
        host: '127.0.0.1',
        port,
        user: 'postgres',
        password: undefined,
        database: 'postgres',
        tls: { mode: 'off' },
        connectTimeoutMs: 5_000,
      },
      undefined,
      parameters,
      undefined,
    );
const ask = (text: string) => estimate(text, parseSync, openAt(server.port));

beforeAll(async () => {
  await loadModule();
  server = await startPostgres({ settings: ['log_statement=all'] });
  admin = new pg.Client({ host: '127.0.0.1', port: server.port, user: 'postgres', database: 'postgres' });
  await admin.connect();
  await admin.query(`create table orders (id int primary key, status text, placed_at date);
    insert into orders select i, 'open', date '2026-01-01' + i % 300 from generate_series(1, 20000) i;
    analyze orders;
    create table called (at timestamptz);
    create function tell() returns int language plpgsql immutable as
      $$ begin raise log 'TELL WAS RUN'; return 1; end $$;`);
});
afterAll(async () => {
  await admin?.end();
  await server?.stop();
});

describe('an estimate', () => {
  it.each([
    ['select * from orders', 15_000, 25_000],
    ['update orders set status = upper(status)', 15_000, 25_000],
    ["delete from orders where placed_at < '2026-02-01'", 500, 5_000],
    ['insert into orders select id + 100000, status, placed_at from orders', 15_000, 25_000],
    ['with gone as (delete from orders returning id) select count(*) from gone', 1, 1],
    ['merge into orders o using orders p on o.id = p.id when matched then delete', 15_000, 25_000],
    ['select 1 -- and a comment', 1, 1],
    ['(select 1);', 1, 1],
  ])('of %s is what the planner says', async (text, least, most) => {
    const given = await ask(text);
    expect(given?.rows).toBeGreaterThanOrEqual(least);
    expect(given?.rows).toBeLessThanOrEqual(most);
    expect(given?.cost).toBeGreaterThan(0);
  });

  it('runs nothing, and leaves no connection behind', async () => {
    await ask('delete from orders');
    await ask('update orders set id = id / 0');
    expect((await admin.query('select count(*)::int as n from orders')).rows).toEqual([{ n: 20_000 }]);
    const left = `select count(*)::int as n from pg_stat_activity where application_name = 'gatehouse estimate'`;
    await expect.poll(async () => (await admin.query(left)).rows).toEqual([{ n: 0 }]);
  });

  it('waits for no lock that the held session may have itself', async () => {
    const other = new pg.Client({ host: '127.0.0.1', port: server.port, user: 'postgres', database: 'postgres' });
    await other.connect();
    await other.query('begin; lock table orders in access exclusive mode');
    expect(await ask('select * from orders')).toBeUndefined();
    await other.end();
  });

  it.each(['select * from nowhere', 'update orders set status = $1', 'select * from orders where id = $1'])(
    'is not there where the server has none: %s',
    async (text) => {
      expect(await ask(text)).toBeUndefined();
    },
  );
});

describe('a text that could do something by being planned', () => {
  it.each([
    'select tell()',
    'select * from orders where id = tell()',
    'select public.count(1)',
    "select pg_read_file('/etc/passwd')",
    'select pg_sleep(10)',
    "select repeat('x', 1000000000)",
    'select * from generate_series(1, 1000000000)',
    "select nextval('s')",
    "select dblink('x', 'y')",
    'insert into orders values (tell())',
    'with x as (insert into called values (now()) returning tell()) select 1',
    'select 1; drop table orders',
    'explain analyze delete from orders',
    'drop table orders',
    'truncate orders',
    'select * into copied from orders',
    'create table copied as select 1',
    'do $$ begin perform tell(); end $$',
    'call tell()',
    'execute prepared',
    'prepare p as select 1',
    "copy orders to program 'sh'",
    'declare c cursor for select 1',
    'set role postgres',
    'not sql',
    '',
    `select '${'x'.repeat(100_001)}'`,
  ])('is not sent: %s', async (text) => {
    const sent: string[] = [];
    const open: OpenUpstream = (parameters) => {
      sent.push(text);
      return openAt(server.port)(parameters);
    };
    expect(isEstimable(text, parseSync)).toBe(false);
    expect(await estimate(text, parseSync, open)).toBeUndefined();
    expect(sent).toEqual([]);
    expect(server.log()).not.toContain('LOG:  TELL WAS RUN');
  });

  it('is one statement to the server too, whatever the settings say that it is', async () => {
    // Read with backslashes that escape, it would end the string and go on with another statement.
    await admin.query(`alter role postgres set standard_conforming_strings = off`);
    const trick = String.raw`select 'a\' as x, '; delete from orders; --'`;
    await ask(trick);
    expect((await admin.query('select count(*)::int as n from orders')).rows).toEqual([{ n: 20_000 }]);
    await admin.query('alter role postgres reset standard_conforming_strings');
  });
});

describe('a target that does not play along', () => {
  let silent: Server;
  beforeAll(async () => {
    silent = createServer(() => undefined).listen(0, '127.0.0.1');
    await new Promise((resolve) => silent.once('listening', resolve));
  });
  afterAll(() => silent.close());

  it('gives no estimate, and keeps nobody waiting', async () => {
    expect(await estimate('select 1', parseSync, openAt((silent.address() as AddressInfo).port))).toBeUndefined();
    expect(await estimate('select 1', parseSync, openAt(9))).toBeUndefined();
    expect(await estimate('select 1', parseSync, () => Promise.reject(new Error('no')))).toBeUndefined();
  });
});
