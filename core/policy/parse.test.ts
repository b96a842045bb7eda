import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { describeMistake, MAX_POLICY_BYTES, parsePolicy } from './parse.ts';

const GOOD = `
groups:
  dba: [okta:dba, okta:oncall]
administrators: [okta:admins]
auditors: [okta:audit]
rules:
  - name: orders-prod
    resources: { env: prod, protocol: [postgres] }
    who: [dba]
    access: { ttl: 1h, reason: required }
    record: { retain: 365d, view: [okta:security], viewOwn: true }
`;

const mistakesOf = (text: string): string[] => {
  const parsed = parsePolicy(text);
  return parsed.ok ? [] : parsed.error.map(describeMistake);
};

test('a good policy comes out with durations in milliseconds and defaults filled in', () => {
  const parsed = parsePolicy(GOOD);
  expect(parsed.ok && parsed.value).toMatchObject({
    version: 1,
    rules: [
      {
        name: 'orders-prod',
        access: { ttl: 3_600_000, reason: 'required' },
        task: 'optional',
        record: { retain: 31_536_000_000 },
      },
    ],
  });
});

describe('a mistake is named with its place', () => {
  test.each<[string, string, RegExp]>([
    [
      'a misspelt key of a rule',
      GOOD.replace('who:', 'whom:'),
      /^line 9, column 5: rules\[0\]\.whom: is not known here; did you mean who\?$/,
    ],
    [
      'a misspelt key at the top',
      GOOD.replace('auditors:', 'auditor:'),
      /^line 5, column 1: auditor: is not known here; did you mean auditors\?$/,
    ],
    ['a key inside access', GOOD.replace('reason:', 'reasons:'), /^line 10, column \d+: rules\[0\]\.access/],
    ['a duration without a unit', GOOD.replace('365d', '365'), /^line 11, column 15: rules\[0\]\.record\.retain: /],
    [
      'a rule name with blanks',
      GOOD.replace('orders-prod', 'Orders Prod'),
      /^line 7, column 5: rules\[0\]\.name: expected lower-case/,
    ],
    ['a missing who', GOOD.replace('    who: [dba]\n', ''), /^line 7, column 5: rules\[0\]\.who: /],
    ['an empty who', GOOD.replace('[dba]', '[]'), /^line 9, column 5: rules\[0\]\.who: /],
    ['no administrators', GOOD.replace('administrators: [okta:admins]\n', ''), /administrators: /],
    ['administrators of no name', GOOD.replace('[okta:admins]', '[""]'), /^line 4, column 18: administrators\[0\]: /],
    ['nobody among the administrators', GOOD.replace('[okta:admins]', '[]'), /^line 4, column 1: administrators: /],
    [
      'a network with host bits',
      GOOD.replace('reason: required', 'networks: [10.1.0.0/16, 10.2.3.4/16]'),
      /^line 10, column 48: rules\[0\]\.access\.networks\[1\]: 10\.2\.3\.4 has bits set beyond \/16/,
    ],
    [
      'a zone that is none',
      GOOD.replace('reason: required', 'during: [{ from: "08:00", to: "18:00", zone: Mars/Base }]'),
      /^line 10, column 63: rules\[0\]\.access\.during\[0\]\.zone: expected a time zone/,
    ],
    [
      'a window without time',
      GOOD.replace('reason: required', 'during: [{ from: "08:00", to: "08:00", zone: UTC }]'),
      /^line 10, column 50: rules\[0\]\.access\.during\[0\]\.to: is the same as from/,
    ],
    [
      'an idle limit that never comes to bear',
      GOOD.replace('reason: required', 'idle: 1h, sessionLength: 30m'),
      /^line 10, column 24: rules\[0\]\.access\.idle: never comes to bear/,
    ],
    [
      'no statements a minute',
      GOOD.replace('reason: required', 'statementsPerMinute: 0'),
      /^line 10, column 24: rules\[0\]\.access\.statementsPerMinute: /,
    ],
    [
      'an exemption from recording for a group',
      GOOD.replace('retain: 365d', 'exempt: backups, retain: 365d'),
      /^line 11, column 15: rules\[0\]\.record\.exempt: only a rule whose who names nothing but user:EMAIL/,
    ],
    [
      'digests of files where nothing is recorded',
      GOOD.replace('retain: 365d', 'exempt: dumps, files: digests').replace('[dba]', '["user:a@example.com"]'),
      /^line 11, column 30: rules\[0\]\.record\.files: says nothing in a rule whose sessions are not recorded/,
    ],
    [
      'a word for files that there is not',
      GOOD.replace('retain: 365d', 'files: none'),
      /^line 11, column 15: rules\[0\]\.record\.files: /,
    ],
    [
      'an exemption without a reason',
      GOOD.replace('retain: 365d', 'exempt: " "').replace('[dba]', '["user:a@example.com"]'),
      /^line 11, column 15: rules\[0\]\.record\.exempt: /,
    ],
    [
      'a group that would pass for a program',
      GOOD.replace('dba: [okta', '"workload:x": [okta'),
      /^line 3, column 3: groups\.workload:x: /,
    ],
    [
      'statements of a rule that denies',
      GOOD.replace('{ ttl: 1h, reason: required }', 'deny\n    statements: [{ block: [drop] }]'),
      /^line 11, column 5: rules\[0\]\.statements: says nothing in a rule that denies access$/,
    ],
    ['a key given twice', `${GOOD}rules: []\n`, /^line 12, column 1: Map keys must be unique/],
    ['broken YAML', 'rules: [', /^line 1, column \d+: /],
    ['an empty file', '', /^line 1, column 1: /],
    ['a list for a policy', '- a\n- b\n', /^line 1, column 1: /],
    ['a version of the future', `version: 2\n${GOOD}`, /^line 1, column 1: version: /],
    ['an undefinable group', GOOD.replace('dba: [okta', 'everyone: [okta'), /^line 3, column 3: groups\.everyone: /],
  ])('%s', (_name, text, expected) => {
    expect(mistakesOf(text)[0]).toMatch(expected);
  });

  test('two rules of one name', () => {
    const rule = GOOD.slice(GOOD.indexOf('  - name'));
    expect(mistakesOf(GOOD + rule)).toEqual(['line 12, column 5: rules[1].name: the name orders-prod is used twice']);
  });

  test('all of them at once', () => {
    expect(mistakesOf(GOOD.replace('who:', 'whom:').replace('365d', 'ever'))).toEqual([
      'line 9, column 5: rules[0].whom: is not known here; did you mean who?',
      expect.stringContaining('line 11, column 15: rules[0].record.retain: expected a duration'),
    ]);
  });

  const REST = `  - name: orders-dev
    resources: { env: dev }
    who: [dab]
    access: { ttl: 1h }
    statements: [{ block: [dorp, drop], hint: 7 }, { block: [drop], hold: [grant], huld: [x], approval: { from: [dba] } }]
    requests: [{ block: ["GET /x"] }]
tests:
  - given: { persn: a@example.com, resource: { name: shop }, statement: "select 1", command: ls }
    expect: { access: allowed }
  - given: { person: a@example.com, resource: { name: shop } }
    expect: { verdict: allow }
`;

  test('each in its own part, though another part is wrong', () => {
    expect(mistakesOf(GOOD + REST)).toEqual([
      expect.stringContaining('line 14, column 11: rules[1].who[0]: dab is neither a group under groups'),
      'line 16, column 28: rules[1].statements[0].block[0]: "dorp" names no kind of statement; did you mean "drop"?',
      'line 16, column 41: rules[1].statements[0].hint: expected text',
      'line 16, column 52: rules[1].statements[1]: expected exactly one of allow, block, hold, warn',
      'line 16, column 84: rules[1].statements[1].huld: is not known here; did you mean hold?',
      expect.stringContaining('line 17, column 5: rules[1].requests: says nothing'),
      'line 19, column 14: tests[0].given.persn: is not known here; did you mean person?',
      'line 20, column 15: tests[0].expect.access: expected allow, approval or deny',
      'line 22, column 15: tests[1].expect.verdict: needs a statement in given',
    ]);
  });

  test('nothing that is only so since something else is wrong', () => {
    const one = (from: string, to: string) => mistakesOf(GOOD.replace(from, to));
    expect(one('groups:', 'group:')).toEqual(['line 2, column 1: group: is not known here; did you mean groups?']);
    expect(one('dba: [okta:dba, okta:oncall]', 'dba: 7')).toEqual(['line 3, column 3: groups.dba: expected a list']);
    const statements = (text: string) => `${GOOD}    unparsable: block\n    statements: [${text}]\n`;
    expect(mistakesOf(statements('{ blok: [drop] }'))).toEqual([
      'line 13, column 20: rules[0].statements[0].blok: is not known here; did you mean block?',
    ]);
    expect(mistakesOf(statements('{ block: [dorp] }'))).toEqual([
      'line 13, column 28: rules[0].statements[0].block[0]: "dorp" names no kind of statement; did you mean "drop"?',
    ]);
    expect(mistakesOf(GOOD.replace('record: {', 'record: { retan: 3d,'))).toHaveLength(1);
  });
});

