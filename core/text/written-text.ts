// Text that one person writes and another reads, in a terminal as well: reasons and comments, and names in policies.

// C0 and C1 controls, DEL, line and paragraph separators, bidirectional overrides and isolates, and
// the byte order mark.
const UNSAFE = /[\p{Cc}\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]/gu;

const NAMED: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

function escaped(char: string): string {
  const code = char.charCodeAt(0);
  return NAMED[char] ?? (code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16)}`);
}

/** On one line, with an escape for each character that would move a cursor, change colours or reorder what is read. */
export const onOneLine = (text: string): string => text.toWellFormed().replace(UNSAFE, escaped);

/** The same, with newlines and tabs left as they are. */
export const onLines = (text: string): string =>
  text.toWellFormed().replace(UNSAFE, (char) => (char === '\n' || char === '\t' ? char : escaped(char)));

/** JSON that is safe to print: JSON.stringify leaves DEL, the C1 controls and the overrides as they are. */
export const inJson = (json: string): string =>
  json.replace(UNSAFE, (char) => (char === '\n' ? char : `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`));

/** Letters and symbols that are blank: fillers of Hangul, and Braille's empty pattern. */
const BLANK = /[\u115f\u1160\u2800\u3164\uffa0]/g;

/** Something is to be seen in it. Spaces, invisible characters and letters that are blank say nothing. */
export const saysSomething = (text: string): boolean => /[\p{L}\p{N}\p{P}\p{S}]/u.test(text.replace(BLANK, ''));

// Controls, marks and overrides of direction, and what has no width. The joiners U+200C and U+200D are not among them: names in some
// scripts are spelt with them.
const UNSEEN = /[\p{Cc}\p{Bidi_Control}\u00ad\u180e\u200b\u2060-\u2064\ufeff]/gu;

/** Where a name has characters that nobody sees, the name with each shown as U+FFFD: it looks like another one and is none. */
export function withUnseenShown(name: string): string | undefined {
  const shown = name.replace(UNSEEN, '\ufffd');
  return shown === name ? undefined : shown;
}
