import { describe, expect, test } from 'vitest';
import type { Approval } from './approval.ts';
import { SessionId } from '../ids.ts';
import { PolicyDocument } from '../policy/document.ts';
import { parsePolicy } from '../policy/parse.ts';
import { Digest } from '../recording/segment.ts';
import { ResourceName } from '../resource.ts';
import { approvalOf, holdTerms, namedWithoutGroups, standingIn, stillSuffices, workMsOf } from './terms.ts';

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

const access: Approval['subject'] = {
  kind: 'access',
  resource: ResourceName.parse('orders'),
  reason: '',
  labels: {},
};
const statement = (pattern?: string): Approval['subject'] => ({
  ...access,
  kind: 'statement',
  session: SessionId.parse('ses_01m7xr5fhpxd5ccp0p7jtdc9r1'),
  text: 'grant all on t to u',
  parameters: [],
  digest: Digest.parse('a'.repeat(64)),
  touches: ['t'],
  inTransaction: false,
  ...(pattern !== undefined && { pattern }),
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
  const approval = { rule: 'orders', needed: 1, subject: access };
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
    expect(stillSuffices(policy, ruleOf(policy), { votes, subject: access })).toBe(expected);
  });
});

test('a misspelt key of an approval is refused with its place', () => {
  const parsed = parsePolicy(
    'administrators: [a]\nrules:\n  - name: x\n    resources: {}\n    who: [everyone]\n    access: { ttl: 1h, approval: { from: [b], claimIn: 5m } }\n',
  );
  expect(parsed.ok ? [] : parsed.error).toContainEqual(
    expect.objectContaining({ line: 6, path: 'rules[0].access.approval.claimIn' }),
  );
});

describe('a held statement', () => {
  const HOLDS = [
    { block: ['drop'] },
    { hold: ['grant', 'revoke'], approval: { from: ['security'], within: '5m' } },
    { hold: ['alter', 'revoke'], approval: { from: ['okta:ciso'], count: 2 } },
  ];
  const holding = (statements: readonly object[] = HOLDS, name = 'orders', rule: object = {}) =>
    PolicyDocument.parse({
      groups: { security: ['okta:sec'] },
      administrators: ['okta:admins'],
      rules: [{ name, resources: {}, who: ['everyone'], access: { ttl: '2h' }, statements, ...rule }],
    });
  const ciso = { email: 'carol@example.com', groups: ['okta:ciso'] };

  test.each<[string, string | undefined, string[] | undefined]>([
    ['names it', 'grant', ['security']],
    ['names it further down', 'alter', ['okta:ciso']],
    ['is the first that names it', 'revoke', ['security']],
    ['is the first, for what cannot be read', undefined, ['security']],
    ['names it no more', 'create', undefined],
    ['does not hold what it blocks', 'drop', undefined],
  ])('is decided on by whom the entry names that %s', (_name, pattern, from) => {
    expect(holdTerms(ruleOf(holding()), 'statements', pattern)?.from).toEqual(from);
  });

  test.each<[string, PolicyDocument, string | undefined, typeof bob, { isApprover: boolean; needed: number }]>([
    ['names the approvers', holding(), 'grant', bob, { isApprover: true, needed: 1 }],
    ["does not take another entry's", holding(), 'grant', ciso, { isApprover: false, needed: 1 }],
    ['asks for two', holding(), 'alter', ciso, { isApprover: true, needed: 2 }],
    ['has lost the entry', holding(HOLDS.slice(0, 1)), 'grant', bob, { isApprover: false, needed: 1 }],
    ['has lost the rule', holding(HOLDS, 'other'), 'grant', bob, { isApprover: false, needed: 1 }],
    [
      'denies access by now',
      holding(undefined, 'orders', { access: 'deny' }),
      'grant',
      bob,
      { isApprover: false, needed: 1 },
    ],
    [
      'does not take those who give access',
      holding([{ hold: ['grant'], approval: { from: ['okta:ciso'] } }], 'orders', {
        access: { ttl: '1h', approval: { from: ['security'] } },
      }),
      'grant',
      bob,
      { isApprover: false, needed: 1 },
    ],
  ])('the policy in force %s', (_name, policy, pattern, who, expected) => {
    expect(standingIn(policy, { rule: 'orders', needed: 1, subject: statement(pattern) }, who)).toEqual(expected);
  });

  test.each<[string, PolicyDocument, string | undefined, ReturnType<typeof vote>[], boolean]>([
    ['is content', holding(), 'grant', [vote('bob')], true],
    ['no longer names who approved', holding(), 'grant', [vote('bob', ['okta:ciso'])], false],
    ['wants two', holding(), 'alter', [vote('bob', ['okta:ciso'])], false],
    ['has no such entry any more', holding(HOLDS.slice(0, 1)), 'grant', [vote('bob')], false],
    ['blocks it by now', holding([{ block: ['grant'] }]), 'grant', [vote('bob')], false],
  ])('at the claim: the policy in force %s', (_name, policy, pattern, votes, expected) => {
    expect(stillSuffices(policy, ruleOf(policy), { votes, subject: statement(pattern) })).toBe(expected);
  });
});

describe('of a break-glass', () => {
  const glass = (reviewers?: string[]) => ({
    rule: 'orders',
    needed: 1,
    subject: access,
    breakGlass: reviewers ? { reviewers } : {},
  });
  const boss = { email: 'boss@example.com', groups: ['okta:admins'] };
  const eve = { email: 'eve@example.com', groups: ['okta:sales'] };
  const may = (policy: PolicyDocument, of: ReturnType<typeof glass>) =>
    [bob, boss, eve].map((who) => standingIn(policy, of, who).isApprover);

  test.each<[string, PolicyDocument, ReturnType<typeof glass>, boolean[]]>([
    ['the rule names them still', policyWith({ from: ['security'] }), glass(['okta:sec']), [true, false, false]],
    ['the rule names others now', policyWith({ from: ['okta:sales'] }), glass(['okta:sec']), [true, false, true]],
    ['the rule asks for none now', policyWith(undefined), glass(['okta:sec']), [true, true, false]],
    ['the rule is gone', policyWith({ from: ['okta:sales'] }, 'other'), glass(['okta:sec']), [true, true, false]],
    ['nobody was written down, and the rule is gone', policyWith(undefined, 'other'), glass(), [false, true, false]],
  ])('the reviewers when %s', (_name, policy, of, expected) => expect(may(policy, of)).toEqual(expected));

  test('are written down without groups of the policy', () => {
    const policy = policyWith({ from: ['security', 'user:carol@example.com'] });
    const asked = approvalOf(ruleOf(policy));
    expect(asked && namedWithoutGroups(policy, asked)).toEqual(['okta:sec', 'user:carol@example.com']);
  });
});
