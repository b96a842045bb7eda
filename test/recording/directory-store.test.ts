// A directory as an object store: the suite of all stores, and what only a directory does.

import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { DirectoryObjectStore } from '../../connector/recording/store/directory-object-store.ts';
import { newKey, putting, storeSuite, text } from './object-store-suite.ts';

const root = mkdtempSync(join(tmpdir(), 'gatehouse-store-'));
const directoryStore = new DirectoryObjectStore({ root });
const readFileOf = async (key: string): Promise<Uint8Array | undefined> =>
  existsSync(join(root, key)) ? readFileSync(join(root, key)) : undefined;
afterAll(() => rmSync(root, { recursive: true, force: true }));

storeSuite('a directory', () => ({ store: directoryStore, read: readFileOf }));

describe('a directory', () => {
  test('makes its files read-only, and leaves nothing half-made behind', async () => {
    const key = newKey();
    await directoryStore.put(key, text('x'), putting(text('x')));
    await directoryStore.put(key, text('y'), putting(text('y')));
    expect(statSync(join(root, key)).mode & 0o777).toBe(0o444);
    expect(readdirSync(join(root, '.parts'))).toEqual([]);
  });

  test('removes what a crash left half-made long ago', async () => {
    const place = mkdtempSync(join(tmpdir(), 'gatehouse-parts-'));
    mkdirSync(join(place, '.parts'));
    for (const name of ['old', 'new']) writeFileSync(join(place, '.parts', name), 'half an obj');
    utimesSync(join(place, '.parts', 'old'), 1, 1);
    const store = new DirectoryObjectStore({ root: place });
    await store.put(newKey(), text('x'), putting(text('x')));
    expect(readdirSync(join(place, '.parts'))).toEqual(['new']);
    await store.close();
  });

  test.each(['../outside', '/etc/x', 'a/../../b', 'a//b', '.events/x', 'a/.b', ''])(
    'refuses the key %j',
    async (key) => {
      const answer = await directoryStore.put(key, text('x'), putting(text('x')));
      expect(answer).toMatchObject({ ok: false, error: { reason: 'store_refused' } });
    },
  );

  test('that was moved away confirms nothing in its place, and goes on where it is back', async () => {
    const place = mkdtempSync(join(tmpdir(), 'gatehouse-moved-'));
    const [here, away] = [join(place, 'objects'), join(place, 'away')];
    const options = { root: here, memory: join(place, 'store.json') };
    const store = new DirectoryObjectStore(options);
    const put = (to: DirectoryObjectStore, key = newKey()) => to.put(key, text('x'), putting(text('x')));
    const refused = (message: RegExp) => ({
      ok: false,
      error: { reason: 'store_unreachable', message: expect.stringMatching(message) },
    });
    expect(await put(store)).toMatchObject({ ok: true });
    renameSync(here, away);
    // A connector that starts now knows no more of it than what it remembers.
    const next = new DirectoryObjectStore(options);
    for (const one of [store, next]) expect(await put(one)).toMatchObject(refused(/is not there: mount it/));
    expect(existsSync(here)).toBe(false);
    // What an unmount leaves behind, and another store.
    mkdirSync(here);
    for (const one of [store, next]) expect(await put(one)).toMatchObject(refused(/has no .gatehouse-store, and/));
    expect(readdirSync(here)).toEqual([]);
    const other = new DirectoryObjectStore({ root: here });
    expect(await put(other)).toMatchObject({ ok: true });
    for (const one of [store, next])
      expect(await put(one)).toMatchObject(refused(/is another store .*remove .*store.json/));
    rmSync(here, { recursive: true });
    renameSync(away, here);
    for (const one of [store, next]) expect(await put(one)).toMatchObject({ ok: true });
    await Promise.all([store, next, other].map((one) => one.close()));
  });

  test('whose folder of recordings was moved away or unmounted confirms nothing in its place', async () => {
    const place = mkdtempSync(join(tmpdir(), 'gatehouse-moved-'));
    const [recordings, away] = [join(place, 'recordings'), join(place, 'away')];
    const store = new DirectoryObjectStore({ root: place });
    const put = () => store.put(newKey(), text('x'), putting(text('x')));
    const refused = {
      ok: false,
      error: { reason: 'store_unreachable', message: expect.stringMatching(/recordings was taken away: mount it/) },
    };
    expect(await put()).toMatchObject({ ok: true });
    renameSync(recordings, away);
    for (let again = 0; again < 3; again++) expect(await put()).toMatchObject(refused);
    expect(existsSync(recordings)).toBe(false);
    mkdirSync(recordings);
    expect(await put()).toMatchObject(refused);
    expect(readdirSync(recordings)).toEqual([]);
    rmdirSync(recordings);
    renameSync(away, recordings);
    expect(await put()).toMatchObject({ ok: true });
    await store.close();
  });

  test('that is taken away while an object is written has not confirmed it', async () => {
    const place = mkdtempSync(join(tmpdir(), 'gatehouse-moved-'));
    const [here, away] = [join(place, 'objects'), join(place, 'away')];
    const store = new DirectoryObjectStore({ root: here });
    const answered = new Map<string, boolean>();
    for (let round = 0; round < 40; round++) {
      const keys = Array.from({ length: 5 }, newKey);
      const puts = keys.map((key) => store.put(key, text(key), putting(text(key))));
      // At another point of the puts in each round.
      for (let turn = 0; turn < round % 20; turn++) await new Promise((resolve) => setImmediate(resolve));
      if (existsSync(here)) renameSync(here, away);
      const answers = await Promise.all(puts);
      if (existsSync(away)) renameSync(away, here);
      for (const [i, key] of keys.entries()) answered.set(key, answers[i]?.ok === true);
    }
    const kept = [...answered].filter(([, confirmed]) => confirmed).map(([key]) => key);
    expect(kept.length).toBeLessThan(answered.size);
    for (const key of kept) expect(readFileSync(join(here, key), 'utf8')).toBe(key);
    await store.close();
  });

  test('that is away is a fault, and works when it is back', async () => {
    const away = join(root, 'away');
    writeFileSync(away, 'a file where the directory should be');
    const store = new DirectoryObjectStore({ root: away });
    const key = newKey();
    expect(await store.put(key, text('x'), putting(text('x')))).toMatchObject({
      ok: false,
      error: { reason: 'store_unreachable' },
    });
    rmSync(away);
    mkdirSync(away);
    expect(await store.put(key, text('x'), putting(text('x')))).toMatchObject({ ok: true });
    await store.close();
  });
});
