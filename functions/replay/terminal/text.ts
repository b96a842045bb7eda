// Bytes of one direction of a lane as text: UTF-8, whose characters frames may cut. What is not UTF-8 is shown as
// U+FFFD, as a terminal would, and handed on as the bytes that it is.

export interface SentText {
  readonly text: string;
  readonly base64?: string;
}

/** Keep a byte order mark: it was sent. */
const STRICT = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const LENIENT = new TextDecoder('utf-8', { ignoreBOM: true });

export class Utf8Stream {
  #rest: Uint8Array;

  /** `rest`: as `rest` was where the reading goes on. */
  constructor(rest: Uint8Array = new Uint8Array(0)) {
    this.#rest = rest;
  }

  /** The beginning of a character, at most 3 bytes. */
  get rest(): Uint8Array {
    return this.#rest;
  }

  /** Undefined: no character is complete. */
  push(chunk: Uint8Array): SentText | undefined {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const end = bytes.length - begunAtEnd(bytes);
    // A copy: the chunk is a view into its segment.
    this.#rest = new Uint8Array(bytes.subarray(end));
    return end === 0 ? undefined : textOf(bytes.subarray(0, end));
  }

  /** No more comes. */
  flush(): SentText | undefined {
    const bytes = this.#rest;
    this.#rest = new Uint8Array(0);
    return bytes.length === 0 ? undefined : textOf(bytes);
  }
}

function textOf(bytes: Uint8Array): SentText {
  try {
    return { text: STRICT.decode(bytes) };
  } catch {
    return { text: LENIENT.decode(bytes), base64: Buffer.from(bytes).toString('base64') };
  }
}

/** How many bytes at the end begin a character that is not complete and may yet be (Unicode 16, table 3-7). */
function begunAtEnd(bytes: Uint8Array): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back] ?? 0;
    if (byte >= 0x80 && byte < 0xc0) continue;
    const wanted = byte >= 0xf0 && byte <= 0xf4 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc2 ? 2 : 1;
    if (byte > 0xf4 || back >= wanted) return 0;
    const second = back > 1 ? (bytes[bytes.length - back + 1] ?? 0) : undefined;
    return second === undefined || mayFollow(byte, second) ? back : 0;
  }
  return 0;
}

function mayFollow(first: number, second: number): boolean {
  if (first === 0xe0) return second >= 0xa0;
  if (first === 0xed) return second < 0xa0;
  if (first === 0xf0) return second >= 0x90;
  return first !== 0xf4 || second < 0x90;
}
