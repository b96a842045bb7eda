// A ZIP archive as a stream: files one after the other, compressed as they come, their sizes behind them, and the list at the end. With
// ZIP64's fields where the archive outgrows 4 GiB; a file must not (MAX_FILE_BYTES).
// https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT

import { pipeline, Readable } from 'node:stream';
import { crc32, createDeflateRaw } from 'node:zlib';

/** Whoever writes a larger file begins another. */
export const MAX_FILE_BYTES = 2 * 1024 * 1024 * 1024;
/** More have no place in the list without ZIP64's count. */
export const MAX_FILES = 65_000;

const LOCAL = 0x04034b50;
const DESCRIPTOR = 0x08074b50;
const CENTRAL = 0x02014b50;
const END = 0x06054b50;
const END64 = 0x06064b50;
const LOCATOR64 = 0x07064b50;
const VERSION = 45;
/** Sizes stand behind the file, and names are UTF-8. */
const FLAGS = 0x0808;
const DEFLATE = 8;
const IN_ZIP64 = 0xffffffff;

export class ZipWriter {
  readonly #time: number;
  readonly #list: Buffer[] = [];
  #offset = 0;

  /** `time`: of every file in it. */
  constructor(time: Date) {
    this.#time = dosTime(time);
  }

  get files(): number {
    return this.#list.length;
  }

  async *file(name: string, text: AsyncIterable<string>): AsyncGenerator<Uint8Array, void, undefined> {
    const at = this.#offset;
    const bytesOfName = Buffer.from(name);
    let crc = 0;
    let size = 0;
    const source = async function* () {
      for await (const part of text) {
        const bytes = Buffer.from(part);
        crc = crc32(bytes, crc);
        size += bytes.length;
        yield bytes;
      }
    };
    yield this.#counted(
      packed(
        [LOCAL, 4],
        [VERSION, 2],
        [FLAGS, 2],
        [DEFLATE, 2],
        [this.#time, 4],
        [0, 12],
        [bytesOfName.length, 2],
        [0, 2],
      ),
    );
    yield this.#counted(bytesOfName);
    const deflate = createDeflateRaw();
    // A failing source destroys it, and then reading it throws.
    pipeline(Readable.from(source()), deflate, () => undefined);
    const before = this.#offset;
    for await (const part of deflate as AsyncIterable<Buffer>) yield this.#counted(part);
    const compressed = this.#offset - before;
    yield this.#counted(packed([DESCRIPTOR, 4], [crc, 4], [compressed, 4], [size, 4]));
    const far = at >= IN_ZIP64 ? packed([1, 2], [8, 2], [at, 8]) : Buffer.alloc(0);
    this.#list.push(
      Buffer.concat([
        packed([CENTRAL, 4], [VERSION, 2], [VERSION, 2], [FLAGS, 2], [DEFLATE, 2], [this.#time, 4]),
        packed([crc, 4], [compressed, 4], [size, 4], [bytesOfName.length, 2], [far.length, 2]),
        packed([0, 2], [0, 2], [0, 2], [0, 4], [Math.min(at, IN_ZIP64), 4]),
        bytesOfName,
        far,
      ]),
    );
  }

  *end(): Generator<Uint8Array> {
    const at = this.#offset;
    for (const entry of this.#list) yield this.#counted(entry);
    const bytes = this.#offset - at;
    const count = this.#list.length;
    if (this.#offset >= IN_ZIP64) {
      const end64 = this.#offset;
      yield packed(
        [END64, 4],
        [44, 8],
        [VERSION, 2],
        [VERSION, 2],
        [0, 8],
        [count, 8],
        [count, 8],
        [bytes, 8],
        [at, 8],
      );
      yield packed([LOCATOR64, 4], [0, 4], [end64, 8], [1, 4]);
    }
    const [least, first] = [Math.min(bytes, IN_ZIP64), Math.min(at, IN_ZIP64)];
    yield packed([END, 4], [0, 4], [count, 2], [count, 2], [least, 4], [first, 4], [0, 2]);
  }

  #counted(bytes: Uint8Array): Uint8Array {
    this.#offset += bytes.length;
    return bytes;
  }
}

/** Little-endian numbers of so many bytes. */
function packed(...fields: readonly (readonly [value: number, bytes: number])[]): Buffer {
  const buffer = Buffer.alloc(fields.reduce((sum, [, bytes]) => sum + bytes, 0));
  let at = 0;
  for (const [value, bytes] of fields) {
    if (bytes === 8) buffer.writeBigUInt64LE(BigInt(value), at);
    else if (bytes <= 4) buffer.writeUIntLE(value, at, bytes);
    at += bytes;
  }
  return buffer;
}

/** Two seconds' worth, UTC: time in the lower half, date in the upper, from 1980 on. */
function dosTime(at: Date): number {
  const year = Math.max(1980, Math.min(at.getUTCFullYear(), 2107)) - 1980;
  const date = (year << 9) | ((at.getUTCMonth() + 1) << 5) | at.getUTCDate();
  const time = (at.getUTCHours() << 11) | (at.getUTCMinutes() << 5) | (at.getUTCSeconds() >> 1);
  return date * 0x10000 + time;
}
