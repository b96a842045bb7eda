// E-mail addresses: local part, @, a domain with a dot and a top label of letters. Addresses outside
// ASCII (RFC 6531) count. Not found: quoted local parts, address literals, hosts without a dot.

import { ALNUM, ascii, CLASS, isAt, LETTER, NON_ASCII, standsAt } from '../byte-classes.ts';
import { type Detector, LOOK_BEHIND_BYTES } from '../detector.ts';

const MAX_LOCAL_BYTES = 64;
const MAX_DOMAIN_BYTES = 253;

const LOCAL = new Uint8Array(256);
const DOMAIN = new Uint8Array(256);
for (let byte = 0; byte < 256; byte++) {
  const known = (CLASS[byte] ?? 0) & (ALNUM | NON_ASCII) ? 1 : 0;
  LOCAL[byte] = known || "._%+-&'~".includes(String.fromCharCode(byte)) ? 1 : 0;
  DOMAIN[byte] = known || byte === 0x2d || byte === 0x2e ? 1 : 0;
}
/** `logo@2x.png` is a file. None of these is a top level domain that takes mail. */
const FILE_ENDINGS = new Set(['png', 'jpg', 'jpeg', 'gif', 'svg', 'webp', 'css', 'html', 'json', 'yaml', 'yml', 'tsx']);

export const email: Detector = {
  name: 'email',
  triggers: '@',
  match(bytes, at, begin, low, end, found) {
    let stop = at + 1;
    const last = Math.min(end, at + 1 + MAX_DOMAIN_BYTES);
    while (stop < last && DOMAIN[bytes[stop] as number]) stop++;
    // Dots and dashes at the end belong to the sentence.
    while (stop > at + 1 && (bytes[stop - 1] === 0x2e || bytes[stop - 1] === 0x2d)) stop--;
    if (stop - at < 5 || bytes[at + 1] === 0x2e || bytes[at + 1] === 0x2d) return false;
    let dot = stop - 1;
    while (dot > at && bytes[dot] !== 0x2e) {
      if (bytes[dot] === 0x2d && !isPunycode(bytes, dot, stop)) return false;
      dot--;
    }
    if (dot <= at + 1 || stop - dot < 3 || !isTopLabel(bytes, dot + 1, stop)) return false;
    for (let i = at + 1; i < dot; i++) if (bytes[i] === 0x2e && bytes[i + 1] === 0x2e) return false;
    if (FILE_ENDINGS.has(ascii(bytes, dot + 1, stop).toLowerCase())) return false;
    const first = Math.max(low, at - MAX_LOCAL_BYTES);
    let start = at;
    while (start > first && LOCAL[bytes[start - 1] as number]) start--;
    // Never in the middle of a letter, and no punctuation in front.
    while (start < at && ((bytes[start] as number) & 0xc0) === 0x80) start++;
    while (start < at && !isAt(bytes, start, start, at, ALNUM | NON_ASCII) && bytes[start] !== 0x5f) start++;
    // Behind another value it is a host: `https://ghp_...@github.com/`.
    if (start === at || isBehindUser(bytes, start, begin)) return false;
    found.start = start;
    found.end = stop;
    return true;
  },
};

/** `scheme://user:` in front: what looks like a name is a password, and what follows a host. */
function isBehindUser(bytes: Uint8Array, start: number, begin: number): boolean {
  if (start - 1 < begin || bytes[start - 1] !== 0x3a) return false;
  const first = Math.max(begin + 3, start - LOOK_BEHIND_BYTES + MAX_LOCAL_BYTES);
  let user = start - 1;
  while (user > first && LOCAL[bytes[user - 1] as number]) user--;
  return user - 3 >= begin && standsAt(bytes, user - 3, start, '://');
}

const isPunycode = (bytes: Uint8Array, dash: number, end: number): boolean => {
  let label = dash;
  while (label > 0 && bytes[label - 1] !== 0x2e && bytes[label - 1] !== 0x40) label--;
  return end - label > 4 && /^xn--/i.test(ascii(bytes, label, label + 4));
};

/** Letters, or `xn--` and what may follow. */
function isTopLabel(bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start > 4 && /^xn--/i.test(ascii(bytes, start, start + 4))) return true;
  for (let at = start; at < end; at++) if (!isAt(bytes, at, start, end, LETTER | NON_ASCII)) return false;
  return true;
}
