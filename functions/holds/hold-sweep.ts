// Puts the store's own legal hold on the objects of sessions under a hold, and takes it off when the last hold is lifted. It comes
// again and again: what arrived since, or was not reached, is held then. Nothing is lost in between, as every object is under a lock
// of its own from the moment it is stored. What the table says is held is looked at in the store once a day, so many objects a run:
// whoever may take holds off in S3 is found, and they are put back.

import { z } from 'zod';
import type { SessionQuery } from '../../core/catalogue.ts';
import { ConnectorId, HoldId, SessionId } from '../../core/ids.ts';
import type { RecordingPlatform } from '../../core/recording/segment.ts';
import { foldedAddress } from '../../core/identity.ts';
import { type LegalHold, holdsOn } from '../../core/retention/hold.ts';
import { DAY_MS } from '../../core/retention/may-purge.ts';
import type { CatalogueReader } from '../catalogue-table/reader.ts';
import { HELD_SESSIONS, HOLD_STANDINGS, SESSION_ROW, sessionPartition } from '../catalogue-table/schema.ts';
import type { CatalogueTable } from '../catalogue-table/table.ts';
import { RetriableFault } from '../faults.ts';
import type { PurgeLedger } from '../purge/ledger.ts';
import { inParallel } from '../purge/in-parallel.ts';
import { allVersions, readStoredFacts } from '../purge/stored-facts.ts';
import type { HoldingStore, SessionPrefix, StoredVersion, VersionStore } from '../store/version-store.ts';

/** Alarms count these lines by `kind` (docs/runbook.md). */
export type HoldEvent =
  | { readonly kind: 'hold.failed'; readonly session: string; readonly fault: string }
  /** So many objects that were held have no hold any more, and get it again; `missing`: so many are gone. */
  | { readonly kind: 'hold.lost'; readonly session: string; readonly unheld: number; readonly missing: number }
  | {
      readonly kind: 'hold.swept';
      readonly holds: number;
      readonly sessions: number;
      readonly released: number;
      /** Objects that were looked at in the store, of sessions that were held before. */
      readonly checked: number;
    };

interface HoldSweepDeps {
  readonly store: VersionStore & HoldingStore;
  readonly table: CatalogueTable;
  readonly catalogue: CatalogueReader;
  readonly ledger: PurgeLedger;
  readonly platform: RecordingPlatform;
  readonly now: () => number;
  readonly report: (event: HoldEvent) => void;
  /** Objects that are looked at again in a run. Default: CHECKED_A_RUN. */
  readonly checkedARun?: number;
}

/** Sessions are listed by their start. One that began so long before a held time may still run in it. */
const LONGEST_SESSION_MS = 31 * DAY_MS;
const PAGE = 100;
const CHECKED_AGAIN_MS = DAY_MS;
/** Objects of a run, and the rest of the session in which it is reached: a request each, so some four dollars a month if it is always. */
const CHECKED_A_RUN = 10_000;

const HeldRow = z.object({
  sk: SessionId,
  connector: ConnectorId,
  holds: z.array(HoldId),
  whole: z.boolean(),
  /** How many objects, when they were last seen to be held. An earlier release noted neither. */
  objects: z.number().int().optional(),
  checked: z.iso.datetime().optional(),
});
type HeldRow = z.infer<typeof HeldRow>;

export async function sweepHolds(deps: HoldSweepDeps): Promise<void> {
  const holds = await deps.ledger.holds();
  const inForce = holds.filter(({ lifted }) => lifted === undefined);
  const held = new Map<string, HeldRow>();
  for (const item of await deps.table.queryAll({
    KeyConditionExpression: 'pk = :pk',
    ExpressionAttributeValues: { ':pk': HELD_SESSIONS },
  })) {
    const row = HeldRow.parse(item);
    held.set(row.sk, row);
  }
  const seen = new Set<string>();
  const believed = new Map<string, HeldRow>();
  for (const hold of inForce) {
    let sessions = 0;
    let whole = true;
    for await (const place of sessionsOf(hold, deps)) {
      sessions++;
      const known = held.get(place.session);
      if (!seen.has(place.session)) {
        if (known?.whole && known.holds.includes(hold.id)) believed.set(place.session, known);
        else whole = (await holdSession(place, holds, deps)) && whole;
      }
      seen.add(place.session);
    }
    const at = new Date(deps.now()).toISOString();
    await deps.table.putAll([{ pk: HOLD_STANDINGS, sk: hold.id, sessions, whole, at }]);
  }
  const checked = await checkBelieved([...believed.values()], deps);
  const left = [...held.values()].filter(({ sk }) => !seen.has(sk));
  let released = 0;
  for (const { sk: session, connector } of left) if (await release({ session, connector }, deps)) released++;
  deps.report({ kind: 'hold.swept', holds: inForce.length, sessions: seen.size, released, checked });
}

