// Private keys in PEM (RFC 7468), OpenSSH's form and OpenPGP's armour (RFC 9580), also with \n written out as in JSON
// or encoded as in addresses. The value goes from BEGIN to END; where END is missing, as far as base64 goes. Headers in
// front of it (`Comment: ...`) may hold anything.

import { ALNUM, ascii, BASE64, BLANK, CLASS, DIGIT, isAt, LETTER, standsAt, UPPER } from '../byte-classes.ts';
import type { Detector } from '../detector.ts';

const BEGIN = '-----BEGIN';
const END = '-----END';
const KEY = /^(?: |\+|%20)(?:[A-Z0-9 +]|%20)*PRIVATE(?: |\+|%20)KEY(?:(?: |\+|%20)BLOCK)?$/;
/** Of the headers of one key. */
const MAX_HEADER_BYTES = 2048;

export const privateKey: Detector = {
  name: 'private-key',
  triggers: '-',
  canFollow: (before) => before !== 0x2d,
  match(bytes, at, begin, low, end, found) {
    if (at < low || (at > begin && bytes[at - 1] === 0x2d) || !standsAt(bytes, at, end, BEGIN)) return false;
    const from = at + BEGIN.length;
    const limit = Math.min(end, from + 60);
    let label = from;
    while (label < limit && (isAt(bytes, label, begin, end, UPPER | DIGIT) || isOneOf(bytes[label], ' +%'))) label++;
    if (!standsAt(bytes, label, end, '-----') || !KEY.test(ascii(bytes, from, label))) return false;
    found.start = at;
    found.end = behindHeaders(bytes, label + 5, Math.min(end, label + 5 + MAX_HEADER_BYTES));
    return true;
  },
  tail(bytes, from, end) {
    for (let at = from; at < end; at++) {
      const byte = bytes[at] as number;
      if (byte === 0x2d && standsAt(bytes, at, end, END)) {
        const stop = endMark(bytes, at + END.length, end);
        if (stop === -1) return -1;
        return stop;
      }
      if ((CLASS[byte] as number) & (ALNUM | BASE64 | BLANK)) continue;
      // Headers of an encrypted key, dashes, and \n written out or encoded.
      if (isOneOf(byte, '-:,\\%')) continue;
      return at;
    }
    return -1;
  },
};

const isOneOf = (byte: number | undefined, marks: string): boolean =>
  byte !== undefined && marks.includes(String.fromCharCode(byte));

/** Lines `Name: anything` right behind the first one. */
function behindHeaders(bytes: Uint8Array, from: number, end: number): number {
  let done = from;
  for (;;) {
    let at = behindLineEnd(bytes, done, end);
    if (at === done) return done;
    const name = at;
    while (at < end && (isAt(bytes, at, name, end, LETTER) || bytes[at] === 0x2d)) at++;
    if (at === name || bytes[at] !== 0x3a || bytes[at + 1] !== 0x20) return done;
    while (at < end && behindLineEnd(bytes, at, end) === at) at++;
    done = at;
  }
}

/** Behind LF, CR LF, or these written out. */
function behindLineEnd(bytes: Uint8Array, from: number, end: number): number {
  let at = from;
  if (bytes[at] === 0x0d) at++;
  else if (standsAt(bytes, at, end, '\\r')) at += 2;
  if (at < end && bytes[at] === 0x0a) return at + 1;
  return standsAt(bytes, at, end, '\\n') ? at + 2 : from;
}

/** Behind the dashes that close the mark; -1 when they are not there yet. */
function endMark(bytes: Uint8Array, from: number, end: number): number {
  let at = from;
  const limit = Math.min(end, from + 40);
  while (at < limit && bytes[at] !== 0x2d) at++;
  if (at === limit) return at === end ? -1 : at;
  let dashes = 0;
  while (at < end && bytes[at] === 0x2d && dashes < 5) {
    at++;
    dashes++;
  }
  return at === end && dashes < 5 ? -1 : at;
}
