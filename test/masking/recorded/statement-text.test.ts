import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  maskParameter,
  maskStatement,
  maskStatementText,
} from '../../../connector/protocols/postgres/requests/statement-text.ts';
import { WITHHOLD_ALL } from '../../../connector/sql/withholding.ts';
import { HARD_CASES } from '../labelled/cases.ts';
import { masksOf } from '../masks-of.ts';

const none = masksOf([]).masks;
const shown = (text: string, all = false) => maskStatementText(text, none, all ? { withholding: WITHHOLD_ALL } : {});

describe('where all that a statement says is hidden', () => {
  test.each([
    ['a comment that does not end', 'select 1 /* hunter2', 'select * /*********'],
    ['one that ends within another', 'select a /* x /* y */ hunter2', `select a /*${'*'.repeat(18)}`],
    ['one of a single sign', 'select a /*/', 'select a /**'],
    ['one that ends', 'select a /*b*/, c', 'select a /***/, c'],
    ['one to the end of the text', 'select a --hunter2', 'select a --*******'],
    [
      'one between two parts of a string',
      "select 'a' --hunter2\n --two\n'b', c",
      "select '*' --*******\n --***\n'*', c",
    ],
    ['a string that does not end', "select 'hunter2", "select '*******"],
    ['one that ends with half an escape', "select E'hunter2\\", "select E'********"],
    ['a dollar string that does not end', 'select $a$hunter2$a', 'select $a$*********'],
  ])('%s keeps nothing', (_what, text, recorded) => {
    expect(shown(text, true)).toBe(recorded);
  });
});

describe('passwords in statements are written over without any rule', () => {
  test.each([
    "ALTER ROLE bob WITH LOGIN PASSWORD 'hunter2'",
    "create user x encrypted password E'hun\\'hunter2'",
    "CREATE USER MAPPING FOR bob SERVER s OPTIONS (user 'bob', password 'hunter2')",
    "update app_users set password = 'hunter2' where id = 1",
    'insert into t values (1); alter user x PASSWORD $$hunter2$$',
    'do $x$ begin execute $q$ alter role a password $p$hunter2$p$ $q$; end $x$',
    "do $$ begin alter role a password 'hunter2'; end $$",
    `alter user "x" /* a 'comment' */ password -- and 'another'\n 'hunter2'`,
    `update t set "user_password" = 'hunter2'`,
    "alter role a password U&'hunter2'",
    "alter role a password 'x''hunter2'",
    "alter role a password 'hunter2",
    "select f(secret => 'hunter2')",
    "set app.api_key to 'hunter2'",
    "alter role a password 'x'\n  'hunter2'",
    "alter role a password 'x' -- and\n 'y'\n\n'hunter2'",
    "alter role a password -- to the line's end\r 'hunter2'",
    "create subscription s connection 'host=x password=hunter2 dbname=y' publication p",
    "select dblink_connect('host=x password = ''hunter2'' user=y')",
    "select dblink_connect('postgres://bob:hunter2@db/x')",
    "create subscription s connection 'host=x passwrd=hunter2' publication p",
    "create subscription s connection 'host=x password=my hunter2 dbname=y' publication p",
    "insert into users (login, password) values ('bob', 'x'), ('al', 'hunter2')",
    "insert into users (login, password) select login, 'hunter2' from old",
    `insert into users (login, "userPassword") values ('bob', crypt('hunter2', gen_salt('bf')))`,
    "with x as (insert into u (a, token) values ('keep', 'hunter2') returning id) select 'keep' from x",
    "merge into u using s on u.id = s.id when not matched then insert (a, pwd) values ('keep', 'hunter2')",
    "update users set password = md5('hunter2'), note = 'keep' where login = 'keep'",
    "update users set (login, password) = ('keep', 'hunter2'), note = 'keep'",
    "select set_config('app.secret_key', 'hunter2', false), 'keep'",
    "select jsonb_build_object('user', 'keep', 'password', 'hunter2', 'a', 'keep')",
    `select '{"user": "keep", "password": "hunter2"}'::json`,
    "do $$ begin execute 'alter role a password ''hunter2'''; end $$",
    "do $$ begin execute format('alter role a password %L', 'hunter2'); end $$; select 'keep'",
    "do $$ begin execute 'alter role a password ' || quote_literal('hunter2'); perform 'keep'; end $$",
    "do $$ declare password constant text := 'hunter2'; begin end $$",
    "prepare p (text, text) as insert into u (a, token) values ($1, $2); execute p ('keep', 'hunter2')",
    "alter role bob passwrd 'hunter2'",
    "alter role bob valid until 'keep' password 'hunter2'",
    'alter role bob password hunter2',
    'alter role bob password "hunter2"',
    'set app.password to hunter2',
    // A column that is called e: the backslash in the string behind it is a plain one.
    "select 'keep' from t where e = 'x\\' and password = 'hunter2'",
  ])('%s', (text) => {
    const masked = shown(text);
    expect(masked).not.toContain('hunter2');
    expect(masked.match(/keep/g)).toEqual(text.match(/keep/g));
    expect(masked.length).toBe(text.length);
  });
  test('and nothing else is', () => {
    for (const text of [
      "select 'hunter2', password from t where name = 'bob'",
      "select 1 -- password 'x'",
      "alter role a password null valid until '2030-01-01'",
      "alter role a valid until U&'2030-01-01'",
      'select $1, "password" from t',
      "insert into t values ('a password', 'x')",
      "insert into t (password_id, name) values ('x', 'y') on conflict do nothing",
      "select * from t where name in ('password', 'x')",
      "alter role x set work_mem = '4MB'",
      "create table t (token_count int default 0, name text default 'x')",
    ])
      expect(shown(text)).toBe(text);
  });
});

