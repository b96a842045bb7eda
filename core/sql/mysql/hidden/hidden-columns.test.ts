import { describe, expect, it } from 'vitest';
import { summarizeMysql } from '../mysql.ts';
import type { MysqlTextSettings } from '../settings.ts';
import { exposeHidden } from './hidden-columns.ts';

const SETTINGS: MysqlTextSettings = {
  family: 'mariadb',
  version: 101119,
  ansiQuotes: false,
  noBackslashEscapes: false,
  otherGrammar: false,
  characterSet: 'utf8mb4',
};
const NAMES = {
  table: (_schema: string | undefined, name: string) => name === 'people',
  moves: ({ name }: { name?: string }, to: { name?: string }) => name === 'people' && to.name !== 'people2',
  column: (name: string) => ['ssn', 'pay'].includes(name.toLowerCase()),
  code: (name: string) => ['shows', 'ssn_of'].includes(name),
  procedure: (name: string) => name !== 'totals',
  inServersOwn: false,
};

function expose(text: string) {
  const read = summarizeMysql(text, SETTINGS);
  if (!read.ok) throw new Error(read.error.message);
  return exposeHidden(text, SETTINGS, read.value, NAMES);
}
const items = (before: readonly unknown[], star = false, after: readonly unknown[] = []) => ({
  kind: 'items',
  before,
  star,
  after,
});
const clear = (columns: number) => items(Array.from({ length: columns }, () => 'clear'));

