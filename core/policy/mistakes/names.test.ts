import { describe, expect, test } from 'vitest';
import type { PolicySurroundings } from './contradictions.ts';
import { policyFindings } from './findings.ts';
import { describeMistake, parsePolicy, placeMistakes, readPolicy } from '../parse.ts';

const POLICY = `
groups:
  contractors: [okta:contractors]
administrators: [okta:admins]
auditors: [okta:audit]
rules:
  - name: closed
    resources: { env: prod }
    who: [contractors]
    access: deny
  - name: orders
    resources: { env: prod, protocol: [postgres] }
    who: [everyone]
    access: { ttl: 1h, approval: { from: [okta:dba], breakGlass: { who: ["user:eve@example.com"] } } }
    statements: [{ hold: [grant], approval: { from: [contractors] } }]
    record: { retain: 30d, view: [okta:audit] }
tests:
  - given: { person: a@example.com, groups: [okta:dba], resource: { name: orders } }
    expect: { access: deny }
`;

const mistakesOf = (text: string, around: PolicySurroundings = {}): string[] => {
  const parsed = parsePolicy(text, around);
  return parsed.ok ? [] : parsed.error.map(describeMistake);
};

test('names that can mean somebody are taken', () => {
  expect(mistakesOf(POLICY, { providers: ['okta'], maxRetainDays: 30 })).toEqual([]);
});

