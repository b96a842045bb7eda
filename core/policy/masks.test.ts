import { describe, expect, test } from 'vitest';
import { describeMistake, parsePolicy } from './parse.ts';

const policyWith = (mask: string): string => `
administrators: [okta:admins]
rules:
  - name: orders
    resources: { env: prod }
    who: [everyone]
    access: { ttl: 1h }
    mask:
      - { columns: ["*.email", customers.phone, hr.salaries.*, '"Odd.Name"."Col"'], with: partial }
${mask}
`;
const mistakeOf = (mask: string): string => {
  const parsed = parsePolicy(policyWith(mask));
  return parsed.ok ? 'none' : describeMistake(parsed.error[0] ?? { line: 0, column: 0, path: '', message: '' });
};

test('mask rules of each kind and way are taken as written', () => {
  const parsed = parsePolicy(
    policyWith(`      - { detect: [credit-card, { name: employee-id, pattern: 'EMP-\\d{6}' }], with: placeholder }
      - { columns: [a.b], with: { fixed: "0" } }
      - { columns: [a.b], with: "null" }`),
  );
  expect(parsed.ok && parsed.value.rules[0]?.mask?.map((entry) => entry.with)).toEqual([
    'partial',
    'placeholder',
    { fixed: '0' },
    'null',
  ]);
});

describe('a mistake is named with its place', () => {
  test.each([
    [
      'an unknown detector',
      '      - { detect: [email, visa], with: partial }',
      /^line 10, column 27: rules\[0\]\.mask\[1\]\.detect\[1\]: expected one of private-key, .*pattern \}$/,
    ],
    [
      'a way that does not exist',
      '      - { detect: [email], with: blur }',
      /^line 10, column 28: rules\[0\]\.mask\[1\]\.with: expected placeholder, partial, hash, null or/,
    ],
    [
      'a column without a table',
      '      - { columns: [email], with: hash }',
      /^line 10, column 21: rules\[0\]\.mask\[1\]\.columns\[0\]: expected table\.column/,
    ],
    [
      'look-ahead',
      "      - { detect: [{ name: own, pattern: '(?=a)b' }], with: hash }",
      /^line 10, column 33: rules\[0\]\.mask\[1\]\.detect\[0\]\.pattern: not a regular expression that runs in linear time/,
    ],
    [
      'a back-reference',
      "      - { detect: [{ name: own, pattern: '(a)\\1' }], with: hash }",
      /\.pattern: not a regular expression that runs in linear time \(RE2\): invalid escape/,
    ],
    [
      'a pattern that fits everywhere',
      "      - { detect: [{ name: own, pattern: 'a*' }], with: hash }",
      /\.pattern: this pattern fits the empty text/,
    ],
    [
      'a name that is taken',
      '      - { detect: [{ name: email, pattern: x }], with: hash }',
      /^line 10, column 22: rules\[0\]\.mask\[1\]\.detect\[0\]\.name: email is the name/,
    ],
    [
      'neither columns nor detect',
      '      - { with: hash }',
      /rules\[0\]\.mask\[1\]: expected one of columns, detect and fields$/,
    ],
    [
      'both',
      '      - { columns: [a.b], detect: [email], with: hash }',
      /rules\[0\]\.mask\[1\]: expected one of columns, detect and fields$/,
    ],
    [
      'a misspelt key',
      '      - { column: [a.b], with: hash }',
      /^line 10, column 11: rules\[0\]\.mask\[1\]\.column: is not known here; did you mean columns\?$/,
    ],
    ['no way', '      - { columns: [a.b] }', /rules\[0\]\.mask\[1\]\.with: is missing$/],
  ])('%s', (_name, mask, expected) => expect(mistakeOf(mask)).toMatch(expected));
});
