import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Approval, type ApprovalState, isOver, isSamePerson, type Voter } from './approval.ts';
import { GrantId } from '../ids.ts';
import {
  type ApprovalEvent,
  type ApprovalStanding,
  distinctVoters,
  mayDecide,
  nextTickMs,
  transition,
} from './transition.ts';

const START = Date.parse('2026-11-20T10:00:00.000Z');
const MINUTE = 60_000;
const GRANT = GrantId.parse('grt_01m7xr5fhpxd5ccp0p7jtdc9r1');
const APPROVER: ApprovalStanding = { isApprover: true, needed: 1 };

const voter = (name: string, changes: Partial<Voter> = {}): Voter => ({
  subject: `https://idp#${name}`,
  email: `${name}@example.com`,
  name,
  groups: ['okta:security'],
  ...changes,
});

const asked = (changes: Partial<Approval> = {}): Approval =>
  Approval.parse({
    id: 'req_01m7xr5fhpxd5ccp0p7jtdc9r1',
    subject: { kind: 'access', resource: 'orders', reason: 'r', labels: {} },
    requester: voter('alice'),
    rule: 'orders-prod',
    policyVersion: 1,
    state: 'pending',
    askedAt: new Date(START).toISOString(),
    decideBy: new Date(START + 30 * MINUTE).toISOString(),
    workMs: 60 * MINUTE,
    needed: 1,
    votes: [],
    warned: false,
    ...changes,
  });

const approve = (name: string, changes: Partial<Voter> = {}, standing = APPROVER): ApprovalEvent => ({
  kind: 'approve',
  by: voter(name, changes),
  comment: '',
  via: 'portal',
  standing,
});
const deny = (name: string, reason = 'no', standing = APPROVER): ApprovalEvent => ({
  kind: 'deny',
  by: voter(name),
  reason,
  via: 'portal',
  standing,
});
const withdraw = (name: string): ApprovalEvent => ({ kind: 'withdraw', by: voter(name) });
const claim = (name: string): ApprovalEvent => ({ kind: 'claim', by: voter(name), grant: GRANT });
const tick: ApprovalEvent = { kind: 'tick' };

/** Each event at its minute; what each did, as `state changes` or `state !fault`. */
function run(from: Approval, ...steps: readonly (readonly [number, ApprovalEvent])[]): string[] {
  let approval = from;
  return steps.map(([minute, event]) => {
    const result = transition(approval, event, START + minute * MINUTE);
    if (result.ok) approval = result.value.approval;
    return `${approval.state} ${result.ok ? result.value.changes.join('+') : `!${result.error}`}`.trim();
  });
}

test.each([
  ['jose\u0301@example.com', 'jos\u00e9@example.com'],
  ['\uff41lice@example.com', 'alice@example.com'],
  ['a\u200blice@example.com', 'alice@example.com'],
  ['stra\u00dfe@example.com', 'STRASSE@example.com'],
  ['\u212aim@example.com', 'kim@example.com'],
  ['\u017fam@example.com', 'sam@example.com'],
])('%s and %s are one person, who approves nothing for the other', (one, other) => {
  const requester = { subject: 'https://idp#1', email: one, name: '' };
  const by = { subject: 'https://other#2', email: other, name: '', groups: [] };
  expect(isSamePerson(requester, by) && isSamePerson(by, requester)).toBe(true);
  expect(distinctVoters([requester, by])).toBe(1);
});

