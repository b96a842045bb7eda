// The lines of a transcript in plain text. Lines of ours begin at the margin, with a word or a time in brackets; what was recorded
// stands behind one or is indented, so that none of it can look like a line of ours.

import { offset } from '../../../core/text/amounts.ts';
import type { SessionEntry } from '../../../core/catalogue.ts';
import { onLines, onOneLine } from '../../../core/text/written-text.ts';
import { headOf } from '../session-head.ts';

const INDENT = '    ';
const HEAD_WIDTH = 11;

export const headLines = (session: SessionEntry): string =>
  `Gatehouse session\n${headOf(session)
    .map(([name, value]) => `${name.padEnd(HEAD_WIDTH)}${value}\n`)
    .join('')}\n`;

export const timed = ({ timeUs }: { readonly timeUs: number }, words: string): string =>
  `[${offset(timeUs)}] ${onOneLine(words)}\n`;

/** Lines of the recording, below a line of ours. */
export const indented = (text: string): string =>
  text === '' ? '' : `${INDENT}${onLines(text.replace(/\r\n?/g, '\n')).replaceAll('\n', `\n${INDENT}`)}\n`;

/** The last of a transcript, by which programs know that it is damaged: nothing recorded stands at the margin. */
export const damageLine = (message: string): string => `The recording is damaged from here on: ${onOneLine(message)}\n`;
