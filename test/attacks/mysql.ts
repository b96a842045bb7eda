// Statements that try to get past rules on MySQL and MariaDB, and innocent ones beside them: statement, the verdict that
// is right, why, and the server that reads it. Run by mysql.test.ts, and mutated there. What clients and tools send by
// themselves is in mysql-clients.ts.

import { guard } from './mysql-guard.ts';
import type { MysqlRuleSet } from './mysql-rule-set.ts';
import { tables } from './mysql-tables.ts';

const readers: MysqlRuleSet = {
  name: 'readers',
  statements: [{ allow: ['select', 'show', 'explain'] }],
  rows: [
    ['select * from orders', 'allow', 'select'],
    ['(select 1) union (select 2) order by 1', 'allow', 'select'],
    ['((select 1))', 'allow', 'select'],
    ['with a as (select 1) select * from a', 'allow', 'select'],
    ['values row(1, 2)', 'allow', 'rows', 'mysql'],
    ['table orders', 'allow', 'a select', 'mysql'],
    ['show tables', 'allow', 'show'],
    ['desc orders', 'allow', 'show'],
    ['explain select 1', 'allow', 'explain'],
    ['use shop', 'allow', 'needs no place in a list'],
    ['begin; select 1; commit', 'allow', 'needs no place in a list'],
    ['set names utf8mb4', 'allow', 'clients do it unasked'],
    ['set @a = 1', 'allow', 'no more than a value'],
    ['select @a := count(*) from orders', 'allow', 'no more than a value'],
    ['select 1 into @a', 'allow', 'no more than a value'],
    ["prepare p from 'select 1'; execute p; deallocate prepare p", 'allow', 'what is prepared is a select'],
    ["select 1 into outfile '/tmp/x'", 'block', 'writes a file'],
    ["select 1 from t into dumpfile '/tmp/x'", 'block', 'writes a file'],
    ["select a into outfile '/tmp/x' fields terminated by ',' from t", 'block', 'writes a file'],
    ["(select 1) union (select 2) into outfile '/tmp/x'", 'block', 'writes a file'],
    ['select * from orders for update', 'block', 'locks rows'],
    ['select * from orders lock in share mode', 'block', 'locks rows'],
    ['select * from (select * from orders for update) x', 'block', 'locks rows within'],
    ['insert into log select * from orders', 'block', 'insert'],
    ['insert into log (select 1)', 'block', 'insert'],
    ['insert into log set a=1', 'block', 'insert'],
    ['replace into log values (1)', 'block', 'replace'],
    ['create table x as select * from orders', 'block', 'create'],
    ['create table x select * from orders', 'block', 'create'],
    ['handler orders open', 'block', 'handler'],
    ['do sleep(1)', 'block', 'do'],
    ['set global general_log = 1', 'block', 'the server as a whole'],
    ['set @@global.general_log = 1', 'block', 'the server as a whole'],
    ['set @@ global . general_log = 1', 'block', 'cannot be read: no name behind the signs'],
    ['set session wait_timeout=1, global general_log=1', 'block', 'the second of two'],
    ['set global a=1, general_log=1', 'block', 'a scope goes on'],
    ['set persist max_connections=1', 'block', 'the server as a whole', 'mysql'],
    ["set password = 'x'", 'block', 'set password'],
    ['set role admin', 'block', 'set role'],
    ['set sql_log_bin=0', 'block', 'hides from the log'],
    ['set max_join_size=1', 'block', 'not among what clients set unasked'],
    ['select /*+ set_var(max_join_size=1) */ 1', 'block', 'sets a variable', 'mysql'],
    ['kill 5', 'block', 'kill'],
    ['flush tables', 'block', 'flush'],
    ['reset master', 'block', 'reset'],
    ['lock tables orders write', 'block', 'lock'],
    ["load data infile 'x' into table orders", 'block', 'load'],
    ['xa recover', 'block', 'xa'],
    ['shutdown', 'block', 'shutdown'],
    ['analyze table orders', 'block', 'analyze'],
    ['analyze update orders set a=1 where id=2', 'block', 'it runs'],
    ['show binlog events', 'block', 'data of others'],
    ['select next value for s', 'block', 'a sequence moves on'],
    ['select nextval(s)', 'block', 'a sequence moves on'],
    ["select get_lock('a', 1)", 'block', 'locks'],
    ['explain update orders set a=1', 'allow', 'planned only'],
    ["help 'select'", 'block', 'not in the list'],
  ],
};

const trusting: MysqlRuleSet = {
  name: 'trusting',
  statements: [{ block: ['drop', 'load data file', 'select into outfile', 'load data local'] }],
  unparsable: 'allow',
  rows: [
    ['frobnicate', 'allow', 'could not be read'],
    ['call p()', 'allow', 'what cannot be seen is let through'],
    ['/*! drop table t */', 'block', 'it is seen'],
    ["execute immediate 'drop table t'", 'block', 'it is seen'],
    [
      "create function f() returns int language javascript as $$; select ' $$; drop table t; -- '",
      'block',
      'a text between dollars, in which a quote opens nothing',
      'mysql9',
    ],
    [
      "create function f() returns int language javascript as $a$; select ' $$ $a$; drop table t; -- '",
      'block',
      'between the same letters',
      'mysql84',
    ],
    [
      'create function f() returns int language javascript using (l as m) as $$ drop table t; $$',
      'allow',
      'within such a text',
      'mysql9',
    ],
    ["load data infile '/etc/passwd' into table t", 'block', "the server's file"],
    [
      "load data low_priority local infile 'x' replace into table t fields terminated by ','",
      'block',
      "the client's file",
    ],
    ["select 1 into outfile 'x'", 'block', 'a file'],
    ["select 1 into dumpfile 'x'", 'allow', 'another way, which no entry names'],
  ],
};

const files: MysqlRuleSet = {
  name: 'files',
  statements: [{ allow: ['*', 'load data local on shop.t'] }, { block: ['replace', 'load xml'] }],
  rows: [
    ["load data local infile 'x' into table shop.t", 'allow', 'named'],
    [
      "LOAD DATA CONCURRENT LOCAL INFILE 'x' IGNORE INTO TABLE `shop`.`t` CHARACTER SET utf8mb4 (a, @b) SET c = @b",
      'allow',
      'named',
    ],
    ["load data local infile 'x' into table shop.u", 'block', 'another table'],
    ["load data local infile 'x' into table t", 'block', 'a table of any schema'],
    ["use shop; load data local infile 'x' into table t", 'allow', 'the schema that USE gave'],
    ["load data local infile 'x' replace into table shop.t", 'block', 'it replaces rows'],
    ["load xml local infile 'x' into table shop.t", 'block', 'XML'],
    ["/*!50000 load data local infile 'x' into table shop.u */", 'block', 'in a comment that runs'],
    ["execute immediate 'load data local infile ''x'' into table shop.u'", 'block', 'in a string'],
    ["load data infile 'x' into table shop.u", 'allow', "the server's file is a thing of its own"],
    ["select 'load data local infile' from shop.u", 'allow', 'in a string'],
  ],
};

export const MYSQL_RULE_SETS: readonly MysqlRuleSet[] = [guard, readers, tables, trusting, files];
