import { describe, expect, it } from 'vitest';
import type { Decision } from '../../../core/policy/sections/entries.ts';
import type { Fact } from '../../../core/recording/facts/fact.ts';
import { newId, systemIdSource } from '../../../core/ids.ts';
import { PROTOCOLS } from '../../../core/protocols.ts';
import type { Action, ActionRefusal, ActionToHold, RulesInForce } from '../../action.ts';
import type { AskedHold, HoldOutcome } from '../edge.ts';
import { createGate } from './gate.ts';

const DIGEST = 'ab'.repeat(32);
const described: ActionToHold = {
  kind: 'statement',
  text: 'drop table t',
  parameters: ['1', null],
  digest: DIGEST,
  touches: ['t'],
  inTransaction: true,
};
const settled = () => new Promise((resolve) => setImmediate(resolve));

function build() {
  const facts: Fact[] = [];
  const held: { asked: AskedHold; decide(outcome: HoldOutcome): void; withdrawn: string[] }[] = [];
  const rules = { policyVersion: 3, rule: 'orders' } as RulesInForce;
  const world = { facts, held, rules, waitMs: 0 };
  const gate = createGate({
    session: newId('ses'),
    edge: {
      hold(asked) {
        const { promise: outcome, resolve } = Promise.withResolvers<HoldOutcome>();
        const withdrawn: string[] = [];
        held.push({ asked, decide: resolve, withdrawn });
        return { link: Promise.resolve('https://edge/1'), outcome, withdraw: (reason) => withdrawn.push(reason) };
      },
    },
    recorder: { fact: (_, fact) => facts.push(fact) },
    ids: systemIdSource,
    rules: () => world.rules,
    rate: { perMinute: 60, limitTo: () => undefined, take: () => world.waitMs },
    noun: PROTOCOLS.postgres.noun,
  });
  return { ...world, gate, world };
}

function action(decision: Partial<Decision>, describe: Action['describe'] = () => described, lane = 0) {
  const did: string[] = [];
  const under = { now: decision };
  const refusals: ActionRefusal[] = [];
  const it: Action = {
    lane,
    number: 7,
    decision: { section: 'statements', verdict: 'allow', why: 'it drops a table', ...decision },
    judge: () => ({ section: 'statements', verdict: 'allow', why: 'it drops a table', ...under.now }),
    describe,
    forward: () => did.push('forward'),
    refuse: (refusal) => {
      did.push('refuse');
      refusals.push(refusal);
    },
    notify: (message, hint) => did.push(`notify ${message}${hint ? ` (${hint})` : ''}`),
  };
  return { it, did, refusals, under };
}

const approval = { from: ['dba'], count: 1, within: 300_000 };
const hold = { verdict: 'hold', pattern: 'drop', approval } as const;

