// Which rendered exports end with their session, or of age.

import { expect, it } from 'vitest';
import { newId, type SessionId } from '../../core/ids.ts';
import { DAY_MS } from '../../core/retention/may-purge.ts';
import { RENDERED_DAYS } from '../../core/retention/rendered.ts';
import { derivedInRendered, sweepRendered } from './removal.ts';
import type { RenderedStore } from './rendered-store.ts';

const NOW = Date.parse('2026-11-20T12:00:00.000Z');

/** Sessions alone, with the time of the oldest: what a store keeps of them has its own suite (test/functions/rendered-store.test.ts). */
function storeOf(sessions: ReadonlyMap<SessionId, number>) {
  const removed: SessionId[] = [];
  const none = () => Promise.reject(new Error('is not asked for here'));
  const store: RenderedStore = {
    ...{ put: none, get: none, link: none },
    remove: async (session) => void removed.push(session),
    async *sessions() {
      for (const [session, oldestMs] of sessions) yield { session, oldestMs };
    },
  };
  return { store, removed };
}

it('go with each of the sessions that are purged together', async () => {
  const sessions = [newId('ses'), newId('ses'), newId('ses')];
  const { store, removed } = storeOf(new Map());
  await derivedInRendered(store).remove(sessions);
  expect(removed).toEqual(sessions);
});

it('are swept where their session was purged or they are too old, and not where the table has no row of it', async () => {
  const [purged, old, young, unlisted] = [newId('ses'), newId('ses'), newId('ses'), newId('ses')];
  const limit = NOW - RENDERED_DAYS * DAY_MS;
  const { store, removed } = storeOf(
    new Map([
      [purged, NOW],
      [old, limit - 1],
      [young, limit],
      [unlisted, NOW],
    ]),
  );
  const rows = new Map<string, object>([
    [`session#${purged}`, { purged: '2026-11-20T11:00:00.000Z' }],
    [`session#${old}`, {}],
    [`session#${young}`, {}],
  ]);
  const get = async ({ pk }: { readonly pk: string }) => rows.get(pk) as never;
  await sweepRendered({ store, table: { get }, now: () => NOW });
  expect(removed).toEqual([purged, old]);
});
