import { describe, expect, test } from 'vitest';
import { everyStatement, relationsTouched } from '../statement.ts';
import { VERBS } from '../vocabulary.ts';
import { changesOf } from './changes.ts';
import { MAX_MYSQL_CHARACTERS, summarizeMysql } from './mysql.ts';
import { type MysqlTextSettings, readSqlMode } from './settings.ts';
import { FIRST_WORDS } from './statement-reading.ts';

const MARIA: MysqlTextSettings = {
  family: 'mariadb',
  version: 101119,
  ansiQuotes: false,
  noBackslashEscapes: false,
  otherGrammar: false,
  characterSet: 'utf8mb4',
};
const summariesOf = (text: string, settings = MARIA) => {
  const read = summarizeMysql(text, settings);
  if (!read.ok) throw new Error(`${read.error.message}: ${text}`);
  return read.value;
};
const reasonOf = (text: string, settings = MARIA) => {
  const read = summarizeMysql(text, settings);
  return read.ok ? 'read' : read.error.reason;
};

describe('a text that cannot be read', () => {
  test.each([
    ['select 1\0', 'nul'],
    ['select \ud800', 'encoding'],
    ["select '\ufffd'", 'encoding'],
    ['selec 1', 'syntax'],
    ['toString', 'syntax'],
    ['select 1 select 2', 'syntax'],
    ["select 'a", 'syntax'],
    ['select `a', 'syntax'],
    ['select 1 /* a', 'syntax'],
    ['select (1', 'syntax'],
    ['select 1)', 'syntax'],
    ['select * from a from b', 'syntax'],
    ['select 1 \x01', 'syntax'],
  ])('%#: %s', (text, reason) => expect(reasonOf(text)).toBe(reason));

  test('longer than the cap', () => {
    expect(reasonOf(`${' '.repeat(MAX_MYSQL_CHARACTERS)};`)).toBe('too_long');
  });

  test('depth beyond the cap is refused, and the reader goes on', () => {
    const deep = 100_000;
    expect(reasonOf(`select ${'('.repeat(deep)}1${')'.repeat(deep)}`)).toBe('read');
    for (const text of [
      `select ${'(select '.repeat(deep)}1${')'.repeat(deep)}`,
      `select * from ${'('.repeat(deep)}a${')'.repeat(deep)}`,
      `${'('.repeat(deep)}select 1${')'.repeat(deep)}`,
      `delete from t where ${'('.repeat(deep)}a=1${')'.repeat(deep)}`,
      `delete from t where ${'case when 1 then '.repeat(deep)}1${' end'.repeat(deep)}`,
      'set statement a=1 for '.repeat(deep),
      'with a as ('.repeat(deep),
      `select * from ${'{oj '.repeat(deep)}`,
    ])
      expect([text.slice(0, 30), reasonOf(text)]).toEqual([text.slice(0, 30), 'too_deep']);
    expect(reasonOf('select 1')).toBe('read');
  });

  test('long chains are no depth', () => {
    for (const text of [
      Array(20_000).fill('select 1').join(' union '),
      `delete from t where ${'a = 1 and not '.repeat(20_000)} b`,
      `delete from t where ${'a = 1 or '.repeat(20_000)} b`,
      `select ${'a||'.repeat(50_000)}a from t`,
      `select ${'not '.repeat(50_000)} 1`,
    ])
      expect([text.slice(0, 30), reasonOf(text)]).toEqual([text.slice(0, 30), 'read']);
  });

  test('more than can be judged is refused', () => {
    expect(reasonOf('select 1;'.repeat(20_000))).toBe('too_long');
  });

  test('no message quotes the text', () => {
    for (const text of ['select hunter2 from from', "select 'hunter2\0'", 'hunter2 table', "select 'hunter2"])
      expect(JSON.stringify(summarizeMysql(text, MARIA))).not.toContain('hunter2');
  });
});

test('rows of 16 MiB are one statement with one table', () => {
  const row = "(1,'it''s; drop table x \\' /* ',NULL,x'00ff',-1.5e3,now()),";
  const text = `insert into t values ${row.repeat(Math.ceil(16_777_216 / row.length))}(1,2,3,4,5,6)`;
  const [summary, ...others] = summariesOf(text);
  expect(others).toEqual([]);
  expect(
    summary?.acts.map(({ verbs, relation, function: called }) => [verbs[0], relation?.name ?? called?.name]),
  ).toEqual([
    ['insert', 't'],
    ['function', 'now'],
  ]);
});

