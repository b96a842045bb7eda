import { expect, it } from 'vitest';
import { mayTellOfAccounts, withoutAccountSecret } from './account-secrets.ts';

const NATIVE = '*2B602296A79E0A8784ACC5C88D92E46588CCA3C3';
const clauses = (text: string): string =>
  withoutAccountSecret(Buffer.from(text, 'latin1'), 'clauses')?.toString('latin1') ?? text;

it.each([
  [
    `GRANT ALL PRIVILEGES ON *.* TO \`a\`@\`%\` IDENTIFIED BY PASSWORD '${NATIVE}' WITH GRANT OPTION`,
    `GRANT ALL PRIVILEGES ON *.* TO \`a\`@\`%\` IDENTIFIED BY PASSWORD '${'*'.repeat(41)}' WITH GRANT OPTION`,
  ],
  [
    `CREATE USER \`e\`@\`%\` IDENTIFIED VIA ed25519 USING 'abc/+' OR mysql_native_password USING '${NATIVE}' REQUIRE SSL`,
    `CREATE USER \`e\`@\`%\` IDENTIFIED VIA ed25519 USING '*****' OR mysql_native_password USING '${'*'.repeat(41)}' REQUIRE SSL`,
  ],
  [
    "CREATE USER `a`@`%` IDENTIFIED WITH 'caching_sha2_password' AS '$A$005$\\'q\\\\w' REQUIRE NONE PASSWORD EXPIRE DEFAULT",
    "CREATE USER `a`@`%` IDENTIFIED WITH 'caching_sha2_password' AS '*************' REQUIRE NONE PASSWORD EXPIRE DEFAULT",
  ],
  [
    "CREATE USER `a`@`%` IDENTIFIED WITH 'p' AS 0x2441 AND IDENTIFIED WITH 'q' AS 'x\"y' REQUIRE NONE",
    "CREATE USER `a`@`%` IDENTIFIED WITH 'p' AS ****** AND IDENTIFIED WITH 'q' AS '***' REQUIRE NONE",
  ],
  // Without escapes the string ends at the backslash: what it may be under either reading is hidden.
  ["x IDENTIFIED WITH 'p' AS 'ab\\' COMMENT 'c'", "x IDENTIFIED WITH 'p' AS '*************'c'"],
  ["x IDENTIFIED WITH 'p' AS 'never closed", `x IDENTIFIED WITH 'p' AS '${'*'.repeat(12)}`],
  ['CREATE USER `a`@`%` IDENTIFIED VIA unix_socket', 'CREATE USER `a`@`%` IDENTIFIED VIA unix_socket'],
  [
    "GRANT USAGE ON *.* TO 'a'@'%' IDENTIFIED BY PASSWORD <secret>",
    "GRANT USAGE ON *.* TO 'a'@'%' IDENTIFIED BY PASSWORD <secret>",
  ],
  ['GRANT USAGE ON *.* TO `a`@`%`', 'GRANT USAGE ON *.* TO `a`@`%`'],
  ["x IDENTIFIED BY PASSWORD 'a' AND IDENTIFIED OTHERWISE 'b'", '[masked]'],
])('%s', (told, shown) => expect(clauses(told)).toBe(shown));

it('a hash is found in what is computed of it', () => {
  const shown = (text: string) => withoutAccountSecret(Buffer.from(text, 'latin1'), 'hashes')?.toString('latin1');
  expect(shown(`a${NATIVE}1`)).toBe(`a${'*'.repeat(41)}1`);
  expect(shown("$A$005$\n'\x7f more")).toBe('*'.repeat(15));
  expect(shown('nothing')).toBeUndefined();
});

it.each([
  ['show grants', true],
  ['/*!50000show*/ grants', true],
  ['select 1;SHOW\n grants', true],
  ['call`p`()', true],
  ['select * from mysql.user', true],
  ['select * from `user`', true],
  ['select user_password from mysql.slave_master_info', true],
  ['select * from users where user_id = 1 and recall = 2', false],
  [`select '${'x'.repeat(70_000)}'`, true],
])('what may tell of accounts: %.40s', (text, told) => expect(mayTellOfAccounts(Buffer.from(text))).toBe(told));
