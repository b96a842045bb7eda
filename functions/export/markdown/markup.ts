// Text of a recording in Markdown (CommonMark with GitHub's tables): none of it becomes markup, and no block of it ends early.

import { cutText } from '../../../core/text/cut-text.ts';
import { onLines, onOneLine } from '../../../core/text/written-text.ts';

/** In running text and in cells of tables: what may mean something there is escaped, and no address becomes a link. */
export const plain = (text: string): string =>
  onOneLine(text)
    .replace(/[\\`*_{}[\]()<>#|~&!$]/g, '\\$&')
    .replace(/@/g, '&#64;')
    .replace(/:(?=\/\/)/g, '\\:')
    .replace(/\bwww\./gi, (www) => `${www.slice(0, 3)}\\.`)
    // At its beginning: of a list, of a heading's underline.
    .replace(/^(\s*)([-+=])/, '$1\\$2')
    .replace(/^(\s*\d{1,9})\.(?=\s|$)/, '$1\\.');

/** A block whose fence is longer than any run of its sign within. */
export function fenced(text: string, language: string): string {
  const shown = onLines(text.replace(/\r\n?/g, '\n'));
  const longest = (shown.match(/`+/g) ?? []).reduce((most, run) => Math.max(most, run.length), 0);
  const fence = '`'.repeat(Math.max(3, longest + 1));
  return `${fence}${language}\n${shown}\n${fence}\n`;
}

/** A string of YAML, in double quotes: JSON's are among them. */
export const yamlString = (text: string): string => JSON.stringify(onOneLine(text));

export function table(columns: readonly string[], rows: readonly (readonly (string | null)[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |\n`;
  const cell = (value: string | null) => (value === null ? '*NULL*' : plain(shortened(value)));
  const head = columns.map(cell);
  return [head, head.map(() => '---'), ...rows.map((row) => columns.map((_, i) => cell(row[i] ?? null)))]
    .map(line)
    .join('');
}

const MAX_CELL_CHARS = 80;
const shortened = (text: string): string =>
  text.length <= MAX_CELL_CHARS ? text : `${cutText(text, MAX_CELL_CHARS - 1)}…`;

/** The last of an export, by which programs know that it is damaged: nothing recorded begins a line with markup. */
export const damaged = (message: string): string => `\n**The recording is damaged from here on:** ${plain(message)}\n`;
