// Text for a terminal, made of data that nobody vouches for: a recorded statement must not move the
// auditor's cursor, change colours, retitle the window or reorder what is read.

// C0 and C1 controls, DEL, line and paragraph separators, bidirectional overrides and isolates, and
// the byte order mark.
const UNSAFE = /[\p{Cc}\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]/gu;

/** One line: every control character is shown as an escape. */
export const line = (text: string): string => text.toWellFormed().replace(UNSAFE, escaped);

/** Several lines: newlines and tabs stay, everything else is shown as an escape. */
export const lines = (text: string): string =>
  text.toWellFormed().replace(UNSAFE, (char) => (char === '\n' || char === '\t' ? char : escaped(char)));

/** JSON that is safe to print: JSON.stringify leaves DEL, the C1 controls and the overrides as they are. */
export const json = (value: unknown): string => escapeJson(JSON.stringify(value, undefined, 2));

/** The same on one line. */
export const jsonLine = (value: unknown): string => escapeJson(JSON.stringify(value));

const escapeJson = (text: string): string =>
  text.replace(UNSAFE, (char) => (char === '\n' ? char : `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`));

const NAMED: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

function escaped(char: string): string {
  const code = char.charCodeAt(0);
  return NAMED[char] ?? (code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16)}`);
}

/** Cells an interactive terminal spends on the text: East Asian wide characters and emoji take two. */
export function width(text: string): number {
  let cells = 0;
  for (const char of text) cells += /\p{M}/u.test(char) ? 0 : WIDE.test(char) ? 2 : 1;
  return cells;
}

const WIDE =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u;

/** At most `cells` wide; what was cut is shown as an ellipsis. */
export function cut(text: string, cells: number): string {
  if (width(text) <= cells) return text;
  let kept = '';
  for (const char of text) {
    if (width(kept) + width(char) > cells - 1) break;
    kept += char;
  }
  return `${kept}…`;
}
