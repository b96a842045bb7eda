// What a target says in words (ErrorResponse, NoticeResponse) may quote the statement, and with it a secret
// that the statement's recorded copy does not show: `syntax error at or near "'hunter2'"`, the query of a DO
// block, a failing row. While such statements are under way their secrets are looked for in these messages,
// and written over, byte for byte. Recording and client get the same.

import { HEADER_BYTES } from './framing.ts';
import type { Secrets } from './masking/secret-literals.ts';

const ERROR_RESPONSE = 0x45;
const NOTICE_RESPONSE = 0x4e;
const STAR = 0x2a;
const NOTHING = Buffer.alloc(0);
/** A longer message is written over from there on. */
const MAX_MESSAGE_BYTES = 1024 * 1024;
/** Kept at a time; of more, the latest. */
const MAX_SECRETS = 256;
const MAX_SECRET_BYTES = 256 * 1024;
/** Servers cut the values of a failing row after 64 bytes. */
const MAX_NEEDLE_BYTES = 60;
/** Severity, code, position, routine: never of the statement. */
const PLAIN_FIELDS = new Set([...'SVCPpFLR'].map((letter) => letter.charCodeAt(0)));

export class StatementEchoes {
  #secrets: Buffer[] = [];
  #bytes = 0;
  /** The beginning of a message. */
  #held: Buffer = NOTHING;
  /** Of a message that is too long: bytes still to be written over. */
  #over = 0;

  /** Whether the target's bytes must pass through here. */
  get needed(): boolean {
    return this.#secrets.length > 0 || this.#held.length > 0 || this.#over > 0;
  }

  /** They are about to be sent. */
  expect({ values }: Pick<Secrets, 'values'>): void {
    for (const value of values) for (const form of formsOf(value)) this.#add(form);
  }

  /** Nothing is under way any more. */
  forget(): void {
    this.#secrets = [];
    this.#bytes = 0;
  }

  /** `rest`: bytes at the chunk's beginning that belong to a message under way. Gives what goes on of it, and of what was held back. */
  take(received: Buffer, rest: number): Buffer {
    const held = this.#held;
    this.#held = NOTHING;
    const chunk = held.length === 0 ? received : Buffer.concat([held, received]);
    let copy: Buffer | undefined;
    let at = rest;
    if (this.#over > 0) {
      copy = Buffer.from(chunk);
      at = Math.min(this.#over, chunk.length);
      this.#over -= at;
      writeOver(copy, 0, at);
    }
    while (at < chunk.length) {
      const whole = chunk.length - at < HEADER_BYTES ? Number.POSITIVE_INFINITY : chunk.readInt32BE(at + 1) + 1;
      const said = chunk[at] === ERROR_RESPONSE || chunk[at] === NOTICE_RESPONSE;
      if (chunk.length - at < HEADER_BYTES || (said && at + whole > chunk.length && whole <= MAX_MESSAGE_BYTES)) {
        this.#held = Buffer.from(chunk.subarray(at));
        break;
      }
      const end = Math.min(at + Math.max(HEADER_BYTES, whole), chunk.length);
      if (said) {
        copy ??= Buffer.from(chunk);
        if (whole > MAX_MESSAGE_BYTES) {
          writeOver(copy, at + HEADER_BYTES, end);
          this.#over = at + whole - end;
        } else this.#hide(copy, at + HEADER_BYTES, end);
      }
      at = end;
    }
    const put = copy ?? chunk;
    return this.#held.length === 0 ? put : put.subarray(0, chunk.length - this.#held.length);
  }

  #add(form: Buffer): void {
    this.#secrets.push(form);
    this.#bytes += form.length;
    while (this.#secrets.length > MAX_SECRETS || (this.#bytes > MAX_SECRET_BYTES && this.#secrets.length > 1))
      this.#bytes -= this.#secrets.shift()?.length ?? 0;
  }

  /** Fields: byte code, text NUL; then NUL. */
  #hide(b: Buffer, start: number, end: number): void {
    for (let at = start; at < end && b[at] !== 0; ) {
      const stop = b.indexOf(0, at + 1);
      const last = stop < 0 || stop > end ? end : stop;
      if (!PLAIN_FIELDS.has(b[at] as number)) {
        const text = b.subarray(at + 1, last);
        for (const secret of this.#secrets) hideIn(text, secret);
      }
      at = last + 1;
    }
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
