// Bytes written one after the other. What it gave stays unchanged, so it can be recorded as it is.

export class Output {
  #buffer: Buffer;
  #length = 0;

  constructor(size: number) {
    this.#buffer = Buffer.allocUnsafe(size);
  }

  copy(source: Uint8Array, start: number, end: number): void {
    const length = end - start;
    this.#room(length);
    if (length <= 32) {
      // For short pieces a call into native code costs more than the copy.
      const to = this.#buffer;
      for (let at = start, into = this.#length; at < end; at++, into++) to[into] = source[at] as number;
    } else this.#buffer.set(start === 0 && end === source.length ? source : source.subarray(start, end), this.#length);
    this.#length += length;
  }

  byte(value: number): void {
    this.#room(1);
    this.#buffer[this.#length++] = value;
  }

  int32(value: number): void {
    this.#room(4);
    this.#buffer.writeInt32BE(value, this.#length);
    this.#length += 4;
  }

  get length(): number {
    return this.#length;
  }

  take(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  #room(bytes: number): void {
    if (this.#length + bytes <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.#length + bytes));
    larger.set(this.#buffer.subarray(0, this.#length));
    this.#buffer = larger;
  }
}
