// Has documents that the catalogue holds wait for the fold once more: all of them, when the index begins (an earlier release had
// none) or is to be made again, and those of a segment that is damaged. What is in the index already stays there once.

import { z } from 'zod';
import type { SessionEntry } from '../../core/catalogue.ts';
import { CatalogueReader } from '../catalogue-table/reader.ts';
import { ACTIONS, SESSION_ROW, sessionPartition } from '../catalogue-table/schema.ts';
import type { CatalogueTable } from '../catalogue-table/table.ts';
import { SearchAnnouncer } from './announce.ts';
import { changeHead, type LiveSegment, readHead } from './head.ts';
import { BEGUN, DAMAGED, scopePartition } from './rows.ts';
import { placedOf, scopeId } from './scope.ts';
import { deleteSegments, openSegment, type SearchIndexDeps } from './segments.ts';

const PAGE = 200;
/** Sessions of one run; the next goes on behind them. */
const SESSIONS_A_RUN = 2000;
/** Sort keys in one waiting row. */
const BLOCKS = 500;
/** No recorded segment has such a number: what waits again stands beside what waits for the first time. */
const AGAIN = 90_000_000;
const Begun = z.object({ done: z.boolean(), cursor: z.string().optional() });

/** Resolves to whether all that the catalogue had when this was first called waits, or did. */
export async function requeueAll(deps: SearchIndexDeps): Promise<boolean> {
  const known = Begun.safeParse(await deps.table.get(BEGUN)).data;
  if (known?.done) return true;
  let cursor = known?.cursor;
  for (let sessions = 0; sessions < SESSIONS_A_RUN; sessions += PAGE) {
    const page = await new CatalogueReader(deps.table, deps.report).sessions({
      limit: PAGE,
      ...(cursor && { cursor }),
    });
    if (!page.ok) throw new Error('the cursor of the search index is damaged');
    for (const session of page.value.sessions) await requeue(deps.table, session, () => true);
    cursor = page.value.cursor;
    await deps.table.putAll([{ ...BEGUN, done: cursor === undefined, ...(cursor && { cursor }) }]);
    if (cursor === undefined) return true;
  }
  return false;
}

/** Nothing waits once more of itself: a reindex has all of it wait. */
export const leaveToReindex = (table: CatalogueTable): Promise<void> => table.putAll([{ ...BEGUN, done: true }]);

async function requeue(table: CatalogueTable, { id }: SessionEntry, wanted: (scope: string) => boolean): Promise<void> {
  const pk = sessionPartition(id);
  const placed = placedOf(await table.get({ pk, sk: SESSION_ROW }));
  if (!placed || !wanted(scopeId(placed.scope))) return;
  const keys = async (prefix: string) =>
    (
      await table.queryAll({
        KeyConditionExpression: 'pk = :pk AND begins_with(sk, :prefix)',
        ProjectionExpression: 'sk',
        ExpressionAttributeValues: { ':pk': pk, ':prefix': prefix },
      })
    ).map(({ sk }) => String(sk));
  const [blocks, said] = await Promise.all([keys(ACTIONS), keys('said#')]);
  const parts = Array.from({ length: Math.ceil(Math.max(blocks.length, said.length) / BLOCKS) }, (_, i) => ({
    segment: AGAIN + i,
    blocks: blocks.slice(i * BLOCKS, (i + 1) * BLOCKS),
    said: said.slice(i * BLOCKS, (i + 1) * BLOCKS),
    touched: [],
  }));
  await new SearchAnnouncer(table).putWaiting(placed, parts);
}

/** Somebody found it damaged, or gone: the next fold makes it again. */
export async function noteDamage(deps: SearchIndexDeps, scope: string, segment: string): Promise<void> {
  deps.report({ kind: 'search.damaged', scope, segment });
  await deps.table.putAll([{ pk: scopePartition(scope), sk: `${DAMAGED}${segment}` }]);
}

/**
 * What was noted, once it has been found to be so: what it held waits and is folded (`fold`) before the head forgets it. Until then
 * queries that need it say that they cannot be answered.
 */
export async function mendDamaged(deps: SearchIndexDeps, scope: string, fold: () => Promise<void>): Promise<void> {
  const pk = scopePartition(scope);
  const notes = await deps.table.queryAll({
    KeyConditionExpression: 'pk = :pk AND begins_with(sk, :damaged)',
    ExpressionAttributeValues: { ':pk': pk, ':damaged': DAMAGED },
  });
  for (const { sk } of notes) {
    const id = String(sk).slice(DAMAGED.length);
    const segment = (await readHead(deps.table, scope)).segments.find((each) => each.id === id);
    if (segment && (await isDamaged(deps, scope, segment))) {
      await requeueSpan(deps, scope, segment);
      await fold();
      await changeHead(deps.table, scope, (head) => ({
        epoch: head.epoch + 1,
        segments: head.segments.filter((each) => each.id !== id),
        dead: [...head.dead.filter((each) => each.id !== id), { id, since: deps.now() }],
      }));
      await deleteSegments(deps, scope, [id]);
    }
    await deps.table.deleteAll([{ pk, sk: String(sk) }]);
  }
}

async function isDamaged(deps: SearchIndexDeps, scope: string, segment: LiveSegment): Promise<boolean> {
  const opened = await openSegment(deps, scope, segment);
  if (typeof opened === 'string') return true;
  opened.file.close();
  return false;
}

/** Sessions of the scope that may have documents in a segment's span. */
async function requeueSpan(deps: SearchIndexDeps, scope: string, { from, until }: LiveSegment): Promise<void> {
  const catalogue = new CatalogueReader(deps.table, deps.report);
  let cursor: string | undefined;
  do {
    const page = await catalogue.sessions({
      limit: PAGE,
      until: new Date(until + 1).toISOString(),
      ...(cursor && { cursor }),
    });
    if (!page.ok) throw new Error('a cursor of its own is refused');
    for (const session of page.value.sessions)
      if (session.endedAt === undefined || Date.parse(session.endedAt) >= from)
        await requeue(deps.table, session, (of) => of === scope);
    cursor = page.value.cursor;
  } while (cursor !== undefined);
}
