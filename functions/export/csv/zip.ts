// A ZIP archive as a stream: files one after the other, compressed in pieces as they come, their sizes behind them, and the list at the
// end. A piece is compressed by itself, so that an archive can be left within a file and gone on with (checkpoints.ts). With
// ZIP64's fields where the archive outgrows 4 GiB; a file must not (MAX_FILE_BYTES).
// https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT

import { promisify } from 'node:util';
import { constants, crc32, deflateRaw } from 'node:zlib';
import { z } from 'zod';
import { KeptBytes, keptBytes } from '../../checkpoints.ts';

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

/** A window of deflate is 32 KiB: what a piece cannot know of the one before is little of it. */
const PIECE_BYTES = 256 * 1024;
/** Compressed beside the reading of what follows. */
const PIECES_AHEAD = 2;

const Count = z.number().int().min(0);
const OpenFile = z.object({ name: z.string(), at: Count, crc: Count, size: Count, compressed: Count, rest: KeptBytes });

export const ZipState = z.object({
  /** Entries of the list, one behind the other. */
  list: KeptBytes,
  files: Count,
  offset: Count,
  open: OpenFile.optional(),
});

interface OpenFile {
  readonly name: string;
  readonly at: number;
  crc: number;
  size: number;
  compressed: number;
  /** Pieces that are compressed now, and what is no piece yet. */
  readonly pieces: { readonly bytes: Buffer; readonly compressed: Promise<Buffer> }[];
  rest: Buffer[];
  restBytes: number;
}

const compress: (bytes: Buffer, options: { finishFlush: number }) => Promise<Buffer> = promisify(deflateRaw);

export class ZipWriter {
  readonly #time: number;
  readonly #list: Buffer[] = [];
  #files = 0;
  #offset = 0;
  #open: OpenFile | undefined;

  /** `time`: of every file in it. `saved`: what `state` said. */
  constructor(time: Date, saved?: z.output<typeof ZipState>) {
    this.#time = dosTime(time);
    if (!saved) return;
    this.#list.push(Buffer.from(saved.list));
    [this.#files, this.#offset] = [saved.files, saved.offset];
    const { open } = saved;
    if (open) this.#open = { ...open, pieces: [], rest: [Buffer.from(open.rest)], restBytes: open.rest.length };
  }

  get files(): number {
    return this.#files;
  }

  /** The name of the file that it was left in; `file` goes on with it. */
  get open(): string | undefined {
    return this.#open?.name;
  }

  /** What is being compressed is none of it yet. */
  state(): z.input<typeof ZipState> {
    const kept = { list: keptBytes(Buffer.concat(this.#list)), files: this.#files, offset: this.#offset };
    if (!this.#open) return kept;
    const { name, at, crc, size, compressed, pieces, rest } = this.#open;
    const bytes = Buffer.concat([...pieces.map((piece) => piece.bytes), ...rest]);
    return { ...kept, open: { name, at, crc, size, compressed, rest: keptBytes(bytes) } };
  }

  async *file(name: string, text: AsyncIterable<string>): AsyncGenerator<Uint8Array, void, undefined> {
    if (!this.#open) yield* this.#begin(name);
    const open = this.#open as unknown as OpenFile;
    for await (const part of text) {
      const bytes = Buffer.from(part);
      open.crc = crc32(bytes, open.crc);
      open.size += bytes.length;
      open.rest.push(bytes);
      open.restBytes += bytes.length;
      cut(open);
      while (open.pieces.length > PIECES_AHEAD) yield await this.#first(open);
    }
    cut(open);
    open.pieces.push(pieceOf(Buffer.concat(open.rest), constants.Z_FINISH));
    while (open.pieces.length > 0) yield await this.#first(open);
    this.#open = undefined;
    const { at, crc, size, compressed } = open;
    const bytesOfName = Buffer.from(open.name);
    yield this.#counted(packed([DESCRIPTOR, 4], [crc, 4], [compressed, 4], [size, 4]));
    const far = at >= IN_ZIP64 ? packed([1, 2], [8, 2], [at, 8]) : Buffer.alloc(0);
    this.#files++;
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

  *#begin(name: string): Generator<Uint8Array, void, undefined> {
    const bytesOfName = Buffer.from(name);
    this.#open = {
      ...{ name, at: this.#offset, crc: 0, size: 0, compressed: 0 },
      ...{ pieces: [], rest: [], restBytes: 0 },
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
  }

  async #first(open: OpenFile): Promise<Uint8Array> {
    const bytes = (await open.pieces[0]?.compressed) ?? Buffer.alloc(0);
    open.pieces.shift();
    open.compressed += bytes.length;
    return this.#counted(bytes);
  }

  *end(): Generator<Uint8Array> {
    const at = this.#offset;
    for (const entry of this.#list) yield this.#counted(entry);
    const bytes = this.#offset - at;
    const count = this.#files;
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

/** Whole pieces of what has come. */
function cut(open: OpenFile): void {
  if (open.restBytes < PIECE_BYTES) return;
  let rest = Buffer.concat(open.rest);
  for (; rest.length >= PIECE_BYTES; rest = rest.subarray(PIECE_BYTES))
    open.pieces.push(pieceOf(rest.subarray(0, PIECE_BYTES), constants.Z_SYNC_FLUSH));
  [open.rest, open.restBytes] = [[rest], rest.length];
}

function pieceOf(bytes: Buffer, finishFlush: number): OpenFile['pieces'][number] {
  const compressed = compress(bytes, { finishFlush });
  // Whoever waits for it is told; one that nobody waits for any more must not end the process.
  compressed.catch(() => undefined);
  return { bytes, compressed };
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
