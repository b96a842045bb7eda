// Lines of a terminal as its person read them, out of the terminal in which recordings are played. A line is known when the cursor
// goes on to the next, and told when nothing can be written over it any more: it left the screen, or something else is told. So what
// was typed and corrected, a bar that grew, and a screen that top or a download draws again and again come once, as they stood last.
// A program that takes the alternate screen has no lines: it is told how long it did.

import { z } from 'zod';
import { Emulator, type Size } from '../../../core/replay/emulator.ts';
import { provenScreen } from '../../replay/terminal/keyframe.ts';
import { type HeldLine, ScreenRows, ScreenRowsState } from './screen-rows.ts';

const ScreenTelling = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('line'), timeUs: z.number(), text: z.string() }),
  /** `sinceUs`: when it took the screen. */
  z.object({ kind: z.literal('full-screen'), timeUs: z.number(), sinceUs: z.number() }),
  /** Lines from `sinceUs` on were written over: those behind are the last ones. */
  z.object({ kind: z.literal('drawn-over'), timeUs: z.number(), sinceUs: z.number() }),
]);
export type ScreenTelling = Readonly<z.infer<typeof ScreenTelling>>;

/** Of one line, over all rows that it takes. */
const MAX_ROWS = 500;

/** Since a screen was written down, so much is kept of what came. */
const MAX_SINCE_CHARS = 256 * 1024;
const SINCE_CHARS = 32;

const Known = z.object({
  columns: z.number().int().min(1).max(1000),
  rows: z.number().int().min(1).max(500),
  /** What brings the terminal into its state, with what a repetition repeats. */
  screen: z.string(),
  joins: z.number(),
  lines: ScreenRowsState,
  /** Told with what comes next. */
  shown: z.array(ScreenTelling),
  timeUs: z.number(),
  sinceUs: z.number().optional(),
  placedUs: z.number().optional(),
  cleared: z.boolean(),
  lost: z.boolean(),
});
type Known = z.infer<typeof Known>;

/** Output, another size, or the telling of what is on the screen. */
const Since = z.union([
  z.object({ timeUs: z.number(), text: z.string() }),
  z.object({ columns: z.number(), rows: z.number() }),
  z.null(),
]);
type Since = z.infer<typeof Since>;

/** How it stood where its screen could be written down, and what came since: a sequence may be half there, or the screen odd. */
export const ScreenLinesState = z.object({ known: Known, since: z.array(Since) });
type ScreenLinesState = z.infer<typeof ScreenLinesState>;

export class ScreenLines {
  readonly #emulator: Emulator;
  readonly #rows: ScreenRows;
  #shown: ScreenTelling[] = [];
  #timeUs = 0;
  #sinceUs: number | undefined;
  /** Since lines were told the cursor was sent to a place of the screen: there may be text that no line feed followed. */
  #placedUs: number | undefined;
  /** Since lines were told the screen was cleared: a second time, and they are frames of something that goes on. */
  #cleared = false;
  /** xterm.js threw for some odd output: no line of it is known any more. */
  #lost = false;
  /** undefined: too much came since. */
  #known: Known | undefined;
  #since: Since[] = [];
  #sinceChars = 0;

