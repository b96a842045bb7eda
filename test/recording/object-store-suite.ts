// One suite for every object store: what the uploader relies on.

import { createHash, randomUUID } from 'node:crypto';
import { describe, expect, test, type TestContext } from 'vitest';
import { DirectoryObjectStore } from '../../connector/recording/store/directory-object-store.ts';
import type { ObjectStore, Putting } from '../../connector/recording/store/object-store.ts';

export const DAY_MS = 86_400_000;
export const putting = (bytes: Uint8Array, days = 2): Putting => ({
  sha256: createHash('sha256').update(bytes).digest(),
  retainUntil: new Date(Date.now() + days * DAY_MS),
});
export const text = (value: string): Uint8Array => Buffer.from(value);
export const newKey = (): string => `recordings/con_1/ses_${randomUUID()}/00000000.seg`;

interface StoreUnderTest {
  readonly store: ObjectStore;
  /** Behind the store's back, as an administrator. */
  read(key: string): Promise<Uint8Array | undefined>;
}

/** What the uploader relies on. `under` skips by name where the store is not to be had. */
export function storeSuite(name: string, under: (context: TestContext) => StoreUnderTest): void {
  describe(`${name} as an object store`, () => {
    test('creates an object with exactly the bytes', async (context) => {
      const { store, read } = under(context);
      for (const size of [0, 1, 1024 * 1024 + 17]) {
        const key = newKey();
        const bytes = Buffer.alloc(size, 'recording');
        expect(await store.put(key, bytes, putting(bytes))).toEqual({ ok: true, value: { stored: 'created' } });
        expect(Buffer.compare((await read(key)) ?? Buffer.from('none'), bytes)).toBe(0);
      }
    });

    test('leaves an object that exists as it is, and says so', async (context) => {
      const { store, read } = under(context);
      const key = newKey();
      await store.put(key, text('first'), putting(text('first')));
      // What a directory holds can be looked at, and what only creates in S3 may not look.
      const other = store instanceof DirectoryObjectStore ? 'differs' : 'existed';
      for (const [again, stored] of [['first', 'existed'] as const, ['second', other] as const])
        expect(await store.put(key, text(again), putting(text(again)))).toEqual({ ok: true, value: { stored } });
      expect(Buffer.from((await read(key)) ?? []).toString()).toBe('first');
    });

    test('lets one of many who create the same object at once have it', async (context) => {
      const { store, read } = under(context);
      const key = newKey();
      const answers = await Promise.all(
        Array.from({ length: 8 }, (_, i) => store.put(key, text(`writer ${i}`), putting(text(`writer ${i}`)))),
      );
      const created = answers.filter((answer) => answer.ok && answer.value.stored === 'created');
      expect(created.length).toBeLessThanOrEqual(1);
      const held = Buffer.from((await read(key)) ?? []).toString();
      expect(held).toMatch(/^writer \d$/);
      if (created.length === 1) expect(answers[Number(held.at(-1))]).toBe(created[0]);
    });

    test('stores nothing whose SHA-256 is not the one that came with it', async (context) => {
      const { store, read } = under(context);
      const key = newKey();
      const answer = await store.put(key, text('what arrived'), putting(text('what was sent')));
      expect(answer.ok).toBe(false);
      expect(await read(key)).toBeUndefined();
    });

    test('takes many objects at once', async (context) => {
      const { store, read } = under(context);
      const keys = Array.from({ length: 24 }, newKey);
      const answers = await Promise.all(keys.map((key) => store.put(key, text(key), putting(text(key)))));
      expect(answers.every((answer) => answer.ok && answer.value.stored === 'created')).toBe(true);
      for (const key of keys) expect(Buffer.from((await read(key)) ?? []).toString()).toBe(key);
    });
  });
}
