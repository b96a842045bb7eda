// What the client sends while something in front of it waits.

/** Then the client is not read any more, and its hang-up is not seen until it goes on. */
const MAX_QUEUED_BYTES = 16 * 1024 * 1024;

export class ClientQueue {
  #chunks: Buffer[] = [];
  #bytes = 0;

  get full(): boolean {
    return this.#bytes > MAX_QUEUED_BYTES;
  }

  /** `chunk` is the queue's from here on. */
  push(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
  }

  takeAll(): readonly Buffer[] {
    const chunks = this.#chunks;
    this.#chunks = [];
    this.#bytes = 0;
    return chunks;
  }
}
