// Takes sessions out of the index: for the purge, and for erasure. Their objects and their rows in the catalogue are deleted
// before, so that nobody can fold them again.

import type { SessionId } from '../../core/ids.ts';
import type { SearchDocument } from '../../core/search/document.ts';
import { BusyFault, RetriableFault } from '../faults.ts';
import { readBloom } from './bloom-rows.ts';
import { knownScopes } from './fold.ts';
import { changeHead, type LiveSegment, readHead } from './head.ts';
import { noteDamage } from './requeue.ts';
import { scopePartition, waitingOf } from './rows.ts';
import { mayHold } from '../../core/text/bloom.ts';
import { sessionTerm } from './segment/fact-terms.ts';
import { deleteSegments, openSegment, replaceSegments, type SearchIndexDeps } from './segments.ts';

interface RemovedFromSearch {
  /** Documents of theirs that were in segments. */
  readonly documents: number;
  /** Segments that were written anew without them. */
  readonly rewritten: number;
}

/** Heads that others changed meanwhile, before it is left to the next call. */
const ROUNDS = 20;

/**
 * Resolves when nothing of theirs is left; may be killed anywhere and called again, beside folds and merges too. Many at once cost
 * little more than one: each segment that holds any of them is written anew once. Throws BusyFault when it must be called
 * again: a fold that began before is under way, or was killed (then half an hour later, when its object has been cleaned up).
 */
export async function removeFromSearch(
  sessions: readonly SessionId[],
  deps: SearchIndexDeps,
): Promise<RemovedFromSearch> {
  let documents = 0;
  let rewritten = 0;
  for (const { id } of await knownScopes(deps)) {
    const removed = await removeFromScope(deps, id, sessions);
    documents += removed.documents;
    rewritten += removed.rewritten;
  }
  return { documents, rewritten };
}

/** The index as the purge knows it. */
export const derivedInSearch = (deps: SearchIndexDeps) => ({
  remove: async (sessions: readonly SessionId[]): Promise<void> => {
    await removeFromSearch(sessions, deps);
  },
});

async function removeFromScope(
  deps: SearchIndexDeps,
  scope: string,
  sessions: readonly SessionId[],
): Promise<RemovedFromSearch> {
  const pk = scopePartition(scope);
  for (const session of sessions) {
    const waiting = await deps.table.queryAll({
      KeyConditionExpression: 'pk = :pk AND begins_with(sk, :waiting)',
      ExpressionAttributeValues: { ':pk': pk, ':waiting': waitingOf(session) },
    });
    await deps.table.deleteAll(waiting.map(({ sk }) => ({ pk, sk: String(sk) })));
  }
  // What a fold has read of them until now is worthless from here on; what it stores of it is known by its name.
  const since = await changeHead(deps.table, scope, (head) => ({ ...head, epoch: head.epoch + 1 }));
  const underWay = new Set(since?.dead.flatMap(({ id, planned }) => (planned ? [id] : [])));
  let documents = 0;
  let rewritten = 0;
  const clean = new Set<string>();
  for (let round = 0; round < ROUNDS; ) {
    const next = (await readHead(deps.table, scope)).segments.find(({ id }) => !clean.has(id));
    if (!next) break;
    const kept = await withoutSessions(deps, scope, next, sessions);
    if (kept === 'all') clean.add(next.id);
    else if (kept !== 'gone' && (await replaceSegments(deps, scope, [next.id], kept, () => true))) {
      documents += next.documents - kept.length;
      rewritten++;
    } else round++;
  }
  const { dead, segments } = await readHead(deps.table, scope);
  const replaced = dead.filter(({ planned }) => !planned).map(({ id }) => id);
  await deleteSegments(deps, scope, replaced);
  if (segments.some(({ id }) => !clean.has(id)) || dead.some(({ id, planned }) => planned && underWay.has(id)))
    throw new BusyFault('the search index is being folded: what that has read is cleaned up in half an hour');
  return { documents, rewritten };
}

/** What stays of a segment. `gone`: it was replaced meanwhile, and the head shows by what. */
async function withoutSessions(
  deps: SearchIndexDeps,
  scope: string,
  segment: LiveSegment,
  sessions: readonly SessionId[],
): Promise<'all' | 'gone' | readonly SearchDocument[]> {
  const bloom = await readBloom(deps.table, scope, segment.id);
  const perhaps = new Set<string>(sessions.filter((session) => !bloom || mayHold(bloom, sessionTerm(session))));
  if (perhaps.size === 0) return 'all';
  const opened = await openSegment(deps, scope, segment);
  if (opened === 'gone') return 'gone';
  if (opened === 'damaged') {
    await noteDamage(deps, scope, segment.id);
    throw new RetriableFault('a search segment is damaged');
  }
  try {
    const all = [...opened.file.all()];
    const kept = all.filter((document) => !perhaps.has(document.session.session));
    return kept.length === all.length ? 'all' : kept;
  } finally {
    opened.file.close();
  }
}
