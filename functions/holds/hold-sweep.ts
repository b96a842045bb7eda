// Puts the store's own legal hold on the objects of sessions under a hold, and takes it off when the last hold is lifted. It comes
// again and again: what arrived since, or was not reached, is held then. Nothing is lost in between, as every object is under a lock
// of its own from the moment it is stored.

import { z } from 'zod';
import type { SessionQuery } from '../../core/catalogue.ts';
import { ConnectorId, HoldId, SessionId } from '../../core/ids.ts';
import type { RecordingPlatform } from '../../core/recording/segment.ts';
import { type LegalHold, holdsOn } from '../../core/retention/hold.ts';
import { DAY_MS } from '../../core/retention/may-purge.ts';
import type { CatalogueReader } from '../catalogue-table/reader.ts';
import { HELD_SESSIONS, HOLD_STANDINGS, SESSION_ROW, sessionPartition } from '../catalogue-table/schema.ts';
import type { CatalogueTable } from '../catalogue-table/table.ts';
import { RetriableFault } from '../faults.ts';
import type { PurgeLedger } from '../purge/ledger.ts';
import { inParallel } from '../purge/in-parallel.ts';
import { readStoredFacts } from '../purge/stored-facts.ts';
import type { HoldingStore, SessionPrefix, VersionStore } from '../store/version-store.ts';

/** Alarms count these lines by `kind` (docs/runbook.md). */
export type HoldEvent =
  | { readonly kind: 'hold.failed'; readonly session: string; readonly fault: string }
  | { readonly kind: 'hold.swept'; readonly holds: number; readonly sessions: number; readonly released: number };

interface HoldSweepDeps {
  readonly store: VersionStore & HoldingStore;
  readonly table: CatalogueTable;
  readonly catalogue: CatalogueReader;
  readonly ledger: PurgeLedger;
  readonly platform: RecordingPlatform;
  readonly now: () => number;
  readonly report: (event: HoldEvent) => void;
}

/** Sessions are listed by their start. One that began so long before a held time may still run in it. */
const LONGEST_SESSION_MS = 31 * DAY_MS;
const PAGE = 100;

const HeldRow = z.object({ sk: SessionId, connector: ConnectorId, holds: z.array(HoldId), whole: z.boolean() });

export async function sweepHolds(deps: HoldSweepDeps): Promise<void> {
  const holds = await deps.ledger.holds();
  const inForce = holds.filter(({ lifted }) => lifted === undefined);
  const held = new Map<string, z.infer<typeof HeldRow>>();
  for (const item of await deps.table.queryAll({
    KeyConditionExpression: 'pk = :pk',
    ExpressionAttributeValues: { ':pk': HELD_SESSIONS },
  })) {
    const row = HeldRow.parse(item);
    held.set(row.sk, row);
  }
  const seen = new Set<string>();
  for (const hold of inForce) {
    let sessions = 0;
    let whole = true;
    for await (const place of sessionsOf(hold, deps)) {
      sessions++;
      const known = held.get(place.session);
      if (!seen.has(place.session) && !(known?.whole && known.holds.includes(hold.id)))
        whole = (await holdSession(place, holds, deps)) && whole;
      seen.add(place.session);
    }
    const at = new Date(deps.now()).toISOString();
    await deps.table.putAll([{ pk: HOLD_STANDINGS, sk: hold.id, sessions, whole, at }]);
  }
  let released = 0;
  for (const row of held.values())
    if (!seen.has(row.sk) && (await release({ session: row.sk, connector: row.connector }, holds, deps))) released++;
  deps.report({ kind: 'hold.swept', holds: inForce.length, sessions: seen.size, released });
}

/** false: not all of it is held yet, or more may come. */
async function holdSession(place: SessionPrefix, holds: readonly LegalHold[], deps: HoldSweepDeps): Promise<boolean> {
  try {
    const { facts, versions } = await readStoredFacts(place, deps);
    const on = holdsOn(facts, holds);
    if (on.length === 0) return true;
    await inParallel(
      versions.filter(({ marker }) => !marker),
      async (version) => {
        if ((await deps.store.lockOf(version))?.held === false) await deps.store.setHold(version, true);
      },
    );
    const row = { connector: place.connector, holds: on.map(({ id }) => id), whole: facts.finished };
    await deps.table.putAll([{ pk: HELD_SESSIONS, sk: place.session, ...row }]);
    return facts.finished;
  } catch (error) {
    return failed(place, error, deps);
  }
}

/** By what is stored now: the catalogue may not list a session that a hold covers all the same. */
async function release(place: SessionPrefix, holds: readonly LegalHold[], deps: HoldSweepDeps): Promise<boolean> {
  try {
    const { facts, versions } = await readStoredFacts(place, deps);
    if (holdsOn(facts, holds).length > 0) return false;
    await inParallel(
      versions.filter(({ marker }) => !marker),
      async (version) => {
        if ((await deps.store.lockOf(version))?.held) await deps.store.setHold(version, false);
      },
    );
    await deps.table.deleteAll([{ pk: HELD_SESSIONS, sk: place.session }]);
    return true;
  } catch (error) {
    return failed(place, error, deps);
  }
}

function failed(place: SessionPrefix, error: unknown, deps: HoldSweepDeps): false {
  if (!(error instanceof RetriableFault)) throw error;
  deps.report({ kind: 'hold.failed', session: place.session, fault: error.message });
  return false;
}

async function* sessionsOf({ scope }: LegalHold, { catalogue, table }: HoldSweepDeps): AsyncGenerator<SessionPrefix> {
  switch (scope.of) {
    case 'session':
    case 'sessions':
      return yield* placesOf(scope.of === 'session' ? [scope.session] : scope.sessions, table);
    case 'user':
      return yield* listed({ email: scope.email, limit: PAGE }, catalogue);
    case 'resource':
      return yield* listed({ resource: scope.resource, limit: PAGE }, catalogue);
    case 'time': {
      const since = new Date(Date.parse(scope.since) - LONGEST_SESSION_MS).toISOString();
      return yield* listed({ since, until: scope.until, limit: PAGE }, catalogue);
    }
  }
}

/** A hundred rows at a call: there may be thousands. A purged session's row is none to hold. */
async function* placesOf(sessions: readonly SessionId[], table: CatalogueTable): AsyncGenerator<SessionPrefix> {
  for (let at = 0; at < sessions.length; at += PAGE) {
    const byPartition = new Map(sessions.slice(at, at + PAGE).map((session) => [sessionPartition(session), session]));
    const keys = [...byPartition.keys()].map((pk) => ({ pk, sk: SESSION_ROW }));
    for (const { pk, connector, purged } of await table.getAll(keys)) {
      const session = byPartition.get(String(pk));
      const known = ConnectorId.safeParse(connector).data;
      if (session && known && purged === undefined) yield { session, connector: known };
    }
  }
}

async function* listed(query: SessionQuery, catalogue: CatalogueReader): AsyncGenerator<SessionPrefix> {
  let cursor: string | undefined;
  do {
    const page = await catalogue.sessions({ ...query, ...(cursor !== undefined && { cursor }) });
    if (!page.ok) throw new RetriableFault('the catalogue did not take its own cursor');
    for (const { id, connector } of page.value.sessions) yield { session: id, connector };
    cursor = page.value.cursor;
  } while (cursor !== undefined);
}
