// What keeps one session, for whoever asks before a purge.

import type { LegalHold } from '../../core/retention/hold.ts';
import { DAY_MS, heldBy, mayPurge, possibleFrom, type StoredFacts } from '../../core/retention/may-purge.ts';
import type { Purge, SessionRetention } from '../../core/retention/purge.ts';
import type { RecordingPlatform } from '../../core/recording/segment.ts';
import type { SessionPrefix, VersionStore } from '../store/version-store.ts';
import { readStoredFacts } from './stored-facts.ts';

export async function sessionRetention(
  place: SessionPrefix,
  {
    holds,
    purge,
    granted,
    admitted,
  }: {
    readonly holds: readonly LegalHold[];
    readonly purge: Purge | undefined;
    /** Days, by the edge. */
    readonly granted: number | undefined;
    readonly admitted?: StoredFacts['admitted'];
  },
  deps: {
    readonly store: VersionStore;
    readonly platform: RecordingPlatform;
    readonly now: () => number;
    readonly edgeKey: string | undefined;
  },
): Promise<SessionRetention> {
  const { facts: stored, evidence } = await readStoredFacts(place, deps);
  const facts = { ...stored, granted, admitted };
  const refusals = mayPurge(facts, holds, deps.now(), 'due');
  const from = possibleFrom(refusals);
  const iso = (ms: number) => new Date(ms).toISOString();
  const { retention, storedMs } = facts;
  const days = Math.max(retention?.retainDays ?? 0, granted ?? 0);
  return {
    ...{ session: place.session, connector: place.connector, finished: facts.finished },
    ...(retention && { retention }),
    ...(storedMs !== undefined && { storedAt: iso(storedMs) }),
    ...(granted !== undefined && { granted }),
    ...(storedMs !== undefined && days > 0 && { keptUntil: iso(storedMs + days * DAY_MS) }),
    locks: facts.locks.map(({ mode, untilMs }) => ({ mode, until: iso(untilMs) })),
    evidence,
    heldObjects: facts.heldObjects,
    holds: heldBy(facts, holds).map(({ id }) => id),
    refusals,
    // Said before anybody is asked: no order of it could be told to be the edge's.
    early: [
      ...mayPurge(facts, holds, deps.now(), 'early'),
      ...(deps.edgeKey === undefined ? [{ why: 'not_ordered' as const }] : []),
    ],
    ...(from !== undefined && { possibleFrom: from }),
    ...(purge && { purge }),
  };
}
