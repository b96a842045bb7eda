import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { newId } from '../ids.ts';
import { ResourceName } from '../resource.ts';
import type { LegalHold, HoldScope } from './hold.ts';
import { DAY_MS, mayPurge, possibleFrom, type StoredFacts } from './may-purge.ts';

const NOW = Date.parse('2026-11-30T00:00:00.000Z');
const sessions = [newId('ses'), newId('ses'), newId('ses')] as const;
const emails = ['alice@example.com', 'bob@example.com'];
const resources = ['orders', 'billing'].map((name) => ResourceName.parse(name));
const time = fc.integer({ min: NOW - 800 * DAY_MS, max: NOW + 800 * DAY_MS });
const isoTime = time.map((ms) => new Date(ms).toISOString());
const maybe = <T>(of: fc.Arbitrary<T>) => fc.option(of, { nil: undefined });

const facts: fc.Arbitrary<StoredFacts> = fc.record({
  session: fc.constantFrom(...sessions),
  email: maybe(fc.constantFrom(...emails)),
  resource: maybe(fc.constantFrom(...resources)),
  startedAt: maybe(isoTime),
  endedAt: maybe(isoTime),
  retention: maybe(
    fc.record({
      rule: fc.constant('demo'),
      policyVersion: fc.constant(1),
      retainDays: fc.integer({ min: 1, max: 400 }),
    }),
  ),
  granted: maybe(fc.integer({ min: 1, max: 400 })),
  finished: fc.boolean(),
  storedMs: maybe(time),
  locks: fc.array(fc.record({ mode: fc.constantFrom('COMPLIANCE' as const, 'GOVERNANCE' as const), untilMs: time }), {
    maxLength: 3,
  }),
  heldObjects: fc.constantFrom(0, 0, 0, 2),
});
const scope: fc.Arbitrary<HoldScope> = fc.oneof(
  fc.record({ of: fc.constant('session' as const), session: fc.constantFrom(...sessions) }),
  fc.record({ of: fc.constant('user' as const), email: fc.constantFrom('Alice@Example.com', ...emails) }),
  fc.record({ of: fc.constant('resource' as const), resource: fc.constantFrom(...resources) }),
  fc.record({ of: fc.constant('time' as const), since: isoTime, until: isoTime }),
  fc.record({
    of: fc.constant('sessions' as const),
    sessions: fc.uniqueArray(fc.constantFrom(...sessions), { minLength: 1 }),
  }),
);
const holdOf = (of: HoldScope): LegalHold => ({
  id: newId('hld'),
  scope: of,
  placed: { by: 'carol@example.com', at: '2026-01-01T00:00:00.000Z', reason: 'a dispute' },
});
const holds = fc.array(scope.map(holdOf), { maxLength: 4 });
const lift = (hold: LegalHold): LegalHold => ({
  ...hold,
  lifted: { by: 'dave@example.com', at: '2026-11-29T00:00:00.000Z' },
});
const mode = fc.constantFrom('due' as const, 'early' as const);
const may = (...args: Parameters<typeof mayPurge>) => mayPurge(...args).length === 0;

