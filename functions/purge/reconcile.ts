// Looks for what fits nowhere: sessions in the store that the catalogue does not list, recordings that nobody finished, objects behind
// delete markers, rows whose objects are gone. What can be finished is finished, all is reported, and no object is deleted. Each
// run goes on where the last one stopped; a round over everything begins once a day.

import { z } from 'zod';
import { ConnectorId, SessionId } from '../../core/ids.ts';
import { dayOf } from '../../core/retention/due-day.ts';
import { DAY_MS } from '../../core/retention/may-purge.ts';
import type { CatalogueReader } from '../catalogue-table/reader.ts';
import { RECONCILE, SESSION_ROW, sessionPartition } from '../catalogue-table/schema.ts';
import type { CatalogueTable } from '../catalogue-table/table.ts';
import { RetriableFault } from '../faults.ts';
import {
  RECORDINGS_PREFIX,
  type SessionPrefix,
  type StoredVersion,
  type VersionStore,
} from '../store/version-store.ts';
import type { DueSessions } from './due.ts';

/** Alarms count these lines by `kind` (docs/runbook.md). */
export interface OrphanEvent {
  readonly kind: 'orphan.found';
  readonly session: string;
  /** `hidden`: behind a delete marker, which is taken away. */
  readonly what: 'unlisted' | 'unfinished' | 'hidden' | 'without_objects';
}

interface ReconcileDeps {
  readonly store: VersionStore;
  readonly table: CatalogueTable;
  readonly catalogue: CatalogueReader;
  readonly due: DueSessions;
  readonly now: () => number;
  readonly report: (event: OrphanEvent) => void;
  /** Sessions and rows that one run looks at, each. */
  readonly maxSessions: number;
  readonly beginUntilMs: number;
}

/** An event may be under way for that long before its row is there. */
const INDEXED_MS = DAY_MS;
/** A session may be still that long and go on. */
const UNFINISHED_MS = 7 * DAY_MS;
const PAGE = 200;

const Position = z.object({ at: z.string().optional(), began: z.number() });
const Row = z.looseObject({
  connector: ConnectorId,
  opened: z.unknown().optional(),
  due: z.string().optional(),
  purged: z.string().optional(),
});

interface Found extends SessionPrefix {
  readonly markers: StoredVersion[];
  newestMs: number;
  finished: boolean;
}

export async function reconcile(deps: ReconcileDeps): Promise<void> {
  await inRounds('objects', deps, (at) => lookAtObjects(at ?? RECORDINGS_PREFIX, deps));
  await inRounds('rows', deps, (at) => lookAtRows(at, deps));
}

/** `work` resolves to where to go on, or undefined when the round is over. */
async function inRounds(
  name: string,
  { table, now }: ReconcileDeps,
  work: (at: string | undefined) => Promise<string | undefined>,
): Promise<void> {
  const key = { pk: RECONCILE, sk: name };
  const known = Position.safeParse(await table.get(key)).data;
  const age = known && now() - known.began;
  // A time to come is nobody's: a clock that was ahead must not put off the next round.
  if (age !== undefined && known?.at === undefined && age >= 0 && age < DAY_MS) return;
  const began = known?.at === undefined ? now() : known.began;
  const at = await work(known?.at);
  await table.putAll([{ ...key, began, ...(at !== undefined && { at }) }]);
}

async function lookAtObjects(startAfter: string, deps: ReconcileDeps): Promise<string | undefined> {
  let found: Found | undefined;
  let looked = 0;
  const settled = (whole: Found | undefined) => answered(async () => whole && judge(whole, deps));
  for await (const version of deps.store.walk(startAfter)) {
    const place = placeOf(version.key);
    if (!place) continue;
    if (found?.session !== place.session || found.connector !== place.connector) {
      await settled(found);
      // Before this session: its objects are looked at together.
      if (looked++ >= deps.maxSessions || deps.now() > deps.beginUntilMs)
        return `${RECORDINGS_PREFIX}${place.connector}/${place.session}`;
      found = { ...place, markers: [], newestMs: 0, finished: false };
    }
    if (version.marker) found.markers.push(version);
    else found.newestMs = Math.max(found.newestMs, version.storedMs);
    if (!version.marker && version.key.endsWith('/manifest.json')) found.finished = true;
  }
  await settled(found);
  return undefined;
}

async function judge(found: Found, deps: ReconcileDeps): Promise<void> {
  const { session, connector } = found;
  const place = { session, connector };
  const report = (what: OrphanEvent['what']) => deps.report({ kind: 'orphan.found', session, what });
  const item = await deps.table.get({ pk: sessionPartition(session), sk: SESSION_ROW });
  const row = Row.safeParse(item).data;
  const age = deps.now() - found.newestMs;
  if (found.markers.length > 0 && row?.purged === undefined) {
    report('hidden');
    for (const marker of found.markers) await deps.store.remove(marker, false);
  }
  if (row?.purged !== undefined || row?.connector !== connector || row.opened === undefined) {
    if (age < INDEXED_MS) return;
    if (row?.purged === undefined) report('unlisted');
    // Nobody else would ever look whether it may go.
    await deps.due.add(place, dayOf(deps.now()));
    return;
  }
  if (!found.finished && age > UNFINISHED_MS) report('unfinished');
  // Of an earlier release, which noted no day. The purge moves it to the right one.
  if (row.due === undefined) {
    const day = dayOf(deps.now());
    await deps.due.add(place, day);
    await deps.table.update({
      Key: { pk: sessionPartition(session), sk: SESSION_ROW },
      UpdateExpression: 'SET due = :day',
      ConditionExpression: 'attribute_exists(connector) AND attribute_not_exists(purged)',
      ExpressionAttributeValues: { ':day': day },
      ReturnValues: 'NONE',
    });
  }
}

async function lookAtRows(cursor: string | undefined, deps: ReconcileDeps): Promise<string | undefined> {
  let at = cursor;
  for (let looked = 0; looked < deps.maxSessions && deps.now() <= deps.beginUntilMs; ) {
    const page = await deps.catalogue.sessions({ limit: PAGE, ...(at !== undefined && { cursor: at }) });
    if (!page.ok) throw new RetriableFault('the catalogue did not take its own cursor');
    for (const { id: session, connector } of page.value.sessions) {
      looked++;
      await answered(async () => {
        const { versions } = await deps.store.versions({ session, connector });
        if (!versions.some(({ marker }) => !marker))
          deps.report({ kind: 'orphan.found', session, what: 'without_objects' });
      });
    }
    at = page.value.cursor;
    if (at === undefined) return undefined;
  }
  return at;
}

/** One session for which the store does not answer holds up no other; the next round looks again. */
async function answered(look: () => Promise<void>): Promise<void> {
  try {
    await look();
  } catch (error) {
    if (!(error instanceof RetriableFault)) throw error;
  }
}

/** undefined: no connector made that key, and it is nobody's session. */
function placeOf(key: string): SessionPrefix | undefined {
  const [connector, session] = key.slice(RECORDINGS_PREFIX.length).split('/');
  const parsed = z.object({ connector: ConnectorId, session: SessionId }).safeParse({ connector, session });
  return parsed.data;
}
