// Retention in memory over the fake Gatehouse's sessions: as core decides what may be purged, for thirty days and with the locks
// that a test sets.

import { type IdSource, newId, type SessionId } from '../../../core/ids.ts';
import type { Identity } from '../../../core/identity.ts';
import { err, ok } from '../../../core/result.ts';
import { type HeldFacts, holdsOn, type PlacedScope } from '../../../core/retention/hold.ts';
import { DAY_MS, mayPurge, possibleFrom, type PurgeMode, type SessionLock } from '../../../core/retention/may-purge.ts';
import type { RetentionOverview } from '../../../core/retention/overview.ts';
import type { HoldList, Purge, PurgeRan, PurgeReport, SessionRetention } from '../../../core/retention/purge.ts';
import type { Gatehouse, UseCaseFault } from '../../../edge/gatehouse.ts';
import type { FakeSession } from '../fake-gatehouse.ts';

type RetentionUseCases = Pick<
  Gatehouse,
  | 'placeHold'
  | 'liftHold'
  | 'holds'
  | 'retentionOverview'
  | 'sessionRetention'
  | 'purgeReport'
  | 'purges'
  | 'orderDuePurges'
  | 'purgeEarly'
>;

export interface FakeRetention {
  readonly holds: HoldList['holds'];
  readonly purges: Map<string, Purge>;
  classes: RetentionOverview['classes'];
  lockMode: SessionLock['mode'] | undefined;
  due: RetentionOverview['due'];
  lastRun: PurgeRan | undefined;
  /** Of a page of purges. */
  purgesAPage: number;
}

interface FakeRetentionDeps {
  readonly stored: ReadonlyMap<string, FakeSession>;
  readonly ids: IdSource;
  now(): number;
  may(who: Identity): boolean;
  note(method: string, who: Identity, object?: string): void;
  fault(): UseCaseFault | undefined;
}

const RETAIN_DAYS = 30;

