import { expect, it } from 'vitest';
import { READ_BY_DEFAULT, readSqlMode } from '../settings.ts';
import { readProcedureBody } from './procedure-bodies.ts';

const NAMES = { column: (name: string) => name === 'ssn', code: (name: string) => ['shows', 'ssn_of'].includes(name) };
const read = (body: string, mode = '') => readProcedureBody(body, { ...READ_BY_DEFAULT, ...readSqlMode(mode) }, NAMES);

it.each([
  'select id, name, count(*) from people group by name desc',
  'begin declare done int default 0; declare c cursor for select id from people; declare continue handler for not found set done = 1; open c; end',
  'begin create temporary table t (id int); insert into t select id from people where id * 2 > 5; select id from t; end',
  'begin update people set name = upper(name) where id = i; set total = (select sum(total) from orders); end',
  "select 'which storage_engine?' from orders",
  "begin signal sqlstate '45000' set message_text = 'no ssn'; end",
])('shows nothing of it: %s', (body) => expect(read(body)).toEqual({ clear: true, calls: [] }));

it.each([
  '',
  'select ssn from people',
  'select * from people',
  'select p.* from people p',
  'select count(*), s.* from shows s',
  'select ssn_of(1)',
  'insert into orders table people',
  "begin prepare s from 'select 1'; execute s; end",
  "execute immediate concat('sel', 'ect 1')",
  'begin handler people open; handler people read first; end',
  'begin get diagnostics condition 1 @m = message_text; end',
  'create table t like people',
  'alter table people_copy exchange partition p0 with table people',
  'select query from information_schema.processlist',
  'select x from mysql.anything',
  'show warnings',
  'select /*! ssn */ 1',
  'select /*!80000 1, */ 2',
  'insert into temporary table people',
  'set default_storage_engine = connect',
  'begin set @@session.`storage_engine` = connect; end',
  "select 'unfinished",
  'select šsn from people',
])('may: %s', (body) => expect(read(body).clear).toBe(false));

it('goes by the sql_mode that it was made under', () => {
  expect(read('select "ssn" from orders').clear).toBe(true);
  expect(read('select "ssn" from orders', 'ANSI_QUOTES').clear).toBe(false);
  expect(read('begin null; end', 'ORACLE').clear).toBe(false);
});

it('tells what it calls', () => {
  expect(read('begin call a(1); call shop.B(); end')).toEqual({ clear: true, calls: ['a', 'b'] });
});
