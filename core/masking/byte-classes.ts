// Classes of bytes, for readers that work on UTF-8 as it lies in memory. A byte above 0x7f is a part
// of a letter outside ASCII and belongs to none of the ASCII classes.

export const DIGIT = 1;
export const UPPER = 2;
export const LOWER = 4;
export const LETTER = UPPER | LOWER;
export const ALNUM = DIGIT | LETTER;
/** base64url's own: - and _ */
export const DASHES = 8;
/** base64's own: + / = */
export const BASE64 = 16;
/** Space, tab, CR, LF. */
export const BLANK = 32;
export const NON_ASCII = 64;
export const HEX = 128;

export const CLASS: Uint8Array = new Uint8Array(256);
const add = (text: string, bit: number): void => {
  for (let at = 0; at < text.length; at++) CLASS[text.charCodeAt(at)] = (CLASS[text.charCodeAt(at)] ?? 0) | bit;
};
add('0123456789', DIGIT | HEX);
add('ABCDEFGHIJKLMNOPQRSTUVWXYZ', UPPER);
add('abcdefghijklmnopqrstuvwxyz', LOWER);
add('abcdefABCDEF', HEX);
add('-_', DASHES);
add('+/=', BASE64);
add(' \t\r\n', BLANK);
for (let byte = 0x80; byte < 256; byte++) CLASS[byte] = NON_ASCII;

/** Whether byte `at` is of one of the classes; beyond [start, end) nothing is. */
export function isAt(bytes: Uint8Array, at: number, start: number, end: number, classes: number): boolean {
  return at >= start && at < end && ((CLASS[bytes[at] as number] as number) & classes) !== 0;
}

/** Whether `byte` is of one of the classes. -1, which is no byte, is of none. */
export const isOf = (byte: number, classes: number): boolean => byte >= 0 && ((CLASS[byte] as number) & classes) !== 0;

/** First position from `at` on whose byte is of none of the classes, at most `end`. */
export function skip(bytes: Uint8Array, at: number, end: number, classes: number): number {
  let to = at;
  while (to < end && ((CLASS[bytes[to] as number] as number) & classes) !== 0) to++;
  return to;
}

/** Whether ASCII `text` stands at `at`. */
export function standsAt(bytes: Uint8Array, at: number, end: number, text: string): boolean {
  if (at < 0 || end - at < text.length) return false;
  for (let i = 0; i < text.length; i++) if (bytes[at + i] !== text.charCodeAt(i)) return false;
  return true;
}

/** ASCII bytes as text. */
export function ascii(bytes: Uint8Array, start: number, end: number): string {
  let text = '';
  for (let at = start; at < end; at++) text += String.fromCharCode(bytes[at] as number);
  return text;
}

/**
 * Whether what ends in front of `at` is an escape and no word: `\\n`, `\\t`, `\\u0022` as in JSON, `%3D` as in addresses. What
 * stands behind it begins anew.
 */
export function isBehindEscape(bytes: Uint8Array, at: number, begin: number): boolean {
  const last = at - 1;
  const second = last - 1;
  if (second < begin) return false;
  if (bytes[second] === 0x5c) return ESCAPED.has(bytes[last] as number);
  const hex = isOf(bytes[last] as number, HEX) && isOf(bytes[second] as number, HEX);
  if (!hex) return false;
  if (second > begin && bytes[second - 1] === 0x25) return true;
  return (
    last - 5 >= begin &&
    bytes[last - 5] === 0x5c &&
    bytes[last - 4] === 0x75 &&
    isOf(bytes[last - 3] as number, HEX) &&
    isOf(bytes[last - 2] as number, HEX)
  );
}

const ESCAPED: ReadonlySet<number> = new Set([0x62, 0x66, 0x6e, 0x72, 0x74]);

/** Whether `byte` may be the last of such an escape. */
export const mayEndEscape = (byte: number): boolean => ESCAPED.has(byte) || isOf(byte, HEX);