describe('the gate', () => {
  it('forwards what is allowed, without a fact', () => {
    const { gate, facts } = build();
    const { it: act, did } = action({});
    expect(gate.take(act)).toBe('forwarded');
    expect(did).toEqual(['forward']);
    expect(facts).toEqual([]);
  });

  it('blocks with the name of the rule and the author’s hint, recorded before it is refused', () => {
    const { gate, facts } = build();
    const { it: act, did, refusals } = action({ verdict: 'block', pattern: 'drop', hint: 'Ask the DBAs.' });
    expect(gate.take(act)).toBe('refused');
    expect(did).toEqual(['refuse']);
    expect(refusals).toEqual([
      { reason: 'blocked', message: 'Blocked by rule orders: it drops a table.', hint: 'Ask the DBAs.' },
    ]);
    expect(facts).toMatchObject([
      { kind: 'action.refused', action: 7, reason: 'blocked', rule: 'orders', pattern: 'drop', policyVersion: 3 },
    ]);
  });

  it('warns, and forwards', () => {
    const { gate, facts } = build();
    const { it: act, did } = action({ verdict: 'warn', hint: 'Mind the hour.' });
    expect(gate.take(act)).toBe('forwarded');
    expect(did).toEqual(['notify Rule orders warns: it drops a table. (Mind the hour.)', 'forward']);
    expect(facts).toMatchObject([{ kind: 'action.warned', rule: 'orders' }]);
  });

  it('refuses one statement too many, and says when to go on', () => {
    const { gate, world } = build();
    world.waitMs = 1_500;
    const { it: act, refusals } = action({});
    expect(gate.take(act)).toBe('refused');
    expect(refusals[0]).toMatchObject({ reason: 'too_many_statements', message: expect.stringContaining('in 2 s') });
  });

  it('speaks of what is held by its own name, and holds each lane by itself', async () => {
    const { gate, held } = build();
    const command = { ...described, kind: 'command', title: 'in web-1', text: 'rm -rf /srv' } as const;
    const [one, other] = [
      action({ ...hold, section: 'commands' }, () => command, 1),
      action({ ...hold, section: 'requests' }, undefined, 2),
    ];
    expect([gate.take(one.it), gate.take(other.it)]).toEqual(['held', 'held']);
    expect(held.map(({ asked }) => asked.action)).toMatchObject([
      { kind: 'command', title: 'in web-1', text: 'rm -rf /srv' },
      { kind: 'statement' },
    ]);
    await settled();
    expect(one.did).toEqual([expect.stringContaining('holds this command for an approval')]);
    expect(other.did).toEqual([expect.stringContaining('holds this request for an approval')]);
    held[1]?.decide({ kind: 'denied', by: ['bob@example.com'], comment: 'no' });
    held[0]?.decide({ kind: 'approved', by: ['bob@example.com'], comment: '' });
    await settled();
    expect([one.did.at(-1), other.did.at(-1)]).toEqual(['forward', 'refuse']);
  });

  it('holds: asks with what will go on, tells where, and forwards once it is approved', async () => {
    const { gate, held, facts } = build();
    const { it: act, did } = action(hold);
    expect(gate.take(act)).toBe('held');
    expect(did).toEqual([]);
    expect(held[0]?.asked).toMatchObject({
      rule: 'orders',
      withinMs: 300_000,
      action: {
        kind: 'statement',
        touches: ['t'],
        text: 'drop table t',
        parameters: ['1', null],
        digest: DIGEST,
        pattern: 'drop',
        inTransaction: true,
      },
    });
    await settled();
    expect(did).toEqual([expect.stringContaining('https://edge/1')]);
    held[0]?.decide({ kind: 'approved', by: ['bob@example.com'], comment: 'go' });
    await settled();
    expect(did.slice(1)).toEqual(['forward']);
    expect(facts).toMatchObject([
      { kind: 'action.held', digest: DIGEST, request: held[0]?.asked.request },
      { kind: 'hold.resolved', outcome: 'approved', by: ['bob@example.com'], comment: 'go' },
    ]);
  });

  it.each([
    ['denied', 'hold_denied', 'Denied by bob@example.com (rule orders): no'],
    ['expired', 'hold_expired', 'Nobody approved it in time (rule orders). Run it again to ask again.'],
    [
      'withdrawn',
      'hold_withdrawn',
      'Withdrawn while it waited for an approval (rule orders). Run it again to ask again.',
    ],
    ['failed', 'hold_failed', 'It could not be held for an approval (rule orders): no'],
  ] as const)('a hold that is %s is refused', async (kind, reason, message) => {
    const { gate, held, facts } = build();
    const { it: act, did, refusals } = action(hold);
    gate.take(act);
    held[0]?.decide({ kind, by: ['bob@example.com'], comment: 'no' });
    await settled();
    expect(did).not.toContain('forward');
    expect(refusals).toEqual([{ reason, message }]);
    expect(facts.at(-1)).toMatchObject({ kind: 'action.refused', reason });
  });

  it('names the rule that held it, though another policy is in force by then', async () => {
    const { gate, held, facts, world } = build();
    const { it: act, refusals } = action(hold);
    gate.take(act);
    world.rules = { policyVersion: 4, rule: 'others' } as RulesInForce;
    held[0]?.decide({ kind: 'denied', by: [], comment: '' });
    await settled();
    expect(refusals[0]?.message).toContain('rule orders');
    expect(facts.at(-1)).toMatchObject({ kind: 'action.refused', rule: 'orders', policyVersion: 3 });
  });

  it('refuses what cannot be shown to approvers, and what nobody could approve', () => {
    const { gate, held } = build();
    const unshown = action(hold, () => 'it is too long');
    expect(gate.take(unshown.it)).toBe('refused');
    expect(unshown.refusals[0]).toMatchObject({ reason: 'hold_failed', message: expect.stringContaining('too long') });
    const nobody = action({ verdict: 'hold' });
    expect(gate.take(nobody.it)).toBe('refused');
    expect(held).toEqual([]);
  });

  describe('another policy while it waits', () => {
    it('that holds it alike changes nothing', async () => {
      const { gate, held, world } = build();
      const { it: act, did } = action(hold);
      gate.take(act);
      world.rules = { policyVersion: 4, rule: 'orders' } as RulesInForce;
      gate.rulesChanged();
      held[0]?.decide({ kind: 'approved', by: [], comment: '' });
      await settled();
      expect(held[0]?.withdrawn).toEqual([]);
      expect(did).toContain('forward');
    });

    it('that blocks it refuses it at once under its own rule, and an approval that comes later carries out nothing', async () => {
      const { gate, held, facts, world } = build();
      const { it: act, did, refusals, under } = action(hold);
      gate.take(act);
      world.rules = { policyVersion: 4, rule: 'others' } as RulesInForce;
      under.now = { verdict: 'block', pattern: 'select on t', hint: 'Never.' };
      gate.rulesChanged();
      expect(refusals).toEqual([
        { reason: 'blocked', message: 'Blocked by rule others: it drops a table.', hint: 'Never.' },
      ]);
      expect(held[0]?.withdrawn).toEqual(['the policy has changed']);
      expect(facts.slice(1)).toMatchObject([
        { kind: 'hold.resolved', outcome: 'withdrawn', comment: 'The policy has changed.' },
        { kind: 'action.refused', reason: 'blocked', rule: 'others', policyVersion: 4, pattern: 'select on t' },
      ]);
      held[0]?.decide({ kind: 'approved', by: [], comment: '' });
      await settled();
      expect(did).toEqual(['refuse']);
    });

    it.each([
      ['allows it', { verdict: 'allow' }, 'orders'],
      ['holds it for something else', { verdict: 'hold', pattern: 'drop on secrets', approval }, 'orders'],
      ['holds it by another rule', hold, 'others'],
    ] as const)('that %s leaves nobody to approve it, so it is to be run again', (_, now, rule) => {
      const { gate, held, world } = build();
      const { it: act, refusals, under } = action(hold);
      gate.take(act);
      world.rules = { policyVersion: 4, rule } as RulesInForce;
      under.now = now;
      gate.rulesChanged();
      expect(held[0]?.withdrawn).toEqual(['the policy has changed']);
      expect(refusals).toEqual([
        { reason: 'hold_failed', message: expect.stringMatching(/policy has changed.*Run it again/) },
      ]);
    });

    it('is no matter when nothing waits', () => {
      expect(() => build().gate.rulesChanged()).not.toThrow();
    });
  });

  it('withdraws what is held, and says when there was nothing', () => {
    const { gate, held } = build();
    expect(gate.withdraw(0, 'cancelled')).toBe(false);
    gate.take(action(hold).it);
    expect(gate.withdraw(0, 'cancelled')).toBe(true);
    expect(held[0]?.withdrawn).toEqual(['cancelled']);
  });

  describe('of two lanes', () => {
    const both = () => {
      const built = build();
      const [one, two] = [action(hold, undefined, 1), action(hold, undefined, 2)];
      expect([built.gate.take(one.it), built.gate.take(two.it)]).toEqual(['held', 'held']);
      return { ...built, one, two };
    };
    const approved: HoldOutcome = { kind: 'approved', by: ['bob@example.com'], comment: '' };

    it('answers each hold by itself, whichever comes first', async () => {
      const { held, one, two, facts } = both();
      held[1]?.decide({ kind: 'denied', by: ['bob@example.com'], comment: 'no' });
      await settled();
      expect([one.did.at(-1), two.did.at(-1)]).toEqual([expect.stringContaining('https://edge/1'), 'refuse']);
      held[0]?.decide(approved);
      await settled();
      expect(one.did.at(-1)).toBe('forward');
      expect(facts.filter(({ kind }) => kind === 'hold.resolved')).toMatchObject([
        { outcome: 'denied' },
        { outcome: 'approved' },
      ]);
    });

    it('withdraws that of one, or of all', () => {
      const { gate, held } = both();
      expect(gate.withdraw(2, 'cancelled')).toBe(true);
      expect(gate.withdraw(3, 'cancelled')).toBe(false);
      expect(held.map(({ withdrawn }) => withdrawn)).toEqual([[], ['cancelled']]);
      expect(gate.withdraw('all', 'client_closed')).toBe(true);
      expect(held[0]?.withdrawn).toEqual(['client_closed']);
    });

    it('judges both again when the rules change', () => {
      const { gate, one, two, world } = both();
      world.rules = { policyVersion: 4, rule: 'orders' } as RulesInForce;
      one.under.now = { verdict: 'block', pattern: 'drop' };
      gate.rulesChanged();
      expect([one.did.at(-1), two.did.length]).toEqual(['refuse', 0]);
    });

    it('goes on in one while the other waits, and in none twice', () => {
      const { gate } = both();
      expect(gate.take(action({}, undefined, 3).it)).toBe('forwarded');
      expect(() => gate.take(action({}, undefined, 1).it)).toThrow(/lane 1/);
    });
  });

  it('with the client gone it is over at once, and an approval that comes later carries out nothing', async () => {
    const { gate, held, facts } = build();
    const { it: act, did } = action(hold);
    gate.take(act);
    expect(gate.withdraw(0, 'client_closed')).toBe(true);
    expect(held[0]?.withdrawn).toEqual(['client_closed']);
    expect(facts.slice(1)).toMatchObject([
      { kind: 'hold.resolved', outcome: 'withdrawn' },
      { kind: 'action.refused', reason: 'hold_withdrawn' },
    ]);
    const recorded = facts.length;
    held[0]?.decide({ kind: 'approved', by: [], comment: '' });
    await settled();
    expect(did).toEqual(['refuse']);
    expect(facts).toHaveLength(recorded);
  });
});