test('switching keys off and on, as dumps do, is no alter; with another alteration it is', () => {
  const verbsOf = (text: string) => summariesOf(text).map(({ acts }) => acts[0]?.verbs);
  expect(verbsOf('/*!40000 ALTER TABLE `t` DISABLE KEYS */; /*!40000 alter table s.t enable keys */')).toEqual([
    ['disable keys'],
    ['enable keys'],
  ]);
  for (const text of [
    'alter table t disable keys, drop column x',
    'alter table t add y int, enable keys',
    'alter table t disable keys /*!40000 , drop column x */',
    'alter table t disable keys partition by hash (a)',
    'alter table disable add keys int',
  ])
    expect([text, verbsOf(text)]).toEqual([text, [['alter', 'alter table']]]);
});

test('offsets are UTF-8 bytes', () => {
  const text = "select 'ü€😀' /*!50003 from t */; delete from tü where a = 1 ";
  const bytes = new TextEncoder().encode(text);
  const parts = summariesOf(text).map(({ at }) =>
    new TextDecoder().decode(bytes.slice(at.offset, at.offset + at.length)),
  );
  expect(parts).toEqual(["select 'ü€😀' /*!50003 from t */", 'delete from tü where a = 1 ']);
});

test('names come without quotes, and in the schema that USE gave', () => {
  const names = (text: string) => relationsTouched(summariesOf(text)).map(({ schema, name }) => [schema, name]);
  expect(names('select * from `a``b`, c.`d e`, .f, 1g, ü')).toEqual([
    [undefined, 'a`b'],
    ['c', 'd e'],
    [undefined, 'f'],
    [undefined, '1g'],
    [undefined, 'ü'],
  ]);
  expect(names('select * from a; use `s`; select * from a, t.a')).toEqual([
    [undefined, 'a'],
    ['s', 'a'],
    ['t', 'a'],
  ]);
  expect(names('with a as (select 1), b as (select * from a, c) select * from b, s.b')).toEqual([
    [undefined, 'c'],
    ['s', 'b'],
  ]);
  // To a server that tells names of tables apart by case.
  expect(names('with A as (select 1) select * from a')).toEqual([[undefined, 'a']]);
  expect(names('with a as (select 1) select * from a')).toEqual([]);
});

describe('of an update or delete of several tables, those are written that are named so', () => {
  const written = (text: string) =>
    summariesOf(text)
      .flatMap(({ acts }) => acts)
      .filter((act) => act.class === 'write')
      .map(({ relation }) => relation?.name);
  test.each([
    ['update a join b on a.x = b.x set a.y = 1 where b.z = 2', ['a']],
    ['update a as o join b on o.x = b.x set O.y = 1, b.z = 2 where b.z = 2', ['a', 'b']],
    ['update a join b using (x) set y = 1 where b.z = 2', ['a', 'b']],
    ['delete o from a o join b on o.x = b.x where b.y = 1', ['a']],
    ['delete a.*, s.b from a join s.b on a.x = b.x where b.y = 1', ['a', 'b']],
    ['delete from b using a join b where a.x = 1', ['b']],
    ['delete nobody from a join b where a.x = 1', ['a', 'b']],
  ])('%s', (text, tables) => expect(written(text)).toEqual(tables));
});

test.each([
  'create procedure p() begin if 1 then select 1; end if; end',
  'create procedure p() select case when 1 then 2 end',
  'create procedure p() begin declare exit handler for not found begin end; x: loop leave x; end loop x; end',
  'create trigger t before insert on a for each row begin case new.x when 1 then set @a = 1; else set @a = 2; end case; end',
  'begin not atomic repeat set @a = 1; until 1 end repeat; while 0 do select 1; end while; end',
])('code ends where its block does: %s', (text) => {
  expect(summariesOf(`${text}; drop table t`).map(({ kind }) => kind.split(' ')[0])).toEqual([
    text.split(' ')[0],
    'drop',
  ]);
});

test('REPLACE stops as insert and delete do, and passes as replace alone', () => {
  expect(summariesOf('replace into t values (1)')[0]?.acts).toMatchObject([
    { verbs: ['replace'], also: ['insert', 'delete'] },
  ]);
});

