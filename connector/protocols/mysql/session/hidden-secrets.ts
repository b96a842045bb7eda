// A command's text as it is recorded: secrets that it says are written over (law 11).
//
// connector/sql finds them by PostgreSQL's tokens. So it is shown a copy of the same length in which MySQL's tokens are spelt
// as PostgreSQL's, and what it writes over there is written over here.
//
//    "a"            'a'      a string, or a name that is read as one
//    `a`            "a"      a name
//    # and --       blank    comments, and others that the server does not run
//    a run comment  blank signs around what it holds
//    $              _        no dollar quotes; or, to MySQL from 8.1 on, $$a$$ is a string: blank
//
// What the settings and the version of the server decide is read in every way: what any of them hides is hidden.

import { hideLiterals } from '../../../sql/secret-literals.ts';
import { mayBeginSecret, maySaySecret } from '../../../sql/secret-words.ts';

const STAR = 0x2a;
const BLANK = 0x20;
const QUOTE = 0x27;
const DOUBLE = 0x22;
const BACKTICK = 0x60;
const BACKSLASH = 0x5c;
const DOLLAR = 0x24;
const LOW_LINE = 0x5f;
const HASH = 0x23;
const DASH = 0x2d;
const SLASH = 0x2f;
const MARK = 0x3f;
const DOT = 0x2e;
const AT = 0x40;
const LF = 0x0a;
const ZERO = 0x30;
/** Only in lower case it means this. */
const LETTER_X = 0x78;

/** Of account statements every string is one: the words around them differ from server to server. */
const ACCOUNT = /identified\s+(?:by|via|with)|set\s+password|master_password|source_password/i;
/** What a word may reach back over the border of two parts. */
const OVERLAP = 512;

interface RecordedText {
  /** As long as the text; the text itself where nothing is hidden. */
  readonly copy: Buffer;
  /** How many values. */
  readonly hidden: number;
  /** Its parameters may be secrets. */
  readonly parameters: boolean;
}

/** A whole text. `wary`: for an original of what rules hide, so a comment that may say a secret is one. */
export function hideSecrets(text: Buffer, wary = false): RecordedText {
  if (!maySaySecret(text, 0, text.length)) return { copy: text, hidden: 0, parameters: false };
  const copy = Buffer.from(text);
  let hidden = 0;
  let parameters = false;
  for (const reading of readingsOf(text)) {
    const { spelt, strings, marks, notes } = asPostgres(text, reading);
    const shown = Buffer.from(spelt);
    const found = hideLiterals(spelt, { backslashEscapes: reading.escapes });
    let values = found.counts.get('secret') ?? 0;
    for (let at = 0; at < text.length; at++) if (spelt[at] !== shown[at]) copy[at] = spelt[at] as number;
    for (const [from, to] of wary ? notes : [])
      if (maySaySecret(text, from, to)) {
        copy.fill(STAR, from, to);
        values++;
      }
    if (ACCOUNT.test(shown.toString('latin1'))) {
      for (const [from, to] of strings) copy.fill(STAR, from, to);
      values = Math.max(values, strings.length);
    }
    hidden = Math.max(hidden, values);
    parameters ||= marks;
  }
  return { copy: hidden > 0 ? copy : text, hidden, parameters };
}

/** A text that is not read whole: from the first word on that could name a secret it is hidden. */
export class LongText {
  #hidden = false;
  #tail: Buffer = Buffer.alloc(0);
  /** Something was hidden since this was asked last. */
  #told = false;

