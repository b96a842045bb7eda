// Folds what waits into search segments, merges them as they age, and cleans up: what a schedule runs each minute. It may be
// killed anywhere and run again, and two may run at once: a head takes the work of one only.

import type { SearchDocument } from '../../core/search/document.ts';
import type { ItemKey } from '../catalogue-table/table.ts';
import { RetriableFault } from '../faults.ts';
import { waitingDocuments } from './documents.ts';
import { readHead } from './head.ts';
import { planMerge } from './merge-plan.ts';
import { mendDamaged, noteDamage, requeueAll } from './requeue.ts';
import { SCOPES, scopePartition, WAITING, Waiting } from './rows.ts';
import { SearchScope } from './scope.ts';
import { deleteSegments, inOrder, openSegment, replaceSegments, type SearchIndexDeps } from './segments.ts';

/** A fold makes one segment of so many, and begins again while more wait. */
const FOLDED_AT_ONCE = 50_000;
const READ_AT_ONCE = 32;
/** So long an object that was replaced or given up stays: a query or a fold that began before may still need it. Longer than a function runs. */
const GRACE_MS = 30 * 60_000;

export interface KnownScope extends SearchScope {
  readonly id: string;
}

export async function knownScopes({ table }: Pick<SearchIndexDeps, 'table'>): Promise<KnownScope[]> {
  const items = await table.queryAll({
    KeyConditionExpression: 'pk = :scopes',
    ExpressionAttributeValues: { ':scopes': SCOPES },
  });
  return items.map((item) => ({ ...SearchScope.parse(item), id: String(item.sk) }));
}

/** One scope's failure does not keep the others waiting; the first is thrown at the end. */
export async function foldAll(deps: SearchIndexDeps): Promise<void> {
  const failures: unknown[] = [];
  await requeueAll(deps).catch((failure: unknown) => failures.push(failure));
  for (const { id } of await knownScopes(deps))
    await foldScope(deps, id).catch((failure: unknown) => failures.push(failure));
  if (failures.length > 0) throw failures[0];
}

async function foldScope(deps: SearchIndexDeps, scope: string): Promise<void> {
  const foldRest = async () => {
    while (await foldWaiting(deps, scope));
  };
  await mendDamaged(deps, scope, foldRest);
  await foldRest();
  while (await mergeSome(deps, scope));
  const { dead } = await readHead(deps.table, scope);
  const old = dead.filter(({ since }) => since + GRACE_MS <= deps.now()).map(({ id }) => id);
  await deleteSegments(deps, scope, old);
}

/** Rows that no indexer wrote are told and left out. */
export async function readWaiting(
  { table, report }: Pick<SearchIndexDeps, 'table' | 'report'>,
  scope: string,
): Promise<{ readonly key: ItemKey; readonly waiting: Waiting | undefined }[]> {
  const pk = scopePartition(scope);
  const items = await table.queryAll({
    KeyConditionExpression: 'pk = :pk AND begins_with(sk, :waiting)',
    ExpressionAttributeValues: { ':pk': pk, ':waiting': WAITING },
  });
  return items.map((item) => {
    const sk = String(item.sk);
    const waiting = Waiting.safeParse(item).data;
    if (!waiting) report({ kind: 'search.damaged', scope, segment: sk });
    return { key: { pk, sk }, waiting };
  });
}

/** Whether there may be more. */
async function foldWaiting(deps: SearchIndexDeps, scope: string): Promise<boolean> {
  // Before anything is read: a removal from here on makes what is read worthless.
  const { epoch } = await readHead(deps.table, scope);
  const items = await readWaiting(deps, scope);
  const documents: SearchDocument[] = [];
  let taken = 0;
  while (taken < items.length && documents.length < FOLDED_AT_ONCE) {
    const some = items.slice(taken, taken + READ_AT_ONCE);
    documents.push(
      ...(await waitingDocuments(
        deps.table,
        some.flatMap(({ waiting }) => waiting ?? []),
      )),
    );
    taken += some.length;
  }
  if (taken === 0) return false;
  const folded = await replaceSegments(deps, scope, [], inOrder(documents), (head) => head.epoch === epoch);
  // Another was faster: it has folded them, or it will be tried again.
  if (!folded) return false;
  await deps.table.deleteAll(items.slice(0, taken).map(({ key }) => key));
  deps.report({ kind: 'search.folded', scope, documents: documents.length, waiting: taken });
  return taken < items.length;
}

/** Whether there may be more. */
async function mergeSome(deps: SearchIndexDeps, scope: string): Promise<boolean> {
  const { segments } = await readHead(deps.table, scope);
  const ids = planMerge(segments);
  if (ids.length === 0) return false;
  const documents: SearchDocument[] = [];
  // By the time they were made: of two versions of a document the later one stays.
  for (const segment of segments.filter(({ id }) => ids.includes(id)).sort((a, b) => (a.id < b.id ? -1 : 1))) {
    const opened = await openSegment(deps, scope, segment);
    if (opened === 'gone') return false;
    if (opened === 'damaged') {
      await noteDamage(deps, scope, segment.id);
      throw new RetriableFault('a search segment is damaged');
    }
    try {
      documents.push(...opened.file.all());
    } finally {
      opened.file.close();
    }
  }
  return replaceSegments(deps, scope, ids, inOrder(documents), () => true);
}
