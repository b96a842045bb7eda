// US social security numbers: 123-45-6789 or 123 45 6789 with an area, group and serial that are
// issued. Nine bare digits only behind the word "ssn", since any order number looks like that.

import { ALNUM, ascii, isAt, isOf } from '../byte-classes.ts';
import type { Detector } from '../detector.ts';

export const usSsn: Detector = {
  name: 'us-ssn',
  triggers: '012345678',
  firstDigitOnly: true,
  canFollow: (before) => !isOf(before, ALNUM) && before !== 0x5f,
  match(bytes, at, begin, low, end, found) {
    if (at < low || isAt(bytes, at - 1, begin, end, ALNUM) || (at > begin && bytes[at - 1] === 0x5f)) return false;
    const area = read(bytes, at, end, 3);
    if (area <= 0 || area === 666 || area >= 900) return false;
    const separator = bytes[at + 3];
    const bare = separator !== 0x2d && separator !== 0x20;
    const groupAt = bare ? at + 3 : at + 4;
    const serialAt = bare ? at + 5 : at + 7;
    if (!bare && bytes[at + 6] !== separator) return false;
    const group = read(bytes, groupAt, end, 2);
    const serial = read(bytes, serialAt, end, 4);
    const stop = serialAt + 4;
    if (group <= 0 || serial <= 0 || isAt(bytes, stop, begin, end, ALNUM)) return false;
    // A part of something longer: 123-45-6789-0, 1-123-45-6789, 123-45-6789.5.
    if (stop < end && (bytes[stop] === 0x2d || bytes[stop] === 0x2e) && isAt(bytes, stop + 1, begin, end, ALNUM))
      return false;
    const before = at > begin ? bytes[at - 1] : 0;
    if ((before === 0x2d || before === 0x2e || before === 0x2b) && !bare && isAt(bytes, at - 2, begin, end, ALNUM))
      return false;
    if (bare && !/ssn["']?\s*[:=#>]?\s*["']?$/i.test(ascii(bytes, Math.max(begin, at - 12), at))) return false;
    found.start = at;
    found.end = stop;
    return true;
  },
};

/** `count` digits as a number; -1 when they are not. */
function read(bytes: Uint8Array, at: number, end: number, count: number): number {
  if (at + count > end) return -1;
  let value = 0;
  for (let i = at; i < at + count; i++) {
    const digit = (bytes[i] as number) - 0x30;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value;
}
