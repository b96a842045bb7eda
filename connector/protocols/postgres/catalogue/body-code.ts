// The words of a function's body or of a statement: what it may name and call, without parsing it.

import { withoutStrings } from '../../../../core/sql/postgres/strings.ts';
import { CALL_KEYWORDS, DYNAMIC_WORDS } from './body-words.ts';

/** A text without its strings and comments, in lower case. */
export interface Code {
  readonly text: string;
  readonly words: ReadonlySet<string>;
  /** Words in front of a parenthesis that are no keywords. */
  readonly calls: ReadonlySet<string>;
  readonly dynamic: boolean;
}

/** Of a name, a server keeps so many bytes. */
const KEPT = 63;
const WORD = /[a-z_\u0080-\uffff][a-z0-9_$\u0080-\uffff]*/g;
/** `insert into t (a, b)`: no call. */
const INSERT = /\binto\s+(?:(?:"[^"]*"|[\w$\u0080-\uffff]+)\s*\.\s*)?(?:"[^"]*"|[\w$\u0080-\uffff]+)\s*(?=\()/g;
const CALL = /([a-z_\u0080-\uffff][a-z0-9_$\u0080-\uffff]*)"?\s*\(/g;
export const isWord = (name: string): boolean => name.match(WORD)?.[0] === name;
/** NEW without a field behind it, but for `return new`. */
export const WHOLE_ROW = /(?<!\breturn\s+)\bnew\b(?!\s*\.\s*(?:\w|"))/;

/** `new.c := ...`, `new.c = ...`, and INTO, which names several. */
export function setsColumn(code: string, column: string): boolean {
  const field = `\\bnew\\s*\\.\\s*"?${column.replace(/[^\w]/g, '\\$&')}"?(?![\\w$])`;
  return new RegExp(/\binto\b/.test(code) ? field : `${field}\\s*(?::?=|\\[)`).test(code);
}

export const inQuotes = (name: string): string => name.toLowerCase().replaceAll('"', '""');

/** Undefined: its words are not certain. `conforming`: no plain string escapes. */
export function bodyCodeOf(text: string, conforming = false): Code | undefined {
  const bare = withoutStrings(text, conforming);
  // Names in numbers, and letters that some databases fold to ASCII.
  if (bare === undefined || /u&"|[\u0130\u0131\u017f\u212a]/i.test(bare)) return undefined;
  const code = bare.toLowerCase();
  const words = new Set<string>();
  for (const [word] of code.matchAll(WORD)) {
    if (word.length > KEPT / 4 && Buffer.byteLength(word) > KEPT && /[^a-z0-9_$]/.test(word)) return undefined;
    words.add(word.slice(0, KEPT));
  }
  const calls = new Set<string>();
  for (const [, name = ''] of code.replace(INSERT, 'into').matchAll(CALL))
    if (!CALL_KEYWORDS.has(name)) calls.add(name.slice(0, KEPT));
  const dynamic = DYNAMIC_WORDS.some((word) => words.has(word)) || /\bdo\s*(?:''|language)/.test(code);
  return { text: code, words, calls, dynamic };
}
