import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ResourceName } from '../resource.ts';
import { PolicyDocument } from './document.ts';
import { type AccessFacts, evaluate, isAmong, mayAsk, selects } from './evaluate.ts';

const HOUR_MS = 3_600_000;

const policy = PolicyDocument.parse({
  groups: { dba: ['okta:dba', 'okta:oncall'], contractors: ['okta:ext'] },
  administrators: ['okta:admins'],
  rules: [
    { name: 'no-contractors-in-prod', resources: { env: 'prod' }, who: ['contractors'], access: 'deny' },
    {
      name: 'orders-prod',
      resources: { env: 'prod', protocol: ['postgres'] },
      who: ['dba', 'user:Eve@example.com'],
      access: { ttl: '1h', reason: 'required', maxSessions: 3 },
      task: 'required',
    },
    {
      name: 'staging',
      resources: { env: 'staging', team: ['shop', 'web'] },
      who: ['everyone'],
      access: { ttl: '15m' },
    },
    { name: 'second-staging', resources: { env: 'staging' }, who: ['everyone'], access: { ttl: '8h' } },
    { name: 'wild', resources: { owner: '*' }, who: ['okta:owners'], access: { ttl: '1d' } },
  ],
});

const facts = (groups: string[], labels: Record<string, string>, rest: Partial<AccessFacts> = {}): AccessFacts => ({
  identity: { email: 'alice@example.com', groups },
  resource: { name: ResourceName.parse('orders'), protocol: 'postgres', labels },
  reason: '',
  nowMs: Date.parse('2026-11-20T10:00:00.000Z'),
  ...rest,
});