  /** `saved`: what `state` said of another, which this one is from here on. */
  constructor(size: Size, saved?: ScreenLinesState) {
    this.#emulator = new Emulator(saved?.known ?? size);
    this.#rows = new ScreenRows(saved?.known.lines);
    if (saved) this.#resume(saved.known);
    const { terminal } = this.#emulator;
    terminal.onLineFeed(() => this.#lineFeed());
    terminal.onScroll(() => this.#scrolled());
    for (const final of ['H', 'f', 'd'])
      terminal.parser.registerCsiHandler({ final }, () => {
        if (!this.#alternate) this.#placedUs ??= this.#timeUs;
        return false;
      });
    terminal.parser.registerCsiHandler({ final: 'J' }, ([from]) => {
      this.#erased(typeof from === 'number' ? from : 0);
      return false;
    });
    terminal.buffer.onBufferChange(({ type }) => {
      if (type === 'alternate') {
        this.#settle();
        this.#sinceUs ??= this.#timeUs;
      } else this.#backToLines();
    });
    this.#known = saved?.known ?? this.#knownWith('');
    for (const each of saved?.since ?? [])
      if (each === null) this.settled();
      else if ('text' in each) this.write(each.timeUs, each.text);
      else this.resize(each);
  }

  #resume({ screen, joins, shown, timeUs, sinceUs, placedUs, cleared, lost }: Known): void {
    this.#emulator.write(screen);
    this.#emulator.internals._inputHandler._parser.precedingJoinState = joins;
    this.#shown = [...shown];
    [this.#timeUs, this.#sinceUs, this.#placedUs] = [timeUs, sinceUs, placedUs];
    [this.#cleared, this.#lost] = [cleared, lost];
  }

  /** undefined: its screen cannot be written down now, nor could it be shortly before. */
  state(): ScreenLinesState | undefined {
    const screen = this.#lost ? '' : provenScreen(this.#emulator);
    if (screen !== undefined) {
      this.#known = this.#knownWith(screen);
      [this.#since, this.#sinceChars] = [[], 0];
    }
    return this.#known && { known: this.#known, since: [...this.#since] };
  }

  #knownWith(screen: string): Known {
    const { columns, rows, internals } = this.#emulator;
    const joins = internals._inputHandler._parser.precedingJoinState;
    return {
      ...{ columns, rows, screen, joins, lines: this.#rows.state(), shown: [...this.#shown] },
      timeUs: this.#timeUs,
      ...{ sinceUs: this.#sinceUs, placedUs: this.#placedUs, cleared: this.#cleared, lost: this.#lost },
    };
  }

  #note(each: Since): void {
    if (!this.#known) return;
    this.#since.push(each);
    this.#sinceChars += SINCE_CHARS + (each && 'text' in each ? each.text.length : 0);
    if (this.#sinceChars <= MAX_SINCE_CHARS) return;
    this.#known = undefined;
    [this.#since, this.#sinceChars] = [[], 0];
  }

  /** What is shown for good by it. */
  write(timeUs: number, text: string): readonly ScreenTelling[] {
    this.#note({ timeUs, text });
    this.#timeUs = timeUs;
    this.#guarded(() => this.#emulator.write(text));
    return this.#taken();
  }

  resize(size: Size): void {
    this.#note({ columns: size.columns, rows: size.rows });
    this.#guarded(() => {
      this.#settle();
      this.#emulator.resize(size);
      // Rows are others now, and all that is on them was told.
      this.#rows.forget();
      for (const { row, text } of this.#lines()) this.#rows.know(row, text);
    });
  }

  /** What is on the screen now, above the line that is being written. */
  settled(): readonly ScreenTelling[] {
    this.#note(null);
    this.#guarded(() => this.#settle());
    return this.#taken();
  }

  /** The line that nothing followed, and no more. */
  end(timeUs: number): readonly ScreenTelling[] {
    this.#timeUs = timeUs;
    if (!this.#lost) {
      this.#settle();
      if (this.#sinceUs !== undefined) this.#backToLines();
      else {
        const { cursorY, cursorX } = this.#emulator.terminal.buffer.active;
        if (cursorX > 0) this.#shown.push({ kind: 'line', timeUs, text: this.#textUpTo(cursorY) });
      }
    }
    this.#emulator.close();
    return this.#taken();
  }

  get lost(): boolean {
    return this.#lost;
  }

  get #alternate(): boolean {
    return this.#emulator.terminal.buffer.active.type === 'alternate';
  }

  #guarded(work: () => void): void {
    if (this.#lost) return;
    try {
      work();
    } catch {
      this.#lost = true;
    }
  }

  #taken(): readonly ScreenTelling[] {
    const shown = this.#shown;
    this.#shown = [];
    return shown;
  }

  #backToLines(): void {
    if (this.#sinceUs !== undefined)
      this.#shown.push({ kind: 'full-screen', timeUs: this.#timeUs, sinceUs: this.#sinceUs });
    this.#sinceUs = undefined;
  }

  /** The cursor is on the next row already, or the screen has scrolled up below it. */
  #lineFeed(): void {
    const { active } = this.#emulator.terminal.buffer;
    if (this.#alternate) return;
    // Of a long line that wraps, the next row is no next line.
    if (active.getLine(active.cursorY)?.isWrapped) return;
    const row = active.cursorY - 1;
    if (row >= 0) this.#rows.hold(row, { timeUs: this.#timeUs, text: this.#textUpTo(row) });
  }

  #scrolled(): void {
    if (this.#alternate) return;
    const { scrollTop, scrollBottom } = this.#emulator.internals._bufferService.buffers.normal;
    const gone = this.#rows.scroll(scrollTop, scrollBottom);
    if (gone) this.#tell([gone], gone.over ? this.#rows.takeDrawnOver() : undefined);
  }

  /** `from`: 0 the cursor on, 1 up to it, 2 all, 3 the scrollback. */
  #erased(from: number): void {
    if (this.#alternate || from === 1 || from === 3) return;
    const { cursorX, cursorY } = this.#emulator.terminal.buffer.normal;
    if (from === 0 && (cursorX > 0 || cursorY > 0)) {
      this.#rows.drop(cursorX > 0 ? cursorY + 1 : cursorY);
      return;
    }
    if (this.#cleared) this.#hold(this.#placedUs);
    else this.#settle();
    this.#cleared = true;
    this.#rows.drop(0);
  }

  #settle(): void {
    if (this.#placedUs !== undefined) this.#hold(this.#timeUs, this.#emulator.terminal.buffer.normal.cursorY);
    this.#placedUs = undefined;
    this.#cleared = false;
    this.#tell(this.#rows.settle(), this.#rows.takeDrawnOver());
  }

  /** What stands on the screen, whether or not a line feed followed it. */
  #hold(timeUs: number | undefined, except?: number): void {
    if (timeUs === undefined) return;
    for (const { row, text } of this.#lines())
      if (row !== except && text !== '') this.#rows.redraw(row, { timeUs, text });
  }

  #tell(lines: readonly HeldLine[], drawnOverUs: number | undefined): void {
    const first = Math.max(
      0,
      lines.findIndex(({ over }) => over),
    );
    const told: ScreenTelling[] = lines.map(({ timeUs, text }) => ({ kind: 'line', timeUs, text }));
    if (drawnOverUs !== undefined)
      told.splice(first, 0, { kind: 'drawn-over', timeUs: this.#timeUs, sinceUs: drawnOverUs });
    for (const each of told) this.#shown.push(each);
  }

  /** All that are on the screen, by the last row of each. */
  *#lines(): Generator<{ readonly row: number; readonly text: string }> {
    const { normal } = this.#emulator.terminal.buffer;
    for (let row = 0; row < this.#emulator.rows; row++)
      if (!normal.getLine(row + 1)?.isWrapped) yield { row, text: this.#textUpTo(row) };
  }

  #textUpTo(row: number): string {
    const { normal } = this.#emulator.terminal.buffer;
    let first = row;
    while (first > 0 && row - first < MAX_ROWS && normal.getLine(first)?.isWrapped) first--;
    let text = '';
    for (let y = Math.max(0, first); y <= row; y++) text += normal.getLine(y)?.translateToString(y === row) ?? '';
    return text;
  }
}