test('what would unfold into gigabytes is refused', () => {
  const bomb = `a: &a [x,x,x,x,x,x,x,x,x]\n${'bcdefghij'
    .split('')
    .map((name, index) => `${name}: &${name} [${Array.from({ length: 9 }, () => `*${'abcdefghi'[index]}`).join(',')}]`)
    .join('\n')}\n`;
  const begun = performance.now();
  expect(parsePolicy(bomb).ok).toBe(false);
  expect(parsePolicy('#'.repeat(MAX_POLICY_BYTES + 1)).ok).toBe(false);
  expect(performance.now() - begun).toBeLessThan(2000);
});

test('text of any kind gives a policy or mistakes with places, never a throw', () => {
  const pieces = fc.constantFrom(
    'rules',
    ':',
    ' ',
    '\n',
    '- ',
    '{',
    '}',
    '[',
    ']',
    '&a',
    '*a',
    '!!binary',
    '"',
    "'",
    '|',
    'administrators',
    '? ',
    '\t',
    '1h',
    'é',
  );
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 40 }), (parts) => {
      const parsed = parsePolicy(parts.join(''));
      if (!parsed.ok) for (const mistake of parsed.error) expect(mistake.line >= 1 && mistake.column >= 1).toBe(true);
    }),
  );
});

test.each(['policy', 'approvals'])('the examples of docs/%s.md hold', (name) => {
  const page = readFileSync(new URL(`../../docs/${name}.md`, import.meta.url), 'utf8');
  const examples = [...page.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, text = '']) => text);
  expect(examples.length).toBeGreaterThan(0);
  for (const example of examples) expect(mistakesOf(example)).toEqual([]);
});

test.each([['"user:nightly@example.com"'], ['"user:a@example.com", "user:b@example.com"']])(
  'who is named singly may go unrecorded: %s',
  (who) => {
    const parsed = parsePolicy(
      GOOD.replace('retain: 365d', 'exempt: dumps of our own data').replace('[dba]', `[${who}]`),
    );
    expect(parsed.ok && parsed.value.rules[0]?.record.exempt).toBe('dumps of our own data');
  },
);
