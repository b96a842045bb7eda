// A table with two columns to hide, and views, functions and procedures that show them.

export const MASK = [{ columns: ['people.ssn', 'people.pay'], with: 'placeholder' as const }];
/** Of the two people, in every spelling that is looked for. */
export const VALUES = ['123-45-6789', '987-65-4321', '77123', '88456'];
export const SPELT = VALUES.flatMap((value) => [
  value,
  [...value].reverse().join(''),
  Buffer.from(value).toString('hex'),
  Buffer.from(value).toString('base64').replace(/=+$/, ''),
  value.replaceAll('-', ''),
  value.slice(0, 5),
]);
export const PEOPLE = [
  'use shop',
  `create table people (id int primary key auto_increment, name varchar(50), ssn varchar(20), pay int, born date, same int,
    shadow varchar(60) as (concat('s', ssn)) virtual)`,
  'create table orders (id int primary key auto_increment, person int, note varchar(100))',
  'create table people_copy (id int, name varchar(50), ssn varchar(20), pay int, born date, same int, shadow varchar(60))',
  'create view shows as select id, ssn as x, pay as z from people',
  'create view shows2 as select x as y from shows',
  'create algorithm=temptable view kept as select id, ssn as x from people',
  'create view top as select max(ssn) as m, max(pay) as n from people',
  'create view both_names as select ssn as a from people union select name from people',
  'create view plain_view as select id, name from people',
  'create function ssn_of(i int) returns text reads sql data return (select ssn from people where id = i)',
  'create procedure show_all() select ssn, concat(ssn) from people',
  'create procedure show_star() select * from people',
  'create procedure show_by_call() call show_star()',
  "create procedure show_by_text() begin prepare s from 'select ssn from people'; execute s; end",
  'create procedure show_view() select x from shows',
  'create procedure out_ssn(out o text) select ssn into o from people where id = 1',
  'create procedure names(in least int, inout total int) begin select id, name from people where id >= least; select note from orders; set total = total + least; end',
];

/** What it is as before. */
export const RESTORE = [
  'use shop',
  'delete from people',
  'delete from orders',
  "insert into people (id, name, ssn, pay, born, same) values (1, 'Ann', '123-45-6789', 77123, '1987-06-05', 1), (2, 'Bob', '987-65-4321', 88456, null, 1)",
  "insert into orders values (1, 1, 'first'), (2, 2, 'second')",
];

/** Nothing that a statement did is left. */
export const changes = (statements: readonly string[]): boolean =>
  statements.some((sql) => /^(?:insert|update|delete|replace|alter|rename|create|drop|begin|rollback)/.test(sql));
