// The tokens of a text in PostgreSQL's SQL, found in its bytes as they stand there: no copy is made of any,
// and the text need not be a statement that a parser would take.
//
//    'a''b'  E'a\'b'  U&'a'  N'a'  B'0'  X'0'     strings; another one on the next line goes on with it
//    $$a$$  $tag$a$tag$                           strings in dollar quotes
//    "a""b"  U&"a"                                quoted names
//    $1                                           parameters
//    -- to the line's end    /* may /* nest */ */ comments
//
// https://www.postgresql.org/docs/current/sql-syntax-lexical.html

/** sign: any other byte that is no blank. */
export type SqlToken = 'string' | 'dollar string' | 'name' | 'parameter' | 'comment' | 'number' | 'word' | 'sign';

const LF = 0x0a;
const CR = 0x0d;
const DOUBLE = 0x22;
const DOLLAR = 0x24;
const AND = 0x26;
const QUOTE = 0x27;
const OPEN = 0x28;
const STAR = 0x2a;
const DASH = 0x2d;
const SLASH = 0x2f;
const BACKSLASH = 0x5c;

const TAG = /^\$(?:[A-Za-z_\x80-\xff][\w\x80-\xff]*)?\$/;
/** An identifier of PostgreSQL has at most 63 bytes. */
const MAX_TAG_BYTES = 66;

export class SqlTokens {
  readonly #text: Buffer;
  readonly #escapes: boolean;
  /** The token is `text[start, end)`, and `end` may stand behind the text where a quote is not closed. */
  start = 0;
  end = 0;
  /** What stands between its quotes or comment signs, or behind the `$` of a parameter, is `text[from, to)`. */
  from = 0;
  to = 0;
  /** Of a string in quotes: a backslash escapes in it. */
  #stringEscapes = false;

  /** `escapes`: a backslash escapes in every string in quotes, as without standard_conforming_strings. */
  constructor(text: Buffer, escapes: boolean) {
    this.#text = text;
    this.#escapes = escapes;
  }

  /** Goes to the next token. Undefined: there is none. */
  next(): SqlToken | undefined {
    const text = this.#text;
    let at = this.end;
    while (at < text.length && isBlank(text[at])) at++;
    this.start = at;
    if (at >= text.length) return undefined;
    const byte = text[at];
    if (isWord(byte)) return this.#word(at);
    if (byte === QUOTE) return this.#string(at, this.#escapes);
    if (byte === DOUBLE) return this.#name(at);
    if (byte === DOLLAR && !isWord(text[at - 1])) return this.#dollar(at);
    if (byte === DASH && text[at + 1] === DASH) return this.#comment(at + 2, lineEnd(text, at), 0);
    if (byte === SLASH && text[at + 1] === STAR) {
      const end = commentEnd(text, at);
      return end < 0 ? this.#comment(at + 2, text.length, 0) : this.#comment(at + 2, end, 2);
    }
    return this.#sign(at);
  }

  /**
   * Goes to where the string goes on that it is at: behind blanks and comments with a line's end among them. `onComment`: told
   * of what stands behind the sign of each of these.
   */
  continueString(onComment: (from: number, to: number) => void): boolean {
    const text = this.#text;
    const at = continuation(text, this.end);
    if (at < 0) return false;
    for (let sign = text.indexOf('--', this.end); sign >= 0 && sign < at; ) {
      const end = lineEnd(text, sign);
      onComment(sign + 2, end);
      sign = text.indexOf('--', end);
    }
    this.start = at;
    this.#string(at, this.#stringEscapes);
    return true;
  }