describe('whether a session may be purged', () => {
  it('is never yes under a hold that names it, in any mode and at any time', () => {
    const named = (session: StoredFacts): HoldScope[] => [
      { of: 'session', session: session.session },
      { of: 'sessions', sessions: [session.session] },
      ...(session.email === undefined ? [] : [{ of: 'user' as const, email: session.email.toUpperCase() }]),
      ...(session.resource === undefined
        ? []
        : [{ of: 'resource' as const, resource: ResourceName.parse(session.resource) }]),
    ];
    fc.assert(
      fc.property(facts, holds, time, mode, (session, others, now, asked) => {
        for (const each of named(session)) {
          const refusals = mayPurge(session, [...others, holdOf(each)], now, asked);
          expect(refusals[0]?.why).toBe('held');
        }
      }),
    );
  });

  it('is after lifting what it would be had there been no hold', () => {
    fc.assert(
      fc.property(facts, holds, time, mode, (session, some, now, asked) => {
        expect(mayPurge(session, some.map(lift), now, asked)).toEqual(mayPurge(session, [], now, asked));
      }),
    );
  });

  it('is never made yes by one hold more, nor by knowing less of the session', () => {
    fc.assert(
      fc.property(facts, holds, scope, time, mode, (session, some, more, now, asked) => {
        if (may(session, [...some, holdOf(more)], now, asked)) expect(may(session, some, now, asked)).toBe(true);
        const unknown = { ...session, email: undefined, resource: undefined, startedAt: undefined, endedAt: undefined };
        if (may(unknown, some, now, asked)) expect(may(session, some, now, asked)).toBe(true);
      }),
    );
  });

  it('stays yes as time goes on, and is never yes before the rule and every lock allow it', () => {
    fc.assert(
      fc.property(facts, holds, time, fc.nat(400), (session, some, now, days) => {
        if (!may(session, some, now, 'due')) return;
        expect(may(session, some, now + days * DAY_MS, 'due')).toBe(true);
        if (session.storedMs === undefined) return;
        if (session.retention)
          expect(now).toBeGreaterThanOrEqual(session.storedMs + session.retention.retainDays * DAY_MS);
        if (session.granted !== undefined)
          expect(now).toBeGreaterThanOrEqual(session.storedMs + session.granted * DAY_MS);
        for (const { untilMs } of session.locks) expect(now).toBeGreaterThanOrEqual(untilMs);
      }),
    );
  });

  it("is by the edge's word never later than by the longer of both, and a shorter claim is told as long as it matters", () => {
    fc.assert(
      fc.property(facts, holds, time, mode, (session, some, now, asked) => {
        const { retention, granted, storedMs } = session;
        const told = mayPurge(session, some, now, asked).find(({ why }) => why === 'contradicted');
        const days = granted !== undefined && retention && retention.retainDays < granted ? granted : undefined;
        const until = storedMs !== undefined && days !== undefined ? storedMs + days * DAY_MS : undefined;
        expect(told !== undefined).toBe(asked === 'due' && until !== undefined && until > now);
        // It changes nothing where the recording says as much, or more.
        const unsaid = { ...session, granted: undefined };
        if (retention && granted !== undefined && granted <= retention.retainDays)
          expect(mayPurge(session, some, now, asked)).toEqual(mayPurge(unsaid, some, now, asked));
        // And never hastens anything that the recording itself tells.
        if (retention && may(session, some, now, asked)) expect(may(unsaid, some, now, asked)).toBe(true);
      }),
    );
  });

  it('says from when on: then it is yes, and a moment before it is not', () => {
    fc.assert(
      fc.property(facts, holds, mode, (session, some, asked) => {
        const from = possibleFrom(mayPurge(session, some, NOW, asked));
        if (from === undefined) return;
        expect(may(session, some, Date.parse(from), asked)).toBe(true);
        expect(may(session, some, Date.parse(from) - 1, asked)).toBe(false);
      }),
    );
  });

  it('early passes governance and the rule, and nothing else', () => {
    fc.assert(
      fc.property(facts, holds, (session, some) => {
        const early = mayPurge(session, some, NOW, 'early');
        for (const lock of session.locks)
          if (session.storedMs !== undefined && lock.mode === 'COMPLIANCE' && lock.untilMs > NOW)
            expect(early.map(({ why }) => why)).toContain('locked');
        if (may(session, some, NOW, 'due')) expect(early).toEqual([]);
      }),
    );
  });

  const old: StoredFacts = {
    session: sessions[0],
    retention: { rule: 'demo', policyVersion: 1, retainDays: 1 },
    finished: true,
    storedMs: NOW - 400 * DAY_MS,
    locks: [],
    heldObjects: 0,
  };
  const whys = (change: Partial<StoredFacts>, asked: 'due' | 'early' = 'due', some: LegalHold[] = []) =>
    mayPurge({ ...old, ...change }, some, NOW, asked).map(({ why }) => why);

  it.each([
    ['nothing says how long', { retention: undefined, locks: [] }, 'unknown'],
    ['the store holds an object', { heldObjects: 1 }, 'held_objects'],
  ] as const)('is no where %s', (_, change, why) => {
    expect(whys({})).toEqual([]);
    expect(whys(change)).toEqual([why]);
  });

  it('is no for a day after the last object, and only where it has no manifest', () => {
    const stored = (ms: number, finished: boolean) => whys({ storedMs: NOW - ms, finished }, 'early');
    expect([stored(DAY_MS - 1, false), stored(DAY_MS, false), stored(0, true)]).toEqual([['unfinished'], [], []]);
  });

  it('is no where nothing says how long: not the recording, not the edge, not a lock', () => {
    const locks = [{ mode: 'COMPLIANCE' as const, untilMs: NOW - 1 }];
    const found = [{}, { locks }, { granted: 1 }, { retention: old.retention }].map((known) =>
      whys({ retention: undefined, ...known }),
    );
    expect(found).toEqual([['unknown'], [], [], []]);
    // Whoever orders it early has looked.
    expect(whys({ retention: undefined }, 'early')).toEqual([]);
  });

  it.each([
    ['COMPLIANCE', 'due', ['locked']],
    ['COMPLIANCE', 'early', ['locked']],
    ['GOVERNANCE', 'due', ['locked']],
    ['GOVERNANCE', 'early', []],
  ] as const)('under a %s lock %s: %j, up to its last moment', (mode, asked, why) => {
    const until = (untilMs: number) => whys({ locks: [{ mode, untilMs }] }, asked);
    expect([until(NOW + 1), until(NOW)]).toEqual([why, []]);
  });

  it('is contradicted by a longer grant alone', () => {
    const days = 500;
    const retention = { rule: 'demo', policyVersion: 1, retainDays: days };
    expect([days - 1, days, days + 1].flatMap((granted) => whys({ retention, granted }))).toEqual([
      ...['kept', 'kept', 'contradicted'],
    ]);
  });

  it('is no under a hold on what the recording says, and on what the edge does', () => {
    const [own, other] = emails as [string, string];
    const said = { email: own, resource: 'orders', startedAt: '2025-01-01T00:00:00.000Z' };
    const admitted = { email: other, resource: 'billing', startedAt: '2025-06-01T00:00:00.000Z' };
    const scopes: HoldScope[] = [
      ...emails.map((email) => ({ of: 'user' as const, email })),
      ...resources.map((resource) => ({ of: 'resource' as const, resource })),
    ];
    for (const each of scopes) expect(whys({ ...said, admitted }, 'due', [holdOf(each)])).toEqual(['held']);
    const both = scopes.map(holdOf);
    const [held] = mayPurge({ ...old, ...said, admitted }, both, NOW, 'due');
    expect(held).toEqual({ why: 'held', holds: both.map(({ id }) => id) });
    for (const each of [scopes[1], scopes[3]] as HoldScope[]) expect(whys(said, 'due', [holdOf(each)])).toEqual([]);
  });
});
