// Deletes all that is stored of one session, in an order in which a run that is killed anywhere can be run again: objects (what
// tells of the retention last), then rows; what was derived, of many at once. Whether it may is asked of the store each time it begins.

import { mayPurge, type PurgeMode, type PurgeRefusal, type StoredFacts } from '../../core/retention/may-purge.ts';
import type { Purge } from '../../core/retention/purge.ts';
import type { SessionId } from '../../core/ids.ts';
import type { RecordingPlatform } from '../../core/recording/segment.ts';
import type { CatalogueTable, ItemKey } from '../catalogue-table/table.ts';
import { duePartition, SESSION_ROW, sessionPartition } from '../catalogue-table/schema.ts';
import { RetriableFault } from '../faults.ts';
import type { SessionPrefix, VersionStore } from '../store/version-store.ts';
import { inParallel } from './in-parallel.ts';
import type { OrderStanding } from './order-proof.ts';
import { allVersions, readStoredFacts } from './stored-facts.ts';

/** What was made of recordings and goes with them: search segments, rendered files. */
interface Derived {
  /** Resolves when nothing of the sessions is left in it; may be killed anywhere and run again. */
  remove(sessions: readonly SessionId[]): Promise<void>;
}

export interface PurgeSessionDeps {
  readonly store: VersionStore;
  readonly table: CatalogueTable;
  readonly platform: RecordingPlatform;
  readonly derived: readonly Derived[];
  readonly now: () => number;
}

type Outcome = { readonly state: 'done' } | { readonly state: 'refused'; readonly refusals: readonly PurgeRefusal[] };

/** `standing`: what its order stands under now. Throws RetriableFault where store or table do not answer: run it again. */
export async function purgeSession(
  {
    session,
    connector,
    retention,
    granted,
    admitted,
  }: SessionPrefix & Pick<Purge, 'retention' | 'granted'> & Pick<StoredFacts, 'admitted'>,
  mode: PurgeMode,
  standing: () => Promise<OrderStanding>,
  deps: PurgeSessionDeps,
): Promise<Outcome> {
  const place = { session, connector };
  const { facts, versions } = await readStoredFacts(place, deps);
  // The catalogue's rows may outlive the objects by a killed run: the class is then only known from before.
  const known = facts.retention ?? retention;
  // Asked behind what takes long, and of each session: a hold that was placed while others were purged counts.
  const { counting, wrong } = await standing();
  const refusals = [
    ...wrong,
    ...mayPurge({ ...facts, retention: known, granted, admitted }, counting, deps.now(), mode),
  ];
  if (refusals.length > 0) return { state: 'refused', refusals };
  let refused = 0;
  // One layer after the other, so that what tells of the retention is there as long as anything is.
  for (const layer of layersOf(versions)) {
    if (refused > 0) break;
    await inParallel(layer, async (version) => {
      if ((await deps.store.remove(version, mode === 'early')) === 'refused') refused++;
    });
  }
  if (refused > 0) return { state: 'refused', refusals: [{ why: 'refused', objects: refused }] };
  const left = (await allVersions(place, deps.store)).length;
  // Its connector was away and has stored more meanwhile: under a lock of its own, so the next run says until when.
  if (left > 0) throw new RetriableFault(`${left} versions of ${session} are there after they were deleted`);
  await removeRows(place, deps);
  return { state: 'done' };
}

/** Of many sessions at once: one by one the same segment would be written anew for each. Throws RetriableFault. */
export async function removeDerived(
  sessions: readonly SessionId[],
  { derived }: Pick<PurgeSessionDeps, 'derived'>,
): Promise<void> {
  for (const each of derived) await each.remove(sessions);
}

function layersOf<T extends { readonly key: string; readonly marker: boolean }>(versions: readonly T[]): T[][] {
  const first = versions.filter(({ key }) => !isTelling(key));
  // Sorted by readStoredFacts: segment 0, the manifest, markers over them.
  return [first, ...versions.filter(({ key }) => isTelling(key)).map((version) => [version])];
}

const isTelling = (key: string): boolean => key.endsWith('/manifest.json') || key.endsWith('/00000000.seg');

/** The row stays as a mark that the session was purged, so that no late event brings it back: two ids and a time. */
async function removeRows({ session, connector }: SessionPrefix, { table, now }: PurgeSessionDeps): Promise<void> {
  const pk = sessionPartition(session);
  // Before its time: nobody has to look at it on its day any more.
  const row = await table.get({ pk, sk: SESSION_ROW });
  if (typeof row?.due === 'string') await table.deleteAll([{ pk: duePartition(row.due), sk: session }]);
  await table.putAll([{ pk, sk: SESSION_ROW, connector, purged: new Date(now()).toISOString() }]);
  await table.deleteAll(await rowKeys(pk, table));
  const left = await rowKeys(pk, table);
  if (left.length > 0) throw new RetriableFault(`${left.length} rows of ${session} are there after they were deleted`);
}

export async function rowKeys(pk: string, table: CatalogueTable): Promise<ItemKey[]> {
  const items = await table.queryAll({
    KeyConditionExpression: 'pk = :pk',
    ExpressionAttributeValues: { ':pk': pk },
    ProjectionExpression: 'pk, sk',
  });
  return items.map(({ sk }) => ({ pk, sk: String(sk) })).filter(({ sk }) => sk !== SESSION_ROW);
}
