import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { CONFORMING, MAX_TEXT_CHARACTERS } from '../../../../core/sql/postgres/postgres.ts';
import { LARGE_CHARACTERS, LargeTexts } from './large-texts.ts';

const directory = mkdtempSync(join(tmpdir(), 'gatehouse-large-'));
afterAll(() => rmSync(directory, { recursive: true }));

const long = `delete from t where true or id in (${Array.from({ length: LARGE_CHARACTERS }, (_, i) => i)})`;

describe('a large text', () => {
  it('is read in a thread, once for all who wait', async () => {
    const texts = new LargeTexts();
    const first = texts.read(long, CONFORMING);
    expect(texts.read(long, CONFORMING)).toBe(first);
    expect(texts.get(long, CONFORMING)).toBeUndefined();
    await first;
    expect(texts.get(long, CONFORMING)).toMatchObject({ ok: true, value: [{ kind: 'delete' }] });
    expect(texts.read(long, CONFORMING)).toBeUndefined();
  });

  it('is another one under other settings', async () => {
    const texts = new LargeTexts();
    const uncertain = { standardConformingStrings: undefined };
    // Where backslashes escape, its last string does not end.
    const text = `${long} and a <> '\\'`;
    await Promise.all([texts.read(text, CONFORMING), texts.read(text, uncertain)]);
    expect(texts.get(text, CONFORMING)?.ok).toBe(true);
    expect(texts.get(text, uncertain)?.ok).toBe(false);
  });

  it('is unreadable when the thread dies, and the next one gets another thread', async () => {
    const file = join(directory, 'worker.mjs');
    writeFileSync(
      file,
      `import { parentPort } from 'node:worker_threads';
       parentPort.on('message', ({ id, text }) => {
         if (text.startsWith('die')) process.exit(1);
         if (text.startsWith('throw')) throw new Error('broken');
         parentPort.postMessage({ id, read: { ok: true, value: [] } });
       });`,
    );
    const texts = new LargeTexts(pathToFileURL(file));
    const textOf = (word: string) => word + long;
    for (const word of ['die', 'throw']) {
      await texts.read(textOf(word), CONFORMING);
      expect(texts.get(textOf(word), CONFORMING)).toMatchObject({ ok: false });
      await texts.read(textOf(`fine after ${word}`), CONFORMING);
      expect(texts.get(textOf(`fine after ${word}`), CONFORMING)).toEqual({ ok: true, value: [] });
    }
  });

  it('that is too long to be read, or too many at once, waits for nothing', () => {
    const texts = new LargeTexts();
    expect(texts.read('x'.repeat(MAX_TEXT_CHARACTERS + 1), CONFORMING)).toBeUndefined();
    const many = Array.from({ length: 40 }, (_, i) => String(i).padEnd(1_000_000, 'x'));
    const waiting = many.map((text) => texts.read(text, CONFORMING));
    expect(waiting.filter((one) => one === undefined)).toHaveLength(7);
    expect(texts.get(many.at(-1) ?? '', CONFORMING)).toMatchObject({ ok: false });
  });
});
