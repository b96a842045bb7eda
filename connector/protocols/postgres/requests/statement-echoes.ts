// What a target answers may quote the statement, and with it a secret that the statement's recorded copy does
// not show: `syntax error at or near "'hunter2'"`, the query of a DO block, a failing row; the row that
// set_config gives, EXPLAIN, current_query(). While such statements are under way their secrets are looked
// for in errors, notices and rows, and written over in the recording, byte for byte. The client gets the original.

import { HEADER_BYTES } from '../wire/framing.ts';
import type { Secrets } from '../../../sql/found-secrets.ts';

/** ErrorResponse, NoticeResponse. */
const SAYS = new Set([0x45, 0x4e]);
const DATA_ROW = 0x44;
const COPY_DATA = 0x64;
const CARRIES = new Set([DATA_ROW, COPY_DATA]);
const STAR = 0x2a;
const NOTHING = Buffer.alloc(0);
/** Of a longer one nothing is looked for: an error is written over, a row is recorded as it is. */
const MAX_MESSAGE_BYTES = 1024 * 1024;
/** What is shorter stays in rows, where it may be anything. */
const MIN_DATA_BYTES = 6;
/** Kept at a time; of more, the latest. */
const MAX_SECRETS = 10_000;
/** Of them, looked for in rows: there may be many rows. */
const MAX_SECRETS_IN_ROWS = 256;
/** Servers cut the values of a failing row after 64 bytes. */
const MAX_NEEDLE_BYTES = 60;
/** Severity, code, position, routine: never of the statement. */
const PLAIN_FIELDS = new Set([...'SVCPpFLR'].map((letter) => letter.charCodeAt(0)));

interface Answered {
  readonly forwarded: Buffer;
  /** As long. */
  readonly recorded: Buffer;
}

export class StatementEchoes {
  #secrets: Buffer[] = [];
  #inRows: Buffer[] = [];
  /** The beginning of a message. */
  #held: Buffer = NOTHING;
  /** Of a long message: bytes still to come. */
  #over = 0;
  #overSays = false;

  /** Whether the target's bytes must pass through here. */
  get needed(): boolean {
    return this.#secrets.length > 0 || this.#held.length > 0 || this.#over > 0;
  }

  /** It was given the beginning of a message, or took one. */
  get underWay(): boolean {
    return this.#held.length > 0 || this.#over > 0;
  }

