import { expect, test } from 'vitest';
import { endingAt } from './until.ts';

test('a body is broken off with the first chunk behind its end, so that its reader sees that the whole did not come', async () => {
  let now = 0;
  const chunks = [1, 2, 3, 4];
  const body = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        const next = chunks.shift();
        if (next === undefined) controller.close();
        else controller.enqueue(Uint8Array.of(next));
      },
    },
    { highWaterMark: 0 },
  );
  const reader = endingAt(body, 20, { now: () => now }).getReader();
  const seen: number[] = [];
  await expect(
    (async () => {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        seen.push(...value);
        now += 10;
      }
    })(),
  ).rejects.toThrow('the time to watch it is over');
  expect(seen.length).toBeGreaterThan(0);
  expect(seen.length).toBeLessThan(4);
});

test('one that comes in time comes whole', async () => {
  const body = new Response('all of it').body;
  if (!body) throw new Error('no body');
  expect(await new Response(endingAt(body, 1, { now: () => 0 })).text()).toBe('all of it');
});
