// What a directory tells of new objects, in S3's place.

import { mkdirSync, mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createdEventSender } from '../../connector/recording/store/created-events.ts';
import { DirectoryObjectStore } from '../../connector/recording/store/directory-object-store.ts';
import { newKey, putting, text } from './object-store-suite.ts';

describe('the event of a new object', () => {
  test('is sent again until the receiver takes it', async () => {
    const seen: string[] = [];
    const place = mkdtempSync(join(tmpdir(), 'gatehouse-events-'));
    const store = new DirectoryObjectStore({
      root: place,
      retryMs: 5,
      async onCreated(objects) {
        for (const { key, size } of objects) seen.push(`${key} ${size}`);
        if (seen.length < 3) throw new Error('not now');
      },
    });
    const key = newKey();
    await store.put(key, text('four'), putting(text('four')));
    await expect.poll(() => readdirSync(join(place, '.events')), { timeout: 15_000 }).toEqual([]);
    expect(seen).toEqual([`${key} 4`, `${key} 4`, `${key} 4`]);
    await store.close();
  });

  test('of thousands come in batches, one request at a time, and one that cannot be taken holds up no other', async () => {
    const place = mkdtempSync(join(tmpdir(), 'gatehouse-events-'));
    const bad = newKey();
    const taken = new Set<string>();
    const batches: number[] = [];
    let atOnce = 0;
    const maker = new DirectoryObjectStore({ root: place, onCreated: () => Promise.reject(new Error('away')) });
    await maker.put(bad, text('x'), putting(text('x')));
    await maker.close();
    for (let i = 0; i < 2_000; i++) writeFileSync(join(place, '.events', encodeURIComponent(newKey())), '');
    mkdirSync(join(place, 'recordings', 'con_1', 'ses_1'), { recursive: true });
    for (let i = 0; i < 1_000; i++) {
      const key = `recordings/con_1/ses_1/${i}.seg`;
      writeFileSync(join(place, key), 'x');
      writeFileSync(join(place, '.events', encodeURIComponent(key)), '');
    }
    const store = new DirectoryObjectStore({
      root: place,
      retryMs: 1,
      async onCreated(objects) {
        atOnce++;
        batches.push(objects.length);
        await new Promise((resolve) => setImmediate(resolve));
        expect(atOnce--).toBe(1);
        if (objects.some(({ key }) => key === bad)) throw new Error('not this one');
        for (const { key } of objects) taken.add(key);
      },
    });
    await expect
      .poll(() => readdirSync(join(place, '.events')), { timeout: 15_000 })
      .toEqual([encodeURIComponent(bad)]);
    expect(taken.size).toBe(1_000);
    expect(Math.max(...batches)).toBeLessThanOrEqual(100);
    await store.close();
  });

  test('is waited for until it was taken, or was not', async () => {
    const answers: PromiseWithResolvers<void>[] = [];
    const store = new DirectoryObjectStore({
      root: mkdtempSync(join(tmpdir(), 'gatehouse-events-')),
      retryMs: 1,
      onCreated: () => (answers[answers.push(Promise.withResolvers<void>()) - 1] as PromiseWithResolvers<void>).promise,
    });
    expect(store.announced).toBe(true);
    await store.put(newKey(), text('x'), putting(text('x')));
    await expect.poll(() => answers.length, { timeout: 15_000 }).toBe(1);
    expect(store.announced).toBe(false);
    answers[0]?.resolve();
    await expect.poll(() => store.announced, { timeout: 15_000 }).toBe(true);
    await store.put(newKey(), text('x'), putting(text('x')));
    await expect.poll(() => answers.length, { timeout: 15_000 }).toBe(2);
    expect(store.announced).toBe(false);
    answers[1]?.reject(new Error('away'));
    await expect.poll(() => store.announced, { timeout: 15_000 }).toBe(true);
    await expect.poll(() => answers.length, { timeout: 15_000 }).toBe(3);
    answers[2]?.resolve();
    await store.close();
  });

  test('that nobody answers is cut short by a stop', async () => {
    const place = mkdtempSync(join(tmpdir(), 'gatehouse-events-'));
    const asked = Promise.withResolvers<void>();
    const store = new DirectoryObjectStore({
      root: place,
      onCreated: (_objects, signal) =>
        new Promise((_, reject) => {
          asked.resolve();
          signal.addEventListener('abort', () => reject(signal.reason as Error));
        }),
    });
    await store.put(newKey(), text('x'), putting(text('x')));
    await asked.promise;
    await store.close();
    expect(readdirSync(join(place, '.events'))).toHaveLength(1);
  });

  test('is missed by somebody: told once that it is not taken, and once that it is again', async () => {
    let away = true;
    const told: string[] = [];
    const store = new DirectoryObjectStore({
      root: mkdtempSync(join(tmpdir(), 'gatehouse-events-')),
      retryMs: 1,
      onCreated: () => (away ? Promise.reject(new Error('answered 404')) : Promise.resolve()),
      onAnnouncing: (state, message) => told.push(`${state}: ${message}`),
    });
    for (let i = 0; i < 3; i++) await store.put(newKey(), text('x'), putting(text('x')));
    await expect.poll(() => told, { timeout: 15_000 }).toHaveLength(1);
    expect(told[0]).toMatch(/^failing: .*answered 404/);
    away = false;
    await expect.poll(() => told, { timeout: 15_000 }).toHaveLength(2);
    expect(told[1]).toMatch(/^recovered: /);
    await store.close();
  });

  test('outlives the process: the next one sends it, and none for an object that never came about', async () => {
    const place = mkdtempSync(join(tmpdir(), 'gatehouse-events-'));
    const deaf = new DirectoryObjectStore({ root: place, onCreated: () => Promise.reject(new Error('away')) });
    const key = newKey();
    await deaf.put(key, text('x'), putting(text('x')));
    await deaf.close();
    writeFileSync(join(place, '.events', encodeURIComponent('recordings/never/made.seg')), '');
    const seen: string[] = [];
    const store = new DirectoryObjectStore({
      root: place,
      onCreated: async (objects) => void seen.push(...objects.map(({ key }) => key)),
    });
    await expect.poll(() => readdirSync(join(place, '.events')), { timeout: 15_000 }).toEqual([]);
    expect(seen).toEqual([key]);
    await store.close();
  });

  test('has the shape of S3’s, and anything but 2xx counts as not taken', async () => {
    const bodies: unknown[] = [];
    let status = 503;
    const server = createServer(async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      bodies.push({ authorization: request.headers.authorization, ...JSON.parse(Buffer.concat(chunks).toString()) });
      response.writeHead(status).end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/events`;
    const send = createdEventSender({ url, token: 'shared', bucket: 'recordings' });
    const objects = [0, 1].map((number) => ({ key: `recordings/a/b/0000000${number}.seg`, size: 7 + number }));
    const { signal } = new AbortController();
    await expect(send(objects, signal)).rejects.toThrow('503');
    status = 204;
    await send(objects, signal);
    await expect(send(objects, AbortSignal.abort())).rejects.toThrow();
    server.close();
    expect(bodies[1]).toMatchObject({
      authorization: 'Bearer shared',
      Records: [
        {
          eventSource: 'aws:s3',
          eventName: 'ObjectCreated:Put',
          s3: { bucket: { name: 'recordings' }, object: { key: 'recordings/a/b/00000000.seg', size: 7 } },
        },
        { s3: { object: { key: 'recordings/a/b/00000001.seg', size: 8 } } },
      ],
    });
  });
});
