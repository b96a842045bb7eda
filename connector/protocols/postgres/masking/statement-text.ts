// Statements and bind parameters as they are recorded: the target gets the original, the recording a
// copy in which secrets are written over, byte for byte of the same length (docs/masking.md says why).
//
// Literals are found by a lexer of PostgreSQL's own rules: '' and E'' strings, dollar quotes, comments
// that nest, quoted identifiers. It need not understand the statement, so it masks what no parser reads too.

import type { Masks } from '../../../../core/masking/masks.ts';
import { sameLength } from '../../../../core/masking/masks.ts';
import { wholeFill } from './same-length.ts';
import { type Format, kindOf } from './types.ts';

export interface StatementOptions {
  /** Every literal goes, strings and numbers: the statement may write to or compare with a masked column. */
  readonly withholdLiterals: boolean;
  /** standard_conforming_strings is off: a backslash escapes in every string. */
  readonly backslashEscapes?: boolean;
  /** It was counted when it was recorded. */
  readonly again?: boolean;
}

/** What a literal behind it is: `PASSWORD 'x'`, `password = 'x'`, `OPTIONS (password 'x')`, `IDENTIFIED BY 'x'`. */
const SECRET_NAME = /(?:password|passwd|passphrase|pwd|secret|secret_key|api_key|apikey|token)$/i;
const WITHHELD = '[withheld]';

/** A copy of the statement for the recording; the very same bytes when nothing in it is hidden. Never throws. */
export function maskStatement(bytes: Buffer, masks: Masks, options: StatementOptions): Buffer {
  try {
    const copy = Buffer.from(bytes);
    const hidden = hideLiterals(copy, options);
    const found = masks.maskInPlace(copy, 0, copy.length, options.again !== true);
    return hidden || found ? copy : bytes;
  } catch {
    masks.report({ kind: 'mask.withheld', reason: 'masking_failed' });
    return Buffer.from(sameLength(WITHHELD, bytes.length));
  }
}

/** The same for the text of a fact. */
export function maskStatementText(text: string, masks: Masks, options: StatementOptions): string {
  const bytes = Buffer.from(text);
  const masked = maskStatement(bytes, masks, options);
  return masked === bytes ? text : masked.toString('utf8');
}

/**
 * A bind parameter as it is recorded: as many bytes, of its type where a type has such a value. `withhold`: it may be
 * written to or compared with a masked column. Never throws.
 */
export function maskParameter(value: Buffer, type: number, format: Format, masks: Masks, withhold: boolean): Buffer {
  try {
    if (withhold) return wholeFill(type, format, value.length);
    const kind = kindOf(type);
    // Fixed bytes of other types only look like text by accident.
    if (format === 'binary' && !['text', 'json', 'jsonb', 'bytea', 'text-array', 'other'].includes(kind)) return value;
    const copy = Buffer.from(value);
    return masks.maskInPlace(copy, 0, copy.length) ? copy : value;
  } catch {
    masks.report({ kind: 'mask.withheld', reason: 'masking_failed' });
    return wholeFill(type, format, value.length);
  }
}

const QUOTE = 0x27;
const DOUBLE = 0x22;
const DASH = 0x2d;
const SLASH = 0x2f;
const STAR = 0x2a;
const DOLLAR = 0x24;
const BACKSLASH = 0x5c;
const LF = 0x0a;
const CR = 0x0d;

