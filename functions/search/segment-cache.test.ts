// What stays open from one query to the next is bounded, whatever is asked, and nobody's file is closed under them.

import { createHash } from 'node:crypto';
import { expect, it } from 'vitest';
import { newId } from '../../core/ids.ts';
import { ResourceName } from '../../core/resource.ts';
import { memorySearchStore } from '../../test/harness/search/memory-store.ts';
import type { CatalogueTable } from '../catalogue-table/table.ts';
import type { LiveSegment } from './head.ts';
import { SegmentCache } from './segment-cache.ts';
import { makeSegmentFile } from './segment/segment-file.ts';

const scope = 'ab'.repeat(12);
const session = {
  ...{ session: newId('ses'), startedMs: 0, subject: 's', email: 'e' },
  ...{ resource: ResourceName.parse('r'), protocol: 'ssh' as const },
};

async function cacheOf(segments: number, files: number) {
  const store = memorySearchStore();
  const live: LiveSegment[] = [];
  let fetched = 0;
  for (let i = 0; i < segments; i++) {
    const body = { kind: 'notice' as const, key: 's', lane: 0, timeUs: i, texts: [`word${i}`], errors: [], tables: [] };
    const { bytes, rawBytes } = makeSegmentFile([{ session, body }]);
    const id = String(i).padStart(26, '0');
    await store.create({ scope, id }, bytes);
    const digest = createHash('sha256').update(bytes).digest('hex');
    live.push({ id, from: 0, until: 0, documents: 1, cut: 0, bytes: bytes.length, rawBytes, digest });
  }
  const get: typeof store.get = (place) => {
    fetched++;
    return store.get(place);
  };
  const counted = { ...store, get };
  // It has no blooms.
  const table = { get: async () => undefined } as unknown as CatalogueTable;
  const cache = new SegmentCache({ store: counted, table }, files * (live[0]?.rawBytes ?? 0));
  const take = async (i: number) => {
    const taken = await cache.take(scope, live[i] as LiveSegment, []);
    if (typeof taken === 'string') throw new Error(taken);
    return taken;
  };
  const wordsIn = ({ file }: Awaited<ReturnType<typeof take>>) =>
    file.find(true, 0, 9, 9).map(({ document }) => document.body.texts[0]);
  return { take, wordsIn, fetched: () => fetched };
}

it('keeps what was used last, and fetches no more than it must', async () => {
  const { take, fetched } = await cacheOf(3, 2);
  for (const i of [0, 1, 0, 2, 0]) (await take(i)).release();
  expect(fetched()).toBe(3);
  (await take(1)).release();
  expect(fetched()).toBe(4);
});

it('closes nothing that somebody holds, and what it kept too long once it is let go', async () => {
  const { take, wordsIn, fetched } = await cacheOf(4, 1);
  const held = await Promise.all([0, 1, 0].map(take));
  expect(held.map(wordsIn)).toEqual([['word0'], ['word1'], ['word0']]);
  held[0]?.release();
  held[0]?.release();
  (await take(3)).release();
  expect(held.slice(1).map(wordsIn)).toEqual([['word1'], ['word0']]);
  for (const each of held) each.release();
  expect(() => held.map(wordsIn)).toThrow();
  const before = fetched();
  (await take(3)).release();
  (await take(3)).release();
  expect(fetched() - before).toBeLessThanOrEqual(1);
});
