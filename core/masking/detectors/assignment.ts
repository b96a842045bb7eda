// Values that a name in front of them gives away: `name = value`, `"name": "value"`, with quotes or without, on the
// next line too, as YAML and folded headers have it.

import { ALNUM, ascii, BLANK, CLASS, isAt, LETTER } from '../byte-classes.ts';
import { LOOK_BEHIND_BYTES, type Span } from '../detector.ts';

/** A longer value is cut there. */
export const MAX_VALUE_BYTES = 2048;

/**
 * `name = value` around the sign at `at`, with quotes or without: true and the value in `found` when `names` fits what
 * precedes the sign.
 */
export function assignmentAt(
  bytes: Uint8Array,
  at: number,
  begin: number,
  low: number,
  end: number,
  names: RegExp,
  found: Span,
): boolean {
  if (bytes[at + 1] === bytes[at] && bytes[at] === 0x3a) return false;
  let nameEnd = at;
  // :=, =>, == and !=
  if (nameEnd > begin && bytes[nameEnd - 1] === 0x3a) nameEnd--;
  while (
    nameEnd > begin &&
    nameEnd > at - 4 &&
    (bytes[nameEnd - 1] === 0x20 ||
      bytes[nameEnd - 1] === 0x22 ||
      bytes[nameEnd - 1] === 0x27 ||
      bytes[nameEnd - 1] === 0x5c)
  )
    nameEnd--;
  if (!isAt(bytes, nameEnd - 1, begin, end, LETTER)) return false;
  let nameStart = nameEnd;
  const first = Math.max(begin, at - LOOK_BEHIND_BYTES);
  while (nameStart > first && (isAt(bytes, nameStart - 1, begin, end, ALNUM) || isNameMark(bytes[nameStart - 1])))
    nameStart--;
  // The names that count are shorter than this.
  if (!names.test(ascii(bytes, Math.max(nameStart, nameEnd - 28), nameEnd))) return false;
  let start = bytes[at] === 0x3a ? behindFold(bytes, at + 1, end) : at + 1;
  const blankLimit = Math.min(end, start + 8);
  while (start < blankLimit && (bytes[start] === 0x3d || bytes[start] === 0x3e || bytes[start] === 0x20)) start++;
  if (start >= end) return false;
  let escapes = 0;
  while (bytes[start] === 0x5c && start < blankLimit) {
    start++;
    escapes++;
  }
  const quote = bytes[start];
  const limit = Math.min(end, start + 1 + MAX_VALUE_BYTES);
  let stop: number;
  if (quote === 0x22 || quote === 0x27) {
    start++;
    stop = start;
    while (stop < limit && bytes[stop] !== quote) stop += bytes[stop] === 0x5c && escapes === 0 ? 2 : 1;
    if (escapes > 0 && bytes[stop - 1] === 0x5c) stop--;
    stop = Math.min(stop, limit);
  } else {
    stop = start;
    while (stop < limit && !endsValue(bytes, stop, end)) stop++;
  }
  // Never in the middle of a letter.
  while (stop < end && ((bytes[stop] as number) & 0xc0) === 0x80) stop++;
  if (start < low || stop <= start) return false;
  found.start = start;
  found.end = stop;
  return true;
}

export const isNameMark = (byte: number | undefined): boolean => byte === 0x5f || byte === 0x2d || byte === 0x2e;

/** Behind `|`, `>-` and the end of the line; `from` where the value stands on the same one. */
function behindFold(bytes: Uint8Array, from: number, end: number): number {
  let at = from;
  while (at < end && bytes[at] === 0x20 && at - from < 8) at++;
  if (bytes[at] === 0x7c || bytes[at] === 0x3e) {
    at++;
    if (bytes[at] === 0x2b || bytes[at] === 0x2d) at++;
  }
  if (bytes[at] === 0x0d) at++;
  if (at >= end || bytes[at] !== 0x0a) return from;
  const line = ++at;
  while (at < end && (bytes[at] === 0x20 || bytes[at] === 0x09) && at - line < 40) at++;
  return at === line ? from : at;
}

/**
 * Whether an unquoted value ends at `at`. A blank or a quote ends it; one of `,;&` where another name follows or nothing
 * does, so that `password=ab&cd` is all hidden and `password=ab&user=bob` is not; a bracket where no word goes on.
 */
export function endsValue(bytes: Uint8Array, at: number, end: number): boolean {
  const byte = bytes[at] as number;
  if (endsAnyValue(byte)) return true;
  if (byte === 0x2c || byte === 0x3b || byte === 0x26) return bytes[at + 1] === byte || endsPart(bytes, at + 1, end);
  if (byte === 0x3c) return bytes[at + 1] === 0x2f;
  return (byte === 0x7d || byte === 0x5d || byte === 0x29) && !isAt(bytes, at + 1, at, end, ALNUM);
}

export const endsAnyValue = (byte: number): boolean =>
  ((CLASS[byte] as number) & BLANK) !== 0 || byte === 0x22 || byte === 0x27 || byte === 0;

/** Nothing, a blank or a quote, or the name of another value. */
function endsPart(bytes: Uint8Array, from: number, end: number): boolean {
  if (from >= end || endsAnyValue(bytes[from] as number)) return true;
  const limit = Math.min(end, from + 64);
  let at = from;
  while (at < limit && (isAt(bytes, at, from, end, ALNUM) || isNameMark(bytes[at]) || isOdd(bytes[at] as number))) at++;
  return at > from && at < end && (bytes[at] === 0x3d || bytes[at] === 0x3a);
}

/** In names of fields: `a%5B0%5D`, `a[0]`. */
const isOdd = (byte: number): boolean => byte === 0x25 || byte === 0x5b || byte === 0x5d;
