import { describe, expect, it } from 'vitest';
import { newId, systemIdSource } from '../../../core/ids.ts';
import { PROTOCOLS } from '../../../core/protocols.ts';
import { SessionRules } from '../../../core/policy/session-rules.ts';
import type { Fact } from '../../../core/recording/facts/fact.ts';
import type { Decision } from '../../../core/policy/sections/entries.ts';
import type { Action } from '../../action.ts';
import type { HoldOutcome } from '../edge.ts';
import { type ConnectionGuard, createGuard, type LiveGuard } from './guard.ts';
import { createRulesCompiler } from './rules.ts';

const rules = (policyVersion: number, more: object = {}) =>
  SessionRules.parse({ policyVersion, rule: 'orders', ...more });
const MASK = { mask: [{ detect: ['email'], with: 'placeholder' }] };

function build(first: SessionRules) {
  const facts: Fact[] = [];
  const holds: ((outcome: HoldOutcome) => void)[] = [];
  const exceeded: string[] = [];
  const guard = createGuard(
    {
      session: newId('ses'),
      edge: {
        hold() {
          const { promise: outcome, resolve } = Promise.withResolvers<HoldOutcome>();
          holds.push(resolve);
          return { link: Promise.resolve(undefined), outcome, withdraw: () => undefined };
        },
      },
      recorder: { fact: (_, fact) => facts.push(fact) },
      ids: systemIdSource,
      noun: PROTOCOLS.postgres.noun,
      compiler: createRulesCompiler(),
      keyedHash: (value) => value,
      onRowsExceeded: (rule, limit) => exceeded.push(`${rule} ${limit}`),
    },
    first,
  );
  const connection = guard.enter();
  /** As one connection has it, which is the only one. */
  const both = Object.assign(Object.create(guard, Object.getOwnPropertyDescriptors(connection)), {
    replace: guard.replace,
    close: guard.close,
    lastHeldMs: guard.lastHeldMs,
  }) as LiveGuard & ConnectionGuard;
  return { guard: both, facts, exceeded, holds };
}

const act = (decision: Decision): Action & { ran: boolean } => ({
  ran: false,
  lane: 0,
  number: 1,
  decision,
  judge: () => decision,
  describe: () => ({ kind: 'statement', text: '', parameters: [], digest: 'ab'.repeat(32), touches: [] }),
  forward() {
    this.ran = true;
  },
  refuse: () => undefined,
  notify: () => undefined,
});

const allowed = () => act({ section: 'statements', verdict: 'allow', why: '' });
const approval = { from: ['dba'], count: 1, within: 300_000 };