describe('what a text shows of hidden columns', () => {
  it.each([
    ['select id, upper(name) from people', { kind: 'clear' }],
    ['select * from orders', { kind: 'clear' }],
    ['select 2 * 3, count(*) from people', { kind: 'clear' }],
    ["select id from people where note = 'ssn'", { kind: 'clear' }],
    ['select id, name from people where ssn = 1', items(['clear', 'clear'])],
    [
      'select ssn, p.pay as x, concat(ssn), count(ssn) from people p',
      items([{ column: 'ssn' }, { column: 'pay' }, 'unknown', 'clear']),
    ],
    ['select 1, p.*, ssn from people p', items(['clear'], true, [{ column: 'ssn' }])],
    ['select distinct ssn, (select 1), (select ssn) from people', items([{ column: 'ssn' }, 'clear', 'unknown'])],
    ['select śsn + 1 from people', items(['unknown'])],
    ["show columns from people where field = 'ssn'", { kind: 'clear' }],
    ["show columns from shows where field = 'x'", { kind: 'clear' }],
    ['show tables where tables_in_shop = (select note from orders)', { kind: 'clear' }],
    ['show warnings', { kind: 'warnings' }],
    ['show errors limit 5', { kind: 'warnings' }],
    ['select s, n from (select ssn as s, name n from people) d', items([{ column: 'ssn' }, 'clear'])],
    ['select concat(s), d.* from (select ssn as s from people) d', items(['unknown'], true)],
    ['select name from people union select ssn from people', items([{ column: 'ssn' }])],
    ['select pay from people union select ssn from people', items(['unknown'])],
    ['select * from people union select * from people', { kind: 'unknown' }],
    ['with c as (select ssn q from people) select q, 1 from c', items([{ column: 'ssn' }, 'clear'])],
    ['table people', items([], true)],
    ['select ssn is null, id + count(pay), if(ssn is not null, 1, 0), isnull(p.ssn) from people p', clear(4)],
    ['select exists (select * from people where ssn = 1), not exists (table people)', clear(2)],
    ['select (select name from people where ssn = 5), id in (select id from people where pay) from people', clear(2)],
    ['select d.n from (select count(ssn) n from people) d join people p on p.ssn = d.n', clear(1)],
    ['select ssn is true, ssn is not true, not ssn from people', items(['unknown', 'unknown', 'unknown'])],
    [`select a from ${'('.repeat(60)}select ssn as a from people${')'.repeat(60)} d`, items([{ column: 'ssn' }])],
    [`select a from ${'('.repeat(70)}select ssn as a from people${')'.repeat(70)} d`, { kind: 'unknown' }],
    ['select x from (select 1 as a limit 1, ssn as x from people) d', { kind: 'unknown' }],
    ['select x from (select 1 having 1, ssn as x from people) d', { kind: 'unknown' }],
    ['explain select ssn from people', { kind: 'plan' }],
    ['explain extended update people set ssn = 1 where pay = 2', { kind: 'plan' }],
    ['analyze select ssn from people', { kind: 'plan' }],
    ['describe people ssn', { kind: 'clear' }],
    ['call totals(2024, @sum)', { kind: 'clear' }],
    ['call shop.totals((select max(id) from people))', { kind: 'clear' }],
    ['insert into orders select id from people where ssn is null', { kind: 'clear' }],
    ['create table t select id, count(ssn) from people group by id', { kind: 'clear' }],
    ['select x from shows', { kind: 'unknown' }],
    ['select ssn_of(1)', { kind: 'unknown' }],
    ["update people set name = 'x', ssn = 'y' where ssn = 'z'", { kind: 'clear' }],
    ["insert into people (id, ssn) values (1, 'x') on duplicate key update ssn = values(ssn)", { kind: 'clear' }],
    ['delete from people where ssn is null', { kind: 'clear' }],
    ['/*!40000 alter table people disable keys */', { kind: 'clear' }],
    ['alter table ssn enable keys', { kind: 'clear' }],
    ['alter table people add x int', { kind: 'clear' }],
    ["alter table shop.people add column (x int, y text comment 'a, b'), drop column z", { kind: 'clear' }],
    ['alter table if exists `people` add index i (name, id), drop foreign key f', { kind: 'clear' }],
    [
      'alter table people modify name varchar(9) not null, alter column id set default 1, algorithm=inplace, lock=none;',
      { kind: 'clear' },
    ],
    ['alter table orders add constraint f foreign key (person) references people (id)', { kind: 'clear' }],
    ['rename table orders to ssn, ssn to people', { kind: 'clear' }],
    ['rename table people to people2', { kind: 'clear' }],
    ['create or replace view v (a) as select name from people', { kind: 'clear' }],
    ['alter view v as select * from orders', { kind: 'clear' }],
  ])('%s', (text, exposure) => {
    expect(expose(text).exposure).toMatchObject(exposure);
  });

  it.each([
    ['update people set name = ssn', /copy/],
    ['update people set name = if(1, ssn, 2)', /copy/],
    ['insert into orders select * from people', /copy/],
    ['insert into people (id) values (1) on duplicate key update name = ssn', /copy/],
    ['select ssn into @a from people', /variable/],
    ['select @a := ssn from people', /variable/],
    ['select id from people where last_insert_id(pay)', /keep/],
    ['alter table people add x int, rename column ssn to a', /another name/],
    ['alter table people add x int, rename to folk', /another name/],
    ['alter table people rename to folk, add x int', /another name/],
    ['alter table people add x int; alter table people rename to folk', /another name/],
    ['alter table people add x int as (ssn)', /another name/],
    ['alter table people add (x int, y int as (concat(ssn)))', /another name/],
    ['alter table people add x int rename to folk', /another name/],
    ['alter table people modify name int as (ssn)', /another name/],
    ['alter table people change name ssn2 int', /another name/],
    ['alter table people add x int, order by id', /another name/],
    ['alter table people exchange partition p with table folk', /another name/],
    ['alter table people add x int, exchange partition p with table folk', /another name/],
    ['alter table orders exchange partition p with table people', /another name/],
    ['alter table shows add x int', /another name/],
    ['rename table people to folk', /may not be about/],
    ['rename tables orders to o, shop.people wait 5 to orders, o to people', /may not be about/],
    ['rename table shows to v', /another name/],
    ['rename user a to b', /not supported/],
    ['create view v as select ssn as a from people', /name of its own/],
    ['create view v (a, b) as select * from people', /name of its own/],
    ['create algorithm=merge view v as table people', /name of its own/],
    ['alter view v as select x from shows', /name of its own/],
    ['create view v as select * from information_schema.processlist', /any table/],
    ['alter table people disable keys, rename column ssn to a', /another name/],
    ['create table t (a int) engine=merge union=(people)', /another one/],
    ['explain format=json select ssn from people', /quotes values/],
    ['explain analyze select ssn from people', /quotes values/],
    ['explain update people set name = ssn', /copy/],
    ['explain for connection 5', /another session/],
    ['insert into orders select concat(ssn) from people', /copy/],
    ['insert into orders select s from (select ssn s from people) d', /copy/],
    ['create table copy table people', /copy/],
    ['handler people open', /not supported/],
    ["prepare p from 'select 1'", /not supported/],
    ['call p()', /procedure p does not exist, or may show/],
    ['call totals((select ssn from people))', /not supported/],
    ['select * from mysql.column_stats', /any table/],
    ['select * from column_statistics', /any table/],
    ['use performance_schema', /any table/],
    ['select * from information_schema.processlist', /any table/],
    ['use information_schema; select * from innodb_trx', /any table/],
    ['show processlist', /any table/],
    ['select 1; select ssn from people', /one by one/],
  ])('%s is refused', (text, why) => {
    const { exposure } = expose(text);
    expect(exposure).toMatchObject({ kind: 'refused', why: expect.stringMatching(why) });
  });

  it("a name of the server's own tables is one where they may be meant", () => {
    const read = summarizeMysql('select * from sessions', SETTINGS);
    if (!read.ok) throw new Error(read.error.message);
    const under = (inServersOwn: boolean) =>
      exposeHidden('select * from sessions', SETTINGS, read.value, { ...NAMES, inServersOwn }).exposure.kind;
    expect([under(false), under(true)]).toEqual(['clear', 'refused']);
    expect(expose('select * from shop.events_of_may').exposure).toEqual({ kind: 'clear' });
  });

  it('literals may be its values where it is named, and where rows are written', () => {
    expect(expose('select id from people where id = 5').literals).toBe(false);
    expect(expose("select id from people where ssn = 'x'").literals).toBe(true);
    expect(expose("insert into people values (1, 'x')").literals).toBe(true);
    expect(expose("insert into orders values (1, 'x')").literals).toBe(false);
  });
});

