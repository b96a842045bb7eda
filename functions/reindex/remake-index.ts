// What a reindex does with the index: takes it away before, or marks what there is and takes that away when all of it has been made
// again. The names of scopes and their heads stay: by them a fold that is under way knows that its work is worthless.

import { type KnownScope, knownScopes, readWaiting } from '../search/fold.ts';
import { changeHead, readHead, type ScopeHead } from '../search/head.ts';
import { leaveToReindex } from '../search/requeue.ts';
import { DAMAGED, scopePartition } from '../search/rows.ts';
import { deleteSegments, type SearchIndexDeps } from '../search/segments.ts';

/** May be killed anywhere and run again, beside folds and queries too. */
export async function dropIndex(deps: SearchIndexDeps): Promise<void> {
  for (const { id } of await knownScopes(deps)) {
    // First, so that a fold that begins after the epoch has changed finds nothing of before.
    const pk = scopePartition(id);
    const notes = await deps.table.queryAll({
      KeyConditionExpression: 'pk = :pk AND begins_with(sk, :damaged)',
      ExpressionAttributeValues: { ':pk': pk, ':damaged': DAMAGED },
    });
    await deps.table.deleteAll([
      ...(await readWaiting(deps, id)).map(({ key }) => key),
      ...notes.map(({ sk }) => ({ pk, sk: String(sk) })),
    ]);
    await giveUp(deps, id, () => true);
  }
  await removeStrays(deps);
}

/** Before the first object is indexed again: all of what there is will be made once more. */
export async function markStale(deps: SearchIndexDeps): Promise<void> {
  await leaveToReindex(deps.table);
  for (const { id } of await knownScopes(deps))
    await changeHead(deps.table, id, (head) => ({
      ...head,
      // A fold that began before knows less than what comes now.
      epoch: head.epoch + 1,
      segments: head.segments.map((segment) => ({ ...segment, stale: true })),
    }));
}

/** Takes away what was marked, once `fold` has folded all that waits now. false: not all of it was; call it again. */
export async function dropStale(deps: SearchIndexDeps, fold: () => Promise<void>): Promise<boolean> {
  const waiting = async ({ id }: KnownScope) => (await readWaiting(deps, id)).map(({ key }) => key.sk);
  const before = new Map<string, string[]>();
  for (const scope of await knownScopes(deps)) before.set(scope.id, await waiting(scope));
  await fold();
  for (const scope of await knownScopes(deps)) {
    const left = new Set(await waiting(scope));
    if (before.get(scope.id)?.some((sk) => left.has(sk))) return false;
  }
  for (const { id } of await knownScopes(deps)) await giveUp(deps, id, ({ stale }) => stale === true);
  await removeStrays(deps);
  return true;
}

async function giveUp(
  deps: SearchIndexDeps,
  scope: string,
  which: (segment: ScopeHead['segments'][number]) => boolean,
): Promise<void> {
  const changed = await changeHead(deps.table, scope, (head) => ({
    epoch: head.epoch + 1,
    segments: head.segments.filter((segment) => !which(segment)),
    dead: [...head.dead, ...head.segments.filter(which).map(({ id }) => ({ id, since: deps.now() }))],
  }));
  const replaced = changed?.dead.filter(({ planned }) => !planned).map(({ id }) => id) ?? [];
  await deleteSegments(deps, scope, replaced);
}

/** Objects that no head knows, as where the table was lost: nothing would ever take a purged session out of them. */
async function removeStrays({ table, store }: SearchIndexDeps): Promise<void> {
  for await (const place of store.walk()) {
    // After it was listed: a name stands in the head before its object is stored.
    const { segments, dead } = await readHead(table, place.scope);
    if (![...segments, ...dead].some(({ id }) => id === place.id)) await store.delete(place);
  }
}
