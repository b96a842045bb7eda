// How literals are spelt, and the words beside them that say what they are.

import { maySaySecret, namesSecret } from './secret-words.ts';

/** As it is spelt from its first digit on. */
export const NUMBER = /^(?:0x[\da-f_]+|0o[0-7_]+|0b[01_]+|[\d_]+(?:\.[\d_]*)?(?:e[+-]?\d[\d_]*)?)/i;
/** Between a name and its value. */
export const BETWEEN = new Set(['to', 'is', 'in', 'like', 'encrypted', 'default', 'any', 'value']);
/** In front of a bracket: no call of a function. */
export const NO_CALL = new Set(
  'in any all some values and or not where on as with using select then else when'.split(' ').concat(''),
);
/** Behind the list of VALUES. */
export const ENDS_VALUES = new Set(['select', 'where', 'on', 'returning', 'from']);
/** A literal that names a secret, in front of it: `data->>'token' = 'x'`, `json_object('token': 'x')`. */
export const COMPARED = /^\s*\)*\s*(?:=(?!>)|<>|!=|:(?!:)|(?:i?like|in|value)\b)/i;
export const MAKES_CODE = /^(?:function|procedure)$/;
/** Where it is not certain what is a literal. */
export const OTHER_LANGUAGE = /\blanguage\s+(?!(?:sql|plpgsql)\b)|\bu&|\bbegin\s+atomic\b/i;
/** Behind it another statement begins. */
export const BEGINS = new Set(['begin', 'then', 'else', 'loop', 'declare']);
/** In these every literal is a secret. */
export const ROLE = /^(?:(?:alter|create) (?:role|user|group)(?: (?!mapping)|$)|set password(?: |$))/;

/** Of ASCII. */
export const SIGNS = {
  BLANK: 0x20,
  OPEN: 0x28,
  CLOSE: 0x29,
  STAR: 0x2a,
  COMMA: 0x2c,
  DASH: 0x2d,
  DOT: 0x2e,
  COLON: 0x3a,
  SEMICOLON: 0x3b,
  EQUALS: 0x3d,
} as const;

/** In a statement of these words, and not as the name of a table that is made, or written to. */
export const callsSecret = (word: string, [first = '']: readonly string[]): boolean =>
  namesSecret(word) && first !== '' && !/^(?:create|insert|alter|copy|grant)$/.test(first);

/**
 * A string, opened by `sign`, may say a secret that nobody finds in it: U&'pass\0077ord=x', E'\x70assword=x', $$password=x$$, options
 * of a foreign data wrapper, which has names of its own for what it signs in with. `words`: that the statement begins with.
 */
export function mayHideSecret(
  [verb = '', what = '']: readonly string[],
  b: Buffer,
  { start, from, to }: { readonly start: number; readonly from: number; readonly to: number },
): boolean {
  const sign = b.toString('latin1', start, from);
  if (sign.endsWith('$')) return maySaySecret(b, from, to);
  if (/^(?:create|alter)$/.test(verb) && /^(?:user|server|foreign|subscription)$/.test(what)) return true;
  return /^u&/i.test(sign) || (/^e/i.test(sign) && /\\[0-7xu]/i.test(b.toString('latin1', from, to)));
}
