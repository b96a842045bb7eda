// What a terminal shows of the line that is being typed: read off the terminal in which recordings are played, fed with
// what was shown since the line began. An aid: what was shown is what a program chose to show.

import { Emulator, playedSize } from './emulator.ts';

/** Higher than a line is long, so that nothing of it scrolls away. */
const ROWS = 60;

/** One for all, begun anew for each line: so no terminal costs memory. */
let shared: Emulator | undefined;

interface Shown {
  readonly columns: number;
  /** On the line before the first key: its prompt. */
  readonly prompt: string;
  /** Since then. */
  readonly since: string;
}

interface ShownLine {
  /** What stands behind the prompt, over all the rows that it takes; undefined: the prompt is not there any more. */
  readonly line: string | undefined;
  readonly prompt: string;
  /** The row of the cursor, with those that it wraps over. */
  readonly whole: string;
}

export function lineShown(shown: Shown): ShownLine {
  try {
    return readLine(shown);
  } catch {
    // xterm.js throws for some odd output. An aid does without: what runs does not hang on it.
    shared = undefined;
    return { line: undefined, prompt: '', whole: '' };
  }
}

function readLine({ columns, prompt, since }: Shown): ShownLine {
  const size = playedSize({ columns, rows: ROWS });
  // No resize: after one the library tidies up when it pleases, and says so on stderr.
  if (shared?.columns !== size.columns) {
    shared?.close();
    shared = new Emulator(size);
  } else shared.terminal.reset();
  shared.write(prompt);
  const begins = { row: shared.terminal.buffer.active.cursorY, before: textOfLine(shared, cursorOf(shared).x) };
  shared.write(since);
  const whole = textOfLine(shared);
  // Drawn anew below what it could be completed to; else a text of several lines, recalled or pasted, is shown with them all.
  const again = begins.before.trim() === '' ? undefined : behindPrompt(whole, begins.before);
  const line = again ?? behindPrompt(linesFrom(shared, begins.row), begins.before);
  return { line, prompt: begins.before, whole };
}

const cursorOf = ({ terminal }: Emulator) => ({
  x: terminal.buffer.active.cursorX,
  y: terminal.buffer.active.cursorY,
});

export const behindPrompt = (text: string, prompt: string): string | undefined =>
  text.startsWith(prompt) ? text.slice(prompt.length).trimEnd() : undefined;

/** Behind its last row the library begins anew with the first. */
const isWrapped = ({ terminal }: Emulator, y: number): boolean =>
  y < terminal.rows && terminal.buffer.active.getLine(y)?.isWrapped === true;

/** The line on which the cursor stands; `x`: only to this column of its row. */
function textOfLine(emulator: Emulator, x?: number): string {
  const { y } = cursorOf(emulator);
  let first = y;
  while (first > 0 && isWrapped(emulator, first)) first--;
  let last = y;
  while (x === undefined && isWrapped(emulator, last + 1)) last++;
  return textOf(emulator, first, last, x);
}

function linesFrom(emulator: Emulator, row: number): string {
  let last = cursorOf(emulator).y;
  while (isWrapped(emulator, last + 1)) last++;
  return textOf(emulator, row, last);
}

function textOf(emulator: Emulator, first: number, last: number, x?: number): string {
  const { active } = emulator.terminal.buffer;
  let text = '';
  for (let y = first; y <= last; y++) {
    const isLast = y === last;
    const goesOn = !isLast && isWrapped(emulator, y + 1);
    const row = active
      .getLine(y)
      ?.translateToString(!goesOn && !(isLast && x !== undefined), 0, isLast ? x : undefined);
    text += `${row ?? ''}${isLast || goesOn ? '' : '\n'}`;
  }
  return text;
}