describe('evaluate', () => {
  const prod = { env: 'prod' };
  test.each<[string, AccessFacts, string]>([
    ['group over provider groups', facts(['okta:dba'], prod, { reason: 'r', task: 'T-1' }), 'allow orders-prod'],
    ['its second member', facts(['okta:oncall'], prod, { reason: 'r', task: 'T-1' }), 'allow orders-prod'],
    ['nobody of the group', facts(['okta:other'], prod, { reason: 'r', task: 'T-1' }), 'deny no_rule'],
    [
      'a deny ahead of an allow',
      facts(['okta:dba', 'okta:ext'], prod, { reason: 'r', task: 'T-1' }),
      'deny denied_by_rule',
    ],
    ['no reason', facts(['okta:dba'], prod, { task: 'T-1' }), 'deny reason_required'],
    [
      'nothing to be seen',
      facts(['okta:dba'], prod, { reason: '\u200b\u3164\u202e', task: 'T-1' }),
      'deny reason_required',
    ],
    ['blanks for a reason', facts(['okta:dba'], prod, { reason: ' \t', task: 'T-1' }), 'deny reason_required'],
    ['no task', facts(['okta:dba'], prod, { reason: 'r' }), 'deny task_required'],
    ['too long', facts(['okta:dba'], prod, { reason: 'r', task: 'T', forMs: HOUR_MS + 1 }), 'deny ttl_too_long'],
    ['just long enough', facts(['okta:dba'], prod, { reason: 'r', task: 'T', forMs: HOUR_MS }), 'allow orders-prod'],
    ['a label that is not there', facts(['okta:dba'], {}, { reason: 'r', task: 'T' }), 'deny no_rule'],
    ['the first of two rules', facts([], { env: 'staging', team: 'web' }), 'allow staging'],
    ['the second when a label differs', facts([], { env: 'staging', team: 'ops' }), 'allow second-staging'],
    ['any value of a label', facts(['okta:owners'], { owner: 'whoever' }), 'allow wild'],
    ['any value, but no label', facts(['okta:owners'], {}), 'deny no_rule'],
    [
      'a person by e-mail',
      { ...facts([], prod, { reason: 'r', task: 'T' }), identity: { email: 'eve@example.com', groups: [] } },
      'allow orders-prod',
    ],
  ])('%s', (_name, given, expected) => {
    const decision = evaluate(policy, given);
    expect(`${decision.kind} ${decision.kind === 'allow' ? decision.rule.name : decision.reason}`).toBe(expected);
  });

  test('gives what was asked for, or as long as the rule does', () => {
    expect(evaluate(policy, facts([], { env: 'staging', team: 'web' }))).toMatchObject({ ttlMs: HOUR_MS / 4 });
    expect(evaluate(policy, facts([], { env: 'staging', team: 'web' }, { forMs: 60_000 }))).toMatchObject({
      ttlMs: 60_000,
    });
  });

  test('every refusal says what to do', () => {
    for (const given of [facts([], {}), facts(['okta:dba'], prod), facts(['okta:ext'], prod)]) {
      const decision = evaluate(policy, given);
      expect(decision.kind === 'deny' && decision.message.length > 20).toBe(true);
    }
  });

  test('never gives more than the rule, never without one, and what may be asked for is what could be allowed', () => {
    const groups = fc.subarray(['okta:dba', 'okta:oncall', 'okta:ext', 'okta:owners', 'dba', 'everyone', 'toString']);
    const labels = fc.record(
      { env: fc.constantFrom('prod', 'staging', 'dev'), team: fc.constantFrom('web', 'ops'), owner: fc.string() },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(groups, labels, fc.option(fc.integer({ min: 1, max: 100 * HOUR_MS })), (who, carried, forMs) => {
        const given = facts(who, { ...carried } as Record<string, string>, {
          reason: 'r',
          task: 'T',
          forMs: forMs ?? undefined,
        });
        const decision = evaluate(policy, given);
        const askable = mayAsk(policy, given.identity, given.resource);
        if (decision.kind === 'allow') {
          expect(decision.rule.access !== 'deny' && decision.ttlMs <= decision.rule.access.ttl).toBe(true);
          expect(selects(decision.rule.resources, given.resource)).toBe(true);
          expect(isAmong(policy, decision.rule.who, given.identity)).toBe(true);
          expect(askable).toBe(true);
        }
        if (!askable) expect(decision.kind).toBe('deny');
        if (who.includes('okta:ext') && carried.env === 'prod')
          expect(decision).toMatchObject({ reason: 'denied_by_rule' });
      }),
    );
  });
});

describe('isAmong', () => {
  test("a provider's group called as one of the policy's does not count as it", () => {
    expect(isAmong(policy, ['dba'], { email: 'a@b.c', groups: ['dba'] })).toBe(false);
  });
  test('names on Object.prototype are no groups', () => {
    expect(isAmong(policy, ['constructor', '__proto__', 'toString'], { email: 'a@b.c', groups: [] })).toBe(false);
  });
});

describe('a time window', () => {
  const windowed = PolicyDocument.parse({
    administrators: ['okta:admins'],
    rules: [
      {
        name: 'office',
        resources: {},
        who: ['everyone'],
        access: { ttl: '1h', during: [{ days: ['mon-fri'], from: '08:00', to: '18:00', zone: 'Europe/Berlin' }] },
      },
      { name: 'behind', resources: {}, who: ['everyone'], access: { ttl: '1h' } },
    ],
  });
  test.each<[string, string, string]>([
    ['is open', '2026-11-20T10:00:00Z', 'allow'],
    ['is closed, and no other rule stands in', '2026-11-21T10:00:00Z', 'outside_time_window'],
  ])('%s', (_name, now, expected) => {
    const decision = evaluate(windowed, facts([], {}, { nowMs: Date.parse(now) }));
    expect(decision.kind === 'allow' ? 'allow' : decision.reason).toBe(expected);
    if (decision.kind === 'deny')
      expect(decision.message).toBe(
        'Rule office gives no access at this time. It opens on Monday 2026-11-23 08:00 (Europe/Berlin).',
      );
  });
});