it.each([
  'insert into local table people',
  'replace into temporary table people',
  'replace local table people',
  'create table copied replace table people',
  'create table local replace table people',
])('TABLE behind words that may be names is a query: %s', (text) => {
  expect(expose(text).exposure).toMatchObject({ kind: 'refused' });
});

describe('names that the server derives', () => {
  const FIRST = [
    "'a'",
    '1',
    '0x41',
    "n'x'",
    "('a')",
    "'a' 'b'",
    '(id)',
    '((name))',
    '+name',
    "_utf8mb4 'a'",
    '\\N',
    '-1',
  ];
  it.each(FIRST)('of a union whose first item is %s are not taken for clear', (first) => {
    for (const text of [
      `select \`a\` from (select ${first} union all select ssn from people) w limit 1, 2`,
      `with c as (select ${first} union all select ssn from people) select \`a\` from c`,
      `select concat(\`a\`) from ((select ${first}) union all (select ssn from people)) w`,
      `select (select \`a\` from (select ${first} union all select ssn from people) w limit 1, 1)`,
      `select * from (select ${first} union all select ssn from people) w`,
    ])
      expect(['unknown', 'refused'], text).toContain(expose(text).exposure.kind);
    const copied = `insert into zz (id, v) select 1, \`a\` from (select ${first} union all select ssn from people) w`;
    expect(expose(copied).exposure.kind).toBe('refused');
  });

  it.each([
    'set default_storage_engine = mrg_myisam',
    'set session storage_engine = connect',
    'set @@enforce_storage_engine = spider',
    'set @@session . `default_storage_engine` := connect',
    'SET @a = 1, Default_Tmp_Storage_Engine = FEDERATED',
    'set default_storage_engine = innodb, enforce_storage_engine = connect',
    "set default_storage_engine = concat('con', 'nect')",
    "set default_storage_engine = 'innodb' 'x'",
    'set default_storage_engine = @a',
    'set statement default_storage_engine = connect for select 1',
    '/*!50000 set storage_engine = connect */',
    "select 1; set global storage_engine = 'mrg_myisam'",
    'select /*+ set_var(default_storage_engine = connect) */ 1',
    'create table s (a int) table_type=mysql tabname=people dbname=shop',
    `create table s (a int) comment='wrapper "mysql", table "people"'`,
    "create table s (a int) connection='mysql://u@h/d/people'",
  ])('%s is refused: another engine may read other tables', (text) => {
    expect(expose(text).exposure.kind).toBe('refused');
  });

  it.each([
    "update notes set text = 'which storage_engine?' where id = 1",
    "set @a = 'default_storage_engine'",
    'select @@default_storage_engine',
    "insert into notes set text = 'set default_storage_engine = connect'",
    'update notes set storage_engine = 1 where id = 2',
    'set default_storage_engine = InnoDB',
    "set session default_storage_engine := 'MyISAM', sql_notes = 0",
    'set @@session.default_tmp_storage_engine = default',
    'set statement default_storage_engine = memory for select 1',
    "create table c (a int) engine='InnoDB'",
  ])('%s goes on: no other engine is set', (text) => {
    expect(expose(text).exposure.kind).toBe('clear');
  });
});

describe('a long text is read in a time that goes with its length', () => {
  // With its square, each takes longer than a test may.
  it.each([
    ['of values', 'insert into people (ssn) values (1)', ',(ssn)', '', 250_000],
    ['of a name with dots', 'update people set ssn', '.ssn', ' = 1', 700_000],
    ['of a comment', "create table t (a int) comment '", 'host ', "'", 400_000],
  ])('%s', (_what, head, part, tail, length) => {
    expect(expose(head + part.repeat(length / part.length) + tail).exposure).toEqual({ kind: 'clear' });
  });
});
