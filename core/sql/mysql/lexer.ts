// The tokens of MySQL's and MariaDB's SQL, as the server that reads the text finds them.
//
//    'a''b\'c'  "a"  N'a'                 strings; "a" is a name under ANSI_QUOTES
//    $$a$$  $x$a$x$                       strings of MySQL from 8.1 on; names before, and in MariaDB
//    `a``b`                               names; so is a word beside a dot (select.from), whatever it says
//    x'4d'  b'01'  0x4D  0b01  1.5e3      numbers; 1e5x and 0x4g are names
//    @a  @'a'  @`a`  @@a                  variables of the user, of the system
//    -- to the line's end, only with a blank behind; # to the line's end; /* */ see comments.ts
//
// One token at a time, and any earlier place can be gone back to: a text of 16 MiB costs no memory beside itself.
// It must hold no NUL and be well formed (mysql.ts looks).

import { checkHints, readComment } from './comments.ts';
import { MysqlFault } from './faults.ts';
import { lettersIn, type MysqlTextSettings } from './settings.ts';

/** word: a name without quotes, perhaps a keyword. sign: an operator, a bracket, a comma, a semicolon. parameter: ?. */
type MysqlToken = 'end' | 'word' | 'name' | 'string' | 'number' | 'variable' | 'system variable' | 'parameter' | 'sign';

interface LexerMark {
  readonly at: number;
  readonly kind: MysqlToken;
  readonly start: number;
  readonly end: number;
  readonly word: string;
  readonly inComment: boolean;
  readonly hints: number;
}

const LETTER = 1;
const DIGIT = 2;
const BLANK = 4;
/** Of ASCII. What lies beyond is part of a name. */
const CLASSES = Uint8Array.from({ length: 128 }, (_, code) => {
  const letter = String.fromCharCode(code);
  if (/[A-Za-z_$]/.test(letter)) return LETTER;
  if (/[0-9]/.test(letter)) return DIGIT;
  return /[\t-\r ]/.test(letter) ? BLANK : 0;
});
const isIdentifier = (code: number): boolean => code > 127 || ((CLASSES[code] ?? 0) & (LETTER | DIGIT)) !== 0;
const isDigit = (code: number): boolean => code >= 0x30 && code <= 0x39;
const isHex = (code: number): boolean =>
  isDigit(code) || (code >= 0x41 && code <= 0x46) || (code >= 0x61 && code <= 0x66);
const isLetterE = (code: number): boolean => code === 0x45 || code === 0x65;

const QUOTE = 0x27;
const DOUBLE = 0x22;
const BACKTICK = 0x60;
const BACKSLASH = 0x5c;
const STAR = 0x2a;
const SLASH = 0x2f;
const DASH = 0x2d;
const DOT = 0x2e;
const DOLLAR = 0x24;
const AT = 0x40;

const SIGNS = Array.from({ length: 128 }, (_, code) => String.fromCharCode(code));
const LONG_SIGNS: ReadonlySet<string> = new Set([
  '<=>',
  '->>',
  '<=',
  '>=',
  '<>',
  '!=',
  '<<',
  '>>',
  '&&',
  '||',
  ':=',
  '->',
]);

export class MysqlLexer {
  readonly text: string;
  /** May be changed between statements: what a statement does to them holds for the next one. */
  #settings: MysqlTextSettings;
  kind: MysqlToken = 'end';
  /** The token is `text[start, end)`. */
  start = 0;
  end = 0;
  /** Of a word: in lower case. Of a sign: itself. Otherwise empty. */
  word = '';
  /** What hints said so far, each without its comment signs. */
  readonly hints: string[] = [];
  #at = 0;
  /** Within a comment that is code: the next end of a comment ends it. */
  #inComment = false;
  #anyLetter: boolean;

  constructor(text: string, settings: MysqlTextSettings) {
    this.text = text;
    this.#settings = settings;
    this.#anyLetter = lettersIn(settings.characterSet) === 'anywhere';
  }

  get settings(): MysqlTextSettings {
    return this.#settings;
  }

  set settings(settings: MysqlTextSettings) {
    this.#settings = settings;
    this.#anyLetter = lettersIn(settings.characterSet) === 'anywhere';
  }

