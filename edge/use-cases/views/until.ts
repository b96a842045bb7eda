// A body that nobody reads on when the right to it is over.

import type { Clock } from '../../clock.ts';

/** The body, broken off with the first chunk that comes after `untilMs`: its reader sees that the whole did not come. */
export function endingAt(
  body: ReadableStream<Uint8Array>,
  untilMs: number,
  clock: Pick<Clock, 'now'>,
): ReadableStream<Uint8Array> {
  return body.pipeThrough(
    new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        if (clock.now() < untilMs) controller.enqueue(chunk);
        else controller.error(new Error('the time to watch it is over'));
      },
    }),
  );
}
