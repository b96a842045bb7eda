import { loadModule, parseSync } from 'libpg-query';
import { beforeAll, describe, expect, test } from 'vitest';
import { mysqlReader, postgresReader } from '../../sql/reader.ts';
import { describeMistake, parsePolicy, placesIn } from '../parse.ts';
import { tryCases } from './try-cases.ts';

beforeAll(() => loadModule());
const readers = { postgres: postgresReader(parseSync), mysql: mysqlReader };

const policyWith = (given: string, expected: string): string => `
administrators: [okta:admins]
rules:
  - name: orders
    resources: { env: prod }
    who: [okta:dba]
    access:
      ttl: 1h
      during: [{ from: "08:00", to: "18:00", zone: UTC }]
      networks: [10.0.0.0/8]
    statements: [{ block: [drop] }, { warn: [delete] }]
    mask: [{ columns: [customers.email, '"Odd".*'], with: { fixed: "x" } }]
tests:
  - given: { person: Alice@example.com, groups: [okta:dba], resource: { name: orders, labels: { env: prod } }${given} }
    expect: ${expected}
`;

const differences = (given: string, expected: string): string[] => {
  const parsed = parsePolicy(policyWith(given, expected));
  if (!parsed.ok) return parsed.error.map(describeMistake);
  return tryCases(parsed.value, readers).flatMap((one) =>
    one.differences.map(({ path, expected: want, got, why }) => `${path.join('.')}: ${want}, ${got}: ${why}`),
  );
};

test.each([
  ['', '{ access: allow, rule: orders }'],
  [', statement: drop table t', '{ verdict: block }'],
  [', statement: delete from t', '{ verdict: warn }'],
  [', statement: "select email as x, id from customers"', '{ masks: { customers.email: { fixed: "x" }, id: clear } }'],
  [', statement: select id from customers', '{ masks: { customers.email: absent } }'],
  [', statement: select f() as x', '{ masks: { x: withheld } }'],
  ['', `{ masks: { '"Odd".thing': { fixed: "x" }, odd.thing: clear } }`],
  [', at: "2026-11-20T12:00:00Z", from: 10.1.1.1', '{ access: allow }'],
  [', at: "2026-11-20T20:00:00+02:00"', '{ access: deny }'],
  [', from: 192.0.2.1', '{ access: deny, rule: orders }'],
])('holds: %s -> %s', (given, expected) => expect(differences(given, expected)).toEqual([]));

describe('a statement is read as the protocol of its resource reads it', () => {
  const policy = (protocol: string, statement: string, verdict: string): string => `
administrators: [okta:admins]
rules:
  - name: orders
    resources: { env: prod, protocol: [postgres, mysql] }
    who: [okta:dba]
    access: { ttl: 1h }
    statements: [{ block: [drop, "delete without where"] }]
tests:
  - given: { person: a@example.com, groups: [okta:dba], resource: { name: orders, protocol: ${protocol}, labels: { env: prod } }, statement: ${JSON.stringify(statement)} }
    expect: { verdict: ${verdict} }
`;
  test.each([
    ['mysql', 'delete from `orders` where id = 7 limit 1', 'allow'],
    ['postgres', 'delete from `orders` where id = 7 limit 1', 'block'],
    ['mysql', '/*!50003 drop table orders */', 'block'],
    ['postgres', '/*!50003 drop table orders */', 'allow'],
    ['mysql', '/*!80000 select 1 */', 'block'],
  ])('%s: %s is %s', (protocol, statement, verdict) => {
    const parsed = parsePolicy(policy(protocol, statement, verdict));
    if (!parsed.ok) throw new Error(parsed.error.map(describeMistake).join());
    expect(tryCases(parsed.value, readers).flatMap((one) => one.differences)).toEqual([]);
  });
});

describe('a case that does not hold says what was expected, what came, and why', () => {
  test.each([
    ['', '{ rule: other }', 'expect.rule: other, orders: rule orders gives access'],
    [', statement: drop table t', '{ verdict: allow }', 'expect.verdict: allow, block: it is what "drop" names'],
    [
      ', at: "2026-11-20T20:00:00Z", statement: select 1',
      '{ verdict: allow }',
      'expect.verdict: allow, no session: Rule orders gives no access at this time. It opens on Saturday 2026-11-21 08:00 (UTC).',
    ],
    [
      ', statement: select email from customers',
      '{ masks: { email: clear } }',
      'expect.masks.email: clear, fixed "x": it is what "customers.email" names',
    ],
    [
      ', statement: select id from customers',
      '{ masks: { id: "null" } }',
      'expect.masks.id: null, clear: no mask names it',
    ],
    [
      ', statement: "select id as a, email as a from customers"',
      '{ masks: { a: clear } }',
      'expect.masks.a: clear, clear and fixed "x": it is what "customers.email" names',
    ],
  ])('%s -> %s', (given, expected, told) => expect(differences(given, expected)).toEqual([told]));
});

describe('a case that cannot mean anything is a mistake of the policy, with its place', () => {
  test.each([
    ['', '{}', /^line 15, column 5: tests\[0\]\.expect: expects nothing/],
    ['', '{ verdict: block }', /^line 15, column 15: tests\[0\]\.expect\.verdict: needs a statement in given$/],
    ['', '{ masks: { email: clear } }', /expect\.masks\.email: needs a statement/],
    ['', '{ masks: { "*.email": clear } }', /masks/],
    ['', '{ access: maybe }', /^line 15, column 15: tests\[0\]\.expect\.access: /],
    [
      '',
      '{ access: allow, verdicts: block }',
      /^line 15, column 30: tests\[0\]\.expect\.verdicts: is not known here; did you mean verdict\?$/,
    ],
    [', from: nowhere', '{ access: allow }', /given\.from: expected an IP address$/],
    [', at: yesterday', '{ access: allow }', /given\.at: /],
  ])('%s -> %s', (given, expected, told) => expect(differences(given, expected)[0]).toMatch(told));
});

test('places are those of the keys in the text', () => {
  expect(placesIn(policyWith('', '{ access: deny }'))(['tests', 0, 'expect', 'access'])).toEqual({
    line: 15,
    column: 15,
  });
});
