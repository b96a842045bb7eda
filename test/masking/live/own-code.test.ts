// Code of a database's own, wherever it hides: what runs it may change what names mean, open cursors, prepare
// statements, fill settings, and say in errors what it read.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { SCHEMA } from './live-schema.ts';
import { leave, NOTHING, ONLY_REFUSED, type Place, place, psql } from '../place.ts';

const READ = `'select email from app.people where id = 1'`;
const plpgsql = (name: string, body: string) =>
  `create function app.${name}() returns text language plpgsql as $$ begin ${body}; return 'ok'; end $$`;
const CHANGE = "execute 'create or replace view app.v1 as select id, email as contact, email as name from app.people'";

describe('code that does more than read', () => {
  let at: Place;
  beforeAll(async () => {
    at = await place('shared', [
      SCHEMA,
      plpgsql('changes', CHANGE),
      plpgsql(
        'exchanges',
        "execute 'alter table app.people rename name to n2'; execute 'alter table app.people rename email to name'",
      ),
      plpgsql('declares', "execute 'declare c cursor for select upper(email) from app.people'"),
      `create function app.opens() returns void language plpgsql as
        $$ declare c refcursor := 'c'; begin open c for select upper(email) from app.people; end $$`,
      plpgsql('prepares', "execute 'deallocate p'; execute 'prepare p as select upper(email) from app.people'"),
      plpgsql('fills', "perform set_config('my.x', (select email from app.people where id = 1), false)"),
      `create table app.watched (n int);
       create function app.watch() returns trigger language plpgsql as $$ begin ${CHANGE}; return new; end $$;
       create trigger t before insert on app.watched for each row execute function app.watch()`,
      'create table app.with_default (a int, b text default app.fills()); create view app.calls as select app.fills() as f',
      "create table app.with_check (a int check (app.fills() = 'ok'))",
      `create function app.says(text) returns bool language plpgsql as
        $$ begin raise exception 'got %', (select email from app.people where id = 1); end $$;
       create function app.fails(text) returns bool language sql as
        $$ select email::int = 1 from app.people where id = 1 $$`,
    ]);
  });
  beforeEach(() => {
    at.gateway.log.sessions.length = 0;
  });
  afterAll(() => leave(at));

  test.each([
    ['changes a view', ['begin', 'select changes()', 'select upper(name), name from v1', 'rollback']],
    ['changes a view, in one text', ['begin; select changes(); select upper(name), name from v1; rollback']],
    ['exchanges columns', ['begin', 'select exchanges()', 'select name, upper(name) from people', 'rollback']],
    ['is a trigger', ['begin', 'insert into watched values (1)', 'select upper(name) from v1', 'rollback']],
    [
      'declares a cursor',
      [
        'begin',
        'declare c cursor for select upper(name) from people',
        'close c',
        'select declares()',
        'fetch all from c',
      ],
    ],
    [
      'opens a cursor',
      ['begin', 'declare c cursor for select upper(name) from people', 'close c', 'select opens()', 'fetch all from c'],
    ],
    ['prepares', ['prepare p as select upper(name) from people', 'select prepares()', 'execute p']],
    ['fills a setting', ['select fills()', 'show my.x', "select current_setting('my.x')"]],
    ['is a default', ['insert into with_default (a) values (1)', 'show my.x']],
    ['is a check', ['insert into with_check values (1)', 'show my.x']],
    ['stands in a view', ['select * from calls', 'show my.x']],
  ])('%s', async (_name, texts) => {
    // The names are known before, so that nothing hangs on when they are read.
    await psql(at, ['select name from v1']);
    expect((await psql(at, texts)).leaks).toEqual(NOTHING);
  });

  test('a change that is there for all counts at once', async () => {
    const ran = await psql(at, [
      'select upper(name) from v1 limit 1',
      'select changes()',
      'select upper(name), name from v1',
      'create or replace view v1 as select id, email as contact, name from people',
    ]);
    expect(ran.leaks).toEqual(NOTHING);
    expect(ran.stdout).toMatch(/^ANN\n/);
  });

  test('errors of a check that no statement names show nothing', async () => {
    const ran = await psql(at, [
      'create domain said as text check (says(value)); create domain failed as text check (fails(value))',
      "select 'x'::said",
      "select 'x'::failed",
    ]);
    expect(ran.leaks).toEqual(NOTHING);
    expect(ran.stderr).toMatch(/\[withheld\][\s\S]*invalid input syntax for type integer: "\[withheld\]"/);
  });
});

describe('code in places of the server', () => {
  let at: Place;
  const operator = (sign: string, index: number) =>
    `create function app.op${index}(int, int) returns text language sql as ${READ};
     create operator ${sign} (leftarg = int, rightarg = int, function = app.op${index})`;
  beforeAll(async () => {
    at = await place('shared', [
      SCHEMA,
      `create function pg_catalog.upper(int) returns text language sql as ${READ}`,
      `create function app.lower(int) returns text language sql as ${READ};
       alter extension plpgsql add function app.lower(int)`,
      `create function information_schema.initcap(int) returns text language sql as ${READ}`,
      'create view information_schema.vv as select app.peek() as e',
      operator('pg_catalog.|||', 1),
      `${operator('public.||#', 2)}; alter extension plpgsql add operator public.||# (int, int)`,
      operator('app.~~', 3),
      operator('app.~~*', 4),
      operator('app.|||@', 5),
    ]);
  });
  beforeEach(() => {
    at.gateway.log.sessions.length = 0;
  });
  afterAll(() => leave(at));

  test.each([
    ['a function in pg_catalog', ['select upper(7)', 'select pg_catalog.upper(7)']],
    ['a function given to an extension', ['select lower(7)']],
    ['a function in information_schema', ['select information_schema.initcap(7)']],
    ['a view in information_schema', ['select e, upper(e) from information_schema.vv']],
    ['an operator in pg_catalog', ['select 1 ||| 2']],
    ['an operator given to an extension', ['select 1 ||# 2']],
    ['an operator that is spelt as a word', ['select 1 like 2', 'select 1 ilike 2']],
    ['an operator in a prepared statement', ['prepare q as select 1 |||@ 2', 'execute q']],
    ['an operator in a cursor', ['begin', 'declare z cursor for select 1 |||@ 2', 'fetch all from z']],
  ])('%s', async (_name, texts) => {
    expect((await psql(at, texts)).leaks).toEqual(NOTHING);
  });
});

test('functions that an older server has under names that are syntax now', async () => {
  const functions = [
    ['json_serialize', 'text'],
    ['json_scalar', 'int'],
    ['json_array', 'int'],
    ['json_arrayagg', 'int'],
    ['json_object', 'int'],
    ['merge_action', ''],
  ];
  const at = await place(15, [
    SCHEMA,
    ...functions.map(([name, type]) => `create function app.${name}(${type}) returns text language sql as ${READ}`),
  ]);
  try {
    const ran = await psql(at, [
      "select json_serialize('1')",
      'select json_scalar(1)',
      'select json_array(1)',
      'select json_arrayagg(1)',
      'select json_object(1)',
      'select merge_action()',
    ]);
    expect({ err: ran.stderr, out: ran.stdout, leaks: ran.leaks }).toEqual({
      err: expect.stringMatching(ONLY_REFUSED),
      out: '',
      leaks: NOTHING,
    });
  } finally {
    await leave(at);
  }
});
