// `partial` and `hash` of text columns, written as bytes. It gives what looksLike (typed-values.ts) and
// maskText (core/masking/ways.ts) give for the same text, and leaves to them what is not ASCII.

const DIGIT = 1;
const UPPER = 2;
const BLANK = 4;
const DASH = 8;
/** ( ) . / which telephone numbers have beside digits, blanks and dashes. */
const PHONE_MARK = 16;
const AT_SIGN = 32;
/** Blanks of \s that are no space. */
const OTHER_BLANK = 64;
const DOT = 128;
const OTHER = 256;
const NON_ASCII = 512;

const CLASS = Int16Array.from({ length: 256 }, (_, byte) => {
  const letter = String.fromCharCode(byte);
  if (byte >= 0x80) return NON_ASCII;
  if (/\d/.test(letter)) return DIGIT;
  if (/[A-Z]/.test(letter)) return UPPER;
  if (letter === '.') return DOT;
  if (letter === ' ') return BLANK;
  if (letter === '-') return DASH;
  if (letter === '@') return AT_SIGN;
  if (/[()/]/.test(letter)) return PHONE_MARK;
  return /\s/.test(letter) ? OTHER_BLANK : OTHER;
});

/** `partial` of a text is at most so much longer than the text. */
export const PARTIAL_ROOM_BYTES = 16;
/** Bytes of a hash as text: h_ and 128 bits in hex. */
export const HASH_TEXT_BYTES = 34;

const STAR = 0x2a;
const KEPT = 4;

/** Writes `partial` of bytes[start, end) to out[into, ...). Gives its length; -1 when it is not all ASCII. */
export function writePartial(bytes: Uint8Array, start: number, end: number, out: Uint8Array, into: number): number {
  let seen = 0;
  let sign = -1;
  let signs = 0;
  let dot = -1;
  for (let at = start; at < end; at++) {
    const kind = CLASS[bytes[at] as number] as number;
    seen |= kind;
    if ((kind & (AT_SIGN | DOT)) === 0) continue;
    if (kind === DOT) dot = at;
    else {
      sign = at;
      signs++;
    }
  }
  if ((seen & NON_ASCII) !== 0) return -1;
  const length = end - start;
  if (signs === 1 && (seen & (BLANK | OTHER_BLANK)) === 0 && sign > start && dot > sign + 1 && dot < end - 1)
    return writeEmail(bytes, start, sign, dot, end, out, into);
  if ((seen & (AT_SIGN | OTHER_BLANK)) === 0 && length >= 7) {
    if (isSsn(bytes, start, length, seen)) return writeSsn(bytes, end, out, into);
    if (isIban(bytes, start, length, seen)) {
      out[into] = bytes[start] as number;
      out[into + 1] = bytes[start + 1] as number;
      writeLastKept(bytes, start + 2, end, out, into + 2, DIGIT | UPPER);
      return length;
    }
    if (((seen & ~(DIGIT | BLANK | DASH)) === 0 && length >= 13 && length <= 23) || isPhone(bytes, start, end)) {
      writeLastKept(bytes, start, end, out, into, DIGIT);
      return length;
    }
  }
  let to = into;
  if (length >= 4) out[to++] = bytes[start] as number;
  out[to++] = STAR;
  out[to++] = STAR;
  out[to++] = STAR;
  return to - into;
}

function writeEmail(
  bytes: Uint8Array,
  start: number,
  sign: number,
  dot: number,
  end: number,
  out: Uint8Array,
  into: number,
): number {
  out[into] = bytes[start] as number;
  out[into + 1] = STAR;
  out[into + 2] = STAR;
  out[into + 3] = STAR;
  out[into + 4] = 0x40;
  out[into + 5] = bytes[sign + 1] as number;
  out[into + 6] = STAR;
  out[into + 7] = STAR;
  out[into + 8] = STAR;
  let to = into + 9;
  for (let at = dot; at < end; at++) out[to++] = bytes[at] as number;
  return to - into;
}

function isSsn(bytes: Uint8Array, start: number, length: number, seen: number): boolean {
  if (length !== 11 || seen !== (DIGIT | DASH)) return false;
  for (let i = 0; i < 11; i++) if ((bytes[start + i] === 0x2d) !== (i === 3 || i === 6)) return false;
  return true;
}

function writeSsn(bytes: Uint8Array, end: number, out: Uint8Array, into: number): number {
  for (let i = 0; i < 7; i++) out[into + i] = i === 3 || i === 6 ? 0x2d : STAR;
  for (let i = 0; i < 4; i++) out[into + 7 + i] = bytes[end - 4 + i] as number;
  return 11;
}

function isIban(bytes: Uint8Array, start: number, length: number, seen: number): boolean {
  return (
    (seen & ~(DIGIT | UPPER | BLANK)) === 0 &&
    length >= 15 &&
    CLASS[bytes[start] as number] === UPPER &&
    CLASS[bytes[start + 1] as number] === UPPER &&
    CLASS[bytes[start + 2] as number] === DIGIT &&
    CLASS[bytes[start + 3] as number] === DIGIT
  );
}

/** An optional + or (, a digit, and six or more of digits, blanks and marks. */
function isPhone(bytes: Uint8Array, start: number, end: number): boolean {
  const first = bytes[start];
  const digits = first === 0x2b || first === 0x28 ? start + 1 : start;
  if (end - digits < 7 || CLASS[bytes[digits] as number] !== DIGIT) return false;
  for (let at = digits + 1; at < end; at++)
    if (((CLASS[bytes[at] as number] as number) & ~(DIGIT | BLANK | DASH | PHONE_MARK | DOT)) !== 0) return false;
  return true;
}

/** Stars for all of `counted` but the last four. */
function writeLastKept(
  bytes: Uint8Array,
  start: number,
  end: number,
  out: Uint8Array,
  into: number,
  counted: number,
): void {
  let kept = 0;
  for (let at = end - 1, to = into + end - start - 1; at >= start; at--, to--) {
    const byte = bytes[at] as number;
    if (((CLASS[byte] as number) & counted) === 0) out[to] = byte;
    else out[to] = kept++ < KEPT ? byte : STAR;
  }
}

/** Writes a digest as maskText's `hash` does. */
export function writeHash(digest: Uint8Array, out: Uint8Array, into: number): void {
  out[into] = 0x68;
  out[into + 1] = 0x5f;
  for (let at = 0, to = into + 2; at < 16; at++) {
    const byte = digest[at] as number;
    out[to++] = HEX[byte >> 4] as number;
    out[to++] = HEX[byte & 15] as number;
  }
}

const HEX = Uint8Array.from('0123456789abcdef', (digit) => digit.charCodeAt(0));