  /** Makes the word that it is at end where a value without quotes would: at a blank, a quote, a comma or a bracket. */
  extendWord(): void {
    while (this.end < this.#text.length && !BARE_END.has(this.#text[this.end] as number)) this.end++;
  }

  /** Makes it end there, unless it goes on further. */
  extendTo(end: number): void {
    this.end = Math.max(this.end, end);
  }

  /** A bracket opens behind it. */
  get isCall(): boolean {
    let at = this.end;
    while (isBlank(this.#text[at])) at++;
    return this.#text[at] === OPEN;
  }

  #word(at: number): SqlToken {
    const text = this.#text;
    let end = at + 1;
    while (end < text.length && isWord(text[end])) end++;
    this.end = end;
    if (isDigit(text[at])) return 'number';
    if (end === at + 1) {
      const letter = (text[at] as number) | 0x20;
      const behind = text[end];
      if (behind === QUOTE) {
        if (letter === 0x65) return this.#string(end, true);
        // B, N or X
        if (letter === 0x62 || letter === 0x6e || letter === 0x78) return this.#string(end, this.#escapes);
      } else if (behind === AND && letter === 0x75) {
        if (text[end + 1] === QUOTE) return this.#string(end + 1, this.#escapes);
        if (text[end + 1] === DOUBLE) return this.#name(end + 1);
      }
    }
    return 'word';
  }

  #string(quote: number, escapes: boolean): SqlToken {
    this.#stringEscapes = escapes;
    this.from = quote + 1;
    this.to = quoteEnd(this.#text, quote + 1, QUOTE, escapes);
    this.end = this.to + 1;
    return 'string';
  }

  #name(quote: number): SqlToken {
    this.from = quote + 1;
    this.to = quoteEnd(this.#text, quote + 1, DOUBLE, false);
    this.end = this.to + 1;
    return 'name';
  }

  #dollar(at: number): SqlToken {
    const text = this.#text;
    if (isDigit(text[at + 1])) {
      let end = at + 2;
      while (isDigit(text[end])) end++;
      this.from = at + 1;
      this.to = end;
      this.end = end;
      return 'parameter';
    }
    const tag = TAG.exec(text.toString('latin1', at, at + MAX_TAG_BYTES))?.[0];
    if (tag === undefined) return this.#sign(at);
    this.from = at + tag.length;
    const close = text.indexOf(tag, this.from, 'latin1');
    this.to = close < 0 ? text.length : close;
    this.end = this.to + tag.length;
    return 'dollar string';
  }

  /** `closing`: bytes of the sign at its end. */
  #comment(from: number, end: number, closing: number): SqlToken {
    this.from = from;
    this.to = Math.max(from, end - closing);
    this.end = end;
    return 'comment';
  }

  #sign(at: number): SqlToken {
    this.end = at + 1;
    return 'sign';
  }
}

/** Bytes that are part of a word, a name or a number. Whatever is no ASCII is a letter. */
const WORD_BYTES = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte >= 0x80 || /\w/.test(String.fromCharCode(byte)) ? 1 : 0,
);
const BARE_END = new Set(Buffer.from(' \t\n\v\f\r\xa0;,()\'"', 'latin1'));

const isWord = (byte: number | undefined): boolean => byte !== undefined && WORD_BYTES[byte] === 1;
const isDigit = (byte: number | undefined): boolean => byte !== undefined && byte >= 0x30 && byte <= 0x39;
const isBlank = (byte: number | undefined): boolean =>
  byte !== undefined && (byte === 0x20 || (byte >= 0x09 && byte <= CR));

function lineEnd(text: Buffer, at: number): number {
  for (let end = at; end < text.length; end++) if (text[end] === LF || text[end] === CR) return end;
  return text.length;
}

/** PostgreSQL's comments nest. -1: it does not end. */
function commentEnd(text: Buffer, start: number): number {
  let depth = 0;
  for (let at = start; at < text.length - 1; at++) {
    if (text[at] === SLASH && text[at + 1] === STAR) {
      depth++;
      at++;
    } else if (text[at] === STAR && text[at + 1] === SLASH) {
      at++;
      if (--depth === 0) return at + 1;
    }
  }
  return -1;
}

/** Where the closing quote stands; a doubled one is part of what it closes. */
function quoteEnd(text: Buffer, start: number, quote: number, escapes: boolean): number {
  for (let at = start; at < text.length; at++) {
    if (escapes && text[at] === BACKSLASH) at++;
    else if (text[at] === quote) {
      if (text[at + 1] !== quote) return at;
      at++;
    }
  }
  return text.length;
}

/** Where a string goes on that ended before `from`. -1: it does not. */
function continuation(text: Buffer, from: number): number {
  let lines = false;
  for (let at = from; at < text.length; at++) {
    const byte = text[at];
    if (byte === QUOTE) return lines ? at : -1;
    if (byte === DASH && text[at + 1] === DASH) at = lineEnd(text, at) - 1;
    else if (byte === LF || byte === CR) lines = true;
    else if (!isBlank(byte)) return -1;
  }
  return -1;
}