  mark(): LexerMark {
    const { kind, start, end, word } = this;
    return { at: this.#at, kind, start, end, word, inComment: this.#inComment, hints: this.hints.length };
  }

  reset(mark: LexerMark): void {
    this.#at = mark.at;
    this.kind = mark.kind;
    this.start = mark.start;
    this.end = mark.end;
    this.word = mark.word;
    this.#inComment = mark.inComment;
    this.hints.length = mark.hints;
  }

  /** Behind a semicolon that ends a statement, the server starts anew: no comment is open any more. */
  beginStatement(): void {
    this.#inComment = false;
    this.next();
  }

  next(): void {
    const { text } = this;
    let at = this.#at;
    for (;;) {
      const code = text.charCodeAt(at);
      // NaN behind the end.
      if (code <= 0x20 && CLASSES[code] === BLANK) at++;
      else if (code === SLASH && text.charCodeAt(at + 1) === STAR) {
        // Where a fault of the comment is told.
        this.start = at;
        at = this.#comment(at);
      } else if (code === STAR && this.#inComment && text.charCodeAt(at + 1) === SLASH) {
        this.#inComment = false;
        at += 2;
      } else if (code === 0x23 || (code === DASH && isLineComment(text, at))) {
        const line = text.indexOf('\n', at);
        at = line < 0 ? text.length : line;
      } else break;
    }
    this.start = at;
    this.end = this.#token(at);
    this.#at = this.end;
  }

  #comment(at: number): number {
    const { kind, at: then } = readComment(this.text, at, this.settings);
    if (kind === 'code') this.#inComment = true;
    else if (this.text.charCodeAt(at + 2) === 0x2b) {
      checkHints(this.text, at + 3, then - 2);
      this.hints.push(this.text.slice(at + 3, then - 2));
    }
    return then;
  }

  /** Where it ends. Until then, `kind`, `word` and `end` are those of the token before. */
  #token(at: number): number {
    const { text } = this;
    const code = text.charCodeAt(at);
    if (at >= text.length) {
      if (this.#inComment) throw new MysqlFault('syntax', 'holds a comment that does not end');
      return this.#is('end', at);
    }
    if (code === DOLLAR && !this.#behindDot(at)) return this.#dollar(at);
    if (code > 127 || CLASSES[code] === LETTER) return this.#identifier(at, code);
    if (isDigit(code)) return this.#number(at);
    if (code === QUOTE || (code === DOUBLE && !this.#ansiQuotes)) return this.#is('string', this.#stringEnd(at));
    if (code === BACKTICK || code === DOUBLE) return this.#is('name', this.#nameEnd(at));
    if (code === AT) return this.#variable(at);
    if (code === DOT && isDigit(text.charCodeAt(at + 1)) && !this.#behindName(at)) return this.#fraction(at + 1);
    if (code === 0x3f) return this.#is('parameter', at + 1);
    // NULL of old: \N.
    if (code === BACKSLASH && text.charCodeAt(at + 1) === 0x4e) return this.#is('word', at + 2, 'null');
    return this.#sign(at, code);
  }

  /** A name without quotes stands directly before it. */
  #behindName(at: number): boolean {
    const named = this.kind === 'word' || this.kind === 'name';
    return named && this.end === at && isIdentifier(this.text.charCodeAt(at - 1));
  }

  /** A dot stands directly before it. */
  #behindDot(at: number): boolean {
    return this.word === '.' && this.end === at;
  }

  #is(kind: MysqlToken, end: number, word = ''): number {
    this.kind = kind;
    this.word = word;
    return end;
  }

  #identifier(at: number, code: number): number {
    const { text } = this;
    if (text.charCodeAt(at + 1) === QUOTE) {
      if (code === 0x6e || code === 0x4e) return this.#is('string', this.#stringEnd(at + 1));
      if (code === 0x78 || code === 0x58) return this.#quotedDigits(at, isHex);
      if (code === 0x62 || code === 0x42) return this.#quotedDigits(at, isBit);
    }
    return this.#word(at, at + 1);
  }

