// Code of a database's own that a statement calls in ways that do not look like a call, or that look like the server's.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { SCHEMA } from './live-schema.ts';
import { leave, NOTHING, ONLY_REFUSED, type Place, place, psql } from '../place.ts';

const READ = 'select email from app.people where id = 1';

const MORE = [
  'create table app.quiet (a int); insert into app.quiet values (1)',
  `create function app.any_of(anyelement) returns text language sql as $$ ${READ} $$`,
  'create function app.all_of(anyelement) returns text language sql as $$ select $1::text $$',
  `create function app.set_config(int) returns text language sql as $$ ${READ} $$`,
  `create function app.by_default() returns text language plpgsql as
     $$ begin perform set_config('my.by_type', (${READ}), false); return 'x'; end $$`,
  'create domain app.filled as text default app.by_default(); create table app.of_domain (a int, b app.filled)',
  `create function app.unlike(app.quiet, app.quiet) returns text language sql as $$ ${READ} $$`,
  'create operator app.<> (leftarg = app.quiet, rightarg = app.quiet, function = app.unlike)',
  `create function app.differs() returns text language plpgsql as
     $$ begin return (select q != q from app.quiet q); end $$`,
  'create extension pg_trgm schema app',
  // A type's order of its own.
  'create type app.odd as (x int)',
  ...['lt', 'le', 'eq', 'ge', 'gt'].map(
    (name) => `create function app.odd_${name}(app.odd, app.odd) returns boolean language sql as 'select true'`,
  ),
  `create function app.odd_cmp(app.odd, app.odd) returns int language plpgsql as
     $$ begin perform set_config('my.compared', (${READ}), false); return 0; end $$`,
  ...[
    ['<#', 'lt'],
    ['<=#', 'le'],
    ['=#', 'eq'],
    ['>=#', 'ge'],
    ['>#', 'gt'],
  ].map(
    ([sign, name]) => `create operator app.${sign} (leftarg = app.odd, rightarg = app.odd, function = app.odd_${name})`,
  ),
  `create operator class app.odd_ops default for type app.odd using btree as operator 1 app.<#, operator 2 app.<=#,
     operator 3 app.=#, operator 4 app.>=#, operator 5 app.>#, function 1 app.odd_cmp(app.odd, app.odd)`,
];

describe.each([18, 15] as const)('PostgreSQL %i', (version) => {
  let at: Place;
  beforeAll(async () => {
    at = await place(version, [SCHEMA, ...MORE]);
  });
  beforeEach(() => {
    at.gateway.log.sessions.length = 0;
  });
  afterAll(() => leave(at));

  test.each([
    'generate_series(1, 1) s',
    'rows from (generate_series(1, 1), generate_series(1, 1)) s',
    "(select upper('x')) s",
    '(select 1 + 1) s',
    '(values (1)) s',
    '(select * from quiet natural join quiet q) s',
    '(select 1 union select 2) s',
    '(quiet join quiet q on true) s(x, y)',
    'quiet s(b)',
    'quiet s tablesample system (100)',
    'unnest(array[row(1)::quiet]) s',
    'quiet q, lateral (select q.a + 1) s',
    "xmltable('/a' passing '<a>1</a>' columns x text path '.') s",
    ...(version === 18 ? ["json_table('[1]', '$[*]' columns (x int path '$')) s"] : []),
  ])('a function as an attribute of %s', async (from) => {
    const ran = await psql(at, [`select s.any_of from ${from}`, `select upper(s.any_of) || 'x' from ${from}`]);
    expect(ran.leaks).toEqual(NOTHING);
    expect(ran.stderr).not.toMatch(/does not exist|syntax error/);
  });

  test.each([
    [
      'attributes of queries with names',
      [
        "with s as materialized (select upper('x')) select s.any_of from s",
        'with recursive s(n) as (select 1 union all select n + 1 from s where n < 2) select s.any_of from s',
        'update quiet q set a = 1 returning q.any_of, (q).any_of',
      ],
    ],
    [
      'functions of a row that hold more than the column they seem to be',
      [
        'select s.all_of from (select email, upper(name) from people) s',
        'select s.all_of from (select p.*, upper(p.name) from people p) s',
      ],
    ],
    ['a name that is read as a setting', ['select set_config(1)', 'select upper(set_config(1))']],
    ['defaults of domains', ['insert into of_domain (a) values (1)', 'show my.by_type']],
    ['the other sign of an operator', ['select q != q from quiet q', 'select differs()']],
    [
      'operator classes',
      ["select array_agg(x order by x) is null from unnest(array['(1)', '(2)']::odd[]) x", 'show my.compared'],
    ],
  ])('%s', async (_name, texts) => {
    const ran = await psql(at, texts);
    expect(ran.leaks).toEqual(NOTHING);
    expect(ran.stderr).not.toMatch(/does not exist|syntax error/);
  });

  test('columns of queries beside computed ones', async () => {
    const from = '(select p.*, count(*) over () as n, upper(name) from people p where id = 1) s';
    const ran = await psql(at, [`select s.name, s.email from ${from}`]);
    expect({ out: ran.stdout, err: ran.stderr, leaks: ran.leaks }).toEqual({
      out: 'Ann|[masked]\n',
      err: '',
      leaks: NOTHING,
    });
  });

  test('numbers that a function of an extension puts into a setting', async () => {
    const texts = ['select set_limit((ssn / 1e9)::real) from people where id = 1', 'select show_limit()'];
    const ran = await psql(at, [...texts, 'show pg_trgm.similarity_threshold']);
    expect({ out: ran.stdout, err: ran.stderr }).toEqual({
      out: expect.not.stringContaining('98765'),
      err: expect.stringMatching(ONLY_REFUSED),
    });
    expect(ran.recorded).not.toContain('0.98765');
  });
});

describe('triggers of events', () => {
  let at: Place;
  beforeAll(async () => {
    const runs = (name: string, body: string) =>
      `create function app.${name}() returns int language plpgsql as $$ begin ${body}; return 1; end $$`;
    at = await place('shared', [
      SCHEMA,
      'create table app.quiet (a int primary key); create materialized view app.counted as select a from app.quiet',
      `create function app.watches() returns event_trigger language plpgsql as
         $$ begin perform set_config('my.seen', (${READ}), false); end $$`,
      'create event trigger watch on ddl_command_end execute function app.watches()',
      runs('comments', "comment on table app.quiet is 'x'"),
      runs('grants', 'grant select on app.quiet to public'),
      runs('refreshes', 'refresh materialized view app.counted'),
      runs('reindexes', 'reindex table app.quiet'),
    ]);
  });
  beforeEach(() => {
    at.gateway.log.sessions.length = 0;
  });
  afterAll(() => leave(at));

  test.each([
    "comment on table quiet is 'x'",
    'grant select on quiet to public',
    'revoke select on quiet from public',
    'alter default privileges grant select on tables to public',
    'refresh materialized view counted',
    'reindex table quiet',
    'create table made_by_event (a int)',
    ...['comments', 'grants', 'refreshes', 'reindexes'].map((name) => `select ${name}()`),
  ])('%s', async (text) => {
    const ran = await psql(at, [text, 'show my.seen', "select current_setting('my.seen', true)"]);
    expect({ err: ran.stderr, leaks: ran.leaks }).toEqual({ err: expect.stringMatching(ONLY_REFUSED), leaks: NOTHING });
  });
});
