// Rendered exports end with their session at the latest, and are kept for some days at most: they can be made again.

import type { SessionId } from '../../core/ids.ts';
import { DAY_MS } from '../../core/retention/may-purge.ts';
import { RENDERED_DAYS } from '../../core/retention/rendered.ts';
import type { CatalogueTable } from '../catalogue-table/table.ts';
import { SESSION_ROW, sessionPartition } from '../catalogue-table/schema.ts';
import type { RenderedStore } from './rendered-store.ts';

/** For the purge: resolves when nothing of the sessions is left. */
export const derivedInRendered = (store: RenderedStore) => ({
  async remove(sessions: readonly SessionId[]): Promise<void> {
    for (const session of sessions) await store.remove(session);
  },
});

/** What a run that was killed left of a session that is purged, and what is too old: in S3 a lifecycle rule ends that as well. */
export async function sweepRendered({
  store,
  table,
  now,
}: {
  readonly store: RenderedStore;
  readonly table: Pick<CatalogueTable, 'get'>;
  readonly now: () => number;
}): Promise<void> {
  for await (const { session, oldestMs } of store.sessions()) {
    const row = await table.get({ pk: sessionPartition(session), sk: SESSION_ROW });
    if (row?.purged !== undefined || now() - oldestMs > RENDERED_DAYS * DAY_MS) await store.remove(session);
  }
}
