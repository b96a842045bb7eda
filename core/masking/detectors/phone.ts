// Telephone numbers, precision over recall: +COUNTRY numbers (E.164), North American (415) 555-0132
// and 415-555-0132, and trunk forms that begin with 0 and are written in groups (020 7946 0958,
// 01 23 45 67 89, 030/1234567). Not found: bare digits, short numbers, extensions.

import { ALNUM, DIGIT, isAt, isOf } from '../byte-classes.ts';
import type { Detector, Span } from '../detector.ts';

/** Groups of digits as they stand, with what separates them. */
interface Groups {
  readonly sizes: number[];
  readonly separators: number[];
  readonly ends: number[];
}

export const phone: Detector = {
  name: 'phone',
  triggers: '+(0123456789',
  firstDigitOnly: true,
  canFollow: (before) => !isOf(before, ALNUM) && before !== 0x5f && before !== 0x2b,
  match(bytes, at, begin, low, end, found) {
    if (at < low || isAt(bytes, at - 1, begin, end, ALNUM)) return false;
    const before = at > begin ? (bytes[at - 1] as number) : 0;
    if (before === 0x5f || before === 0x2b) return false;
    const first = bytes[at] as number;
    // A plus begins a number whatever stands before it: `Tel.+49 30 901820`.
    if (first === 0x2b) return international(bytes, at, end, found);
    if ((before === 0x2d || before === 0x2e || before === 0x2f) && isAt(bytes, at - 2, begin, end, ALNUM)) return false;
    // Behind digits it is a time; behind letters a scheme: `tel:415-555-0132`.
    if (before === 0x3a && isAt(bytes, at - 2, begin, end, DIGIT)) return false;
    if (first === 0x28) return bracketed(bytes, at, end, found);
    return national(bytes, at, end, found);
  },
};

const isDigit = (byte: number | undefined): boolean => byte !== undefined && byte >= 0x30 && byte <= 0x39;

/** Digits in groups from `at`, parted by one of ` -./` or by `)` and a blank, at most 16 of them. */
function readGroups(bytes: Uint8Array, at: number, end: number): Groups {
  const groups: Groups = { sizes: [], separators: [], ends: [] };
  let i = at;
  while (groups.sizes.length < 8) {
    const start = i;
    while (i < end && isDigit(bytes[i]) && i - start < 16) i++;
    if (i === start) break;
    groups.sizes.push(i - start);
    groups.ends.push(i);
    const separator = i < end ? (bytes[i] as number) : 0;
    if (separator === 0x20 || separator === 0x2d || separator === 0x2e || separator === 0x2f) i++;
    else if (separator === 0x29 && bytes[i + 1] === 0x20) i += 2;
    else if (separator === 0x29) i++;
    else break;
    // +44 (0)20 and +1 (415): a bracket in the middle.
    if (i < end && bytes[i] === 0x28 && i + 1 < end && isDigit(bytes[i + 1])) i++;
    if (i >= end || !isDigit(bytes[i])) break;
    groups.separators.push(separator);
  }
  return groups;
}

const sum = (sizes: readonly number[]): number => sizes.reduce((total, size) => total + size, 0);

/** +, a country code that exists, 8 to 15 digits in all. */
function international(bytes: Uint8Array, at: number, end: number, found: Span): boolean {
  if (!isDigit(bytes[at + 1]) || bytes[at + 1] === 0x30) return false;
  const { sizes, ends } = readGroups(bytes, at + 1, end);
  // What follows may be another number: the longest run of groups that fits is it.
  for (let count = sizes.length; count > 0; count--) {
    const digits = sum(sizes.slice(0, count));
    if (digits > 15 || (count > 1 && (sizes[count - 1] as number) < 2)) continue;
    return digits >= 8 && finish(bytes, at, ends[count - 1] as number, end, found);
  }
  return false;
}

/** (415) 555-0132 and (020) 7946 0958 */
function bracketed(bytes: Uint8Array, at: number, end: number, found: Span): boolean {
  const { sizes, ends, separators } = readGroups(bytes, at + 1, end);
  const area = sizes[0] ?? 0;
  if (separators[0] !== 0x29) return false;
  if (area === 3 && sizes[1] === 3 && sizes[2] === 4 && (bytes[at + 1] as number) >= 0x32)
    return finish(bytes, at, ends[2] as number, end, found);
  const digits = sum(sizes);
  return (
    bytes[at + 1] === 0x30 &&
    area >= 3 &&
    area <= 5 &&
    digits >= 9 &&
    digits <= 12 &&
    finish(bytes, at, ends.at(-1) ?? at, end, found)
  );
}

function national(bytes: Uint8Array, at: number, end: number, found: Span): boolean {
  let run = at;
  while (run < end && run - at < 8 && isDigit(bytes[run])) run++;
  // Most numbers in a table end here.
  if (run - at > 5 || run >= end) return false;
  const { sizes, ends, separators } = readGroups(bytes, at, end);
  const separator = separators[0];
  if (separator === undefined || separator === 0x29) return false;
  const one = sizes[0] === 1 && bytes[at] === 0x31 ? 1 : 0;
  const alike = separators.every((other, index) => other === separator || index > 1 + one);
  if (alike && sizes[one] === 3 && sizes[one + 1] === 3 && sizes[one + 2] === 4 && separator !== 0x2f) {
    const area = at + (one === 1 ? 2 : 0);
    // Area codes and exchanges begin with 2 to 9.
    if ((bytes[area] as number) < 0x32 || (bytes[area + 4] as number) < 0x32) return false;
    return finish(bytes, at, ends[one + 2] as number, end, found);
  }
  if (bytes[at] !== 0x30 || (sizes[0] as number) < 2 || (sizes[0] as number) > 5) return false;
  const digits = sum(sizes);
  const rest = separators.slice(1);
  const uniform = rest.every((other) => other === rest[0] && other !== 0x2f);
  const dateLike = sizes[0] === 2 && sizes[1] === 2 && (sizes[2] ?? 0) === 4;
  // Pairs (01 23 45 67 89) or a prefix and one to three groups of three and more.
  const pairs = sizes.length === 5 && sizes.every((size) => size === 2);
  const grouped = sizes.length <= 4 && sizes.slice(1).every((size) => size >= 3) && sum(sizes.slice(1)) >= 6;
  if (digits < 9 || digits > 12 || !uniform || dateLike || !(pairs || grouped)) return false;
  return separator !== 0x2e && finish(bytes, at, ends.at(-1) ?? at, end, found);
}

function finish(bytes: Uint8Array, start: number, stop: number, end: number, found: Span): boolean {
  if (stop < end && (isAt(bytes, stop, start, end, ALNUM) || bytes[stop] === 0x5f || bytes[stop] === 0x40))
    return false;
  found.start = start;
  found.end = stop;
  return true;
}
