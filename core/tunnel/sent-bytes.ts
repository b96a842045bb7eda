// What was sent and not acknowledged yet, from an offset on: kept to be sent again.

export class SentBytes {
  readonly #chunks: Uint8Array[] = [];
  /** Offset of the first chunk's first byte, and behind the last one's last. */
  #begin = 0;
  #end = 0;
  /** The chunk with the byte at #readAt, and that chunk's offset: reading goes on where it stopped. */
  #index = 0;
  #indexAt = 0;

  get begin(): number {
    return this.#begin;
  }

  get end(): number {
    return this.#end;
  }

  /** `bytes` are kept as they are: nobody may change them. */
  add(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#chunks.push(bytes);
    this.#end += bytes.length;
  }

  /** Everything before `offset` is needed no more. Whole chunks go; of a chunk that is cut the rest stays. */
  release(offset: number): void {
    let count = 0;
    while (count < this.#chunks.length && this.#begin + (this.#chunks[count] as Uint8Array).length <= offset) {
      this.#begin += (this.#chunks[count] as Uint8Array).length;
      count++;
    }
    if (count === 0) return;
    this.#chunks.splice(0, count);
    this.#index -= count;
    if (this.#index < 0) this.#rewind();
  }

  /** The bytes of [from, to) in parts; `from` is not before `begin`. */
  parts(from: number, to: number): Uint8Array[] {
    if (from < this.#indexAt) this.#rewind();
    const found: Uint8Array[] = [];
    let at = from;
    while (at < to) {
      const chunk = this.#chunks[this.#index] as Uint8Array;
      const chunkEnd = this.#indexAt + chunk.length;
      if (at < chunkEnd) {
        const stop = Math.min(to, chunkEnd);
        found.push(chunk.subarray(at - this.#indexAt, stop - this.#indexAt));
        at = stop;
      }
      if (at < chunkEnd) break;
      this.#index++;
      this.#indexAt = chunkEnd;
    }
    return found;
  }

  #rewind(): void {
    this.#index = 0;
    this.#indexAt = this.#begin;
  }
}
