// Values that a name in front of them gives away: password=..., "client_secret": "...", and the
// password in an address (scheme://user:password@host). Only the value is found, never the name.

import { ALNUM, ascii, BLANK, CLASS, isAt, LETTER, LOWER, NON_ASCII, UPPER } from '../byte-classes.ts';
import { type Detector, LOOK_BEHIND_BYTES, type Span } from '../detector.ts';

const MAX_VALUE_BYTES = 256;
const NAMES =
  /(?:password|passwd|passphrase|pwd|(?:client|app|shared|api|webhook|consumer|signing|session|oauth)[_.-]?secret|secret[_.-]?key|api[_.-]?key|(?:auth|access|refresh|api|bearer)[_.-]?token)$|(?:^|[^a-z0-9])(?:pass|secret)$/i;
/** What stands there when there is no password. */
const NO_VALUES =
  /^(?:null|none|nil|undefined|true|false|yes|no|string|text|varchar|required|optional|empty|n\/a|changed|reset|hidden|redacted|\*+|x{3,}|\.{3,}|\[.*\]|<.*>?|\$\{?\w*\}?.*|%\w*%?|\{\{.*|process\.env.*|os\.environ.*|\w+\(.*|:\w+|\?)$/i;

export const password: Detector = {
  name: 'password',
  triggers: '=:',
  match(bytes, at, begin, low, end, found) {
    if (bytes[at] === 0x3a && passwordInAddress(bytes, at, begin, low, end, found)) return true;
    if (!assignmentAt(bytes, at, begin, low, end, NAMES, found)) return false;
    if (found.end - found.start < 3) return false;
    const quoted = found.start > begin && (bytes[found.start - 1] === 0x22 || bytes[found.start - 1] === 0x27);
    const value = ascii(bytes, found.start, found.end);
    if (NO_VALUES.test(value)) return false;
    // In prose a colon precedes words: there the value must look made, or stand alone.
    if (bytes[at] === 0x3a && !quoted && !looksMade(bytes, found, begin, end)) return false;
    return true;
  },
};

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
  let start = at + 1;
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
    while (stop < limit && !endsValue(bytes[stop] as number)) stop++;
  }
  // Never in the middle of a letter.
  while (stop < end && ((bytes[stop] as number) & 0xc0) === 0x80) stop++;
  if (start < low || stop <= start) return false;
  found.start = start;
  found.end = stop;
  return true;
}

const isNameMark = (byte: number | undefined): boolean => byte === 0x5f || byte === 0x2d || byte === 0x2e;

function endsValue(byte: number): boolean {
  if ((CLASS[byte] as number) & BLANK) return true;
  return (
    byte === 0x2c ||
    byte === 0x3b ||
    byte === 0x26 ||
    byte === 0x22 ||
    byte === 0x27 ||
    byte === 0x7d ||
    byte === 0x5d ||
    byte === 0x29 ||
    byte === 0
  );
}

function looksMade(bytes: Uint8Array, { start, end: stop }: Span, begin: number, end: number): boolean {
  let classes = 0;
  let other = false;
  for (let at = start; at < stop; at++) {
    const kind = CLASS[bytes[at] as number] as number;
    if (kind & (ALNUM | NON_ASCII)) classes |= kind;
    else if (at < stop - 1) other = true;
  }
  if ((classes & LETTER) !== LETTER && (classes & ALNUM) === (classes & LETTER) && !other) {
    // One word: a value when nothing follows on its line.
    return stop - start >= 6 && (stop === end || bytes[stop] === 0x0a || bytes[stop] === 0x0d);
  }
  if ((classes & ALNUM) === LETTER && !other) return hasInnerUpper(bytes, start, stop, begin, end);
  return stop - start >= 4;
}

/** Capitalised words are prose. */
function hasInnerUpper(bytes: Uint8Array, start: number, stop: number, begin: number, end: number): boolean {
  let lower = false;
  for (let at = start; at < stop; at++) {
    if (isAt(bytes, at, begin, end, LOWER)) lower = true;
    else if (at > start && lower && isAt(bytes, at, begin, end, UPPER)) return true;
  }
  return false;
}

/** scheme://user:PASSWORD@host */
function passwordInAddress(
  bytes: Uint8Array,
  at: number,
  begin: number,
  low: number,
  end: number,
  found: Span,
): boolean {
  let user = at;
  const first = Math.max(begin + 2, at - 64);
  while (
    user > first &&
    (isAt(bytes, user - 1, begin, end, ALNUM | NON_ASCII) || isNameMark(bytes[user - 1]) || bytes[user - 1] === 0x25)
  )
    user--;
  if (user < begin + 3 || bytes[user - 1] !== 0x2f || bytes[user - 2] !== 0x2f || bytes[user - 3] !== 0x3a)
    return false;
  let stop = at + 1;
  const limit = Math.min(end, at + 129);
  while (stop < limit && bytes[stop] !== 0x40 && bytes[stop] !== 0x2f && !endsValue(bytes[stop] as number)) stop++;
  if (stop >= limit || bytes[stop] !== 0x40 || stop === at + 1 || at + 1 < low) return false;
  found.start = at + 1;
  found.end = stop;
  return true;
}
