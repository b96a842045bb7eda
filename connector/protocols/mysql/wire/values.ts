// Integers and strings as payloads hold them.
//
//   int<n>          n bytes, little-endian
//   int<lenenc>     0 to 250 as one byte; 0xfc int<2>; 0xfd int<3>; 0xfe int<8>
//   string<lenenc>  int<lenenc> length | bytes
//   string<NUL>     bytes | 0
// https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_basic_data_types.html

/** What was read does not fit into its payload, or is no number. */
export class MalformedPacket extends Error {}

/** Reads a payload from front to back. What is not there throws MalformedPacket. */
export class PayloadReader {
  readonly #bytes: Buffer;
  at: number;
  readonly end: number;

  constructor(bytes: Buffer, at = 0, end = bytes.length) {
    this.#bytes = bytes;
    this.at = at;
    this.end = end;
  }

  get left(): number {
    return this.end - this.at;
  }

  take(count: number): Buffer {
    if (count > this.left) throw new MalformedPacket();
    this.at += count;
    return this.#bytes.subarray(this.at - count, this.at);
  }

  int(bytes: 1 | 2 | 3 | 4): number {
    return this.take(bytes).readUIntLE(0, bytes);
  }

  lengthInt(): number {
    const first = this.int(1);
    if (first < 0xfb) return first;
    if (first === 0xfc) return this.int(2);
    if (first === 0xfd) return this.int(3);
    if (first !== 0xfe) throw new MalformedPacket();
    const value = this.take(8).readBigUInt64LE(0);
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new MalformedPacket();
    return Number(value);
  }

  lengthBytes(): Buffer {
    return this.take(this.lengthInt());
  }

  /** Up to a NUL, which is taken too. */
  terminated(): Buffer {
    const stop = this.#bytes.indexOf(0, this.at);
    if (stop < 0 || stop >= this.end) throw new MalformedPacket();
    const bytes = this.#bytes.subarray(this.at, stop);
    this.at = stop + 1;
    return bytes;
  }

  rest(): Buffer {
    return this.take(this.left);
  }
}

export function littleEndian(value: number, bytes: 1 | 2 | 3 | 4): Buffer {
  const buffer = Buffer.alloc(bytes);
  buffer.writeUIntLE(value, 0, bytes);
  return buffer;
}

export function lengthInt(value: number): Buffer {
  if (value < 0xfb) return Buffer.of(value);
  if (value < 0x10000) return Buffer.concat([Buffer.of(0xfc), littleEndian(value, 2)]);
  if (value < 0x1000000) return Buffer.concat([Buffer.of(0xfd), littleEndian(value, 3)]);
  const long = Buffer.alloc(9);
  long[0] = 0xfe;
  long.writeBigUInt64LE(BigInt(value), 1);
  return long;
}

export const lengthBytes = (bytes: Uint8Array): Buffer => Buffer.concat([lengthInt(bytes.length), bytes]);
