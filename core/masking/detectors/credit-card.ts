// Payment card numbers: 13 to 19 digits, plain or in the groups that cards print, of a known
// network's range and length (ISO/IEC 7812), with a right Luhn digit.

import { ALNUM, DIGIT, isAt, isOf } from '../byte-classes.ts';
import type { Detector } from '../detector.ts';

/** [first prefix, last prefix, lengths]. Prefixes are compared by as many digits as they have. */
const RANGES: readonly (readonly [number, number, readonly number[]])[] = [
  [4, 4, [13, 16, 19]], // Visa
  [51, 55, [16]], // Mastercard
  [2221, 2720, [16]],
  [34, 34, [15]], // American Express
  [37, 37, [15]],
  [6011, 6011, [16, 19]], // Discover
  [644, 649, [16, 19]],
  [65, 65, [16, 19]],
  [300, 305, [14, 16]], // Diners Club
  [3095, 3095, [14, 16]],
  [36, 36, [14]],
  [38, 39, [14, 16]],
  [3528, 3589, [16, 17, 18, 19]], // JCB
  [62, 62, [16, 17, 18, 19]], // UnionPay
  [81, 81, [16]],
  [2200, 2204, [16]], // Mir
  [5018, 5018, [13, 15, 16, 18, 19]], // Maestro
  [5020, 5020, [13, 15, 16, 18, 19]],
  [5038, 5038, [13, 15, 16, 18, 19]],
  [5893, 5893, [13, 15, 16, 18, 19]],
  [6304, 6304, [13, 15, 16, 18, 19]],
  [6759, 6759, [13, 15, 16, 18, 19]],
  [6761, 6763, [13, 15, 16, 18, 19]],
];
const MIN_DIGITS = 13;
const MAX_DIGITS = 19;
/** How cards are printed: sixes for American Express and Diners, else fours. */
const GROUPINGS = [
  '4-4-4-4',
  '4-4-4-4-3',
  '4-6-5',
  '4-6-4',
  '4-4-5',
  '4-4-4-1',
  '4-5-6',
  '6-13',
  '4-4-4-4-2',
  '4-4-4-4-1',
];

const digits = new Uint8Array(MAX_DIGITS + 1);

export const creditCard: Detector = {
  name: 'credit-card',
  triggers: '23456789',
  firstDigitOnly: true,
  canFollow: (before) => !isOf(before, ALNUM) && before !== 0x5f,
  match(bytes, at, begin, low, end, found) {
    if (at < low || isAt(bytes, at - 1, begin, end, ALNUM) || (at > begin && bytes[at - 1] === 0x5f)) return false;
    if (!mayBeCard(bytes, at, end)) return false;
    // The digits behind a decimal point, or a later part of something longer: `0.4111...`, `ORD-4111...`. `No.4111...` is one.
    const before = at > begin ? bytes[at - 1] : 0;
    if (before === 0x2e && isAt(bytes, at - 2, begin, end, DIGIT)) return false;
    if (before === 0x2d && isAt(bytes, at - 2, begin, end, ALNUM)) return false;
    let count = 0;
    let separator = 0;
    let groups = '';
    let groupStart = 0;
    let best = -1;
    let i = at;
    for (; ; i++) {
      const byte = i < end ? (bytes[i] as number) : 0;
      if (byte >= 0x30 && byte <= 0x39) {
        if (count === MAX_DIGITS) return found.end > 0 && best > 0 ? accept(found, at, best) : false;
        digits[count++] = byte - 0x30;
        continue;
      }
      groups = groups === '' ? String(count) : `${groups}-${count - groupStart}`;
      groupStart = count;
      const next = i + 1 < end ? (bytes[i + 1] as number) : 0;
      const goesOn = next >= 0x30 && next <= 0x39;
      if (
        count >= MIN_DIGITS &&
        (separator === 0 || GROUPINGS.includes(groups)) &&
        isCard(count) &&
        mayEndAt(byte, goesOn)
      )
        best = i;
      if (!isSeparator(byte) || !goesOn || (separator !== 0 && byte !== separator)) break;
      // Four digits open every grouping but one; anything else is a date or an amount.
      if (separator === 0 && count !== 4 && count !== 6) break;
      separator = byte;
    }
    return best > 0 && accept(found, at, best);
  },
};

const isSeparator = (byte: number): boolean => byte === 0x20 || byte === 0x2d || byte === 0x2e;

/** Thirteen digits in a row, or a first group as cards print them. Most numbers end here. */
function mayBeCard(bytes: Uint8Array, at: number, end: number): boolean {
  let to = at + 1;
  const enough = Math.min(end, at + MIN_DIGITS);
  while (to < enough && (bytes[to] as number) >= 0x30 && (bytes[to] as number) <= 0x39) to++;
  const count = to - at;
  if (count === MIN_DIGITS) return true;
  if ((count !== 4 && count !== 6) || end - at <= MIN_DIGITS || !isSeparator(bytes[to] as number)) return false;
  return (bytes[to + 1] as number) >= 0x30 && (bytes[to + 1] as number) <= 0x39;
}

function accept(found: { start: number; end: number }, start: number, end: number): boolean {
  found.start = start;
  found.end = end;
  return true;
}

/** A letter or a decimal place right behind makes it something else. */
function mayEndAt(byte: number, digitBehind: boolean): boolean {
  if (byte === 0x5f || (byte >= 0x41 && byte <= 0x5a) || (byte >= 0x61 && byte <= 0x7a)) return false;
  return !((byte === 0x2e || byte === 0x2d) && digitBehind);
}

function isCard(count: number): boolean {
  let sum = 0;
  for (let i = count - 1, double = false; i >= 0; i--, double = !double) {
    const digit = digits[i] as number;
    sum += double ? (digit > 4 ? digit * 2 - 9 : digit * 2) : digit;
  }
  if (sum % 10 !== 0) return false;
  const head =
    (digits[0] as number) * 1000 + (digits[1] as number) * 100 + (digits[2] as number) * 10 + (digits[3] as number);
  return RANGES.some(([first, last, lengths]) => {
    const scale = first < 10 ? 1000 : first < 100 ? 100 : first < 1000 ? 10 : 1;
    const prefix = Math.floor(head / scale);
    return prefix >= first && prefix <= last && lengths.includes(count);
  });
}