describe('a request', () => {
  test.each<[string, Approval, (readonly [number, ApprovalEvent])[], string[]]>([
    [
      'is approved by one and claimed once',
      asked(),
      [
        [1, approve('bob')],
        [2, claim('alice')],
        [3, claim('alice')],
      ],
      ['approved voted+approved', 'claimed claimed', 'claimed !over'],
    ],
    [
      'takes as many as it says',
      asked({ needed: 2 }),
      [
        [1, approve('bob')],
        [2, approve('carol')],
      ],
      ['pending voted', 'approved voted+approved'],
    ],
    [
      'counts nobody twice',
      asked({ needed: 2 }),
      [
        [1, approve('bob')],
        [2, approve('bob')],
      ],
      ['pending voted', 'pending'],
    ],
    [
      'counts one person with two accounts once',
      asked({ needed: 2 }),
      [
        [1, approve('bob')],
        [2, approve('bob', { subject: 'https://other#bob' })],
      ],
      ['pending voted', 'pending'],
    ],
    [
      'takes more when the policy has asked for more since',
      asked(),
      [
        [1, approve('bob', {}, { isApprover: true, needed: 2 })],
        [2, approve('carol', {}, { isApprover: true, needed: 2 })],
      ],
      ['pending voted', 'approved voted+approved'],
    ],
    [
      'never fewer than when it was asked',
      asked({ needed: 2 }),
      [[1, approve('bob', {}, { isApprover: true, needed: 1 })]],
      ['pending voted'],
    ],
    ['is not approved by whoever asked', asked(), [[1, approve('alice')]], ['pending !own_request']],
    [
      'nor under another account',
      asked(),
      [[1, approve('alice', { subject: 'https://other#a' })]],
      ['pending !own_request'],
    ],
    [
      'nor under another e-mail',
      asked(),
      [[1, approve('alice', { email: 'alice@elsewhere.example' })]],
      ['pending !own_request'],
    ],
    ['nor denied by them', asked(), [[1, deny('alice')]], ['pending !own_request']],
    [
      'is decided by approvers only',
      asked(),
      [
        [1, approve('mallory', {}, { isApprover: false, needed: 1 })],
        [1, deny('mallory', 'no', { isApprover: false, needed: 1 })],
      ],
      ['pending !not_an_approver', 'pending !not_an_approver'],
    ],
    [
      'ends with one denial',
      asked({ needed: 2 }),
      [
        [1, approve('bob')],
        [2, deny('carol')],
        [3, approve('dave')],
      ],
      ['pending voted', 'denied denied', 'denied !over'],
    ],
    [
      'may be denied by somebody who approved it before',
      asked({ needed: 2 }),
      [
        [1, approve('bob')],
        [2, deny('bob')],
      ],
      ['pending voted', 'denied denied'],
    ],
    ['is denied with a reason', asked(), [[1, deny('bob', ' \n')]], ['pending !reason_required']],
    [
      'takes a decision again without a change',
      asked(),
      [
        [1, approve('bob')],
        [2, approve('bob')],
        [3, claim('alice')],
        [4, approve('bob')],
      ],
      ['approved voted+approved', 'approved', 'claimed claimed', 'claimed'],
    ],
    [
      'and a denial',
      asked(),
      [
        [1, deny('bob')],
        [2, deny('bob')],
        [3, deny('carol')],
      ],
      ['denied denied', 'denied', 'denied !over'],
    ],
    [
      'is withdrawn by whoever asked, also when approved',
      asked(),
      [
        [1, approve('bob')],
        [2, withdraw('alice')],
        [3, withdraw('alice')],
        [4, claim('alice')],
      ],
      ['approved voted+approved', 'withdrawn withdrawn', 'withdrawn', 'withdrawn !over'],
    ],
    [
      'and by nobody else',
      asked(),
      [
        [1, withdraw('bob')],
        [1, claim('bob')],
      ],
      ['pending !not_the_requester', 'pending !not_the_requester'],
    ],
    ['is not claimed before it is approved', asked(), [[1, claim('alice')]], ['pending !not_approved']],
    [
      'warns once, then expires',
      asked(),
      [
        [22, tick],
        [23, tick],
        [24, tick],
        [30, tick],
        [31, tick],
      ],
      ['pending', 'pending warned', 'pending', 'expired expired', 'expired'],
    ],
    [
      'is not decided at or after its end, with or without the clock having said so',
      asked(),
      [
        [30, approve('bob')],
        [30, deny('bob')],
      ],
      ['pending !over', 'pending !over'],
    ],
    [
      'gives its work window from the approval on',
      asked(),
      [
        [29, approve('bob')],
        [88, tick],
        [89, claim('alice')],
        [89, tick],
      ],
      ['approved voted+approved', 'approved', 'approved !over', 'expired expired'],
    ],
  ])('%s', (_name, from, steps, expected) => {
    expect(run(from, ...steps)).toEqual(expected);
  });

  test('a break-glass is reviewed once, with words, by an approver who is somebody else', () => {
    const broken = asked({
      state: 'claimed',
      claim: { at: new Date(START).toISOString(), grant: GRANT },
      breakGlass: { reviewers: ['okta:dba'] },
    });
    const review = (name: string, comment = 'fine', standing = APPROVER): ApprovalEvent => ({
      kind: 'review',
      by: voter(name),
      comment,
      standing,
    });
    expect(
      run(
        broken,
        [1, review('alice')],
        [1, review('bob', ' ')],
        [1, review('bob', 'x', { isApprover: false, needed: 1 })],
        [2, review('bob')],
        [3, review('bob')],
        [4, review('carol')],
      ),
    ).toEqual([
      'claimed !own_request',
      'claimed !reason_required',
      'claimed !not_an_approver',
      'claimed reviewed',
      'claimed',
      'claimed !over',
    ]);
    expect(run(asked(), [1, review('bob')])).toEqual(['pending !nothing_to_review']);
    const reviewed = transition(broken, review('bob'), START);
    expect(reviewed.ok && reviewed.value.approval.breakGlass).toMatchObject({ reviewers: ['okta:dba'] });
  });
});