  take(part: Buffer): Buffer {
    if (this.#hidden) return Buffer.alloc(part.length, STAR);
    const border = Buffer.concat([this.#tail, part.subarray(0, OVERLAP)]);
    const across = mayBeginSecret(border);
    const begins = across >= 0 ? Math.max(0, across - this.#tail.length) : mayBeginSecret(part);
    if (begins >= 0) {
      this.#hidden = true;
      const copy = Buffer.from(part);
      copy.fill(STAR, begins);
      return copy;
    }
    this.#tail = Buffer.from(part.length >= OVERLAP ? part.subarray(-OVERLAP) : border.subarray(-OVERLAP));
    return part;
  }

  /** Once. */
  takeHidden(): boolean {
    const news = this.#hidden && !this.#told;
    this.#told ||= this.#hidden;
    return news;
  }

  get hidden(): boolean {
    return this.#hidden;
  }
}

interface Spelt {
  readonly spelt: Buffer;
  /** Between their quotes, or behind 0x. */
  readonly strings: readonly (readonly [from: number, to: number])[];
  /** Comments, between their signs. */
  readonly notes: readonly (readonly [from: number, to: number])[];
  /** It has parameters. */
  readonly marks: boolean;
}

interface ReadingOfText {
  /** A backslash escapes: by sql_mode. */
  readonly escapes: boolean;
  /** $$a$$ is a string: by the version. */
  readonly dollars: boolean;
  /** Comments for a version are code. */
  readonly comments: boolean;
}

function readingsOf(text: Buffer): readonly ReadingOfText[] {
  const either = (may: boolean, usual: boolean) => (may ? [usual, !usual] : [usual]);
  const mayQuote = text.indexOf(DOLLAR) !== text.lastIndexOf(DOLLAR);
  const mayRun = text.includes('/*!') || text.includes('/*M!');
  return either(text.includes(BACKSLASH), true).flatMap((escapes) =>
    either(mayQuote, false).flatMap((dollars) =>
      either(mayRun, true).map((comments) => ({ escapes, dollars, comments })),
    ),
  );
}

function asPostgres(text: Buffer, { escapes, dollars, comments }: ReadingOfText): Spelt {
  const spelt = Buffer.from(text);
  const strings: [number, number][] = [];
  const notes: [number, number][] = [];
  let marks = false;
  /** Within a comment that is run. */
  let runs = false;
  /** No server runs a text in which one is open. */
  let mayQuote = dollars;
  for (let at = 0; at < text.length; ) {
    const byte = text[at] as number;
    if (byte === QUOTE || byte === DOUBLE || byte === BACKTICK) {
      const end = closing(text, at, byte, escapes && byte !== BACKTICK);
      const [own, other] = byte === BACKTICK ? [DOUBLE, QUOTE] : [QUOTE, DOUBLE];
      spelt[at] = own;
      // The other kind's sign is none within.
      if (byte !== QUOTE)
        for (let within = at + 1; within < end; within++) {
          if (text[within] === byte) spelt[within] = own;
          else if (text[within] === own) spelt[within] = other;
        }
      if (end < text.length) spelt[end] = own;
      if (byte !== BACKTICK) strings.push([at + 1, end]);
      at = end + 1;
    } else if (byte === HASH || (byte === DASH && text[at + 1] === DASH && endsDashes(text[at + 2]))) {
      const end = text.indexOf(LF, at);
      notes.push([at + (byte === HASH ? 1 : 2), end < 0 ? text.length : end]);
      at = blank(spelt, at, end < 0 ? text.length : end);
    } else if (byte === DASH && text[at + 1] === DASH) at = blank(spelt, at, at + 2);
    else if (byte === SLASH && text[at + 1] === STAR) {
      const sign = /^\/\*M?!\d{0,6}/.exec(text.toString('latin1', at, at + 12));
      if (sign && comments) {
        runs = true;
        at = blank(spelt, at, at + sign[0].length);
      } else if (sign) at = blank(spelt, at, endOfSkipped(text, at + 2));
      else {
        const end = text.indexOf('*/', at + 2);
        notes.push([at + 2, end < 0 ? text.length : end]);
        at = blank(spelt, at, end < 0 ? text.length : end + 2);
      }
    } else if (runs && byte === STAR && text[at + 1] === SLASH) {
      runs = false;
      at = blank(spelt, at, at + 2);
    } else {
      if (mayQuote && byte === DOLLAR && beginsDollars(text, at)) {
        const end = endOfDollars(text, at);
        if (end !== undefined) {
          at = blank(spelt, at, end);
          continue;
        }
        mayQuote = false;
      }
      if (byte === DOLLAR) spelt[at] = LOW_LINE;
      if (byte === MARK) marks = true;
      at++;
      // A hash, as SHOW CREATE USER may write it: AS 0x2441...
      if (byte !== ZERO || text[at] !== LETTER_X) continue;
      const from = at + 1;
      for (at = from; isHexadecimal(text[at] ?? 0); ) at++;
      strings.push([from, at]);
    }
  }
  return { spelt, strings, marks, notes };
}

/** Of the sign that closes what `quote` opened at `at`; the text's end where none does. A doubled one goes on. */
function closing(text: Buffer, at: number, quote: number, escapes: boolean): number {
  for (let next = at + 1; next < text.length; next++) {
    if (escapes && text[next] === BACKSLASH) next++;
    else if (text[next] === quote) {
      if (text[next + 1] !== quote) return next;
      next++;
    }
  }
  return text.length;
}

/** Behind a comment that is not run, in which one level of comments is skipped whole. */
function endOfSkipped(text: Buffer, from: number): number {
  for (let at = from; ; ) {
    const end = text.indexOf('*/', at);
    if (end < 0) return text.length;
    const inner = text.subarray(at, end).indexOf('/*');
    if (inner < 0) return end + 2;
    at = end + 2;
  }
}

/** `$tag$`, which is no name of a variable or behind a dot. */
function beginsDollars(text: Buffer, at: number): boolean {
  const before = text[at - 1];
  return !isOfName(before) && before !== DOT && before !== AT && text[endOfTag(text, at)] === DOLLAR;
}

function endOfTag(text: Buffer, at: number): number {
  let end = at + 1;
  while (text[end] !== DOLLAR && isOfName(text[end])) end++;
  return end;
}

/** Behind the second `$tag$`; undefined: there is none. */
function endOfDollars(text: Buffer, at: number): number | undefined {
  const tag = text.subarray(at, endOfTag(text, at) + 1);
  const closed = text.indexOf(tag, at + tag.length);
  return closed < 0 ? undefined : closed + tag.length;
}

/** A letter or digit of a name without quotes. */
const isOfName = (byte: number | undefined): boolean =>
  byte !== undefined && (byte > 127 || /[\w$]/.test(String.fromCharCode(byte)));

const isHexadecimal = (byte: number): boolean =>
  (byte >= ZERO && byte <= 0x39) || ((byte | BLANK) >= 0x61 && (byte | BLANK) <= 0x66);

/** `--` begins a comment before a blank, a control character or the end. */
const endsDashes = (byte: number | undefined): boolean => byte === undefined || byte <= BLANK;

function blank(bytes: Buffer, from: number, to: number): number {
  bytes.fill(BLANK, from, Math.min(to, bytes.length));
  return Math.min(to, bytes.length);
}
