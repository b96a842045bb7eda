import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  maskParameter,
  maskStatement,
  maskStatementText,
} from '../../connector/protocols/postgres/masking/statement-text.ts';
import { HARD_CASES } from './labelled/cases.ts';
import { masksOf } from './masks-of.ts';

const none = masksOf([]).masks;
const shown = (text: string, withholdLiterals = false) => maskStatementText(text, none, { withholdLiterals });

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
  ])('%s', (text) => {
    const masked = shown(text);
    expect(masked).not.toContain('hunter2');
    expect(masked.length).toBe(text.length);
  });
  test('and nothing else is', () => {
    for (const text of [
      "select 'hunter2', password from t where name = 'bob'",
      "select 1 -- password 'x'",
      "alter role a password null valid until '2030-01-01'",
      'select $1, "password" from t',
      "insert into t (password) values ('x')",
    ])
      expect(shown(text)).toBe(text);
  });
});

test('all literals go where a masked column may be meant', () => {
  expect(shown("select id from people where email = 'a@b.c' and n > 1234.5 and x = $1 -- c\n", true)).toBe(
    "select id from people where email = '*****' and n > 0000.0 and x = $0 --**\n",
  );
});

test('detectors look into literals, comments and names alike', () => {
  const { masks } = masksOf([{ detect: ['email', 'credit-card'], with: 'hash' }]);
  expect(
    maskStatementText("insert into t values ('alice@example.com', 4111111111111111) /* bob@example.com */", masks, {
      withholdLiterals: false,
    }),
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
    fc.property(fc.array(parts, { maxLength: 20 }), fc.boolean(), (pieces, withholdLiterals) => {
      const bytes = Buffer.from(pieces.join(''));
      const before = Buffer.from(bytes);
      expect(maskStatement(bytes, masks, { withholdLiterals }).length).toBe(bytes.length);
      expect(bytes.equals(before)).toBe(true);
    }),
    { numRuns: 200 },
  );
});

test('parameters keep their length, and what is withheld says nothing', () => {
  const { masks } = masksOf([{ detect: ['email'], with: 'placeholder' }]);
  expect(maskParameter(Buffer.from('to alice@example.com'), 25, 'text', masks, false).toString()).toBe(
    'to [email]**********',
  );
  const number = Buffer.from([0, 0, 1, 2]);
  expect(maskParameter(number, 23, 'binary', masks, false)).toBe(number);
  expect(maskParameter(number, 23, 'binary', masks, true)).toEqual(Buffer.alloc(4));
  expect(maskParameter(Buffer.from('"x y"'), 3802, 'text', masks, true).toString()).toBe('"***"');
  expect(maskParameter(Buffer.from('2020-05-06'), 1082, 'text', masks, true).toString()).toBe('2000-01-01');
});