function hideLiterals(b: Buffer, { withholdLiterals, backslashEscapes = false }: StatementOptions): boolean {
  let hidden = false;
  /** Whether the next string is named a secret by the words in front of it. */
  let secret = false;
  let word = '';
  const hide = (start: number, end: number): void => {
    const name = secret ? '[password]' : WITHHELD;
    if (!secret && !withholdLiterals) {
      if (hideConnection(b, start, end)) hidden = true;
      return;
    }
    if (end > start) {
      b.set(sameLength(name, end - start), start);
      hidden = true;
    }
  };
  const behind = (): void => {
    secret = false;
    word = '';
  };
  for (let at = 0; at < b.length; ) {
    const byte = b[at] as number;
    if (byte === DASH && b[at + 1] === DASH) {
      const end = lineEnd(b, at);
      if (withholdLiterals) b.fill(STAR, at + 2, end);
      hidden ||= withholdLiterals;
      at = end;
    } else if (byte === SLASH && b[at + 1] === STAR) {
      const end = commentEnd(b, at);
      if (withholdLiterals && end - at > 4) b.fill(0x20, at + 2, end - 2);
      hidden ||= withholdLiterals;
      at = end;
    } else if (byte === QUOTE) {
      const escapes = backslashEscapes || /^e$/i.test(word);
      const end = stringEnd(b, at + 1, QUOTE, escapes);
      hide(at + 1, end);
      at = end + 1;
      // Another string on the next line goes on with this one.
      for (let next = continued(b, at); next >= 0; next = continued(b, at)) {
        const rest = stringEnd(b, next + 1, QUOTE, escapes);
        hide(next + 1, rest);
        at = rest + 1;
      }
      behind();
    } else if (byte === DOUBLE) {
      const end = stringEnd(b, at + 1, DOUBLE, false);
      word = b.toString('latin1', at + 1, end);
      secret = SECRET_NAME.test(word);
      at = end + 1;
    } else if (byte === DOLLAR && !isWordByte(b[at - 1])) {
      const tag = /^\$(?:[A-Za-z_\x80-\xff][\w\x80-\xff]*)?\$/.exec(b.toString('latin1', at, at + 66))?.[0];
      if (tag === undefined) {
        at++;
        continue;
      }
      const start = at + tag.length;
      const close = b.indexOf(tag, start, 'latin1');
      const end = close < 0 ? b.length : close;
      // A body may be code (DO, CREATE FUNCTION): its own literals count as well.
      if (secret || withholdLiterals) hide(start, end);
      else if (hideLiterals(b.subarray(start, end), { withholdLiterals, backslashEscapes })) hidden = true;
      at = end + tag.length;
      behind();
    } else if (isWordByte(byte)) {
      let end = at;
      while (end < b.length && isWordByte(b[end])) end++;
      const last = word;
      word = b.toString('latin1', at, end);
      // U&'...'
      if (b[end] === 0x26 && (b[end + 1] === QUOTE || b[end + 1] === DOUBLE) && /^u$/i.test(word)) end++;
      else if (byte >= 0x30 && byte <= 0x39) {
        if (withholdLiterals) {
          for (let i = at; i < end; i++) if (isDigit(b[i])) b[i] = 0x30;
          hidden = true;
        }
      } else if (end < b.length && b[end] === QUOTE && /^(?:e|n|b|x)$/i.test(word)) {
        // The letter in front of a string: the words before still count.
      } else if (!/^(?:to|is|in|like|encrypted|default|any)$/i.test(word))
        secret = SECRET_NAME.test(word) || (/^by$/i.test(word) && /^identified$/i.test(last));
      at = end;
    } else {
      // Between a name and its value only signs of an assignment may stand, and brackets.
      if (byte === 0x3b || byte === 0x2c) behind();
      at++;
    }
  }
  return hidden;
}

const isDigit = (byte: number | undefined): boolean => byte !== undefined && byte >= 0x30 && byte <= 0x39;

const isWordByte = (byte: number | undefined): boolean =>
  byte !== undefined &&
  (isDigit(byte) || (byte >= 0x41 && byte <= 0x5a) || (byte >= 0x61 && byte <= 0x7a) || byte === 0x5f || byte >= 0x80);

function lineEnd(b: Buffer, at: number): number {
  for (let end = at; end < b.length; end++) if (b[end] === LF || b[end] === CR) return end;
  return b.length;
}

/** What a connection string names a secret: `password=x`, `password = 'x'` and `//user:x@`. */
const CONNECTION =
  /((?:password|passwd|passphrase|pwd|secret|secret_key|api_key|apikey|token)\s*=\s*)(''(?:[^'\\]|\\.)*|'(?:[^'\\]|\\.|'')*|[^\s';&]+)|(:\/\/[^\s:/@']{0,100}:)([^\s@/']+)(?=@)/gi;
const MAX_CONNECTION_BYTES = 8_192;

function hideConnection(b: Buffer, start: number, end: number): boolean {
  if (end - start < 5 || end - start > MAX_CONNECTION_BYTES) return false;
  const text = b.toString('latin1', start, end);
  if (!/[=@]/.test(text)) return false;
  let hidden = false;
  for (const { index, 1: name, 2: value, 3: before, 4: word } of text.matchAll(CONNECTION)) {
    const from = start + index + (name ?? before ?? '').length;
    b.fill(STAR, from, from + (value ?? word ?? '').length);
    hidden = true;
  }
  return hidden;
}

/** Where a string goes on that ended before `from`: behind blanks and comments with a line's end among them. -1: it does not. */
function continued(b: Buffer, from: number): number {
  let lines = false;
  for (let at = from; at < b.length; at++) {
    const byte = b[at] as number;
    if (byte === QUOTE) return lines ? at : -1;
    if (byte === DASH && b[at + 1] === DASH) at = lineEnd(b, at) - 1;
    else if (byte === LF || byte === CR) lines = true;
    else if (byte !== 0x20 && byte !== 0x09 && byte !== 0x0b && byte !== 0x0c) return -1;
  }
  return -1;
}

/** PostgreSQL's comments nest. */
function commentEnd(b: Buffer, start: number): number {
  let depth = 0;
  for (let at = start; at < b.length - 1; at++) {
    if (b[at] === SLASH && b[at + 1] === STAR) {
      depth++;
      at++;
    } else if (b[at] === STAR && b[at + 1] === SLASH) {
      at++;
      if (--depth === 0) return at + 1;
    }
  }
  return b.length;
}

/** Where the closing quote stands; a doubled one is part of the string. */
function stringEnd(b: Buffer, start: number, quote: number, escapes: boolean): number {
  for (let at = start; at < b.length; at++) {
    if (escapes && b[at] === BACKSLASH) at++;
    else if (b[at] === quote) {
      if (b[at + 1] !== quote) return at;
      at++;
    }
  }
  return b.length;
}
