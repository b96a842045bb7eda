// A bucket that notifies nobody: the connector tells of its objects, whatever happens between.

import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { AnnouncingObjectStore } from '../../connector/recording/store/announcing-object-store.ts';
import type { CreatedObject } from '../../connector/recording/store/created-announcer.ts';
import type { ObjectStore } from '../../connector/recording/store/object-store.ts';
import { err, ok } from '../../core/result.ts';
import { newKey, putting, text } from './object-store-suite.ts';

let place: string;
beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), 'gatehouse-announcing-'));
});
afterEach(() => rmSync(place, { recursive: true, force: true }));

const bucket = (answer: Awaited<ReturnType<ObjectStore['put']>> = ok({ stored: 'created' })): ObjectStore => ({
  announced: true,
  put: async () => answer,
  close: async () => {},
});
const open = (send: (objects: readonly CreatedObject[]) => Promise<void>, store = bucket(), directory = 'events') =>
  new AnnouncingObjectStore({ store, directory: join(place, directory), send, onState: () => {}, retryMs: 1 });
const put = (store: ObjectStore, key: string) => store.put(key, text('four'), putting(text('four')));

test('an object is told of until somebody takes it, and its marker goes', async () => {
  const seen: string[] = [];
  const store = open(async (objects) => {
    for (const { key, size } of objects) seen.push(`${key} ${size}`);
    if (seen.length < 3) throw new Error('not now');
  });
  const key = newKey();
  expect(await put(store, key)).toMatchObject({ ok: true });
  await expect.poll(() => readdirSync(join(place, 'events'))).toEqual([]);
  expect(seen).toEqual([`${key} 4`, `${key} 4`, `${key} 4`]);
  expect(store.announced).toBe(true);
  await store.close();
});

test('what one start could not tell, the next one does', async () => {
  const first = open(() => Promise.reject(new Error('away')));
  const keys = [newKey(), newKey()];
  for (const key of keys) await put(first, key);
  await first.close();
  const told: CreatedObject[] = [];
  const next = open(async (objects) => void told.push(...objects));
  await expect.poll(() => told.map(({ key }) => key).sort()).toEqual([...keys].sort());
  expect(told.map(({ size }) => size)).toEqual([4, 4]);
  await expect.poll(() => readdirSync(join(place, 'events'))).toEqual([]);
  await next.close();
});

test('what stood in the bucket already, as a crash came before its marker, is told of by the put that finds it', async () => {
  const told: CreatedObject[] = [];
  const store = open(async (objects) => void told.push(...objects), bucket(ok({ stored: 'existed' })));
  const key = newKey();
  expect(await put(store, key)).toEqual(ok({ stored: 'existed' }));
  await expect.poll(() => told).toEqual([{ key, size: 4 }]);
  await store.close();
});

test('of a put that the store did not confirm nothing is told', async () => {
  const told: unknown[] = [];
  const away = err({ reason: 'store_unreachable', message: 'away' } as const);
  const store = open(async (objects) => void told.push(...objects), bucket(away));
  expect(await put(store, newKey())).toBe(away);
  await store.close();
  expect(readdirSync(join(place, 'events'))).toEqual([]);
  expect(told).toEqual([]);
});

test('where no marker can be written the object is confirmed and told of all the same', async () => {
  writeFileSync(join(place, 'events'), 'a file where the folder should be');
  const told: CreatedObject[] = [];
  const store = open(async (objects) => void told.push(...objects));
  const key = newKey();
  expect(await put(store, key)).toMatchObject({ ok: true });
  await expect.poll(() => told).toEqual([{ key, size: 4 }]);
  await store.close();
});