  /** They are about to be sent. */
  expect({ values }: Pick<Secrets, 'values'>): void {
    for (const value of values.slice(-MAX_SECRETS)) this.#secrets.push(...formsOf(value));
    if (this.#secrets.length > MAX_SECRETS) this.#secrets = this.#secrets.slice(-MAX_SECRETS);
    this.#inRows = this.#secrets.filter(({ length }) => length >= MIN_DATA_BYTES).slice(-MAX_SECRETS_IN_ROWS);
  }

  /** Nothing is under way any more. */
  forget(): void {
    this.#secrets = [];
    this.#inRows = [];
  }

  /** A chunk that begins with a message, or behind what was given last. What goes on of it, and of what was held back: whole messages, or all there is of a long one. */
  take(received: Buffer): Answered {
    const held = this.#held;
    this.#held = NOTHING;
    const chunk = held.length === 0 ? received : Buffer.concat([held, received]);
    let copy: Buffer | undefined;
    let at = Math.min(this.#over, chunk.length);
    if (at > 0) {
      this.#over -= at;
      if (this.#overSays) {
        copy = Buffer.from(chunk);
        writeOver(copy, 0, at);
      }
    }
    while (at < chunk.length) {
      const here = chunk.length - at;
      const whole = here < HEADER_BYTES ? HEADER_BYTES : Math.max(HEADER_BYTES, chunk.readInt32BE(at + 1) + 1);
      const says = SAYS.has(chunk[at] as number);
      const carries = CARRIES.has(chunk[at] as number);
      if (here < HEADER_BYTES || (here < whole && whole <= MAX_MESSAGE_BYTES && (says || carries))) {
        this.#held = Buffer.from(chunk.subarray(at));
        break;
      }
      const end = Math.min(at + whole, chunk.length);
      if (end < at + whole) {
        this.#over = at + whole - end;
        this.#overSays = says;
        if (says) {
          copy ??= Buffer.from(chunk);
          writeOver(copy, at + HEADER_BYTES, end);
        }
      } else if (says || carries) {
        copy ??= Buffer.from(chunk);
        this.#hide(copy, at, end);
      }
      at = end;
    }
    const forwarded = this.#held.length === 0 ? chunk : chunk.subarray(0, at);
    return { forwarded, recorded: copy ? copy.subarray(0, forwarded.length) : forwarded };
  }

  /** A copy of whole messages without the secrets. Undefined: they are none, or nobody looks for all that they may hold. */
  writtenOver(messages: Uint8Array): Buffer | undefined {
    if (this.#inRows.length === MAX_SECRETS_IN_ROWS) return undefined;
    const copy = Buffer.from(messages);
    for (let at = 0; at < copy.length; ) {
      if (at + HEADER_BYTES > copy.length) return undefined;
      const end = at + 1 + copy.readInt32BE(at + 1);
      if (end < at + HEADER_BYTES || end > copy.length || end - at > MAX_MESSAGE_BYTES) return undefined;
      const type = copy[at] as number;
      if (SAYS.has(type) || CARRIES.has(type)) this.#hide(copy, at, end);
      at = end;
    }
    return copy;
  }

  /** A whole message. */
  #hide(b: Buffer, at: number, end: number): void {
    const start = at + HEADER_BYTES;
    if (SAYS.has(b[at] as number)) this.#hideInFields(b, start, end);
    else if (b[at] !== DATA_ROW) this.#hideInData(b.subarray(start, end));
    else {
      // int16 count | each: int32 length (-1: NULL), bytes
      for (let from = start + 2; from + 4 <= end; ) {
        const stop = from + 4 + Math.max(0, b.readInt32BE(from));
        this.#hideInData(b.subarray(from + 4, Math.min(stop, end)));
        from = stop;
      }
    }
  }

  /** Fields: byte code, text NUL; then NUL. */
  #hideInFields(b: Buffer, start: number, end: number): void {
    for (let at = start; at < end && b[at] !== 0; ) {
      const stop = b.indexOf(0, at + 1);
      const last = stop < 0 || stop > end ? end : stop;
      if (!PLAIN_FIELDS.has(b[at] as number))
        for (const secret of this.#secrets) hideIn(b.subarray(at + 1, last), secret);
      at = last + 1;
    }
  }

  #hideInData(data: Buffer): void {
    for (const secret of this.#inRows) hideIn(data, secret);
  }
}

/** As it stands in the statement, and as the server understands it. */
function formsOf(value: Buffer): Buffer[] {
  const text = value.toString('latin1', 0, value.length);
  const forms = new Set([
    text,
    text.replaceAll("''", "'"),
    text.replaceAll("''", "'").replace(/\\(.)/gs, '$1'),
    text.replaceAll("''", "'").replaceAll("''", "'"),
    text.replaceAll("'", "''"),
    // Of a connection string that ends where its author did not think so.
    ...text.split(/\s+/, 100).filter((word) => word.length >= MIN_DATA_BYTES),
  ]);
  return [...forms].filter((form) => form.length > 0).map((form) => Buffer.from(form, 'latin1'));
}

/** Not within a longer word. */
function hideIn(text: Buffer, secret: Buffer): void {
  const needle = secret.subarray(0, MAX_NEEDLE_BYTES);
  for (let at = text.indexOf(needle); at >= 0; at = text.indexOf(needle, at + 1)) {
    let end = at + needle.length;
    while (end - at < secret.length && text[end] === secret[end - at]) end++;
    const within =
      (isWord(text[at - 1]) && isWord(text[at])) ||
      (end - at === secret.length && isWord(text[end]) && isWord(text[end - 1]));
    if (!within) text.fill(STAR, at, end);
  }
}

const isWord = (byte: number | undefined): boolean =>
  byte !== undefined && /[\w\x80-\xff]/.test(String.fromCharCode(byte));

function writeOver(b: Buffer, start: number, end: number): void {
  for (let at = start; at < end; at++) if (b[at] !== 0) b[at] = STAR;
}
