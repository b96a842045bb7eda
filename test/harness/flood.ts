// Writes to a stream for as long as the other side takes it.

import type { Duplex } from 'node:stream';

/** Resolves when it was not taken for `idleMs`, or the stream is gone. */
export async function pourUntilStuck(stream: Duplex, chunk: Uint8Array, idleMs = 300): Promise<void> {
  for (let taken = performance.now(); performance.now() - taken < idleMs && !stream.destroyed; ) {
    if (stream.writableLength < chunk.length) {
      stream.write(chunk);
      taken = performance.now();
    }
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