describe('a name that means nobody is a mistake, in every list of people', () => {
  const NEITHER = 'is neither a group under groups nor PROVIDER:GROUP, user:EMAIL or everyone';
  test.each<[string, string, string, string]>([
    [
      'who of a deny',
      'who: [contractors]',
      'who: [contractros]',
      `line 9, column 11: rules[0].who[0]: contractros ${NEITHER}; did you mean contractors?`,
    ],
    [
      'approval.from',
      'from: [okta:dba]',
      'from: [dbas]',
      `line 14, column 43: rules[1].access.approval.from[0]: dbas ${NEITHER}`,
    ],
    [
      'breakGlass.who',
      '"user:eve@example.com"',
      'eve',
      `line 14, column 74: rules[1].access.approval.breakGlass.who[0]: eve ${NEITHER}`,
    ],
    [
      'approval of a hold',
      'from: [contractors]',
      'from: [Contractors]',
      `line 15, column 54: rules[1].statements[0].approval.from[0]: Contractors ${NEITHER}; did you mean contractors?`,
    ],
    [
      'record.view',
      'view: [okta:audit]',
      'view: [audit]',
      `line 16, column 35: rules[1].record.view[0]: audit ${NEITHER}`,
    ],
    [
      'administrators',
      'administrators: [okta:admins]',
      'administrators: [admins]',
      `line 4, column 18: administrators[0]: admins ${NEITHER}`,
    ],
    [
      'auditors',
      'auditors: [okta:audit]',
      'auditors: [everyon]',
      `line 5, column 12: auditors[0]: everyon ${NEITHER}; did you mean everyone?`,
    ],
    [
      'a bare address',
      'who: [everyone]',
      'who: [eve@example.com]',
      'line 13, column 11: rules[1].who[0]: eve@example.com is no group: one person is written user:eve@example.com',
    ],
    [
      'a person of no address',
      '"user:eve@example.com"',
      '"user:eve"',
      'line 14, column 74: rules[1].access.approval.breakGlass.who[0]: user:eve names nobody: expected an e-mail address behind user:',
    ],
    [
      'a program',
      'who: [contractors]',
      'who: ["workload:ci"]',
      'line 9, column 11: rules[0].who[0]: workload:ci names nobody: expected workload:PROVIDER:NAME, such as workload:github:acme/shop:ref:refs/heads/main',
    ],
    [
      'a provider in capitals',
      'from: [okta:dba]',
      'from: [Okta:dba]',
      "line 14, column 43: rules[1].access.approval.from[0]: Okta:dba is no group of the provider's: expected PROVIDER:GROUP, such as okta:dba",
    ],
    [
      'a group of a group',
      '[okta:contractors]',
      '[contractors]',
      "line 3, column 17: groups.contractors[0]: contractors is no group of the provider's: expected PROVIDER:GROUP, such as okta:dba",
    ],
    [
      'a person in a group',
      '[okta:contractors]',
      '["user:eve@example.com"]',
      "line 3, column 17: groups.contractors[0]: user:eve@example.com is no group of the provider's: expected PROVIDER:GROUP, such as okta:dba",
    ],
    [
      'a group of a test',
      'groups: [okta:dba]',
      'groups: [dba]',
      "line 18, column 46: tests[0].given.groups[0]: dba is no group of the provider's: expected PROVIDER:GROUP, such as okta:dba",
    ],
  ])('%s', (_name, from, to, expected) => {
    expect(POLICY).toContain(from);
    expect(mistakesOf(POLICY.replace(from, to))).toEqual([expected]);
  });

  test.each([
    [
      'a pattern of addresses',
      'who: [contractors]',
      'who: ["user:*@example.com"]',
      'user:*@example.com fits nobody: * stands',
    ],
    ['a pattern of groups', 'from: [okta:dba]', 'from: ["okta:dba-*"]', 'okta:dba-* fits nobody: * stands'],
    [
      'two in one',
      'who: [contractors]',
      'who: ["okta:dba,okta:dev"]',
      'okta:dba,okta:dev fits nobody: it is more than one',
    ],
    ['one and everyone', 'view: [okta:audit]', 'view: ["okta:audit; everyone"]', 'it is more than one name'],
    [
      'what nobody sees',
      '[okta:contractors]',
      '["okta:contractors\\u200b"]',
      'okta:contractors\ufffd has a character that nobody',
    ],
    ['what is too long', 'view: [okta:audit]', `view: [okta:${'x'.repeat(200)}]`, 'longer than a group'],
  ])('%s', (_name, from, to, expected) => {
    const mistakes = mistakesOf(POLICY.replace(from, to));
    expect(mistakes).toEqual([expect.stringContaining(expected)]);
  });

  test.each(['\\u200b', '\\u200e', '\\u202a', '\\u2066', '\\u00ad', '\\ufeff', '\\t'])(
    'a character that nobody sees: %s, in a group, a label and a column',
    (unseen) => {
      for (const [from, to] of [
        ['[okta:contractors]', `["okta:contrac${unseen}tors"]`],
        ['resources: {', `resources: { region: "eu${unseen}west",`],
        ['    record:', `    mask: [{ columns: ["customers.e${unseen}mail"], with: partial }]\n    record:`],
      ] as const)
        expect(mistakesOf(POLICY.replace(from, to))).toEqual([
          // Some count as spaces, which no column pattern has.
          expect.stringMatching(/nobody sees \(shown as \ufffd\)|expected table\.column/),
        ]);
    },
  );

  test('and a joiner, with which some names are spelt, is none', () => {
    expect(mistakesOf(POLICY.replace('[okta:contractors]', '["okta:می\\u200cخواهم"]'))).toEqual([]);
  });

  test("but a directory's name with commas in it is one", () => {
    expect(
      mistakesOf(POLICY.replace('okta:dba], breakGlass', '"okta:cn=dba,ou=groups,dc=example"], breakGlass')),
    ).toEqual([]);
  });

  test('and an address at which nobody signs in, where domains are known', () => {
    expect(mistakesOf(POLICY, { emailDomains: ['example.com'] })).toEqual([]);
    expect(mistakesOf(POLICY, { emailDomains: ['example.org', 'example.net'] })).toEqual([
      'line 14, column 74: rules[1].access.approval.breakGlass.who[0]: user:eve@example.com names nobody: only addresses at example.org, example.net sign in here',
    ]);
  });

  test('and one of a provider that nobody signs in with, where providers are known', () => {
    const text = POLICY.replace('[okta:dba], breakGlass', '[google:dba], breakGlass');
    expect(mistakesOf(text)).toEqual([]);
    expect(mistakesOf(text, { providers: ['okta'] })).toEqual([
      'line 14, column 43: rules[1].access.approval.from[0]: google:dba is a group of no provider that people sign in with here: theirs begin with okta:',
    ]);
  });
});

