import { describe, expect, test } from 'vitest';
import { describeMistake, parsePolicy, readPolicy } from '../parse.ts';

const policyWith = (rule: string, resources = '{ env: prod }', tests = ''): string => `administrators: [okta:admins]
rules:
  - name: orders
    resources: ${resources}
    who: [okta:dba]
    access: { ttl: 1h }
${rule}
${tests}`;
const mistakes = (text: string): string[] => {
  const parsed = parsePolicy(text);
  return parsed.ok ? [] : parsed.error.map(describeMistake);
};

describe('a section that no session of the rule would ask', () => {
  test.each([
    ['commands', 'rm *'],
    ['requests', 'GET /x'],
    ['forwards', 'db:5432'],
  ])('%s, where sessions of PostgreSQL are meant', (section, pattern) => {
    expect(mistakes(policyWith(`    ${section}: [{ block: ["${pattern}"] }]`, '{ protocol: postgres }'))).toEqual([
      `line 7, column 5: rules[0].${section}: says nothing: sessions of PostgreSQL have statements and no ${section}`,
    ]);
  });

  test('requests, where every protocol is meant', () => {
    const says =
      'says nothing: sessions of PostgreSQL, MySQL and SSH have statements, commands, forwards and no requests, and this release carries no other protocol';
    for (const resources of ['{ env: prod }', '{ protocol: "*" }'])
      expect(mistakes(policyWith('    requests: [{ block: ["GET /x"] }]', resources))).toEqual([
        `line 7, column 5: rules[0].requests: ${says}`,
      ]);
  });

  test('is none where sessions of one protocol would ask it', () => {
    for (const resources of ['{ env: prod }', '{ protocol: "*" }', '{ protocol: [postgres, ssh] }'])
      expect(mistakes(policyWith('    commands: [{ block: ["rm *"] }]', resources))).toEqual([]);
  });

  test('is left to the mistake in a protocol that there is not', () => {
    const found = mistakes(policyWith('    commands: [{ block: ["rm *"] }]', '{ protocol: postgress }'));
    expect(found).toEqual([expect.stringContaining('postgress is no protocol that there is')]);
  });

  test('does not put a policy out of force that is stored', () => {
    const read = readPolicy(policyWith('    commands: [{ block: ["rm *"] }]', '{ protocol: postgres }'));
    expect(read.ok && read.value.document.rules[0]?.commands).toEqual([{ block: ['rm *'] }]);
    expect(read.ok && read.value.mistakes).toHaveLength(1);
  });

  test('a mistake within it is told with its place', () => {
    expect(mistakes(policyWith('    requests: [{ block: ["DELET /x"] }]'))).toEqual([
      'line 7, column 26: rules[0].requests[0].block[0]: "DELET" is no method of HTTP; did you mean "DELETE"?',
    ]);
    expect(mistakes(policyWith('    commands: [{ hold: ["rm *"] }]'))).toEqual([
      expect.stringMatching(/hold needs an approval, such as/),
    ]);
  });

  test('who decides in it is a name like any other', () => {
    const entry = '{ hold: ["rm *"], approval: { from: [dba, "user:eve@example.com"], count: 3 } }';
    expect(mistakes(policyWith(`    commands: [${entry}]`))).toContainEqual(
      expect.stringContaining('rules[0].commands[0].approval.from[0]: dba is neither a group'),
    );
    const alone = entry.replace('dba, ', '');
    expect(mistakes(policyWith(`    commands: [${alone}]`))).toContainEqual(
      expect.stringContaining('rules[0].commands[0].approval.count: can never be given: it takes 3 people'),
    );
  });
});

describe('a mask that no session of the rule could apply', () => {
  const mask = (entry: string, resources?: string) => mistakes(policyWith(`    mask: [${entry}]`, resources));
  test('is a mistake', () => {
    const says = (titles: string) => `line 7, column 14: rules[0].mask[0].fields: says nothing: sessions of ${titles}`;
    const fields = '{ fields: ["$.users[*].email"], with: hash }';
    expect(mask(fields, '{ protocol: [postgres] }')).toEqual([says('PostgreSQL have columns and no fields')]);
    expect(mask(fields)).toEqual([
      says('PostgreSQL, MySQL and SSH have columns and no fields, and this release carries no other protocol'),
    ]);
    expect(mask(fields, '{ protocol: ssh }')).toEqual([says('SSH have no fields')]);
    expect(mask('{ columns: ["*.email"], with: hash }')).toEqual([]);
  });

  test.each([
    ['{ fields: ["$.a[?(@.b)]"], with: hash }', 'rules[0].mask[0].fields[0]: has a filter at "[?(@.b)]": a mask takes'],
    [
      '{ fields: ["$.a"], columns: ["*.a"], with: hash }',
      'rules[0].mask[0]: expected one of columns, detect and fields',
    ],
    ['{ fields: ["$.a"], strict: true, with: hash }', 'rules[0].mask[0].strict: strict goes with columns'],
    ['{ with: hash }', 'rules[0].mask[0]: expected one of columns, detect and fields'],
  ])('%s: %s', (entry, message) => expect(mask(entry)).toContainEqual(expect.stringContaining(message)));
});

describe('unparsable', () => {
  test.each([
    ['    unparsable: block', 'says nothing without statements'],
    ['    unparsable: hold', 'hold needs an entry with hold in statements or in commands, whose approval it takes'],
    ['    statements: [{ block: [drop] }]\n    unparsable: hold', 'hold needs an entry with hold in statements'],
  ])('%j: %s', (rule, message) => expect(mistakes(policyWith(rule))).toEqual([expect.stringContaining(message)]));

  test('of commands needs a hold among the commands', () => {
    const rule = '    commands: [{ block: ["rm *"] }]\n    unparsable: hold';
    expect(mistakes(policyWith(rule))).toContainEqual(
      expect.stringContaining('hold needs an entry with hold in commands'),
    );
  });
});

test('a deny has nothing to say about what is done', () => {
  const rule = policyWith('    forwards: [{ block: ["*:22"] }]').replace('{ ttl: 1h }', 'deny');
  expect(mistakes(rule)).toEqual(['line 7, column 5: rules[0].forwards: says nothing in a rule that denies access']);
});

describe('a case', () => {
  const given = (action: string, expected = '{ verdict: block }') =>
    mistakes(
      policyWith(
        '    statements: [{ block: [drop] }]',
        undefined,
        `tests: [{ given: { person: a@example.com, resource: { name: orders }${action} }, expect: ${expected} }]`,
      ),
    );
  test.each([
    ['', 'tests[0].expect.verdict: needs a statement in given'],
    [', command: ls', 'tests[0].given.command: says nothing: sessions of PostgreSQL have no commands'],
    [', request: GET', 'tests[0].given.request: expected a method and a path'],
    [', request: "get */*"', 'tests[0].given.request: expected a method and a path'],
    [', forward: "db:x"', 'tests[0].given.forward: expected HOST:PORT'],
    [', statement: select 1, command: ls', 'tests[0].given.command: a case has one action, and statement is it'],
  ])('with %j: %s', (action, message) => expect(given(action)).toContainEqual(expect.stringContaining(message)));
});
