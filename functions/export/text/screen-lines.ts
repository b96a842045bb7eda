// Lines of a terminal as its person read them, out of the terminal in which recordings are played. A line is known when the cursor
// goes on to the next, and told when nothing can be written over it any more: it left the screen, or something else is told. So what
// was typed and corrected, a bar that grew, and a screen that top or a download draws again and again come once, as they stood last.
// A program that takes the alternate screen has no lines: it is told how long it did.

import { Emulator, type Size } from '../../../core/replay/emulator.ts';
import { type HeldLine, ScreenRows } from './screen-rows.ts';

export type ScreenTelling =
  | { readonly kind: 'line'; readonly timeUs: number; readonly text: string }
  /** `sinceUs`: when it took the screen. */
  | { readonly kind: 'full-screen'; readonly timeUs: number; readonly sinceUs: number }
  /** Lines from `sinceUs` on were written over: those behind are the last ones. */
  | { readonly kind: 'drawn-over'; readonly timeUs: number; readonly sinceUs: number };

/** Of one line, over all rows that it takes. */
const MAX_ROWS = 500;

export class ScreenLines {
  readonly #emulator: Emulator;
  readonly #rows = new ScreenRows();
  #shown: ScreenTelling[] = [];
  #timeUs = 0;
  #sinceUs: number | undefined;
  /** Since lines were told the cursor was sent to a place of the screen: there may be text that no line feed followed. */
  #placedUs: number | undefined;
  /** Since lines were told the screen was cleared: a second time, and they are frames of something that goes on. */
  #cleared = false;
  /** xterm.js threw for some odd output: no line of it is known any more. */
  #lost = false;

  constructor(size: Size) {
    this.#emulator = new Emulator(size);
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
  }

  /** What is shown for good by it. */
  write(timeUs: number, text: string): readonly ScreenTelling[] {
    this.#timeUs = timeUs;
    this.#guarded(() => this.#emulator.write(text));
    return this.#taken();
  }

  resize(size: Size): void {
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
