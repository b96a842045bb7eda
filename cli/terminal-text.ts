// Text for a terminal, made of data that nobody vouches for: a recorded statement must not move the
// auditor's cursor, change colours, retitle the window or reorder what is read.

import { inJson, onLines, onOneLine } from '../core/text/written-text.ts';

/** One line: every control character is shown as an escape. */
export const line = onOneLine;

/** Several lines: newlines and tabs stay, everything else is shown as an escape. */
export const lines = onLines;

/** JSON that is safe to print. */
export const json = (value: unknown): string => inJson(JSON.stringify(value, undefined, 2));

/** The same on one line. */
export const jsonLine = (value: unknown): string => inJson(JSON.stringify(value));

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
