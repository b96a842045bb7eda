// Private keys in PEM (RFC 7468) and OpenSSH's form, also with \n written out as in JSON. The value
// goes from BEGIN to END; where END is missing, as far as base64 and headers of PEM go.

import { ALNUM, BASE64, BLANK, CLASS, isAt, standsAt, UPPER } from '../byte-classes.ts';
import type { Detector } from '../detector.ts';

const BEGIN = '-----BEGIN ';
const END = '-----END ';

export const privateKey: Detector = {
  name: 'private-key',
  triggers: '-',
  canFollow: (before) => before !== 0x2d,
  match(bytes, at, begin, low, end, found) {
    if (at < low || (at > begin && bytes[at - 1] === 0x2d) || !standsAt(bytes, at, end, BEGIN)) return false;
    let label = at + BEGIN.length;
    const limit = Math.min(end, label + 40);
    while (label < limit && (isAt(bytes, label, begin, end, UPPER) || bytes[label] === 0x20)) label++;
    const isKey =
      standsAt(bytes, label - 11, end, 'PRIVATE KEY') || standsAt(bytes, label - 17, end, 'PRIVATE KEY BLOCK');
    if (!isKey || !standsAt(bytes, label, end, '-----')) return false;
    found.start = at;
    found.end = label + 5;
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
      // Headers of an encrypted key, dashes, and \n written out.
      if (byte === 0x2d || byte === 0x3a || byte === 0x2c || byte === 0x5c) continue;
      return at;
    }
    return -1;
  },
};

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
