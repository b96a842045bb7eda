// Bytes written one after the other. What it gave stays unchanged, so it can be recorded as it is.

import { giveBack, lend } from '../net/kept-buffer.ts';

/** Below that a call into native code costs more than the copy. */
const SHORT_BYTES = 24;

export class OutputChunks {
  /** For writers that asked for `room`. Another one after each call that writes. */
  bytes: Buffer;
  /** Written so far. */
  length = 0;

  constructor(size: number) {
    this.bytes = lend(size);
  }

  /** Makes sure that `bytes` has room for so many behind `length`. */
  room(bytes: number): void {
    if (this.length + bytes <= this.bytes.length) return;
    const larger = lend(Math.max(this.bytes.length * 2, this.length + bytes));
    larger.set(this.bytes.subarray(0, this.length));
    giveBack(this.bytes);
    this.bytes = larger;
  }

  copy(source: Buffer, start: number, end: number): void {
    const length = end - start;
    this.room(length);
    if (length <= SHORT_BYTES) {
      const to = this.bytes;
      for (let at = start, into = this.length; at < end; at++, into++) to[into] = source[at] as number;
    } else source.copy(this.bytes, this.length, start, end);
    this.length += length;
  }

  /** All of `value`. */
  put(value: Uint8Array): void {
    const length = value.length;
    this.room(length);
    if (length <= SHORT_BYTES) {
      const to = this.bytes;
      for (let at = 0, into = this.length; at < length; at++, into++) to[into] = value[at] as number;
    } else this.bytes.set(value, this.length);
    this.length += length;
  }

  byte(value: number): void {
    this.room(1);
    this.bytes[this.length++] = value;
  }

  int32(value: number): void {
    this.room(4);
    this.writeInt32(value, this.length);
    this.length += 4;
  }

  /** Over what was written. */
  writeInt32(value: number, at: number): void {
    const to = this.bytes;
    to[at] = value >>> 24;
    to[at + 1] = value >>> 16;
    to[at + 2] = value >>> 8;
    to[at + 3] = value;
  }

  take(): Buffer {
    return this.bytes.subarray(0, this.length);
  }
}

/** One chunk on its way: what nobody changes stays where it lies, until the first change. */
export class ChunkRewrite {
  readonly #chunk: Buffer;
  readonly #given: Buffer[] = [];
  #out: OutputChunks | undefined;
  #from = 0;

  constructor(chunk: Buffer) {
    this.#chunk = chunk;
  }

  /** Everything in front of it is given, or left out. */
  get from(): number {
    return this.#from;
  }

  /** Gives the chunk up to `to` as it is. What is written next takes the place of chunk[to, ...), until `goOnAt`. */
  replaceAt(to: number): OutputChunks {
    const out = this.#out ?? new OutputChunks(this.#chunk.length - this.#from + 1024);
    this.#out = out;
    if (to > this.#from) {
      out.copy(this.#chunk, this.#from, to);
      this.#from = to;
    }
    return out;
  }

  /** Parts that go out in front of anything else. */
  lead(parts: readonly Buffer[]): void {
    this.#given.push(...parts);
  }

  /** The chunk goes on there; what lies between is left out. */
  goOnAt(at: number): void {
    this.#from = at;
  }

  /** Gives the chunk up to `to` as it is, and what was written before. */
  give(to: number): Buffer[] {
    if (this.#out) {
      const out = this.replaceAt(to);
      this.#out = undefined;
      if (out.length > 0) this.#given.push(out.take());
    } else if (to > this.#from) this.#given.push(this.#chunk.subarray(this.#from, to));
    this.#from = Math.max(this.#from, to);
    return this.#given;
  }

  /** What was written so far, for `rewind`; -1: nothing. */
  get written(): number {
    return this.#out?.length ?? -1;
  }

  /** What was written since the last `give`, and not given yet: `written` bytes of it. */
  get bytes(): Buffer {
    return this.#out?.bytes ?? NOTHING;
  }

  /** Bytes given before that. */
  get givenBytes(): number {
    let sum = 0;
    for (const { length } of this.#given) sum += length;
    return sum;
  }

  /** Takes back what was written since `from` and `written` were these. */
  rewind(from: number, written: number): void {
    this.#from = from;
    if (written < 0) this.#out = undefined;
    else if (this.#out) this.#out.length = written;
  }

  /**
   * The int32 at chunk[at] becomes larger by `growth`, where everything up to `from` was given or replaced since, and
   * something of it replaced.
   */
  grow(at: number, growth: number): void {
    const out = this.#out;
    if (out && growth !== 0)
      out.writeInt32(this.#chunk.readInt32BE(at) + growth, out.length - (this.#from - at) - growth);
  }
}

const NOTHING = Buffer.alloc(0);
