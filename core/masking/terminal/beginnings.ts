// Where what stands last may be the beginning of a value that has not come whole. A guess, for pauses: it is worth a
// wait of half a second, and no more.

import { ALNUM, ascii, BLANK, CLASS, DIGIT, isAt, isOf, UPPER } from '../byte-classes.ts';

/** Of a number: fewer say nothing. */
const MIN_DIGITS = 5;
const MIN_TOKEN_BYTES = 20;
const LOOKED_AT_BYTES = 512;
const MARKED =
  /(?:eyJ|A[KSBC][IC]A|AIza|gh[pousr]_|github_pat_|xox[a-z]-|xapp-|ya29\.|GOCSPX-)\S*$|-----BEGIN[A-Z ]*-{0,5}$/;
const NAMED = /(?:pass(?:word|wd|phrase)?|pwd|secret|token|key|authorization)\\?["']?\s{0,3}[=:]>?[ \t]*\\?["']?/gi;

/** `end`: nothing does. Nothing before `from` counts. */
export function valueMayBeginAt(bytes: Uint8Array, from: number, end: number): number {
  const first = Math.max(from, end - LOOKED_AT_BYTES);
  return Math.min(numberAt(bytes, first, end), accountAt(bytes, first, end), wordAt(bytes, first, end));
}

/** Digits in groups. */
function numberAt(bytes: Uint8Array, first: number, end: number): number {
  let digits = 0;
  let start = end;
  for (let at = end - 1; at >= first && (isDigit(bytes[at]) || isBetweenDigits(bytes[at])); at--) {
    if (isDigit(bytes[at])) digits++;
    if (isDigit(bytes[at]) || bytes[at] === 0x2b || bytes[at] === 0x28) start = at;
  }
  return digits >= MIN_DIGITS ? start : end;
}

/** An IBAN: two letters, two digits, and more of both in groups. */
function accountAt(bytes: Uint8Array, first: number, end: number): number {
  let at = end;
  while (at > first && (isAt(bytes, at - 1, first, end, UPPER | DIGIT) || bytes[at - 1] === 0x20)) at--;
  for (; end - at >= 6; at++)
    if (
      isAt(bytes, at, first, end, UPPER) &&
      isAt(bytes, at + 1, first, end, UPPER) &&
      isDigit(bytes[at + 2]) &&
      isDigit(bytes[at + 3]) &&
      !isAt(bytes, at - 1, first, end, ALNUM)
    )
      return at;
  return end;
}

/** A word that has an @, a maker's mark, the length of a token, or a name in front that says what it is. */
function wordAt(bytes: Uint8Array, first: number, end: number): number {
  let start = end;
  let address = false;
  while (start > first && !isOf(bytes[start - 1] as number, BLANK) && (bytes[start - 1] as number) >= 0x20) {
    start--;
    address ||= bytes[start] === 0x40;
  }
  if (address) return start;
  const text = ascii(bytes, first, end);
  const marked = MARKED.exec(text);
  if (marked) return first + marked.index;
  let named = end;
  for (const match of text.matchAll(NAMED)) {
    const value = first + match.index + match[0].length;
    const rest = text.slice(value - first);
    named = /[\r\n]/.test(rest) || (/\s/.test(rest) && !/["']$/.test(match[0])) ? end : value;
  }
  if (named < end) return named;
  let token = end;
  while (token > first && (isAt(bytes, token - 1, first, end, ALNUM) || isOneOf(bytes[token - 1]))) token--;
  return end - token >= MIN_TOKEN_BYTES ? token : end;
}

const isDigit = (byte: number | undefined): boolean => byte !== undefined && ((CLASS[byte] as number) & DIGIT) !== 0;
const isBetweenDigits = (byte: number | undefined): boolean =>
  byte !== undefined && ' .-()+/'.includes(String.fromCharCode(byte));
/** In base64. */
const isOneOf = (byte: number | undefined): boolean => byte === 0x2b || byte === 0x3d || byte === 0x5f;
