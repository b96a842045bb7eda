// Lines of a terminal as its person read them, out of the terminal in which recordings are played: a line is told when the cursor
// goes on to the next, as it stood then, so that what was typed and corrected, or a bar that grew, is one line. A program that takes the
// whole screen has no lines: it is told how long it did.

import { Emulator, type Size } from '../../../core/replay/emulator.ts';

type Shown =
  | { readonly kind: 'line'; readonly text: string }
  /** `sinceUs`: when it took the screen. */
  | { readonly kind: 'full-screen'; readonly sinceUs: number };

/** Of one line, over all rows that it takes. */
const MAX_ROWS = 500;

export class ScreenLines {
  readonly #emulator: Emulator;
  #shown: Shown[] = [];
  #timeUs = 0;
  #sinceUs: number | undefined;
  /** xterm.js threw for some odd output: no line of it is known any more. */
  #lost = false;

  constructor(size: Size) {
    this.#emulator = new Emulator(size);
    const { terminal } = this.#emulator;
    terminal.onLineFeed(() => this.#lineFeed());
    terminal.buffer.onBufferChange(({ type }) => {
      if (type === 'alternate') this.#sinceUs ??= this.#timeUs;
      else this.#backToLines();
    });
  }

  /** What is shown for good by it. */
  write(timeUs: number, text: string): readonly Shown[] {
    this.#timeUs = timeUs;
    this.#guarded(() => this.#emulator.write(text));
    return this.#taken();
  }

  resize(size: Size): void {
    this.#guarded(() => this.#emulator.resize(size));
  }

  /** The line that nothing followed, and no more. */
  end(timeUs: number): readonly Shown[] {
    this.#timeUs = timeUs;
    if (!this.#lost) {
      if (this.#sinceUs !== undefined) this.#backToLines();
      else {
        const { cursorY, cursorX } = this.#emulator.terminal.buffer.active;
        if (cursorX > 0) this.#tell(cursorY);
      }
    }
    this.#emulator.close();
    return this.#taken();
  }

  get lost(): boolean {
    return this.#lost;
  }

  #guarded(work: () => void): void {
    if (this.#lost) return;
    try {
      work();
    } catch {
      this.#lost = true;
    }
  }

  #taken(): readonly Shown[] {
    const shown = this.#shown;
    this.#shown = [];
    return shown;
  }

  #backToLines(): void {
    if (this.#sinceUs !== undefined) this.#shown.push({ kind: 'full-screen', sinceUs: this.#sinceUs });
    this.#sinceUs = undefined;
  }

  /** The cursor is on the next row already, or the screen has scrolled up below it. */
  #lineFeed(): void {
    const { active } = this.#emulator.terminal.buffer;
    if (active.type === 'alternate') return;
    // Of a long line that wraps, the next row is no next line.
    if (active.getLine(active.cursorY)?.isWrapped) return;
    this.#tell(active.cursorY - 1);
  }

  #tell(row: number): void {
    const { active } = this.#emulator.terminal.buffer;
    let first = row;
    while (first > 0 && row - first < MAX_ROWS && active.getLine(first)?.isWrapped) first--;
    let text = '';
    for (let y = Math.max(0, first); y <= row; y++) text += active.getLine(y)?.translateToString(y === row) ?? '';
    this.#shown.push({ kind: 'line', text });
  }
}
