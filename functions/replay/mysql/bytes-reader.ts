// Integers and strings of MySQL's payloads, front to back.
// https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_basic_data_types.html

export class BytesReader {
  readonly #bytes: Buffer;
  at: number;

  constructor(bytes: Buffer, at = 0) {
    this.#bytes = bytes;
    this.at = at;
  }

  get left(): number {
    return this.#bytes.length - this.at;
  }

  peek(): number | undefined {
    return this.#bytes[this.at];
  }

  /** Throws RangeError where there are fewer. */
  take(count: number): Buffer {
    if (count > this.left) throw new RangeError('it ends before');
    this.at += count;
    return this.#bytes.subarray(this.at - count, this.at);
  }

  int(bytes: 1 | 2 | 3 | 4): number {
    return this.take(bytes).readUIntLE(0, bytes);
  }

  /** int<lenenc> */
  lengthInt(): number {
    const first = this.int(1);
    if (first < 0xfb) return first;
    if (first === 0xfc) return this.int(2);
    if (first === 0xfd) return this.int(3);
    if (first !== 0xfe) throw new RangeError('no length');
    return Number(this.take(8).readBigUInt64LE(0));
  }

  /** What is there of a string whose end may not be. */
  lengthStart(): { readonly bytes: Buffer; readonly length: number } {
    const length = this.lengthInt();
    return { bytes: this.take(Math.min(length, this.left)), length };
  }

  lengthBytes(): Buffer {
    return this.take(this.lengthInt());
  }
}