  /** A dollar begins a name; or in MySQL, where another one stands behind the letters that follow, a text that ends with both and those. */
  #dollar(at: number): number {
    const { text, settings } = this;
    const { family, version } = settings;
    let end = at + 1;
    while (isIdentifier(text.charCodeAt(end)) && text.charCodeAt(end) !== DOLLAR) end++;
    const isName = text.charCodeAt(end) !== DOLLAR || family === 'mariadb';
    if (isName || (version !== undefined && version < 80_100)) return this.#identifier(at, DOLLAR);
    if (family === undefined || version === undefined)
      throw new MysqlFault(
        'string_syntax',
        'holds dollars that servers of some version take for quotes, and the version is not known',
      );
    const tag = text.slice(at, end + 1);
    const closed = text.indexOf(tag, end + 1);
    if (closed < 0) throw new MysqlFault('syntax', 'holds a quote that does not end');
    return this.#is('string', closed + tag.length);
  }

  /** Up to where no letter of a name stands. Beside a dot it is never a keyword. */
  #word(at: number, from: number): number {
    const { text } = this;
    let end = from;
    let beyond = text.charCodeAt(at) > 127;
    for (let code = text.charCodeAt(end); isIdentifier(code); code = text.charCodeAt(++end)) {
      if (code > 127) beyond = true;
    }
    if (beyond && !this.#anyLetter) throw new MysqlFault('encoding', 'holds letters whose bytes are not certain');
    const dotted = text.charCodeAt(end) === DOT && isIdentifier(text.charCodeAt(end + 1));
    if (dotted || this.#behindDot(at)) return this.#is('name', end);
    return this.#is('word', end, text.slice(at, end).toLowerCase());
  }

  #number(at: number): number {
    const { text } = this;
    // Behind a dot that follows a name, digits begin another one: t.1a.
    if (this.#behindDot(at)) return this.#word(at, at + 1);
    const second = text.charCodeAt(at + 1);
    if (text.charCodeAt(at) === 0x30 && (second === 0x78 || second === 0x62)) {
      const fits = second === 0x78 ? isHex : isBit;
      let end = at + 2;
      while (fits(text.charCodeAt(end))) end++;
      if (end > at + 2 && !isIdentifier(text.charCodeAt(end))) return this.#is('number', end);
      return this.#word(at, end);
    }
    let end = at + 1;
    while (isDigit(text.charCodeAt(end))) end++;
    const code = text.charCodeAt(end);
    if (!isIdentifier(code)) return code === DOT ? this.#fraction(end + 1) : this.#is('number', end);
    if (isLetterE(code)) {
      const sign = text.charCodeAt(end + 1);
      const digits = sign === 0x2b || sign === DASH ? end + 2 : end + 1;
      if (isDigit(text.charCodeAt(digits))) return this.#digits(digits);
    }
    return this.#word(at, end);
  }

  /** What stands behind the point of a number. */
  #fraction(from: number): number {
    const { text } = this;
    let end = from;
    while (isDigit(text.charCodeAt(end))) end++;
    if (!isLetterE(text.charCodeAt(end))) return this.#is('number', end);
    const sign = text.charCodeAt(end + 1);
    const digits = sign === 0x2b || sign === DASH ? end + 2 : end + 1;
    // Servers drop the number then, and go on with the very sign that they stopped at.
    if (!isDigit(text.charCodeAt(digits))) throw new MysqlFault('syntax', 'holds a number that does not end');
    return this.#digits(digits);
  }

  #digits(from: number): number {
    let end = from;
    while (isDigit(this.text.charCodeAt(end))) end++;
    return this.#is('number', end);
  }

  #quotedDigits(at: number, fits: (code: number) => boolean): number {
    let end = at + 2;
    while (fits(this.text.charCodeAt(end))) end++;
    const whole = fits === isBit || (end - at) % 2 === 0;
    if (this.text.charCodeAt(end) !== QUOTE || !whole)
      throw new MysqlFault('syntax', 'holds a number that does not end');
    return this.#is('number', end + 1);
  }

  get #ansiQuotes(): boolean {
    const { ansiQuotes } = this.settings;
    if (ansiQuotes !== undefined) return ansiQuotes;
    throw new MysqlFault('string_syntax', 'holds double quotes while it is not known whether ANSI_QUOTES is on');
  }

  /** Behind the closing quote. */
  #stringEnd(at: number): number {
    const escapes = this.settings.noBackslashEscapes;
    if (escapes !== undefined) return this.#quotedEnd(at, !escapes);
    const end = this.#quotedEnd(at, false, true);
    if (end === this.#quotedEnd(at, true, true) && end > 0) return end;
    throw new MysqlFault('string_syntax', 'holds a backslash while it is not known whether NO_BACKSLASH_ESCAPES is on');
  }

  #nameEnd(at: number): number {
    return this.#quotedEnd(at, false);
  }

  /** Behind the closing quote; a doubled one is part of the text. -1: there is none, if that is `asked`. */
  #quotedEnd(start: number, escapes: boolean, asked = false): number {
    const { text } = this;
    const quote = text.charCodeAt(start);
    for (let at = start + 1; at < text.length; at++) {
      const code = text.charCodeAt(at);
      if (code === quote) {
        if (text.charCodeAt(at + 1) !== quote) return at + 1;
        at++;
      } else if (code === BACKSLASH && escapes) at++;
    }
    if (asked) return -1;
    throw new MysqlFault('syntax', 'holds a quote that does not end');
  }

  #variable(at: number): number {
    const { text } = this;
    const system = text.charCodeAt(at + 1) === AT;
    const from = system ? at + 2 : at + 1;
    const code = text.charCodeAt(from);
    const kind = system ? 'system variable' : 'variable';
    if (code === BACKTICK || (code === DOUBLE && this.#ansiQuotes)) return this.#is(kind, this.#nameEnd(from));
    if (!system && (code === QUOTE || code === DOUBLE)) return this.#is(kind, this.#stringEnd(from));
    let end = from;
    for (let letter = text.charCodeAt(end); ; letter = text.charCodeAt(++end)) {
      if (letter > 127) throw new MysqlFault('encoding', 'holds letters in the name of a variable');
      if (!isIdentifier(letter) && (system || letter !== DOT)) break;
    }
    if (system && end === from) throw new MysqlFault('syntax', 'is not a statement that the parser knows');
    return this.#is(kind, end);
  }

  #sign(at: number, code: number): number {
    const { text } = this;
    // Control characters are signs that no statement has.
    if (code < 0x20 || code === 0x7f || code === BACKSLASH)
      throw new MysqlFault('syntax', 'is not a statement that the parser knows');
    const next = text.charCodeAt(at + 1);
    if ((next >= 0x3c && next <= 0x3e) || next === 0x26 || next === 0x7c) {
      for (const length of [3, 2]) {
        const long = text.slice(at, at + length);
        if (long.length === length && LONG_SIGNS.has(long)) return this.#is('sign', at + length, long);
      }
    }
    return this.#is('sign', at + 1, SIGNS[code] ?? '');
  }

  /** What a word, name or variable is called. */
  get name(): string {
    const { text, kind, start, end } = this;
    if (kind === 'word') return text.slice(start, end);
    const from = kind === 'variable' ? start + 1 : kind === 'system variable' ? start + 2 : start;
    const quote = text[from];
    if (quote === "'" || (quote === '"' && this.settings.ansiQuotes === false)) return this.#unescaped(from, end) ?? '';
    if (quote !== '`' && quote !== '"') return text.slice(from, end);
    return text.slice(from + 1, end - 1).replaceAll(quote + quote, quote);
  }

  /** What a plain string says. undefined: it is not certain, or it is no plain string. */
  get value(): string | undefined {
    return this.kind === 'string' ? this.#unescaped(this.start, this.end) : undefined;
  }

  #unescaped(start: number, end: number): string | undefined {
    const quote = this.text[start];
    if (quote !== "'" && quote !== '"') return undefined;
    const body = this.text.slice(start + 1, end - 1);
    const { noBackslashEscapes } = this.settings;
    if (!body.includes('\\') || noBackslashEscapes === true) return body.replaceAll(quote + quote, quote);
    if (noBackslashEscapes === undefined) return undefined;
    let value = '';
    for (let at = 0; at < body.length; at++) {
      const letter = body[at] ?? '';
      if (letter === '\\') {
        const escaped = body[++at] ?? '';
        value += ESCAPES[escaped] ?? escaped;
      } else {
        value += letter;
        if (letter === quote) at++;
      }
    }
    return value;
  }
}

/** Behind a backslash; any other letter stands for itself. */
const ESCAPES: Readonly<Record<string, string>> = {
  '0': '\0',
  b: '\b',
  n: '\n',
  r: '\r',
  t: '\t',
  Z: '\x1a',
  '%': '\\%',
  _: '\\_',
};

const isBit = (code: number): boolean => code === 0x30 || code === 0x31;

/** `--` and a blank, a control character or nothing behind. */
function isLineComment(text: string, at: number): boolean {
  if (text.charCodeAt(at + 1) !== DASH) return false;
  const code = text.charCodeAt(at + 2);
  return !(code > 0x20) || code === 0x7f;
}
