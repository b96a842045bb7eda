// Passwords, secrets and tokens of no maker's mark, found by the name that goes with them: assignments, elements and
// attributes of XML, clauses of SQL, headers of HTTP, addresses (scheme://user:password@host). Only the value is
// found, never the name.

import { ALNUM, ascii, BLANK, CLASS, isAt, LETTER, LOWER, NON_ASCII, standsAt, UPPER } from '../byte-classes.ts';
import { type Detector, LOOK_BEHIND_BYTES, type Span } from '../detector.ts';
import { assignmentAt, endsAnyValue, endsValue, isNameMark, MAX_VALUE_BYTES } from './assignment.ts';

const NAMES =
  /(?:password|passwd|passphrase|pwd|(?:client|app|shared|api|webhook|consumer|signing|session|oauth)[_.-]?secret|secret[_.-]?key|api[_.-]?key|(?:auth|access|refresh|api|bearer)[_.-]?token)$|(?:^|[^a-z0-9])(?:pass|secret)$/i;
/** What stands there when there is no password. */
const NO_VALUES =
  /^(?:null|none|nil|undefined|true|false|yes|no|ok|string|text|varchar|required|optional|empty|n\/a|changed|reset|hidden|redacted|\*+|x{3,}|\.{3,}|\[.*\]|<.*>?|\$\{?\w*\}?.*|%\w*%?|\{\{.*|process\.env.*|os\.environ.*|\w+\(.*|:\w+|\?)$/i;

/** `name: DB_PASSWORD, value: x`: what stands in front of the sign behind `value`. */
const PAIRED = /(?:name|key)\\?["']?\s*[:=]\s*\\?["']?([\w.-]+)\\?["']?[\s,;-]{1,20}\\?["']?value\\?["']?\s*$/i;
const VALUE = /(?:^|[^a-z0-9])value$/i;
const AUTHORIZATION = /(?:^|[^a-z0-9])(?:proxy-)?authorization$/i;
const SCHEME = /^(?:basic|bearer|token|negotiate|apikey)(?: +|$)/i;
/** In front of a string of SQL. */
const CLAUSE = /(?:^|[^\w])(?:password|passphrase|identified\s+by(?:\s+password)?)\s+(?:e|E)?$/i;
/** An element's opening, up to its `>`. */
const ELEMENT = /<(?:[\w.-]+:)?([\w.-]+)((?:\s[^<>]*)?)$/;
const NAMING_ATTRIBUTE = /\s(?:name|key)\s*=\s*["']([\w.:-]+)["']/i;

const EQUALS = 0x3d;
const COLON = 0x3a;
const QUOTE = 0x27;
const GREATER = 0x3e;

export const password: Detector = {
  name: 'password',
  triggers: "=:>'Dd",
  canFollow(before, trigger) {
    if (trigger === EQUALS || trigger === COLON) return true;
    // Behind letters, quotes and blanks an element opens; a string of SQL stands behind a blank; D ends `%3D`.
    if (trigger === GREATER)
      return (
        (before >= 0 && ((CLASS[before] as number) & (ALNUM | BLANK | NON_ASCII)) !== 0) ||
        before === 0x22 ||
        before === QUOTE
      );
    if (trigger === QUOTE)
      return (before >= 0 && ((CLASS[before] as number) & BLANK) !== 0) || before === 0x45 || before === 0x65;
    return before === 0x33;
  },
  match(bytes, at, begin, low, end, found) {
    switch (bytes[at]) {
      case GREATER:
        return inElement(bytes, at, begin, low, end, found);
      case QUOTE:
        return inClause(bytes, at, begin, low, end, found);
      case EQUALS:
      case COLON:
        return (
          (bytes[at] === COLON && passwordInAddress(bytes, at, begin, low, end, found)) ||
          assigned(bytes, at, begin, low, end, found)
        );
      default:
        return inEncoded(bytes, at, begin, low, end, found);
    }
  },
};

function assigned(bytes: Uint8Array, at: number, begin: number, low: number, end: number, found: Span): boolean {
  if (assignmentAt(bytes, at, begin, low, end, AUTHORIZATION, found)) {
    behindScheme(bytes, end, found);
  } else if (assignmentAt(bytes, at, begin, low, end, VALUE, found)) {
    const [, name = ''] = PAIRED.exec(ascii(bytes, Math.max(begin, at - LOOK_BEHIND_BYTES), at)) ?? [];
    if (!NAMES.test(name)) return false;
  } else if (!assignmentAt(bytes, at, begin, low, end, NAMES, found)) return false;
  if (!isValue(bytes, found, begin)) return false;
  // In prose a colon precedes words: there the value must look made, or stand alone.
  return bytes[at] !== COLON || isQuoted(bytes, found, begin) || looksMade(bytes, found, begin, end);
}

/** `Basic dXNlcj...`: the name of the scheme is none of it. */
function behindScheme(bytes: Uint8Array, end: number, found: Span): void {
  const [scheme] = SCHEME.exec(ascii(bytes, found.start, Math.min(found.end, found.start + 32))) ?? [];
  if (scheme === undefined) return;
  found.start += scheme.length;
  if (found.start < found.end) return;
  while (found.start < end && bytes[found.start] === 0x20) found.start++;
  found.end = found.start;
  while (found.end < end && found.end - found.start < MAX_VALUE_BYTES && !endsValue(bytes, found.end, end)) found.end++;
}

const isQuoted = (bytes: Uint8Array, { start }: Span, begin: number): boolean =>
  start > begin && (bytes[start - 1] === 0x22 || bytes[start - 1] === QUOTE);

function isValue(bytes: Uint8Array, found: Span, begin: number): boolean {
  const value = ascii(bytes, found.start, found.end);
  if (isQuoted(bytes, found, begin)) return value !== '' && !NO_VALUES.test(value);
  // Counts are not: `pass=12 fail=3`; nor is the type in `a,password: string,b`.
  return /^(?:.{3}|\D.|.\D)/s.test(value) && !NO_VALUES.test(value.split(/[,;&]/, 1)[0] || value);
}

/** `<password>x</password>`, `<entry key="password"><![CDATA[x]]></entry>`; `at` is the opening's end. */
function inElement(bytes: Uint8Array, at: number, begin: number, low: number, end: number, found: Span): boolean {
  const opening = ELEMENT.exec(ascii(bytes, Math.max(begin, at - LOOK_BEHIND_BYTES), at));
  if (!opening) return false;
  const [, name = '', attributes = ''] = opening;
  if (attributes.endsWith('/')) return false;
  const [, named = ''] = NAMING_ATTRIBUTE.exec(attributes) ?? [];
  if (!NAMES.test(name) && !NAMES.test(named)) return false;
  const literal = standsAt(bytes, at + 1, end, '<![CDATA[');
  let start = literal ? at + 10 : at + 1;
  const limit = Math.min(end, start + MAX_VALUE_BYTES);
  let stop = start;
  while (stop < limit && (literal ? !standsAt(bytes, stop, end, ']]>') : bytes[stop] !== 0x3c)) stop++;
  while (start < stop && isAt(bytes, start, start, stop, BLANK)) start++;
  while (start < stop && isAt(bytes, stop - 1, start, stop, BLANK)) stop--;
  if (start < low) return false;
  found.start = start;
  found.end = stop;
  return isValue(bytes, found, begin);
}

/** `with password 'x'`; `at` is the opening quote. */
function inClause(bytes: Uint8Array, at: number, begin: number, low: number, end: number, found: Span): boolean {
  if (at + 1 < low || !CLAUSE.test(ascii(bytes, Math.max(begin, at - 40), at))) return false;
  const escapes = (bytes[at - 1] as number) !== 0x20 && isAt(bytes, at - 1, begin, end, LETTER);
  const limit = Math.min(end, at + 1 + MAX_VALUE_BYTES);
  let stop = at + 1;
  while (stop < limit && (bytes[stop] !== QUOTE || bytes[stop + 1] === QUOTE))
    stop += bytes[stop] === QUOTE || (escapes && bytes[stop] === 0x5c) ? 2 : 1;
  found.start = at + 1;
  found.end = Math.min(stop, limit);
  return isValue(bytes, found, begin);
}

/** `password%3Dx%26...`, as an address has it that stands in another; `at` is the D. */
function inEncoded(bytes: Uint8Array, at: number, begin: number, low: number, end: number, found: Span): boolean {
  if (at - 2 < begin || bytes[at - 2] !== 0x25 || at + 1 < low) return false;
  let name = at - 2;
  const first = Math.max(begin, name - LOOK_BEHIND_BYTES + 3);
  while (name > first && (isAt(bytes, name - 1, begin, end, ALNUM) || isNameMark(bytes[name - 1]))) name--;
  if (!NAMES.test(ascii(bytes, Math.max(name, at - 30), at - 2))) return false;
  const limit = Math.min(end, at + 1 + MAX_VALUE_BYTES);
  let stop = at + 1;
  while (
    stop < limit &&
    !endsValue(bytes, stop, end) &&
    !SEPARATORS.has(ascii(bytes, stop, Math.min(stop + 3, end)).toUpperCase())
  )
    stop++;
  found.start = at + 1;
  found.end = stop;
  return isValue(bytes, found, begin);
}

const SEPARATORS: ReadonlySet<string> = new Set(['%26', '%20', '%22', '%27', '%0A', '%0D']);

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
  const limit = Math.min(end, at + 1 + MAX_VALUE_BYTES);
  let host = -1;
  for (let i = at + 1; i < limit && bytes[i] !== 0x2f && bytes[i] !== 0x2c && !endsAnyValue(bytes[i] as number); i++)
    if (bytes[i] === 0x40) host = i;
  if (host <= at + 1 || at + 1 < low) return false;
  found.start = at + 1;
  found.end = host;
  return true;
}
