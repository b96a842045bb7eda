// What a client wrote itself is no secret to it: the target may quote that. And the letters of what the target says,
// which come in the client's encoding.

import { clientEncoding } from '../../../../core/text/client-encoding.ts';

/** Whether the client's words hold a text, as it is or in the small letters that the server makes of names. */
export function holds(words: string, text: string): boolean {
  // Any letter that could not be read may have become U+FFFD.
  if (text === '' || text.includes('\ufffd')) return false;
  return words.includes(text) || folded(words).includes(text);
}

/** Whether a value stands in them, and not as a part of another one. */
export function holdsValue(words: string, value: string): boolean {
  if (value === '' || value.includes('\ufffd')) return false;
  const isPart = (letter: string | undefined) => letter !== undefined && /[\w.+$-]/.test(letter);
  for (let at = words.indexOf(value); at >= 0; at = words.indexOf(value, at + 1))
    if (!isPart(words[at - 1]) && !isPart(words[at + value.length])) return true;
  return false;
}

/** Whether they hold what a setting is reported as: a list of names in the server's own spelling, a name in ASCII alone. */
export function holdsSetting(words: string, name: string, value: string): boolean {
  if (holds(words, value)) return true;
  switch (name) {
    case 'search_path':
      return value.split(', ').every((one) => holds(words, one) || holds(words, one.replace(/^"(.*)"$/, '$1')));
    case 'TimeZone':
      return folded(words).includes(value.toLowerCase());
    case 'application_name':
      // pg_clean_ascii: since 16 each other byte is \xNN, before a question mark.
      return (
        inAscii(words, (byte) => `\\x${byte.toString(16)}`).includes(value) || inAscii(words, () => '?').includes(value)
      );
    default:
      return false;
  }
}

const folded = (words: string): string => words.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());

const inAscii = (words: string, byteOf: (byte: number) => string): string =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: all beyond ASCII
  words.replace(/[^\x00-\x7f]/gu, (letter) => [...Buffer.from(letter)].map(byteOf).join(''));

export interface Letters {
  decode(bytes: Buffer): string;
  /** Of a text that `decode` gave, with parts of it replaced by others in ASCII. */
  encode(text: string): Buffer;
}

const UTF8: Letters = { decode: (bytes) => bytes.toString('utf8'), encode: (text) => Buffer.from(text) };

/** For one message. */
export function lettersOf(encoding: string): Letters {
  if (encoding === 'UTF8' || encoding === 'SQL_ASCII') return UTF8;
  const { decode } = clientEncoding(encoding);
  /** As they came: there is no other encoder for them. */
  const came = new Map<string, Buffer>();
  return {
    decode(bytes) {
      let text = '';
      for (let at = 0; at < bytes.length; ) {
        const letter = letterAt(bytes, at, decode);
        text += letter.text;
        came.set(letter.text, letter.bytes);
        at += letter.bytes.length;
      }
      return text;
    },
    encode: (text) =>
      Buffer.concat(
        Array.from(
          text,
          (letter) => came.get(letter) ?? Buffer.from(letter.length === 1 && letter < '\x80' ? letter : '?'),
        ),
      ),
  };
}

const MAX_LETTER_BYTES = 4;

/** The shortest run of bytes that is one letter; a byte that begins none is one by itself. */
function letterAt(
  bytes: Buffer,
  at: number,
  decode: (bytes: Uint8Array) => string,
): { readonly text: string; readonly bytes: Buffer } {
  for (let end = at + 1; end <= Math.min(bytes.length, at + MAX_LETTER_BYTES); end++) {
    const run = bytes.subarray(at, end);
    const text = decode(run);
    if (!text.includes('\ufffd') && [...text].length === 1) return { text, bytes: run };
  }
  return { text: '\ufffd', bytes: bytes.subarray(at, at + 1) };
}
