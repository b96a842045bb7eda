// What no rule hides comes through as the database said it, whatever the session did before: changed definitions in
// a transaction that is open, failed, went back to a savepoint, ran a block. What cannot be shown ends with an error.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { query } from '../../harness/postgres/client-messages.ts';
import { RULES, SCHEMA } from './live-schema.ts';
import { connect, forget, hangUp, leave, open, type Place, place, psql, straight } from '../place.ts';

/** As people work: nobody is assumed to look for ways around them. */
const USUAL = {
  ...RULES,
  mask: RULES.mask.map((entry) => ('columns' in entry ? { ...entry, strict: undefined } : entry)),
};

let at: Place;
beforeAll(async () => {
  at = await place('shared', [SCHEMA], USUAL);
});
beforeEach(() => forget(at, USUAL));
afterAll(async () => {
  await hangUp(at);
  await leave(at);
});

/** Through the gateway as directly. Each text is a Query of its own. */
describe('as directly', () => {
  test.each<[string, string[]]>([
    [
      'behind DDL',
      ['begin', 'create table fresh (a int, b text)', 'select 1', 'select count(*) from orders', 'rollback'],
    ],
    [
      'rows of a table of its own',
      [
        'begin',
        'create table fresh (a int, b text)',
        "insert into fresh values (7, 'x') returning a, upper(b)",
        'select a + 1, b from fresh',
        'rollback',
      ],
    ],
    [
      'a column of its own',
      ['begin', 'alter table orders add tax int default 3', 'select tax * 2, total from orders', 'rollback'],
    ],
    [
      'a view of its own',
      ['begin', 'create view totals as select total * 2 as twice from orders', 'select twice from totals', 'rollback'],
    ],
    ['behind a typo', ['begin', 'savepoint a', 'selec 1', 'rollback to a', 'select count(*) from orders', 'commit']],
    [
      'behind what was taken back',
      [
        'begin',
        'savepoint a',
        'create table fresh (a int)',
        'rollback to a',
        'select count(*) from orders',
        'create table fresh (b text)',
        'select * from fresh',
        'rollback',
      ],
    ],
    [
      'behind DDL that failed',
      [
        'begin',
        'savepoint a',
        'alter table nosuch add x int',
        'rollback to a',
        'select count(*), 5 from orders',
        'commit',
      ],
    ],
    ['a renamed table', ['begin', 'alter table orders rename to bills', 'select total + 1 from bills', 'rollback']],
    [
      'behind a block',
      ['begin', 'do $$ begin perform 1; end $$', 'select 5, total + 1 from orders', 'show work_mem', 'commit'],
    ],
    ['behind ANALYZE', ['analyze orders', 'show work_mem', 'show search_path', 'select count(*) from orders']],
    ['behind a block in one text', ['do $$ begin perform 1; end $$; select 5, total + 1 from orders; show work_mem']],
    ['beside DDL in one text', ['begin; create table fresh (a int); select 5, total + 1 from orders; rollback']],
    [
      'a setting behind a write to a table of its own',
      [
        'begin',
        'create table fresh (a int)',
        'insert into fresh values (7)',
        'commit',
        'show timezone',
        'drop table fresh',
      ],
    ],
    [
      'what a function says',
      [
        "create function app.talk(n int) returns int language plpgsql as 'begin raise notice $$n is %$$, n; return n; end'",
        'select app.talk(7)',
        "do $$ begin raise notice 'done %', 1; end $$",
        'drop function app.talk',
      ],
    ],
    [
      'mistakes in names, keys and what hangs on a table',
      ['select nme from people', 'insert into people (id) values (1)', 'drop table people'],
    ],
    [
      'behind a new function',
      [
        "create or replace function app.one() returns int language sql as 'select 1'",
        "select current_setting('search_path')",
        'select one() + 1',
      ],
    ],
    [
      'a name that was used before',
      ['prepare p as select id from orders', 'deallocate p', 'prepare p as select total + 1 from orders', 'execute p'],
    ],
    [
      'a name whose statement failed',
      ['prepare p as select nosuch from orders', 'prepare p as select total + 1 from orders', 'execute p'],
    ],
    [
      'a cursor of a name used before',
      [
        'begin',
        'declare c cursor for select id + 1 from orders',
        'commit',
        'begin',
        'declare c cursor for select total + 1 from orders',
        'fetch all from c',
        'commit',
      ],
    ],
    [
      'groupings',
      [
        'select person, sum(total) from orders group by rollup (person) order by 1',
        'select count(*), person from orders group by cube (person) order by 2',
        'select sum(total) from orders group by grouping sets ((person), ()) order by 1',
      ],
    ],
    [
      'how many there are',
      [
        'select count(email), count(distinct email), count(*) from people',
        'select id, email is not null, ssn is null from people where id < 3 order by id',
        'select sum(case when email is null then 0 else 1 end) from people',
      ],
    ],
    [
      'a function beside a masked table',
      ['select id, n, n + 1 from people, generate_series(1, 2) n where id < 3 order by 1, 2'],
    ],
    ['rows', ['select (o).* from orders o', 'select (o).total + 1 from orders o']],
    [
      'large objects',
      ["select lo_from_bytea(4711, 'abc')", 'select lo_get(4711), length(lo_get(4711))', 'select lo_unlink(4711)'],
    ],
    ['looks of psql', ['\\dF+', '\\df', '\\d+ people', '\\dx', '\\l', '\\dconfig work_mem']],
    ['an extension', ['begin', 'create extension pg_trgm', "select similarity('abc', 'abd')", 'rollback']],
  ])('%s', async (_name, texts) => {
    const through = await psql(at, texts);
    const direct = await straight(at, texts);
    expect({ out: through.stdout, err: through.stderr }).toEqual({ out: direct.stdout, err: direct.stderr });
  });
});