describe('a selector that no resource can ever fit is a mistake', () => {
  test.each([
    ['{ Env: prod }', 'line 8, column 18: rules[0].resources.Env: Env can be no label of a resource'],
    [
      '{ env: prod-* }',
      'line 8, column 18: rules[0].resources.env: prod-* fits nothing: * stands for any value only when it stands alone',
    ],
    [
      '{ protocol: [postgress] }',
      'line 8, column 29: rules[0].resources.protocol[0]: postgress is no protocol that there is: expected postgres, mysql, ssh; did you mean postgres?',
    ],
    ['{ name: Orders_DB }', "line 8, column 18: rules[0].resources.name: Orders_DB can be no resource's name"],
  ])('%s', (selector, expected) => {
    expect(mistakesOf(POLICY.replace('{ env: prod }', selector)).join()).toContain(expected);
  });
});

describe('an approval that nobody could give is a mistake', () => {
  const approval = (who: string, from: string, count: number) =>
    mistakesOf(
      POLICY.replace('who: [everyone]', `who: [${who}]`).replace(
        'from: [okta:dba]',
        `from: [${from}], count: ${count}`,
      ),
    );
  const [alice, bob, shouted] = ['"user:alice@example.com"', '"user:bob@example.com"', '"user:BOB@example.com"'];
  test.each([
    [`okta:dev`, `${bob}, ${shouted}`, 2, 'count: can never be given: it takes 2 people, and from names only 1'],
    [bob, shouted, 1, 'from: can never be given: nobody decides on what they asked for'],
    [`${alice}, ${bob}`, `${alice}, ${bob}`, 2, 'from: can never be given: nobody decides on what they asked for'],
  ])('%s asks, %s decide, %i needed', (who, from, count, expected) => {
    expect(approval(who, from, count)).toEqual([expect.stringContaining(`rules[1].access.approval.${expected}`)]);
  });

  test('and one that some could give is none', () => {
    expect(approval(`${alice}, ${bob}`, `${alice}, ${bob}`, 1)).toEqual([]);
    expect(approval(`${alice}, ${bob}`, bob, 1)).toEqual([]);
    expect(approval('okta:dev', bob, 1)).toEqual([]);
    expect(approval(bob, `${bob}, okta:dba`, 3)).toEqual([]);
  });

  test('of a held statement too', () => {
    const text = POLICY.replace('approval: { from: [contractors] }', `approval: { from: [${bob}], count: 3 }`);
    expect(mistakesOf(text)).toEqual([expect.stringContaining('rules[1].statements[0].approval.count: can never')]);
  });
});

describe('a mask that no column can fit is a mistake', () => {
  const masked = (column: string) =>
    mistakesOf(POLICY.replace('    record:', `    mask: [{ columns: ['${column}'], with: partial }]\n    record:`));
  test.each(['customers.email,customers.phone', 'customers.email,phone', 'lower(customers.email)', 'customers.email;'])(
    '%s',
    (column) => {
      expect(masked(column)).toEqual([
        expect.stringContaining(`rules[1].mask[0].columns[0]: ${column} fits no column`),
      ]);
    },
  );

  test('a name that no server keeps', () => {
    expect(masked(`customers.${'x'.repeat(64)}`)).toEqual([expect.stringContaining('longer than any name can be')]);
    expect(masked(`customers.${'x'.repeat(63)}`)).toEqual([]);
  });

  test.each(['order-items.e_mail', '*.*mail', '"a,b"."c;(d)"', 'hr.*.größe'])('but %s may be one', (column) => {
    expect(masked(column)).toEqual([]);
  });
});

describe('how long recordings are kept', () => {
  test.each([
    ['30d', 30, []],
    ['24h', 30, []],
    [
      '31d',
      30,
      [
        "line 16, column 15: rules[1].record.retain: is longer than the archive keeps anything under lock: at most 30d (the deployment's maxRetentionDays)",
      ],
    ],
    ['36501d', undefined, [/at most 36500d/]],
    ['36h', 30, [/expected whole days/]],
    ['1w', 30, [/expected a duration in s, m, h or d/]],
    ['1mo', 30, [/expected a duration/]],
    ['1M', 30, [/expected a duration/]],
    ['0d', 30, [/expected a duration/]],
    ['1.5d', 30, [/expected a duration/]],
  ])('%s under a lock of at most %s days', (retain, maxRetainDays, expected) => {
    const around = maxRetainDays === undefined ? {} : { maxRetainDays };
    const mistakes = mistakesOf(POLICY.replace('retain: 30d', `retain: ${retain}`), around);
    expect(mistakes).toEqual(expected.map((one) => (typeof one === 'string' ? one : expect.stringMatching(one))));
  });
});