describe('a session’s guard', () => {
  it('closed with its session, what it holds never goes on, and is recorded as withdrawn', async () => {
    const { guard, facts, holds } = build(rules(1));
    const held = act({ section: 'statements', verdict: 'hold', why: '', approval });
    expect(guard.lastHeldMs()).toBe(Number.NEGATIVE_INFINITY);
    expect(guard.gate.take(held)).toBe('held');
    expect(performance.now() - guard.lastHeldMs()).toBeLessThan(5);
    guard.close();
    expect(facts.map(({ kind }) => kind)).toEqual(['action.held', 'hold.resolved', 'action.refused']);
    holds[0]?.({ kind: 'approved', by: [], comment: '' });
    await new Promise((resolve) => setImmediate(resolve));
    expect(held.ran).toBe(false);
    expect(facts).toHaveLength(3);
    expect(guard.lastHeldMs()).toBeLessThanOrEqual(performance.now());
  });

  it('puts another policy in force at once, records that, and tells whoever listens', () => {
    const { guard, facts } = build(rules(1));
    const before = guard.rules;
    let told = 0;
    guard.onRulesChanged(() => told++);
    expect(guard.replace(rules(2, { statements: [{ block: ['drop'] }] }))).toBe(true);
    expect(guard.rules).not.toBe(before);
    expect(guard.rules).toMatchObject({ policyVersion: 2, sections: { statements: { unparsable: 'block' } } });
    expect(told).toBe(1);
    expect(facts).toEqual([{ kind: 'rules.changed', policyVersion: 2, rule: 'orders' }]);
  });

  it('another policy is asked again about what is held', () => {
    const { guard, facts } = build(rules(1));
    guard.gate.take({
      ...act({ section: 'statements', verdict: 'hold', why: '', approval }),
      judge: () => ({
        section: 'statements',
        verdict: guard.rules.policyVersion === 1 ? 'hold' : 'block',
        why: 'it does',
      }),
    });
    guard.replace(rules(2));
    expect(facts.map(({ kind }) => kind)).toEqual(['action.held', 'rules.changed', 'hold.resolved', 'action.refused']);
    expect(facts.at(-1)).toMatchObject({ reason: 'blocked', policyVersion: 2 });
  });

  it('takes rules that it has, and older ones, as no change', () => {
    const { guard, facts } = build(rules(2));
    const before = guard.rules;
    expect(guard.replace(rules(2))).toBe(false);
    expect(guard.replace(rules(1, { statements: [{ allow: ['select'] }] }))).toBe(false);
    expect(guard.rules).toBe(before);
    expect(facts).toEqual([]);
  });

  it('law 4: rules that do not compile are not skipped: it throws, and goes on under the ones it had until it is ended', () => {
    const { guard } = build(rules(1));
    const broken = { ...rules(2), statements: [{ block: ['no such act'] }] };
    expect(() => guard.replace(broken)).toThrow('no such act');
    expect(() => build(broken)).toThrow('no such act');
    expect(guard.rules.policyVersion).toBe(1);
  });

  it('counts rows over all statements, and says once too many went out by which rule', () => {
    const { guard, exceeded } = build(rules(1, { limits: { rowsOut: 10 } }));
    guard.countRows(6);
    guard.countRows(4);
    expect(exceeded).toEqual([]);
    guard.countRows(1);
    expect(exceeded).toEqual(['orders 10']);
  });

  it('a lower budget counts the rows that are gone already', () => {
    const { guard, exceeded } = build(rules(1));
    guard.countRows(50);
    guard.replace(rules(2, { limits: { rowsOut: 50 } }));
    expect(exceeded).toEqual([]);
    guard.replace(rules(3, { limits: { rowsOut: 49 } }));
    expect(exceeded).toEqual(['orders 49']);
  });

  it('another rate counts at once, with the statements of the last minute', () => {
    const { guard } = build(rules(1, { limits: { statementsPerMinute: 100 } }));
    for (let i = 0; i < 3; i++) expect(guard.gate.take(allowed())).toBe('forwarded');
    guard.replace(rules(2, { limits: { statementsPerMinute: 3 } }));
    expect(guard.gate.take(allowed())).toBe('refused');
    guard.replace(rules(3));
    expect(guard.gate.take(allowed())).toBe('forwarded');
  });

  it('records what was masked since the last time, by rule, also by rules that were replaced while a result ran', () => {
    const { guard, facts } = build(rules(1, MASK));
    const { masks } = guard.rules;
    masks.maskString('a@example.com, b@example.com');
    guard.recordMasked();
    guard.recordMasked();
    expect(facts).toEqual([{ kind: 'mask.applied', masked: [{ rule: 'orders#1/email', count: 2 }] }]);
    facts.length = 0;
    guard.replace(rules(2, MASK));
    masks.maskString('c@example.com');
    guard.rules.masks.maskString('d@example.com');
    guard.close();
    expect(facts.slice(1)).toEqual([
      { kind: 'mask.applied', masked: [{ rule: 'orders#1/email', count: 1 }] },
      { kind: 'mask.applied', masked: [{ rule: 'orders#1/email', count: 1 }] },
    ]);
  });

  it('records what was withheld, alike ones together', () => {
    const { guard, facts } = build(rules(1, MASK));
    for (const column of [1, 1, 2])
      guard.rules.masks.report({ kind: 'mask.withheld', reason: 'lineage_unknown', column });
    guard.recordMasked();
    expect(facts).toEqual([
      { kind: 'mask.withheld', reason: 'lineage_unknown', column: 1, count: 2 },
      { kind: 'mask.withheld', reason: 'lineage_unknown', column: 2, count: 1 },
    ]);
  });
});

describe('connections of one session', () => {
  const held = () => act({ section: 'statements', verdict: 'hold', why: '', approval });

  it('hold each their own: one that leaves withdraws nothing of another, on the same lane or any', async () => {
    const { guard, holds } = build(rules(1));
    const [one, other] = [guard.enter(), guard.enter()];
    const [first, second] = [held(), held()];
    expect([one.gate.take(first), other.gate.take(second)]).toEqual(['held', 'held']);
    one.gate.withdraw('all', 'cancelled');
    one.leave();
    holds[1]?.({ kind: 'approved', by: [], comment: '' });
    await new Promise((resolve) => setImmediate(resolve));
    expect([first.ran, second.ran]).toEqual([false, true]);
  });

  it('are each told of other rules, until they leave', () => {
    const { guard } = build(rules(1));
    const told: string[] = [];
    const [one, other] = [guard.enter(), guard.enter()];
    one.onRulesChanged(() => told.push('one'));
    other.onRulesChanged(() => told.push('other'));
    guard.replace(rules(2));
    one.leave();
    guard.replace(rules(3));
    expect(told).toEqual(['one', 'other', 'other']);
  });

  it('are counted together', () => {
    const { guard, exceeded } = build(rules(1, { limits: { rowsOut: 10, statementsPerMinute: 2 } }));
    const [one, other] = [guard.enter(), guard.enter()];
    one.countRows(6);
    other.countRows(5);
    expect(exceeded).toEqual(['orders 10']);
    expect([one.gate.take(allowed()), other.gate.take(allowed()), one.gate.take(allowed())]).toEqual([
      'forwarded',
      'forwarded',
      'refused',
    ]);
  });

  it('that left carry out nothing more, and write nothing into the recording', () => {
    const { guard, facts } = build(rules(1));
    const one = guard.enter();
    one.leave();
    const [late, waits] = [allowed(), held()];
    expect([one.gate.take(late), one.gate.take(waits)]).toEqual(['refused', 'refused']);
    expect([late.ran, waits.ran, facts]).toEqual([false, false, []]);
  });
});
