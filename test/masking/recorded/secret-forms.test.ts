// Secrets in statements as people and programs write them: the name is somewhere in front, and not right in front.

import { expect, test } from 'vitest';
import { hideLiterals } from '../../../connector/sql/secret-literals.ts';

const hidden = (statement: string, backslashEscapes = false): string => {
  const copy = Buffer.from(statement);
  hideLiterals(copy, { backslashEscapes });
  expect(copy).toHaveLength(Buffer.byteLength(statement));
  return copy.toString();
};

test.each([
  ['numbers and what begins with one, without quotes', 'alter role bob password 9Zq9xyzzyX'],
  ['parts of one value', "update pg_authid set rolpassword = 'md5' || md5('Zq9xyzzyX') where rolname = 'x'"],
  ['values in brackets', "update users set password = (select 'Zq9xyzzyX')"],
  ['CASE of several rows', "update users set password = case when id = 1 then 'a' else 'Zq9xyzzyX' end"],
  ['lists', "select * from users where password in ('a', 'Zq9xyzzyX')"],
  ['arrays', "select * from users where password = any(array['a', 'Zq9xyzzyX'])"],
  ['a blank behind a function', "select set_config ('app.secret', 'Zq9xyzzyX', false)"],
  ['paths', `update s set data = jsonb_set(data, '{smtp,password}', '"Zq9xyzzyX"')`],
  ['fields of JSON', "select 1 from s where (data->>'token') = 'Zq9xyzzyX'"],
  ['keys of JSON', "select json_object('password': 'Zq9xyzzyX'), json_object('password' value 'Zq9xyzzyX')"],
  ['settings in a table', "insert into settings (key, value) values ('a', 'b'), ('smtp_password', 'Zq9xyzzyX')"],
  ['functions', "select check_password('bob', 'Zq9xyzzyX')"],
  ['procedures', "call app.set_user_password('bob', 'Zq9xyzzyX')"],
  ['concat', "select concat('alter role x password ''', 'Zq9xyzzyX', '''')"],
  ['rows in brackets', "insert into users (login, password) (values ('bob', 'Zq9xyzzyX'))"],
  ['queries in brackets', "insert into users (login, password) (select 'bob', 'Zq9xyzzyX')"],
  ['hashes', "insert into users (login, password_digest, x) values ('bob', 'Zq9xyzzyX', 1)"],
  ['other words', "insert into t (access_key, private_key, passcode) values ('Zq9xyzzyX', 'Zq9xyzzyX', 'Zq9xyzzyX')"],
  ['statements of other databases', "set password for bob = 'Zq9xyzzyX'"],
])('%s', (_name, statement) => {
  expect(hidden(statement)).not.toContain('xyzzy');
  expect(hidden(statement, true)).not.toContain('xyzzy');
});

test.each([
  "select case when x = 1 then 'a' end, password from users where login in ('b', 'c')",
  "update users set password = null, login = 'a' || 'b' where id in (1, 2)",
  "insert into users (password, login) (select null, 'a'); insert into t (a, b) values ('c', 'd')",
  "create table token (a text, b text check (b in ('y', 'z')))",
  "select 'token', 'x', data->>'name' = 'y' from secrets where (a, b) = ('c', 'd')",
])('nothing else is: %s', (statement) => {
  expect(hidden(statement)).toBe(statement);
});
