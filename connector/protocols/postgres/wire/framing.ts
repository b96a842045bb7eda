// PostgreSQL framing after start-up: finds the borders of messages in chunks as they come.
//
//   byte type | int32 length | body        the length counts itself and never the type byte
//
// Bodies are passed over in place. Of messages that somebody wants to read, the body is shown where
// it lies when it is within one chunk, and else collected up to MAX_HEAD_BYTES: what a message
// declares never allocates. A header cut by a chunk's end is held back until it is whole, so that
// nothing of a message goes on before it is known to be one that we understand (law 3).

export const HEADER_BYTES = 5;
/** PostgreSQL's own cap for any message (MaxAllocSize). */
export const MAX_MESSAGE_BYTES = 0x3fff_ffff;
/** Collected of a message that spans chunks; the rest is passed over. */
export const MAX_HEAD_BYTES = 128 * 1024;

/** By type byte: not understood; border only; its body is shown. */
const REFUSED = 0;
const PASSED = 1;
const SHOWN = 2;

const NOTHING = Buffer.alloc(0);

/** Type bytes with how each is handled; every other is REFUSED. */
export function frameTable(passed: string, shown: string): Uint8Array {
  const table = new Uint8Array(256);
  for (const type of passed) table[type.charCodeAt(0)] = PASSED;
  for (const type of shown) table[type.charCodeAt(0)] = SHOWN;
  return table;
}

interface FrameSink {
  /**
   * A whole message has passed. Its body is `bytes[start, end)`: all of it for shown types unless it was longer
   * than MAX_HEAD_BYTES and spanned chunks, empty for passed ones. `length` is the body's true length, `offset`
   * where its type byte stands in all that was scanned. Valid during the call only. Returns what is wrong with it.
   */
  frame(type: number, bytes: Buffer, start: number, end: number, length: number, offset: number): string | undefined;
}

export class FrameScanner {
  readonly #table: Uint8Array;
  readonly #sink: FrameSink;
  /** Bytes before the chunk at hand. */
  #position = 0;
  /** The message that the last chunk ended in: bytes of its body still to come. */
  #left = 0;
  #type = 0;
  #length = 0;
  #offset = 0;
  #head: Buffer[] = [];
  #headBytes = 0;
  /** The beginning of a header. */
  #held: Buffer = NOTHING;
  fault: string | undefined;

  /** `position`: bytes that were passed on before. */
  constructor(table: Uint8Array, sink: FrameSink, position = 0) {
    this.#table = table;
    this.#sink = sink;
    this.#position = position;
  }

  /**
   * Looks at the next chunk and gives what may go on: the chunk itself, less the beginning of a header at its end,
   * with the one held back before. Sets `fault` at the first message that is not understood; nothing from there on
   * is given. Not to be called after a fault.
   */
  scan(received: Buffer): Buffer {
    const chunk = this.#held.length === 0 ? received : Buffer.concat([this.#held, received]);
    this.#held = NOTHING;
    const size = chunk.length;
    let at = 0;
    if (this.#left > 0) {
      at = this.#goOn(chunk);
      if (this.fault !== undefined) return NOTHING;
    }
    while (at < size) {
      const type = chunk[at] as number;
      const handling = this.#table[type];
      if (handling === REFUSED) {
        this.fault = `message type ${nameOf(type)} is not understood`;
        break;
      }
      if (size - at < HEADER_BYTES) {
        this.#held = Buffer.from(chunk.subarray(at));
        break;
      }
      const declared = chunk.readInt32BE(at + 1);
      if (declared < 4 || declared > MAX_MESSAGE_BYTES) {
        this.fault = `message ${nameOf(type)} declares a length of ${declared}`;
        break;
      }
      const start = at + HEADER_BYTES;
      const length = declared - 4;
      if (length > size - start) {
        this.#begin(type, length, chunk, start, this.#position + at);
        at = size;
        break;
      }
      const end = handling === SHOWN ? start + length : start;
      this.fault = this.#sink.frame(type, chunk, start, end, length, this.#position + at);
      if (this.fault !== undefined) break;
      at = start + length;
    }
    this.#position += at;
    return at === size ? chunk : chunk.subarray(0, at);
  }

  /** True where a message of our own may be put without cutting one in two. */
  get betweenMessages(): boolean {
    return this.#left === 0;
  }

  /** A message, or the beginning of its header, has been seen and is not whole. */
  get underWay(): boolean {
    return this.#left > 0 || this.#held.length > 0;
  }

  /** The beginning of a header that was not given on. */
  get held(): Buffer {
    return this.#held;
  }

  /** Bytes of the message under way that were given on. */
  get unfinished(): number {
    return this.#left > 0 ? HEADER_BYTES + this.#length - this.#left : 0;
  }

  /** How many bytes of `chunk` belong to what is under way. */
  missing(chunk: Buffer): number {
    if (this.#left > 0) return Math.min(this.#left, chunk.length);
    if (this.#held.length === 0) return 0;
    const rest = HEADER_BYTES - this.#held.length;
    if (chunk.length <= rest) return chunk.length;
    const declared = Buffer.concat([this.#held, chunk.subarray(0, rest)]).readInt32BE(1);
    return Math.min(chunk.length, rest + Math.max(0, declared - 4));
  }

  /** The beginning of a header that was not given on: it is the caller's now. */
  takeHeld(): Buffer {
    const held = this.#held;
    this.#held = NOTHING;
    return held;
  }

  /** Bytes that were passed on. */
  get position(): number {
    return this.#position;
  }

  #begin(type: number, length: number, chunk: Buffer, start: number, offset: number): void {
    this.#type = type;
    this.#length = length;
    this.#offset = offset;
    this.#left = length - (chunk.length - start);
    this.#headBytes = 0;
    this.#collect(chunk, start, chunk.length);
  }

  /** Takes the chunk's share of the message under way; gives where the next one begins. */
  #goOn(chunk: Buffer): number {
    const share = Math.min(this.#left, chunk.length);
    this.#left -= share;
    this.#collect(chunk, 0, share);
    if (this.#left === 0) {
      const head = this.#head.length === 0 ? NOTHING : Buffer.concat(this.#head);
      this.#head = [];
      this.fault = this.#sink.frame(this.#type, head, 0, head.length, this.#length, this.#offset);
    }
    return share;
  }

  #collect(chunk: Buffer, start: number, end: number): void {
    const wanted = Math.min(end - start, MAX_HEAD_BYTES - this.#headBytes);
    if (this.#table[this.#type] !== SHOWN || wanted <= 0) return;
    this.#head.push(Buffer.from(chunk.subarray(start, start + wanted)));
    // A message that drips in byte by byte must not become an object a byte.
    if (this.#head.length === 64) this.#head = [Buffer.concat(this.#head)];
    this.#headBytes += wanted;
  }
}

const nameOf = (type: number): string =>
  type > 0x20 && type < 0x7f ? `'${String.fromCharCode(type)}'` : `0x${type.toString(16).padStart(2, '0')}`;
