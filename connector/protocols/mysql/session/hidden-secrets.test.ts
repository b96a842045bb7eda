import { expect, it } from 'vitest';
import { hideSecrets, LongText } from './hidden-secrets.ts';

const recorded = (text: string): string => {
  const { copy } = hideSecrets(Buffer.from(text));
  expect(copy).toHaveLength(Buffer.byteLength(text));
  return copy.toString();
};

it.each([
  "create user a@'%' identified by 'SESAME'",
  'create user a identified by "SESAME"',
  "alter user a identified with mysql_native_password by 'SESAME' replace 'SESAME'",
  "alter user a identified via ed25519 using password('SESAME') or unix_socket",
  "grant all on *.* to a@b identified by 'SESAME'",
  "set password = 'SESAME'",
  'set password for `a`@`b` = password("SESAME")',
  "change master to master_user='r', master_password='SESAME'",
  "change replication source to source_password = 'SESAME'",
  "create server s foreign data wrapper mysql options (user 'u', password 'SESAME')",
  "select * from t where `password` = 'SESAME'",
  'select * from t where token = "SESAME"',
  "/*!50000 create user a identified by 'SESAME' */",
  "/*M!100100 set password = 'SESAME' */",
  "select 1--1, 2 from t where password='SESAME'",
  "select 1 # it's\n from t where password='SESAME'",
  "select 1 -- it's\n from t where password='SESAME'",
  "select '\\'' from t where password='SESAME'",
  "select 'a\\', password = 'SESAME'",
  "insert into a$$b (password) values ('SESAME')",
  'select "it\'s" from t where password="SESAME"',
  "create user a identified with caching_sha2_password as 'SESAME' comment 'x'",
  "alter user a add 2 factor identified with p by 'SESAME'",
  "create user a identified/**/by/**/'SESAME', b identified as 'SESAME'",
  "start replica user='x' password='SESAME'",
  "clone instance from u@h:3306 identified by 'SESAME'",
  "update mysql.user set authentication_string = 'SESAME' where user = 'a'",
  `insert into mysql.global_priv values ('%', 'a', '{"authentication_string": "SESAME"}')`,
  "update mysql.global_priv set priv = json_set(priv, '$.authentication_string', 'SESAME')",
  "prepare s from 'alter user a identified by ''SESAME'''",
  "create library l language javascript as $$ it's $$; alter user a identified by 'SESAME'; select 'x'",
  "select $a$ ' $a$, 1; alter user a identified by 'SESAME' comment 'x'",
  "select $$ # $$; set password = 'SESAME'",
  "select $$ /* $$; set password = 'SESAME' -- */",
  "select 1 /*!99999 ' */; set password = 'SESAME'; select 'x'",
  "select 1 /*!99999 /* */ ' */; alter user a identified by 'SESAME' comment 'x'",
])('%s', (text) => expect(recorded(text)).not.toContain('SESAME'));

it('hashes in hexadecimal are hidden in account statements', () => {
  expect(recorded("alter user a identified with 'p' as 0x24412430 require ssl")).toContain('as 0x******** require ssl');
  expect(recorded(`alter user a identified with p as 0x${'5F'.repeat(2000)}`)).not.toContain('5F');
  expect(recorded('select 0x24412430')).toBe('select 0x24412430');
});

it('what is no secret stays as it was', () => {
  for (const text of [
    "select 'SESAME'",
    'insert into t values (\'a\', "b")',
    "update t set note = 'password' where id = 1",
  ])
    expect(recorded(text)).toBe(text);
});

it('parameters of a statement that names a secret are secrets, and of others not', () => {
  const parameters = (text: string) => hideSecrets(Buffer.from(text)).parameters;
  expect(parameters('update t set password = ? where id = ?')).toBe(true);
  expect(parameters('update t set note = ? where id = ?')).toBe(false);
});

it('a long text is shown up to where it names one, at every cut', () => {
  const text = Buffer.from("insert into t values ('kept'); set password = 'SESAME'; select 1");
  for (let at = 0; at <= text.length; at++) {
    const long = new LongText();
    const shown = Buffer.concat([long.take(text.subarray(0, at)), long.take(text.subarray(at))]).toString();
    expect(shown).toContain("('kept')");
    expect(shown).not.toContain('SESAME');
    expect([long.takeHidden(), long.takeHidden()]).toEqual([true, false]);
  }
});
