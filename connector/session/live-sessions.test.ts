import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { newId } from '../../core/ids.ts';
import { SessionRules } from '../../core/policy/session-rules.ts';
import type { Conversation } from '../door.ts';
import type { LiveGuard } from './guard/guard.ts';
import { LiveSession, LiveSessions } from './live-sessions.ts';

const MINUTE_MS = 60_000;
const rules = (policyVersion: number, limits: object = {}) =>
  SessionRules.parse({ policyVersion, rule: `orders-${policyVersion}`, limits });

describe('a live session', () => {
  let ended: string[];
  let activeMs: number;
  let heldMs: number;
  let applied: SessionRules[];

  beforeEach(() => {
    vi.useFakeTimers();
    ended = [];
    applied = [];
    activeMs = performance.now();
    heldMs = Number.NEGATIVE_INFINITY;
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  const conversation = (): Conversation => ({
    ended: new Promise(() => {}),
    end: (reason, message) => ended.push(`${reason}: ${message}`),
    logFailed: ({ message }) => ended.push(`log: ${message}`),
    lastActivityMs: () => activeMs,
  });
  const guardOf = (first: SessionRules): LiveGuard => {
    applied.push(first);
    return {
      replace(next: SessionRules) {
        if (next.rule === 'broken') throw new Error('it does not compile');
        applied.push(next);
        return true;
      },
      lastHeldMs: () => heldMs,
      close: () => undefined,
    } as LiveGuard;
  };
  const open = (idleTimeoutMs?: number) =>
    new LiveSession(newId('ses'), newId('grt'), { now: Date.now, idleTimeoutMs });
  const run = (limits: object, idleTimeoutMs?: number) => {
    const session = open(idleTimeoutMs);
    session.admit(rules(1, limits), guardOf);
    session.begin(conversation());
    return session;
  };

  it('is ended alone by a person, who and why in the words; what came before stays the cause', () => {
    const all = new LiveSessions(() => undefined);
    const [one, other] = [run({}), run({})];
    for (const session of [one, other]) all.add(session);
    all.end(one.id, 'carol@example.com', 'runaway query');
    all.end(newId('ses'), 'carol@example.com', 'of another connector');
    expect(ended).toEqual(['ended_by_person: Your session was ended by carol@example.com: runaway query']);
    all.end(one.id, 'bob@example.com', 'again');
    expect(one.cause?.message).toContain('carol@example.com');
    expect(other.cause).toBeUndefined();
  });

  it('ends after the length that its rule gives it, and says which rule', () => {
    run({ sessionLength: '1h' });
    vi.advanceTimersByTime(60 * MINUTE_MS - 1);
    expect(ended).toEqual([]);
    vi.advanceTimersByTime(2);
    expect(ended).toEqual(['session_too_long: Rule orders-1 lets a session last 1h. Connect again to go on.']);
  });

  it('ends with its time window', () => {
    run({ endsAt: new Date(Date.now() + 5 * MINUTE_MS).toISOString() });
    vi.advanceTimersByTime(5 * MINUTE_MS - 1);
    expect(ended).toEqual([]);
    vi.advanceTimersByTime(2);
    expect(ended[0]).toMatch(/^time_window_over: .*orders-1/);
  });

  it.each([
    ['10m', 5 * MINUTE_MS, 5, 'this gateway'],
    ['5m', 10 * MINUTE_MS, 5, 'rule orders-1'],
    ['5m', undefined, 5, 'rule orders-1'],
    [undefined, 5 * MINUTE_MS, 5, 'this gateway'],
  ])('idle %s by its rule and %s ms by the connector: the stricter counts', (idle, connectorMs, minutes, whose) => {
    run(idle ? { idle } : {}, connectorMs);
    vi.advanceTimersByTime(minutes * MINUTE_MS - 10);
    expect(ended).toEqual([]);
    vi.advanceTimersByTime(20);
    expect(ended[0]).toContain(`idle_timeout: Nothing was sent for 5m, which is as long as ${whose}`);
  });

  it('is not idle while something goes over it, nor while approvers are waited for', () => {
    run({ idle: '5m' });
    vi.advanceTimersByTime(4 * MINUTE_MS);
    activeMs = performance.now();
    vi.advanceTimersByTime(4 * MINUTE_MS);
    heldMs = performance.now();
    vi.advanceTimersByTime(5 * MINUTE_MS - 10);
    expect(ended).toEqual([]);
    vi.advanceTimersByTime(20);
    expect(ended).toHaveLength(1);
  });

  it('changed limits count at once, also shorter ones that are past', () => {
    const session = run({ sessionLength: '1h', idle: '10m' });
    vi.advanceTimersByTime(5 * MINUTE_MS);
    session.apply(rules(2, { sessionLength: '10m' }));
    vi.advanceTimersByTime(4 * MINUTE_MS);
    expect(ended).toEqual([]);
    session.apply(rules(3, { sessionLength: '5m' }));
    vi.advanceTimersByTime(1);
    expect(ended).toEqual([expect.stringContaining('Rule orders-3 lets a session last 5m')]);
    ended.length = 0;
    const idle = run({ idle: '10m' });
    vi.advanceTimersByTime(5 * MINUTE_MS);
    idle.apply(rules(2));
    vi.advanceTimersByTime(60 * MINUTE_MS);
    expect(ended).toEqual([]);
  });

  it('rules that come while it is being opened are not lost, and the newest count', () => {
    const session = open();
    session.apply(rules(3));
    session.apply(rules(2));
    session.admit(rules(1), guardOf);
    expect(applied.map(({ policyVersion }) => policyVersion)).toEqual([3]);
    const other = open();
    other.apply(rules(3));
    other.admit(rules(4), guardOf);
    other.apply(rules(5));
    expect(applied.slice(1).map(({ policyVersion }) => policyVersion)).toEqual([4, 5]);
  });

  it('law 4: no rules, or ones that cannot be applied, end it; others go on', () => {
    const bugs: unknown[] = [];
    const sessions = new LiveSessions((error) => bugs.push(error));
    const [none, broken, well] = [run({}), run({}), run({})];
    for (const session of [none, broken, well]) sessions.add(session);
    sessions.applyRules([none.id], undefined);
    expect(none.cause).toMatchObject({ reason: 'policy_denied' });
    sessions.applyRules([broken.id, well.id, newId('ses')], { ...rules(2), rule: 'broken' });
    expect(broken.cause).toMatchObject({ reason: 'policy_denied' });
    expect(bugs).toEqual([new Error('it does not compile')]);
    const newer = run({});
    sessions.add(newer);
    sessions.applyRules([newer.id], 'unknown');
    expect(newer.cause).toMatchObject({ reason: 'policy_denied' });
    sessions.applyRules([well.id], rules(3));
    expect(applied.at(-1)?.policyVersion).toBe(3);
    const early = open();
    sessions.add(early);
    sessions.applyRules([early.id], undefined);
    early.begin(conversation());
    expect(ended.at(-1)).toMatch(/^policy_denied/);
  });

  it('is told to the edge once the edge has let it in, not while it is being asked', () => {
    const sessions = new LiveSessions(() => {});
    const session = open();
    sessions.add(session);
    expect(sessions.ids()).toEqual([]);
    session.known = true;
    expect(sessions.ids()).toEqual([session.id]);
  });

  it('leaves no timer behind', () => {
    const session = run({ idle: '5m', sessionLength: '1h', endsAt: new Date(Date.now() + MINUTE_MS).toISOString() });
    session.endAt(Date.now() + MINUTE_MS, Date.now);
    session.close();
    expect(vi.getTimerCount()).toBe(0);
  });
});