/** false: not all of it is held yet, or more may come. */
async function holdSession(place: SessionPrefix, holds: readonly LegalHold[], deps: HoldSweepDeps): Promise<boolean> {
  try {
    const { facts, versions } = await readStoredFacts(place, deps);
    const on = holdsOn(facts, holds);
    if (on.length === 0) return true;
    const { objects, unheld } = await lookedAt(versions, deps.store);
    await holdThem(unheld, deps.store);
    const row = { connector: place.connector, holds: on.map(({ id }) => id), whole: facts.finished };
    const checked = new Date(deps.now()).toISOString();
    await deps.table.putAll([{ pk: HELD_SESSIONS, sk: place.session, ...row, objects, checked }]);
    return facts.finished;
  } catch (error) {
    return failed(place, error, deps);
  }
}

/** The objects that there are, and those of them that have no hold. */
async function lookedAt(versions: readonly StoredVersion[], store: VersionStore) {
  const unheld: StoredVersion[] = [];
  let objects = 0;
  await inParallel(
    versions.filter(({ marker }) => !marker),
    async (version) => {
      const lock = await store.lockOf(version);
      if (lock) objects++;
      if (lock?.held === false) unheld.push(version);
    },
  );
  return { objects, unheld };
}

const holdThem = (versions: readonly StoredVersion[], store: HoldingStore): Promise<void> =>
  inParallel(versions, async (version) => {
    await store.setHold(version, true);
  });

/** Those that nobody has looked at for longest come first. The number of objects that were looked at. */
async function checkBelieved(rows: readonly HeldRow[], deps: HoldSweepDeps): Promise<number> {
  const nowMs = deps.now();
  // A time to come is nobody's here.
  const since = ({ checked }: HeldRow) =>
    checked === undefined || Date.parse(checked) > nowMs ? 0 : Date.parse(checked);
  const due = rows.filter((row) => nowMs - since(row) >= CHECKED_AGAIN_MS).sort((a, b) => since(a) - since(b));
  let looked = 0;
  for (const row of due) {
    if (looked >= (deps.checkedARun ?? CHECKED_A_RUN)) break;
    const place = { session: row.sk, connector: row.connector };
    try {
      const { objects, unheld } = await lookedAt(await allVersions(place, deps.store), deps.store);
      looked += objects;
      const missing = Math.max(0, (row.objects ?? objects) - objects);
      // Before it is made good: a run that is killed in between has told it.
      if (unheld.length > 0 || missing > 0)
        deps.report({ kind: 'hold.lost', session: row.sk, unheld: unheld.length, missing });
      await holdThem(unheld, deps.store);
      await deps.table.putAll([{ pk: HELD_SESSIONS, ...row, objects, checked: new Date(nowMs).toISOString() }]);
    } catch (error) {
      failed(place, error, deps);
    }
  }
  return looked;
}

/**
 * By what is stored now: the catalogue may not list a session that a hold covers all the same. And by the holds of now: one may have come
 * since the sweep began.
 */
async function release(place: SessionPrefix, deps: HoldSweepDeps): Promise<boolean> {
  try {
    const { facts, versions } = await readStoredFacts(place, deps);
    if (holdsOn(facts, await deps.ledger.holds()).length > 0) return false;
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
      // Of an earlier release, which took any spelling: what it covers is listed under the one that people sign in with.
      for (const email of new Set([scope.email, foldedAddress(scope.email)]))
        yield* listed({ email, limit: PAGE }, catalogue);
      return;
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
