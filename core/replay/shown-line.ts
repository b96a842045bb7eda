// What a terminal shows of the line that is being typed: read off the terminal in which recordings are played, fed with
// what was shown since the line began. An aid: what was shown is what a program chose to show.

import { Emulator, playedSize } from './emulator.ts';

/** Higher than a line is long, so that nothing of it scrolls away. */
const ROWS = 60;

/** Cells that sequences may change while one line is read: a screen of 200 columns a thousand times. */
const MAX_CELLS = 12_000_000;
/** A row that is made anew, or moved, costs as much as so many cells of each column that are emptied. */
const ROW_COST = 8;
/** Repeating a letter, for one cell of it. */
const REPEAT_COST = 20;
const OTHER_SCREENS: readonly unknown[] = [47, 1047, 1049];

/** One for all, begun anew for each line: so no terminal costs memory. */
let shared: MeteredEmulator | undefined;

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
    return NOT_READ;
  }
}

function readLine({ columns, prompt, since }: Shown): ShownLine {
  const size = playedSize({ columns, rows: ROWS });
  // No resize: after one the library tidies up when it pleases, and says so on stderr.
  if (shared?.columns !== size.columns) {
    shared?.close();
    shared = new MeteredEmulator(size);
  } else shared.begin();
  shared.write(prompt);
  const begins = { row: shared.terminal.buffer.active.cursorY, before: textOfLine(shared, cursorOf(shared).x) };
  shared.write(since);
  if (shared.overran) return NOT_READ;
  const whole = textOfLine(shared);
  // Drawn anew below what it could be completed to; else a text of several lines, recalled or pasted, is shown with them all.
  const again = begins.before.trim() === '' ? undefined : behindPrompt(whole, begins.before);
  const line = again ?? behindPrompt(linesFrom(shared, begins.row), begins.before);
  return { line, prompt: begins.before, whole };
}

const NOT_READ: ShownLine = { line: undefined, prompt: '', whole: '' };

/**
 * A few bytes may scroll, insert or clear a whole screen, and all of it is done at once, while every other session waits. So
 * what sequences change is counted, and above `MAX_CELLS` they do nothing: the line is not read.
 */
class MeteredEmulator extends Emulator {
  #cells = 0;

  constructor(size: { readonly columns: number; readonly rows: number }) {
    super(size);
    const { parser, rows, cols } = this.terminal;
    const screen = rows * cols;
    const spend = (cells: number): boolean => {
      this.#cells += cells;
      return this.overran;
    };
    for (const final of ['S', 'T', 'L', 'M'])
      parser.registerCsiHandler({ final }, ([count]) => spend(countOf(count) * cols * ROW_COST));
    parser.registerCsiHandler({ final: 'b' }, ([count]) => spend(countOf(count) * REPEAT_COST));
    for (const clears of [{ final: 'J' }, { prefix: '?', final: 'J' }])
      parser.registerCsiHandler(clears, () => spend(screen));
    for (const final of ['@', 'A']) parser.registerCsiHandler({ intermediates: ' ', final }, () => spend(screen));
    for (const final of ['}', '~']) parser.registerCsiHandler({ intermediates: "'", final }, () => spend(screen));
    for (const final of ['h', 'l'])
      parser.registerCsiHandler(
        { prefix: '?', final },
        (modes) => modes.some((mode) => OTHER_SCREENS.includes(mode)) && spend(screen * ROW_COST),
      );
    parser.registerEscHandler({ final: 'M' }, () => spend(cols * REPEAT_COST));
    parser.registerEscHandler({ final: 'c' }, () => spend(screen * ROW_COST));
    parser.registerEscHandler({ intermediates: '#', final: '8' }, () => spend(screen));
  }

  /** Something was left out. */
  get overran(): boolean {
    return this.#cells > MAX_CELLS;
  }

  /** Nothing of the line before is left, which may be another session's. */
  begin(): void {
    // A reset leaves a sequence that has begun, and how lines end, as they are: CAN, and LNM off.
    this.write('\x18\x1b[20l');
    this.#cells = 0;
    this.terminal.reset();
  }
}

const countOf = (count: unknown): number => (typeof count === 'number' ? Math.max(1, count) : 1);

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