test('what is sent before a definition was answered is answered too', async () => {
  const peer = await open(at);
  peer.send(
    query('create table sent_ahead (a int); drop table sent_ahead'),
    query('select total * 2 from orders limit 1'),
  );
  await peer.upTo('Z');
  expect((await peer.upTo('Z')).map(({ type }) => type).join('')).toBe('TDCZ');
});

describe('what a rule hides stays hidden', () => {
  test.each<[string, string[]]>([
    [
      'in a view made in the transaction',
      ['begin', 'create view fresh as select email || $$!$$ as e from people', 'select e from fresh', 'rollback'],
    ],
    [
      'under a new name',
      ['begin', 'alter table people rename email to e', 'select e, upper(e) from people', 'rollback'],
    ],
    [
      'by a function made in the transaction',
      [
        'begin',
        "create function fresh() returns text language sql as 'select email from app.people'",
        'select fresh()',
        'rollback',
      ],
    ],
  ])('%s', async (_name, texts) => {
    const ran = await psql(at, texts);
    expect(ran.leaks).toEqual({ client: [], recording: [] });
    expect(ran.stdout).toContain('[masked]');
  });
});

describe('an error in place of a result', () => {
  test('names the column, why, and what to do', async () => {
    const client = await connect(at);
    const failed = await client.query('select id, length(email) from people').catch((error) => error);
    expect(failed).toMatchObject({
      code: '42501',
      message: expect.stringMatching(/column 2 \("length"\).*people-prod#1/),
    });
    expect(failed.hint).toMatch(/Cast it to text/);
    expect((await client.query('select length(email)::text as l from people where id = 1')).rows).toEqual([
      { l: '[masked]' },
    ]);
    const unknown = await client.query("select query_to_xml('select 1', true, true, '')").catch((error) => error);
    expect(unknown).toMatchObject({ code: '0A000', message: expect.stringContaining('query_to_xml') });
  });

  test.each(['simple', 'extended'])('fails the transaction at both sides (%s)', async (form) => {
    const client = await connect(at);
    const run = (text: string) => client.query(text, form === 'simple' ? undefined : []);
    await run('begin');
    await run('insert into orders values (99, 1, 5)');
    await expect(run('select length(email) from people')).rejects.toMatchObject({ code: '42501' });
    await expect(run('select 1')).rejects.toMatchObject({ code: '25P02' });
    await run('rollback');
    expect((await run('select count(*)::int as n from orders where id = 99')).rows).toEqual([{ n: 0 }]);
    await run('begin');
    await run('savepoint a');
    await expect(run('select length(email) from people')).rejects.toMatchObject({ code: '42501' });
    await run('rollback to a');
    expect((await run('select 1 as one')).rows).toEqual([{ one: 1 }]);
    await run('commit');
  });

  test('says that a write outside a transaction stands', async () => {
    const client = await connect(at);
    const failed = await client
      .query("update people set note = 'n' where id = 1 returning length(email)")
      .catch((error) => error);
    expect(failed).toMatchObject({ code: '42501', hint: expect.stringContaining('what it changed stands') });
  });
});
