// JSON documents: keys stay, values are masked, and what comes out is JSON again. A masked number or boolean becomes a
// string: no number is told from a real one (law 12).

import type { Match } from '../../core/masking/finder.ts';
import type { Masks } from '../../core/masking/masks.ts';
import { maskText } from '../../core/masking/ways.ts';
import type { Way } from '../../core/masking/ways.ts';

/** Strings, numbers and the words true and false; a string that a colon follows is a key. */
const TOKEN = /"(?:[^"\\]|\\[\s\S])*"(\s*:)?|-?\d[\d.eE+-]*|true|false/g;

/** A whole document of a masked column. */
export function maskJsonScalars(document: string, way: Way, masks: Masks): string {
  return document.replace(TOKEN, (token, key: string | undefined) => {
    if (key !== undefined) return token;
    const isString = token.startsWith('"');
    // The author of the rule chose a value of the same type.
    if (!isString && typeof way === 'object' && sameType(token, way.fixed)) return way.fixed;
    // Of two values, a letter or an equal hash would tell which.
    const value = isString ? stringOf(token) : isBoolean(token) ? undefined : token;
    const text = maskText(way, 'masked', value, masks.keyedHash);
    return text === null ? 'null' : JSON.stringify(text);
  });
}

const isBoolean = (token: string): boolean => token === 'true' || token === 'false';

/** Both numbers, or both booleans, as JSON (RFC 8259) writes them. */
const sameType = (token: string, fixed: string): boolean =>
  isBoolean(token) ? isBoolean(fixed) : /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/.test(fixed);

/**
 * Values that detectors find in a document, found in the text as it is meant: an escape hides neither a value nor the key
 * that gives one away, and a whole number is looked at as its digits, whatever exponent or fraction it has. `start` to
 * `end` is the document. Gives undefined when there are none; null when a rule says NULL.
 */
export function maskJsonMatches(b: Buffer, start: number, end: number, masks: Masks): Buffer | null | undefined {
  const { finder } = masks;
  if (!finder) return undefined;
  const escapes = b.subarray(start, end).includes(0x5c);
  let raw: readonly Match[] = finder.find(b, start, end);
  if (raw.length === 0 && !escapes && !mayHoldWholeNumber(b, start, end)) return undefined;
  const document = b.toString('utf8', start, end);
  const ascii = document.length === end - start;
  let places: readonly Place[] | undefined;
  if (escapes && NEEDLESS.test(document)) {
    const meant = meantBy(document);
    places = meant.places;
    raw = finder.find(meant.bytes, 0, meant.bytes.length);
  }
  let changed = false;
  let nulled = false;
  const replacement = (match: Match, value: Uint8Array): string => {
    changed = true;
    const text = masks.replacementOf(match.source, value);
    if (text === null) nulled = true;
    return text ?? '';
  };
  let number = 0;
  const masked = document.replace(TOKEN, (token: string, key: string | undefined, offset: number) => {
    const place = places?.[number++];
    const isString = token.startsWith('"');
    const text = Buffer.from(isString ? stringOf(token.slice(0, token.length - (key?.length ?? 0))) : token);
    const own = finder.find(text, 0, text.length);
    if (isString && own.length > 0) {
      let out = '';
      let from = 0;
      for (const match of own) {
        out += text.toString('utf8', from, match.start) + replacement(match, text.subarray(match.start, match.end));
        from = match.end;
      }
      return JSON.stringify(out + text.toString('utf8', from)) + (key ?? '');
    }
    if (!isString) {
      const [found] = own;
      if (found) return JSON.stringify(replacement(found, text));
      const digits = Buffer.from(wholeNumber(token) ?? '');
      const [meant] = digits.length > 0 ? finder.find(digits, 0, digits.length) : [];
      if (meant) return JSON.stringify(replacement(meant, digits));
    }
    // What only the text around it gives away: {"password": "..."}.
    if (key !== undefined || raw.length === 0 || isBoolean(token)) return token;
    const at = place?.at ?? start + (ascii ? offset : Buffer.byteLength(document.slice(0, offset)));
    const to = at + (place?.length ?? Buffer.byteLength(token));
    const over = raw.find((match) => match.start < to && match.end > at);
    if (!over) return token;
    return JSON.stringify(replacement(over, text));
  });
  if (nulled) return null;
  return changed ? Buffer.from(masked) : undefined;
}

/** Of a token, in the bytes of the document without needless escapes. */
interface Place {
  readonly at: number;
  readonly length: number;
}

/** Escapes of letters that JSON may write as they are. */
const NEEDLESS = /\\[u/]/;

/** The document with each string as JSON writes it with the fewest escapes. */
function meantBy(document: string): { readonly bytes: Buffer; readonly places: readonly Place[] } {
  const pieces: string[] = [];
  const places: Place[] = [];
  let from = 0;
  let at = 0;
  const put = (text: string): number => {
    pieces.push(text);
    const length = Buffer.byteLength(text);
    at += length;
    return length;
  };
  for (const { 0: token, 1: key = '', index } of document.matchAll(TOKEN)) {
    put(document.slice(from, index));
    from = index + token.length;
    const begin = at;
    const body = token.slice(0, token.length - key.length);
    places.push({ at: begin, length: put(NEEDLESS.test(body) ? JSON.stringify(stringOf(body)) : body) + put(key) });
  }
  put(document.slice(from));
  return { bytes: Buffer.from(pieces.join('')), places };
}

/** Digits of the longest that anybody looks for, with room. */
const MAX_WHOLE_DIGITS = 64;

/** The digits of a number that is whole and is not written so: `4.1e3`, `4100.0`. undefined: it is not, or is plain already. */
function wholeNumber(token: string): string | undefined {
  const [, whole, fraction = '', exponent = '0'] = /^-?(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(token) ?? [];
  if (whole === undefined) return undefined;
  const digits = whole + fraction;
  const point = whole.length + Number(exponent);
  if (point <= 0 || point > MAX_WHOLE_DIGITS || /[^0]/.test(digits.slice(point))) return undefined;
  const plain = digits
    .slice(0, point)
    .padEnd(point, '0')
    .replace(/^0+(?=\d)/, '');
  return plain === token ? undefined : plain;
}

/** Digits in front of a point below which a number is no card and no account. */
const LONG_DIGITS = 12;

/** A number with an exponent, or a long one with a fraction, where a value may stand. */
function mayHoldWholeNumber(b: Buffer, start: number, end: number): boolean {
  /** The last byte that is neither a digit nor a point. */
  let before = start - 1;
  for (let at = start; at < end - 1; at++) {
    const byte = b[at] as number;
    const exponent = (byte | 0x20) === 0x65;
    if ((byte === 0x2e || exponent) && at > start && isDigit(b[at - 1])) {
      const next = b[at + 1];
      const goesOn = isDigit(next) || (exponent && (next === 0x2b || next === 0x2d));
      const long = at - before > LONG_DIGITS;
      const first = b[before] === 0x2d && before >= start ? before - 1 : before;
      if (goesOn && (exponent || long) && (first < start || BEFORE_VALUE.has(b[first] as number))) return true;
    }
    if (byte !== 0x2e && !isDigit(byte)) before = at;
  }
  return false;
}

const isDigit = (byte: number | undefined): boolean => byte !== undefined && byte >= 0x30 && byte <= 0x39;
const BEFORE_VALUE: ReadonlySet<number> = new Set(Buffer.from(':,[ \t\r\n'));

function stringOf(token: string): string {
  const value: unknown = JSON.parse(token);
  return typeof value === 'string' ? value : '';
}