export function fakeRetention(deps: FakeRetentionDeps): { keeping: FakeRetention; useCases: RetentionUseCases } {
  const keeping: FakeRetention = {
    ...{ holds: [], purges: new Map(), lockMode: 'GOVERNANCE', due: [], lastRun: undefined, purgesAPage: 200 },
    classes: [{ rule: 'demo-developers', retainDays: RETAIN_DAYS }],
  };
  const asked = new Map<string, NonNullable<SessionRetention['asked']>>();
  const iso = (ms: number) => new Date(ms).toISOString();

  const guarded = <A extends unknown[], T>(
    method: string,
    act: (who: Identity, ...args: A) => T | ReturnType<typeof refuse>,
  ) => {
    return async (who: Identity, ...args: A) => {
      deps.note(method, who, String(args[0] ?? ''));
      const fault = deps.fault();
      if (fault) return err(fault);
      if (!deps.may(who)) return refuse('forbidden', 'Holds and purges are for auditors and administrators.');
      return act(who, ...args);
    };
  };

  function keptOf(id: SessionId): SessionRetention | undefined {
    const entry = deps.stored.get(id)?.entry;
    if (!entry) return undefined;
    const { email, resource, startedAt, endedAt, rule, connector } = entry;
    const storedMs = Date.parse(endedAt ?? iso(deps.now()));
    const held: HeldFacts = { session: id, email, resource, startedAt, endedAt };
    const retention = { rule, policyVersion: 7, retainDays: RETAIN_DAYS };
    const untilMs = storedMs + RETAIN_DAYS * DAY_MS;
    const locks = keeping.lockMode ? [{ mode: keeping.lockMode, untilMs }] : [];
    const finished = endedAt !== undefined;
    const facts = { ...held, retention, finished, storedMs, locks, heldObjects: 0 };
    const against = (mode: PurgeMode) => mayPurge(facts, keeping.holds, deps.now(), mode);
    const from = possibleFrom(against('due'));
    const purge = keeping.purges.get(id);
    const waiting = asked.get(id);
    return {
      ...{ session: id, connector, retention, finished, storedAt: iso(storedMs), keptUntil: iso(untilMs) },
      ...{ locks: locks.map(({ mode }) => ({ mode, until: iso(untilMs) })), heldObjects: 0 },
      evidence: { manifest: 'ab'.repeat(32) as never, versions: entry.segments + 1, markers: 0, bytes: 48_220 },
      ...{
        holds: holdsOn(held, keeping.holds).map((hold) => hold.id),
        refusals: against('due'),
        early: against('early'),
      },
      ...(from !== undefined && { possibleFrom: from }),
      ...(purge && { purge }),
      ...(waiting && { asked: waiting }),
    };
  }

  function order(kept: SessionRetention, mode: PurgeMode): void {
    const { session, connector, retention, evidence } = kept;
    const at = iso(deps.now());
    const purge: Purge = { session, connector, state: 'ordered', at, evidence, order: { mode, at, audit: 1201 } };
    keeping.purges.set(session, { ...purge, ...(retention && { retention }) });
  }

  function report(): PurgeReport {
    const all = [...deps.stored.keys()].flatMap((id) => keptOf(id as SessionId) ?? []);
    const dueOf = all.filter(({ keptUntil = '' }) => Date.parse(keptUntil) <= deps.now());
    const free = dueOf.filter(({ refusals }) => refusals.length === 0);
    const [ordered, proposed] = [free.filter(({ purge }) => purge), free.filter(({ purge }) => !purge)];
    return {
      ...{ at: iso(deps.now()), dryRun: true, failed: [], more: false },
      purged: ordered.map(({ session }) => session),
      proposed: proposed.map(({ session }) => session),
      refused: dueOf
        .filter(({ refusals }) => refusals.length > 0)
        .map(({ session, refusals }) => ({ session, refusals })),
    };
  }

  const useCases: RetentionUseCases = {
    placeHold: guarded('placeHold', (who, scope: PlacedScope, reason: string) => {
      if (scope.of === 'search') return refuse('unavailable', 'Nothing is searched here.');
      const hold = { id: newId('hld', deps.ids), scope, placed: { by: who.email, at: iso(deps.now()), reason } };
      keeping.holds.unshift(hold);
      return ok(hold);
    }) as RetentionUseCases['placeHold'],
    liftHold: guarded('liftHold', (who, id: string, reason: string) => {
      const hold = keeping.holds.find((each) => each.id === id);
      if (!hold) return refuse('not_found', 'There is no such hold.');
      if (hold.lifting?.by === who.email) return refuse('denied', 'You asked to lift it. Somebody else has to agree.');
      const at = iso(deps.now());
      if (hold.lifting) hold.lifted = { by: who.email, at };
      else hold.lifting = { by: who.email, at, reason };
      return ok(hold);
    }),
    holds: guarded('holds', () => ok({ holds: keeping.holds })),
    retentionOverview: guarded('retentionOverview', () => {
      const { classes, holds, due } = keeping;
      return ok({ policyVersion: 7, classes, holds, ...(due && { due }) });
    }),
    sessionRetention: guarded('sessionRetention', (_who, id: SessionId) => {
      const kept = keptOf(id);
      return kept ? ok(kept) : refuse('not_found', 'There is no such session.');
    }),
    purgeReport: guarded('purgeReport', () => ok(report())),
    purges: guarded('purges', (_who, after: SessionId | undefined) => {
      const all = [...keeping.purges.values()].sort((a, b) => (a.session < b.session ? -1 : 1));
      const rest = all.filter(({ session }) => after === undefined || session > after);
      const page = rest.slice(0, keeping.purgesAPage);
      const last = page.at(-1)?.session;
      return ok({
        purges: page,
        ...(rest.length > page.length && last && { after: last }),
        ...(after === undefined && keeping.lastRun && { lastRun: keeping.lastRun }),
      });
    }),
    orderDuePurges: guarded('orderDuePurges', () => {
      const { proposed } = report();
      for (const id of proposed) {
        const kept = keptOf(id);
        if (kept) order(kept, 'due');
      }
      return ok({ ordered: proposed });
    }),
    purgeEarly: guarded('purgeEarly', (who, id: SessionId, reason: string) => {
      const kept = keptOf(id);
      if (!kept) return refuse('not_found', 'There is no such session.');
      if (kept.early.length > 0) return refuse('denied', 'Something stands against it.');
      const waiting = asked.get(id);
      if (waiting?.by === who.email) return refuse('denied', 'You asked for it. Somebody else has to agree.');
      if (!waiting) {
        const until = iso(deps.now() + 7 * DAY_MS);
        asked.set(id, { by: who.email, reason, until });
        return ok({ session: id, state: 'waiting' as const, until });
      }
      asked.delete(id);
      order(kept, 'early');
      return ok({ session: id, state: 'ordered' as const });
    }),
  };
  return { keeping, useCases };
}

const refuse = (reason: UseCaseFault['reason'], message: string) => err<UseCaseFault>({ reason, message });