describe('whatever happens, in whatever order', () => {
  const NAMES = ['alice', 'bob', 'carol', 'dave'] as const;
  const anyone = fc
    .record({ name: fc.constantFrom(...NAMES), account: fc.constantFrom(...NAMES), upper: fc.boolean() })
    .map(({ name, account, upper }) =>
      voter(name, { subject: `https://idp#${account}`, email: upper ? `${name}@EXAMPLE.com` : `${name}@example.com` }),
    );
  const standing = fc.record({ isApprover: fc.boolean(), needed: fc.integer({ min: 1, max: 3 }) });
  const event: fc.Arbitrary<ApprovalEvent> = fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        kind: fc.constant('approve' as const),
        by: anyone,
        comment: fc.constant(''),
        via: fc.constant('api' as const),
        standing,
      }),
    },
    fc.record({
      kind: fc.constant('deny' as const),
      by: anyone,
      reason: fc.constantFrom('', 'no'),
      via: fc.constant('slack' as const),
      standing,
    }),
    fc.record({ kind: fc.constant('withdraw' as const), by: anyone }),
    fc.record({ kind: fc.constant('claim' as const), by: anyone, grant: fc.constant(GRANT) }),
    fc.record({ kind: fc.constant('review' as const), by: anyone, comment: fc.constantFrom('', 'fine'), standing }),
    fc.constant(tick),
  );
  const history = fc.array(fc.tuple(fc.integer({ min: 0, max: 9 }), event), { maxLength: 25 });

  test('nobody approves what they asked for, too few never do, and what is over stays as it is', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 3 }), history, (needed, steps) => {
        let approval = asked({ needed });
        let now = START;
        for (const [minutes, each] of steps) {
          now += minutes * MINUTE;
          const before = approval;
          const result = transition(before, each, now);
          if (!result.ok) continue;
          approval = result.value.approval;
          Approval.parse(approval);
          if (isOver(before.state)) expect(approval).toEqual(before);
          if (result.value.changes.length === 0) expect(approval).toEqual(before);
          for (const vote of approval.votes) {
            expect(isSamePerson(vote.by, approval.requester)).toBe(false);
            expect(Date.parse(vote.at)).toBeLessThan(Date.parse(approval.decideBy));
          }
          if (approval.state === 'approved' || approval.state === 'claimed') {
            expect(distinctVoters(approval.votes.map((vote) => vote.by))).toBeGreaterThanOrEqual(needed);
          }
          if (before.state === 'pending' && approval.state === 'approved') {
            expect(Date.parse(approval.workUntil ?? '')).toBe(now + approval.workMs);
            expect(each.kind === 'approve' && each.standing.isApprover).toBe(true);
          }
          if (approval.state === 'claimed')
            expect(Date.parse(approval.claim?.at ?? '')).toBeLessThan(Date.parse(approval.workUntil ?? ''));
          // Saying the same again at the same moment changes nothing.
          if (each.kind !== 'claim') {
            const again = transition(approval, each, now);
            expect(again.ok && again.value.changes).toEqual([]);
          }
        }
      }),
      { numRuns: 400 },
    );
  });

  test('the clock alone brings every request to an end, in as many ticks as it names', () => {
    const path: [ApprovalState, number][] = [];
    let approval = asked();
    for (let at = nextTickMs(approval); at !== undefined; at = nextTickMs(approval)) {
      const result = transition(approval, tick, at);
      if (!result.ok || result.value.changes.length === 0) throw new Error('a tick that was named did nothing');
      approval = result.value.approval;
      path.push([approval.state, (at - START) / MINUTE]);
    }
    expect(path).toEqual([
      ['pending', 22.5],
      ['expired', 30],
    ]);
  });

  test('what is offered as a decision is what would be taken', () => {
    fc.assert(
      fc.property(anyone, standing, fc.integer({ min: 0, max: 40 }), (by, policy, minutes) => {
        const now = START + minutes * MINUTE;
        const offered = mayDecide(asked(), by, policy, now);
        const taken = transition(asked(), { kind: 'approve', by, comment: '', via: 'api', standing: policy }, now);
        expect(offered).toBe(taken.ok);
      }),
      { numRuns: 100 },
    );
  });
});
