// Reads a stream by exact counts, for logins: a few small messages before the session's own flow
// begins. Keeps at most MAX_UNREAD_BYTES that nobody asked for yet.

import type { Duplex } from 'node:stream';

/** The longest thing anybody asks for at once (a start-up packet) fits; one read of the stream may exceed it. */
const MAX_UNREAD_BYTES = 16 * 1024;

/** The stream ended, failed or was aborted before the bytes were there. */
export class ConnectionLost extends Error {}

export class ByteReader {
  readonly #stream: Duplex;
  readonly #signal: AbortSignal;
  #chunks: Buffer[] = [];
  #size = 0;
  #wanted = 0;
  #lost: string | undefined;
  #wake: (() => void) | undefined;
  readonly #onData = (chunk: Buffer) => {
    this.#chunks.push(chunk);
    this.#size += chunk.length;
    if (this.#size >= Math.max(this.#wanted, MAX_UNREAD_BYTES)) this.#stream.pause();
    if (this.#size >= this.#wanted) this.#wake?.();
  };
  readonly #onEnd = () => this.#lose('closed by the other side');
  readonly #onAbort = () => this.#lose('deadline exceeded');

  /** Starts reading. The caller keeps an error listener on the stream. */
  constructor(stream: Duplex, signal: AbortSignal) {
    this.#stream = stream;
    this.#signal = signal;
    stream.on('data', this.#onData);
    stream.on('end', this.#onEnd);
    stream.on('close', this.#onEnd);
    if (signal.aborted) this.#onAbort();
    else signal.addEventListener('abort', this.#onAbort, { once: true });
  }

  /** Exactly `count` bytes. Rejects with ConnectionLost. One call at a time. */
  async take(count: number): Promise<Buffer> {
    while (this.#size < count) {
      if (this.#lost !== undefined) throw new ConnectionLost(this.#lost);
      this.#wanted = count;
      this.#stream.resume();
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = undefined;
      this.#wanted = 0;
    }
    if (count === 0) return Buffer.alloc(0);
    const all = this.#chunks.length === 1 && this.#chunks[0] ? this.#chunks[0] : Buffer.concat(this.#chunks);
    this.#chunks = count < all.length ? [all.subarray(count)] : [];
    this.#size -= count;
    return all.subarray(0, count);
  }

  /** Bytes that came and were not taken. */
  get unread(): number {
    return this.#size;
  }

  /** Stops reading and pauses the stream; gives what came and was not taken. */
  release(): Buffer {
    this.#stream.off('data', this.#onData);
    this.#stream.off('end', this.#onEnd);
    this.#stream.off('close', this.#onEnd);
    this.#signal.removeEventListener('abort', this.#onAbort);
    this.#stream.pause();
    const rest = Buffer.concat(this.#chunks);
    this.#chunks = [];
    this.#size = 0;
    return rest;
  }

  #lose(why: string): void {
    this.#lost ??= why;
    this.#wake?.();
  }
}