test('where nobody knows whether a backslash escapes, what either reading hides is hidden', () => {
  for (const text of ["select 'a\\', password = 'hunter2'", "select 'a\\' , ', password = 'hunter2'"]) {
    const readings = [true, false].map((backslashEscapes) => maskStatementText(text, none, { backslashEscapes }));
    expect(readings[0]).not.toContain('hunter2');
    expect(readings[0]).toHaveLength(text.length);
  }
  const escaping = "select 'a\\' , ', password = 'hunter2'";
  expect(maskStatementText(escaping, none, {})).toContain('hunter2');
});

test.each([
  ['update users set password = $1 where id = $2', [1]],
  ['insert into users (login, password) values ($1, $2), ($3, crypt($4, gen_salt($5)))', [2, 4, 5]],
  ["select set_config('app.secret_key', $1, false), set_config('a.b', $2, false)", [1]],
  ['select * from users where login = $1 and password = lower($2)', [2]],
  ['select id from people where name = $1', undefined],
])('parameters that are secrets: %s', (text, expected) => {
  let found: unknown;
  maskStatementText(text, none, {
    onSecrets: ({ parameters }) => {
      found = parameters === 'all' ? parameters : [...parameters];
    },
  });
  expect(found).toEqual(expected);
});

test.each([
  ['blanks', (n: number) => `select 'password${' '.repeat(n)}x'`],
  ['blanks and a sign', (n: number) => `select 'password=a${' '.repeat(n)}=x'`],
  ['a long word', (n: number) => `select 'password=a ${'x'.repeat(n)}=x'`],
  ['one word again and again', (n: number) => `select '${'passw'.repeat(n / 5)}'`],
  ['addresses', (n: number) => `select '${'://a:'.repeat(n / 5)}'`],
  ['quotes', (n: number) => `select 'password ''${"''".repeat(n / 2)}'`],
  [
    'dollar quotes in each other',
    (n: number) => `select secret ; ${Array.from({ length: n / 10 }, (_, i) => `$a${i}$`).join(' ')}`,
  ],
  ['brackets', (n: number) => `insert into t (password) values ${'('.repeat(n)}`],
  ['comments', (n: number) => `select password ${'/*'.repeat(n / 2)}`],
])('a text made to be slow to read takes time by its length: %s', (_name, make) => {
  const text = make(800_000);
  const began = performance.now();
  expect(maskStatementText(text, none, { backslashEscapes: true })).toHaveLength(text.length);
  expect(performance.now() - began).toBeLessThan(4_000);
});

test('all literals go where a masked column may be meant', () => {
  expect(shown("select id from people where email = 'a@b.c' and n > 1234.5 and x = $1 -- c\n", true)).toBe(
    "select id from people where email = '*****' and n > ****** and x = $1 --**\n",
  );
});

test('detectors look into literals, comments and names alike', () => {
  const { masks } = masksOf([{ detect: ['email', 'credit-card'], with: 'hash' }]);
  expect(
    maskStatementText("insert into t values ('alice@example.com', 4111111111111111) /* bob@example.com */", masks, {}),
  ).toBe("insert into t values ('[email]**********', [credit-card]***) /* [email]******** */");
});

test('whatever the bytes, a copy of the same length and the same outside', () => {
  const { masks } = masksOf([{ detect: ['email', 'password', 'private-key'], with: 'placeholder' }]);
  const parts = fc.constantFrom(
    "'",
    '"',
    '$$',
    '$a$',
    'E',
    '\\',
    '--',
    '/*',
    '*/',
    '\n',
    ' password ',
    'é',
    '1',
    ';',
    '@',
    ...HARD_CASES.map(({ text }) => text),
  );
  fc.assert(
    fc.property(fc.array(parts, { maxLength: 20 }), fc.boolean(), (pieces, all) => {
      const bytes = Buffer.from(pieces.join(''));
      const before = Buffer.from(bytes);
      expect(maskStatement(bytes, masks, all ? { withholding: WITHHOLD_ALL } : {}).length).toBe(bytes.length);
      expect(bytes.equals(before)).toBe(true);
    }),
    { numRuns: 200 },
  );
});

test('parameters keep their length', () => {
  const { masks } = masksOf([{ detect: ['email'], with: 'placeholder' }]);
  expect(maskParameter(Buffer.from('to alice@example.com'), 25, 'text', masks).toString()).toBe('to [email]**********');
  const number = Buffer.from([0, 0, 1, 2]);
  expect(maskParameter(number, 23, 'binary', masks)).toBe(number);
});
