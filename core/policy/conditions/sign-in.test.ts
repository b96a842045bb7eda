// What a rule asks of a sign-in: what meets it, what the policy says of it, and what is a mistake.

import { describe, expect, test } from 'vitest';
import { ResourceName } from '../../resource.ts';
import { evaluate } from '../evaluate.ts';
import { explainAccess } from '../explain/explain-access.ts';
import { tryCases } from '../explain/try-cases.ts';
import { parsePolicy } from '../parse.ts';
import { ruleFor } from '../rules-in-force.ts';
import { lackingIn, type SignInFacts, signInFactsOf } from './sign-in.ts';

const policyWith = (rule: string, more = '') =>
  parsePolicy(
    `administrators: ["okta:admins"]\nrules:\n  - name: strong\n    resources: { env: prod }\n    who: ["okta:dba"]\n    access: ${rule}\n${more}`,
  );
const parsed = (rule: string, more = '') => {
  const policy = policyWith(rule, more);
  if (!policy.ok) throw new Error(JSON.stringify(policy.error));
  return policy.value;
};
const REQUIRE = '{ ttl: 1h, reason: required, require: { acr: [urn:a, urn:b], amr: [pwd, mfa], maxAge: 15m } }';
const MINUTE = 60_000;

describe('a requirement', () => {
  const required = { acr: ['urn:a', 'urn:b'], amr: ['pwd', 'mfa'], maxAge: 15 * MINUTE };
  test.each<[string, SignInFacts, string[]]>([
    ['all of it', { acr: 'urn:b', amr: ['mfa', 'pwd', 'otp'], ageMs: 15 * MINUTE }, []],
    ['nothing known', {}, ['acr', 'amr', 'maxAge']],
    ['another level', { acr: 'urn:A', amr: ['pwd', 'mfa'], ageMs: 0 }, ['acr']],
    ['one means of two', { acr: 'urn:a', amr: ['mfa'], ageMs: 0 }, ['amr']],
    ['a millisecond too old', { acr: 'urn:a', amr: ['pwd', 'mfa'], ageMs: 15 * MINUTE + 1 }, ['maxAge']],
    ['a clock a minute ahead', { acr: 'urn:a', amr: ['pwd', 'mfa'], ageMs: -MINUTE }, []],
    ['from the future', { acr: 'urn:a', amr: ['pwd', 'mfa'], ageMs: -2 * MINUTE }, ['maxAge']],
  ])('%s', (_, facts, lacking) => {
    expect(lackingIn(required, facts)).toEqual(lacking);
  });

  test('a provider that did not say when counts as not lately', () => {
    const at = { authenticatedAt: '2026-11-30T10:00:00.000Z' };
    const now = Date.parse('2026-11-30T10:01:00.000Z');
    expect(signInFactsOf(at, now).ageMs).toBe(MINUTE);
    expect(signInFactsOf({ ...at, authTimeAssumed: true }, now).ageMs).toBeUndefined();
  });
});

describe('a policy', () => {
  const who = { email: 'ada@example.com', groups: ['okta:dba'] };
  const resource = { name: ResourceName.parse('orders'), protocol: 'postgres' as const, labels: { env: 'prod' } };
  const facts = { identity: who, resource, reason: 'why', nowMs: 0 };

  test('refuses last of all, and refuses whom nothing is known of', () => {
    const policy = parsed(REQUIRE);
    expect(evaluate(policy, facts)).toMatchObject({ kind: 'deny', reason: 'step_up_needed', rule: 'strong' });
    expect(evaluate(policy, { ...facts, reason: '' })).toMatchObject({ reason: 'reason_required' });
    expect(evaluate(policy, { ...facts, signIn: 'any' })).toMatchObject({ kind: 'allow' });
    const signIn = { acr: 'urn:a', amr: ['pwd', 'mfa'], ageMs: 0 };
    expect(evaluate(policy, { ...facts, signIn })).toMatchObject({ kind: 'allow' });
  });

  test('explains it, and its cases try it', () => {
    const tests = `tests:
  - { given: { person: ada@example.com, groups: ["okta:dba"], reason: x, resource: { name: orders, labels: { env: prod } }, signIn: { acr: urn:a, amr: [pwd, mfa], age: 10m } }, expect: { access: allow } }
  - { given: { person: ada@example.com, groups: ["okta:dba"], reason: x, resource: { name: orders, labels: { env: prod } }, signIn: { acr: urn:a, amr: [pwd, mfa] } }, expect: { access: deny } }
  - { given: { person: ada@example.com, groups: ["okta:dba"], reason: x, resource: { name: orders, labels: { env: prod } } }, expect: { access: allow } }
`;
    const policy = parsed(REQUIRE, tests);
    expect(tryCases(policy, {} as never).flatMap(({ differences }) => differences)).toEqual([]);
    const explained = explainAccess(policy, { identity: who, resource, reason: 'x', signIn: {} });
    expect(explained).toMatchObject({ access: 'deny', refusal: { reason: 'step_up_needed' } });
    expect(explained.signIn).toBe('a sign-in with pwd and mfa, at the level urn:a or urn:b, at most 15 min ago');
  });

  test('hands no session over to a rule that asks how one signed in', () => {
    const grantRule = 'gone';
    expect(ruleFor(parsed('{ ttl: 1h }'), { identity: who, resource, grantRule })?.name).toBe('strong');
    expect(ruleFor(parsed(REQUIRE), { identity: who, resource, grantRule })).toBeUndefined();
    expect(ruleFor(parsed(REQUIRE), { identity: who, resource, grantRule: 'strong' })?.name).toBe('strong');
  });

  test.each([
    ['{ ttl: 1h, require: {} }', 'asks for nothing'],
    ['{ ttl: 1h, require: { acr: [] } }', 'require.acr'],
    ['{ ttl: 1h, require: { acr: ["two words"] } }', 'without blanks'],
    ['{ ttl: 1h, require: { maxAge: soon } }', 'maxAge'],
    ['{ ttl: 1h, require: { arm: [mfa] } }', 'asks for nothing: name acr, amr or maxAge'],
  ])('is refused with %s', (rule, message) => {
    const policy = policyWith(rule);
    expect(policy.ok ? '' : policy.error.map((one) => `${one.path}: ${one.message}`).join()).toContain(message);
  });

  test('is refused where a program would have to sign in', () => {
    const policy = parsePolicy(
      'administrators: ["okta:admins"]\nrules:\n  - name: ci\n    resources: { env: prod }\n    who: ["workload:github:acme/shop:ref:refs/heads/main"]\n    access: { ttl: 1h, require: { amr: [mfa] } }\n    task: required\n',
    );
    expect(policy.ok ? '' : policy.error.map(({ message }) => message).join()).toContain('nobody signs in for it');
  });
});
