// Whether what is stored of a session may be deleted now, and if not, why and from when on. Facts are the recording's and the
// store's own; no index is asked.

import { z } from 'zod';
import { HoldId } from '../ids.ts';
import { type HeldFacts, type LegalHold, holdsOn } from './hold.ts';

export const DAY_MS = 86_400_000;
/** Without its manifest a recording may still grow: its connector may be away from the store for a while. */
const UNFINISHED_MS = DAY_MS;

/** What a rule said of a session when its grant was made. It goes with the recording: a policy that changes later changes nothing. */
export const RetentionClass = z.object({
  rule: z.string(),
  policyVersion: z.number().int(),
  retainDays: z.number().int().min(1),
});
export type RetentionClass = z.infer<typeof RetentionClass>;

/** The strictest of the locks on a session's objects. */
export interface SessionLock {
  readonly mode: 'COMPLIANCE' | 'GOVERNANCE';
  /** Milliseconds since 1970. */
  readonly untilMs: number;
}

export interface StoredFacts extends HeldFacts {
  /** undefined: neither the manifest nor the first segment can be read. */
  readonly retention?: RetentionClass | undefined;
  /** Days for which the edge had it recorded when it admitted it; undefined: it does not say. A recording that says less is not believed. */
  readonly granted?: number | undefined;
  /** The edge's own words of whose it is, on what and when; they count beside the recording's. undefined: it does not say. */
  readonly admitted?: Omit<HeldFacts, 'session'> | undefined;
  /** There is a manifest: nothing more comes. */
  readonly finished: boolean;
  /** When its newest object was stored, by the store's clock; undefined: there is none. */
  readonly storedMs?: number | undefined;
  readonly locks: readonly SessionLock[];
  /** How many objects are under the store's own legal hold. */
  readonly heldObjects: number;
}

/** `due`: at its time. `early`: before, for the right to erasure, where the lock can be passed. */
export const PurgeMode = z.enum(['due', 'early']);
export type PurgeMode = z.infer<typeof PurgeMode>;

export const PurgeRefusal = z.discriminatedUnion('why', [
  /** Its rule keeps it until then. */
  z.object({ why: z.literal('kept'), until: z.iso.datetime() }),
  /** The recording says that it is kept for fewer days than the edge granted: those count. */
  z.object({
    why: z.literal('contradicted'),
    claimed: z.number().int(),
    granted: z.number().int(),
    until: z.iso.datetime(),
  }),
  /** The store's lock is longer, or cannot be passed. */
  z.object({ why: z.literal('locked'), mode: z.enum(['COMPLIANCE', 'GOVERNANCE']), until: z.iso.datetime() }),
  /** No manifest, and something was stored lately. */
  z.object({ why: z.literal('unfinished'), until: z.iso.datetime() }),
  z.object({ why: z.literal('held'), holds: z.array(HoldId) }),
  /** Objects are under the store's own legal hold. */
  z.object({ why: z.literal('held_objects'), objects: z.number().int() }),
  /** How long to keep it is not known, and no lock says so either: a person looks at it. */
  z.object({ why: z.literal('unknown') }),
  /** The store did not delete these although nothing is known against it: a permission is missing. */
  z.object({ why: z.literal('refused'), objects: z.number().int() }),
  /** The order is not signed by the edge, or for something else. */
  z.object({ why: z.literal('not_ordered') }),
  /** The table's holds are not those under which the edge signed the order. */
  z.object({ why: z.literal('holds_differ') }),
]);
export type PurgeRefusal = z.infer<typeof PurgeRefusal>;

/** Every reason against it, holds first; none: it may be purged. */
export function mayPurge(
  facts: StoredFacts,
  holds: readonly LegalHold[],
  nowMs: number,
  mode: PurgeMode,
): PurgeRefusal[] {
  const refusals: PurgeRefusal[] = [];
  const held = heldBy(facts, holds);
  if (held.length > 0) refusals.push({ why: 'held', holds: held.map(({ id }) => id) });
  if (facts.heldObjects > 0) refusals.push({ why: 'held_objects', objects: facts.heldObjects });
  const { storedMs, retention, granted, finished } = facts;
  // Nothing is left in the store: what remains are rows about it.
  if (storedMs === undefined) return refusals;
  if (mode === 'due') {
    const claimed = retention?.retainDays;
    const until = storedMs + Math.max(claimed ?? 0, granted ?? 0) * DAY_MS;
    if (until > nowMs) {
      const isShorter = claimed !== undefined && granted !== undefined && claimed < granted;
      const kept = isShorter ? { why: 'contradicted' as const, claimed, granted } : { why: 'kept' as const };
      refusals.push({ ...kept, until: iso(until) });
    }
    if (!retention && granted === undefined && facts.locks.length === 0) refusals.push({ why: 'unknown' });
  }
  if (!finished && storedMs + UNFINISHED_MS > nowMs)
    refusals.push({ why: 'unfinished', until: iso(storedMs + UNFINISHED_MS) });
  const inForce = facts.locks.filter(
    ({ untilMs, mode: lock }) => untilMs > nowMs && !(mode === 'early' && lock === 'GOVERNANCE'),
  );
  const [last] = inForce.toSorted((a, b) => b.untilMs - a.untilMs);
  if (last) refusals.push({ why: 'locked', mode: last.mode, until: iso(last.untilMs) });
  return refusals;
}

/** Of holds in force those that cover it by the recording's words, or by the edge's. */
export function heldBy(facts: HeldFacts & Pick<StoredFacts, 'admitted'>, holds: readonly LegalHold[]): LegalHold[] {
  const { session, admitted } = facts;
  const known = admitted ? [facts, { session, ...admitted }] : [facts];
  const ids = new Set(known.flatMap((each) => holdsOn(each, holds)).map(({ id }) => id));
  return holds.filter(({ id }) => ids.has(id));
}

/** When it becomes possible, as far as dates alone stand against it; undefined: something else does, or nothing. */
export function possibleFrom(refusals: readonly PurgeRefusal[]): string | undefined {
  const dates = refusals.map((refusal) => ('until' in refusal ? Date.parse(refusal.until) : Number.NaN));
  return dates.length === 0 || dates.some(Number.isNaN) ? undefined : iso(Math.max(...dates));
}

const iso = (ms: number): string => new Date(ms).toISOString();
