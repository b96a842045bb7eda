// Finds what a statement's text says that is a secret: literals that a word such as PASSWORD names, also
// in connection strings, JSON and SQL within a literal, and the parameters that stand in such places.
// Writes over them in place, byte for byte.
//
// literal-reader.ts goes through the text by tokens (sql-tokens.ts); secret-words.ts has the words and patterns.

import { Found, type FoundSecrets, type LiteralOptions } from './found-secrets.ts';
import { LiteralReader } from './literal-reader.ts';

const BACKSLASH = 0x5c;

/** Whether `b[start, end)` may run statements of these names. False is certain. */
export const mayRun = (b: Buffer, start: number, end: number, prepared: LiteralOptions['prepared']): boolean =>
  prepared !== undefined && prepared.size > 0 && /execute/i.test(b.toString('latin1', start, end));

/** Writes over the text in place. Gives whether anything was hidden, and what of it are secrets. */
export function hideLiterals(b: Buffer, options: LiteralOptions): FoundSecrets {
  const found = new Found();
  const original = Buffer.from(b);
  new LiteralReader(b, original, options, found).read();
  if (options.backslashEscapes === true && b.includes(BACKSLASH)) {
    // Nobody is sure that it escapes: what either reading hides is hidden.
    const other = Buffer.from(original);
    const again = new Found();
    new LiteralReader(other, original, { ...options, backslashEscapes: false }, again).read();
    found.join(again);
    for (let at = 0; at < b.length; at++) if (other[at] !== original[at]) b[at] = other[at] as number;
  }
  return found;
}