describe('what a text may change in its session', () => {
  const changed = (text: string) =>
    Object.entries(changesOf(summariesOf(text)))
      .filter(([, value]) => value)
      .map(([name]) => name);
  test.each([
    ['select 1', []],
    ['insert into t values (1)', []],
    ["set sql_mode = ''", ['modes']],
    ["set @@session.sql_mode = '', @a = 1", ['modes']],
    ['/*!40101 set @old = @@sql_mode, sql_mode = 0 */', ['modes']],
    ['set names gbk', ['characterSet']],
    ['set character set latin1', ['characterSet']],
    ['set character_set_client = @x', ['characterSet']],
    ['set character_set_results = null', []],
    ['set autocommit = 0', ['transaction']],
    ['set session_track_schema = 0', ['tracking']],
    ['use shop', ['database']],
    ['drop database shop', ['database', 'transaction']],
    ['begin', ['transaction']],
    ['create table t (a int)', ['transaction']],
    ['create procedure p() set sql_mode = ansi', ['transaction']],
    ["prepare p from 'set sql_mode = ansi'", ['modes']],
    ['execute p', ['modes', 'characterSet', 'database', 'tracking', 'transaction', 'prepared']],
    ['call p()', ['modes', 'characterSet', 'database', 'tracking', 'transaction', 'prepared']],
    ['select /*+ set_var(sql_mode = ansi) */ 1', ['modes']],
  ])('%s', (text, expected) => expect(changed(text)).toEqual(expected));

  test('all of it, where nobody could read it', () => {
    expect(Object.values(changesOf(undefined)).every(Boolean)).toBe(true);
  });
});

test.each([
  [undefined, { ansiQuotes: undefined, noBackslashEscapes: undefined, otherGrammar: undefined }],
  ['', { ansiQuotes: false, noBackslashEscapes: false, otherGrammar: false }],
  ['STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION', { ansiQuotes: false, noBackslashEscapes: false, otherGrammar: false }],
  ['ansi_quotes,NO_BACKSLASH_ESCAPES', { ansiQuotes: true, noBackslashEscapes: true, otherGrammar: false }],
  [
    'REAL_AS_FLOAT,PIPES_AS_CONCAT,ANSI_QUOTES,IGNORE_SPACE,ANSI',
    { ansiQuotes: true, noBackslashEscapes: false, otherGrammar: false },
  ],
  [
    'PIPES_AS_CONCAT,ANSI_QUOTES,IGNORE_SPACE,ORACLE',
    { ansiQuotes: true, noBackslashEscapes: false, otherGrammar: true },
  ],
])('sql_mode %s', (mode, expected) => expect(readSqlMode(mode)).toEqual(expected));

test('in the mode of another database, nothing is read but the way out of it', () => {
  const oracle = { ...MARIA, otherGrammar: true };
  expect(reasonOf('select 1', oracle)).toBe('syntax');
  expect(reasonOf("set sql_mode = ''", oracle)).toBe('read');
});

/** The words that begin a statement in the grammars of MySQL 9 and MariaDB 11 (sql_yacc.yy), outside of stored code. */
const GRAMMAR =
  `alter analyze backup begin binlog cache call change check checksum clone commit create deallocate delete desc describe
  do drop execute explain flush get grant handler help import insert install kill load lock optimize prepare purge
  release rename repair replace reset resignal restart revoke rollback savepoint select set show shutdown signal start
  stop table truncate uninstall unlock update use values with xa (`.split(/\s+/);

test('every word that begins a statement of the grammars is known, and no other', () => {
  expect([...FIRST_WORDS].sort()).toEqual(GRAMMAR.sort());
});

test('every verb is a word of the vocabulary', () => {
  const texts = ['lock tables a read', 'flush tables', 'clone instance', 'install component "a"', 'uninstall plugin p'];
  const more = [
    'create tablespace t',
    'alter instance reload tls',
    'drop logfile group g',
    'import table from "a"',
    'alter table t disable keys',
  ];
  for (const top of [...texts, ...more].flatMap((text) => summariesOf(text)))
    for (const { acts } of everyStatement(top))
      for (const { verbs, also = [] } of acts) for (const verb of [...verbs, ...also]) expect(VERBS).toContain(verb);
});

describe('what cannot be read is told with its place, and quotes no more than words of SQL', () => {
  test.each([
    ['selec 1', '(line 1, column 1)'],
    ['select 1 from', '(at its end)'],
    ['select 1;\n drop where x', '(line 2, column 7, near "where")'],
    ['update t\n\tset a 5', '(line 2, column 8)'],
    ['insert t values (1,, 2))', '(line 1, column 24, near ")")'],
    ['select 1; drop frobs x', '(line 1, column 16)'],
    ['drop hunter2', '(line 1, column 6)'],
    ["select 1 'hunter2", '(line 1, column 10)'],
    ["select a from 'hunter2'", '(line 1, column 15)'],
    ['select 1,\n  2 /* hunter2', '(line 2, column 5)'],
    ["prepare p from 'selec hunter2'", '(at its end)'],
    ["select 'ü', 'ü' ) x", '(line 1, column 17, near ")")'],
  ])('%j', (text, place) => {
    const read = summarizeMysql(text, MARIA);
    expect(read.ok ? 'it was read' : read.error.message).toMatch(
      new RegExp(`^\\D.* ${place.replace(/[()]/g, '\\$&')}$`),
    );
    expect(read.ok ? '' : read.error.message).not.toContain('hunter2');
  });
});