test('a retention shorter than the deployment keeps anything is refused, with its place', () => {
  const around = { minRetainDays: 7 };
  const at = (retain: string) => mistakesOf(POLICY.replace('retain: 30d', `retain: ${retain}`), around);
  expect([at('7d'), at('365d')]).toEqual([[], []]);
  expect(at('6d')).toEqual([expect.stringMatching(/record\.retain.*at least 7d \(its minRetentionDays\)/)]);
});

test('a policy that is stored already keeps deciding, and what is wrong with it is told', () => {
  const read = readPolicy(POLICY.replace('who: [contractors]', 'who: [contractros]'));
  expect(read.ok && read.value.document.rules[0]?.who).toEqual(['contractros']);
  expect(read.ok && read.value.mistakes.map(({ path }) => path)).toEqual(['rules[0].who[0]']);
});

describe('what nobody has seen yet is told and not refused', () => {
  const findings = (text: string, labels: Record<string, string>[], groups?: string[]) => {
    const parsed = parsePolicy(text);
    if (!parsed.ok) throw new Error(parsed.error.map(describeMistake).join('\n'));
    const resources = labels.map((each, index) => ({
      name: `r${index}` as never,
      protocol: 'postgres' as const,
      labels: each,
    }));
    const found = policyFindings(parsed.value, { resources, groups: groups && new Set(groups) });
    return placeMistakes(text, found).map(describeMistake);
  };

  test('labels that no resource has', () => {
    expect(findings(POLICY, [{ env: 'prod' }])).toEqual([]);
    expect(findings(POLICY, [])).toEqual([]);
    expect(findings(POLICY.replace('{ env: prod }', '{ env: prd }'), [{ env: 'prod' }])).toEqual([
      'line 8, column 18: rules[0].resources.env: no connector announces a resource with env: prd',
    ]);
    expect(
      findings(POLICY.replace('{ env: prod }', '{ env: prod, team: shop }'), [{ env: 'prod' }, { team: 'shop' }]),
    ).toEqual([
      'line 8, column 5: rules[0].resources: rule closed selects none of the resources that connectors announce',
    ]);
  });

  test('a deny behind a rule that takes the same people on the same resources', () => {
    const rule = (name: string, resources: string, who: string, access = '{ ttl: 1h }') =>
      `  - { name: ${name}, resources: ${resources}, who: [${who}], access: ${access} }\n`;
    const told = (...rules: string[]) =>
      findings(`groups: { dev: [okta:a, okta:b] }\nadministrators: [okta:x]\nrules:\n${rules.join('')}`, []);
    const deny = rule('closed', '{ env: prod, team: shop }', 'okta:b, "user:Eve@example.com"', 'deny');
    const never = 'line 5, column 7: rules[1].name: rule closed never decides: rule wide stands before it';
    for (const wide of [
      rule('wide', '{ env: [prod, test] }', 'everyone'),
      rule('wide', '{ name: "*" }', 'dev, "user:eve@example.com"'),
      rule('wide', '{}', 'okta:b, "user:EVE@example.com"'),
      rule('wide', '{ env: "*" }', 'everyone', 'deny'),
    ])
      expect(told(wide, deny)).toEqual([expect.stringContaining(never)]);
    for (const narrower of [
      rule('other', '{ env: prod, tier: one }', 'everyone'),
      rule('other', '{ env: [test] }', 'everyone'),
      rule('other', '{ env: prod }', 'dev'),
      rule('other', '{ env: prod }', 'okta:B, "user:eve@example.com"'),
    ])
      expect(told(narrower, deny)).toEqual([]);
    expect(told(deny, rule('wide', '{}', 'everyone'))).toEqual([]);
  });

  test('groups that nobody has', () => {
    const groups = ['okta:contractor', 'okta:admins', 'okta:audit', 'okta:dba'];
    expect(findings(POLICY, [], groups)).toEqual([
      'line 3, column 17: groups.contractors[0]: nobody who signed in within 30 days is in okta:contractors; did you mean okta:contractor?',
    ]);
  });
});
