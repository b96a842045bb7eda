// The last words to a client that is not let in, for any stream.

import type { Duplex } from 'node:stream';

/** How long it may take to read them. */
const FAREWELL_MS = 5_000;

/** Says `words` and closes. Resolves when the stream is closed, or destroyed because it would not be. */
export function turnAway(stream: Duplex, words: Uint8Array | undefined): Promise<void> {
  if (stream.destroyed) return Promise.resolve();
  return new Promise((resolve) => {
    const timer = setTimeout(() => stream.destroy(), FAREWELL_MS);
    stream.once('close', () => {
      clearTimeout(timer);
      resolve();
    });
    // What it goes on to send is let go unread, so that its closing is noticed and it is not reset while it reads.
    stream.on('data', () => {});
    stream.once('end', () => destroySoon(stream));
    stream.resume();
    if (words) stream.end(words);
    else stream.end();
  });
}

/** Closes it once what was written has gone out, or nobody reads it. */
export function destroySoon(stream: Duplex): void {
  if (!stream.writableEnded) stream.end();
  if (stream.writableFinished) {
    stream.destroy();
    return;
  }
  const timer = setTimeout(() => stream.destroy(), FAREWELL_MS);
  stream.once('close', () => clearTimeout(timer));
  stream.once('finish', () => stream.destroy());
}
