import { describe, expect, test } from 'vitest';
import { PolicyDocument } from '../policy/document.ts';
import { parsePolicy } from '../policy/parse.ts';
import { approvalOf, standingIn, stillSuffices, workMsOf } from './terms.ts';

const HOUR = 3_600_000;
const policyWith = (approval: object | undefined, name = 'orders') =>
  PolicyDocument.parse({
    groups: { security: ['okta:sec'] },
    administrators: ['okta:admins'],
    rules: [{ name, resources: {}, who: ['everyone'], access: { ttl: '2h', ...(approval && { approval }) } }],
  });
const ruleOf = (policy: PolicyDocument) => {
  const [rule] = policy.rules;
  if (!rule) throw new Error('no rule');
  return rule;
};
const bob = { email: 'bob@example.com', groups: ['okta:sec'] };
const vote = (name: string, groups = ['okta:sec']) => ({
  by: { subject: name, email: `${name}@example.com`, name, groups },
  at: '2026-11-20T10:00:00.000Z',
  comment: '',
  via: 'api' as const,
});

test('one approver within an hour is what a policy means that says no more', () => {
  expect(approvalOf(ruleOf(policyWith({ from: ['security'] })))).toEqual({
    from: ['security'],
    count: 1,
    claimWithin: HOUR,
  });
  expect(approvalOf(ruleOf(policyWith(undefined)))).toBeUndefined();
});

test('the work window bounds the access and never lengthens it', () => {
  const base = { from: ['security'], count: 1, claimWithin: HOUR };
  expect(workMsOf(base, 2 * HOUR)).toBe(2 * HOUR);
  expect(workMsOf({ ...base, workWindow: HOUR }, 2 * HOUR)).toBe(HOUR);
  expect(workMsOf({ ...base, workWindow: 9 * HOUR }, 2 * HOUR)).toBe(2 * HOUR);
});

describe('the policy in force', () => {
  const approval = { rule: 'orders', needed: 1 };
  test.each<[string, PolicyDocument, { isApprover: boolean; needed: number }]>([
    ['names the approvers', policyWith({ from: ['security'] }), { isApprover: true, needed: 1 }],
    ['may have named others since', policyWith({ from: ['okta:ciso'] }), { isApprover: false, needed: 1 }],
    ['may ask for more', policyWith({ from: ['security'], count: 3 }), { isApprover: true, needed: 3 }],
    ['may have lost the rule', policyWith({ from: ['security'] }, 'other'), { isApprover: false, needed: 1 }],
    ['may ask for none any more', policyWith(undefined), { isApprover: false, needed: 1 }],
  ])('%s', (_name, policy, expected) => {
    expect(standingIn(policy, approval, bob)).toEqual(expected);
  });

  test.each<[string, PolicyDocument, ReturnType<typeof vote>[], boolean]>([
    ['is content', policyWith({ from: ['security'] }), [vote('bob')], true],
    ['no longer names who approved', policyWith({ from: ['okta:ciso'] }), [vote('bob')], false],
    ['asks for more than approved', policyWith({ from: ['security'], count: 2 }), [vote('bob')], false],
    ['counts one person once', policyWith({ from: ['security'], count: 2 }), [vote('bob'), vote('bob')], false],
    ['asks for none', policyWith(undefined), [], true],
  ])('at the claim: %s', (_name, policy, votes, expected) => {
    expect(stillSuffices(policy, ruleOf(policy), { votes })).toBe(expected);
  });
});

test('a misspelt key of an approval is refused with its place', () => {
  const parsed = parsePolicy(
    'administrators: [a]\nrules:\n  - name: x\n    resources: {}\n    who: [everyone]\n    access: { ttl: 1h, approval: { from: [b], claimIn: 5m } }\n',
  );
  expect(parsed.ok ? undefined : parsed.error[0]).toMatchObject({ line: 6 });
});
