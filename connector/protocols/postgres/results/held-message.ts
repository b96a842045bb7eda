import { lend } from '../../../net/kept-buffer.ts';

/** A message that a chunk ended in, until enough of it is there. */
export class HeldMessage {
  #parts: Buffer[] = [];
  #bytes = 0;
  /** Bytes; 0: nothing is held. */
  wanted = 0;

  hold(chunk: Buffer, at: number, wanted: number): void {
    this.#parts = [Buffer.from(chunk.subarray(at))];
    this.#bytes = chunk.length - at;
    this.wanted = wanted;
  }

  /** Gives what was held with what came, as soon as that is enough: in memory that is lent. */
  collect(received: Buffer): Buffer | undefined {
    this.#bytes += received.length;
    this.#parts.push(this.#bytes < this.wanted ? Buffer.from(received) : received);
    if (this.#bytes < this.wanted) {
      // A message that drips in byte by byte must not become an object a byte.
      if (this.#parts.length === 64) this.#parts = [Buffer.concat(this.#parts)];
      return undefined;
    }
    const whole = lend(this.#bytes).subarray(0, this.#bytes);
    let at = 0;
    for (const part of this.#parts) at += part.copy(whole, at);
    this.#parts = [];
    this.wanted = 0;
    return whole;
  }

  drop(): void {
    this.#parts = [];
  }
}
