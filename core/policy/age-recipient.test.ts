import { expect, test } from 'vitest';
import { AgeRecipient } from './age-recipient.ts';
import { parsePolicy } from './parse.ts';

const KEY = 'age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj';
const IDENTITY = 'AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX';
const mistake = (text: string): string => AgeRecipient.safeParse(text).error?.issues[0]?.message ?? 'taken';

test('takes a public key as age-keygen prints it, and says what is wrong with others', () => {
  expect(mistake(KEY)).toBe('taken');
  expect(mistake(KEY.replace('zvky', 'zvkx'))).toContain('a letter of it is mistyped');
  expect(mistake(KEY.slice(0, -1))).toContain('it has 61 letters, and such a key 62');
  expect(mistake(KEY.toUpperCase())).toContain('in lower case');
  expect(mistake('ssh-ed25519 AAAA')).toContain('expected a public key of age');
  expect(mistake('age1pq1x34nzsvr0rx')).toContain('post-quantum');
  expect(mistake('age1yubikey1q2w3e4r5t')).toContain('a key of a plugin');
});

test('an identity is refused, and not repeated', () => {
  expect(mistake(IDENTITY)).toContain('keep it to yourself');
  expect(mistake(IDENTITY)).not.toContain('1GFPYY');
});

test('a key with which everybody shares the same secret is refused', () => {
  // 32 bytes of zero, with a sound checksum.
  expect(mistake('age1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq5cu47z')).toContain('no key that keeps');
});

const policy = (rule: string) =>
  parsePolicy(`administrators: [okta:admins]
rules:
  - name: orders
    resources: { env: prod }
    who: ["user:alice@example.com"]
    access: { ttl: 1h }
${rule}`);
const MASK = '    mask: [{ columns: ["*.email"], with: partial }]\n';
const kept = (more = '', keys = KEY) => `    record: { originals: { to: [${keys}] }${more} }\n`;
const messages = (text: string): string => {
  const parsed = policy(text);
  return parsed.ok ? 'taken' : JSON.stringify(parsed.error);
};

test('a rule keeps originals where it masks, records, and gives access', () => {
  expect(messages(MASK + kept())).toBe('taken');
  expect(messages(kept())).toContain('says nothing in a rule without mask');
  expect(messages(MASK + kept(', exempt: "no"'))).toContain('whose sessions are not recorded');
  expect(messages(MASK + kept('', `${KEY}, ${KEY}`))).toContain('is written twice');
  expect(messages(MASK + kept('', 'age1xyz'))).toContain('it has 7 letters');
  expect(messages(`${MASK}    record: { originals: { to: [] } }\n`)).not.toBe('taken');
});
