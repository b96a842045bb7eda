// Which lines stand on the rows of a screen: those that may still be written over, and those that were told.

import { z } from 'zod';

const HeldLine = z.object({
  timeUs: z.number(),
  text: z.string(),
  /** Something else stood in its place before. */
  over: z.boolean().optional(),
});
export type HeldLine = Readonly<z.infer<typeof HeldLine>>;

export const ScreenRowsState = z.object({
  held: z.array(z.tuple([z.number(), HeldLine])),
  told: z.array(z.tuple([z.number(), z.string()])),
  drawnOverUs: z.number().optional(),
});
type ScreenRowsState = z.infer<typeof ScreenRowsState>;

/** Bounded by the rows of a screen. */
export class ScreenRows {
  /** By the last row of each. */
  #held: Map<number, HeldLine>;
  #told: Map<number, string>;
  /** When the first of the lines that were written over stood there. */
  #drawnOverUs: number | undefined;

  constructor({ held, told, drawnOverUs }: ScreenRowsState = { held: [], told: [] }) {
    this.#held = new Map(held);
    this.#told = new Map(told);
    this.#drawnOverUs = drawnOverUs;
  }

  state(): ScreenRowsState {
    return { held: [...this.#held], told: [...this.#told], drawnOverUs: this.#drawnOverUs };
  }

  hold(row: number, line: HeldLine): void {
    const before = this.#held.get(row);
    const changed = before !== undefined && before.text !== line.text;
    if (changed) this.#drawnOver(before);
    if (!before && this.#told.get(row) === line.text) return;
    this.#told.delete(row);
    this.#held.set(row, { ...line, over: changed || before?.over === true });
  }

  /** As it stands now, whether or not a line feed followed it. */
  redraw(row: number, line: HeldLine): void {
    const before = this.#held.get(row);
    if (before?.text !== line.text) this.hold(row, line);
  }

  know(row: number, text: string): void {
    this.#told.set(row, text);
  }

  /** What stood on it is no more: from this row on. */
  drop(first: number): void {
    for (const [row, line] of this.#held) {
      if (row < first) continue;
      this.#drawnOver(line);
      this.#held.delete(row);
    }
    for (const row of this.#told.keys()) if (row >= first) this.#told.delete(row);
  }

  forget(): void {
    this.#held.clear();
    this.#told.clear();
  }

  /** Rows between these moved up by one. The line that is gone, if it was not told. */
  scroll(top: number, bottom: number): HeldLine | undefined {
    const gone = this.#held.get(top);
    this.#held = moved(this.#held, top, bottom);
    this.#told = moved(this.#told, top, bottom);
    return gone;
  }

  /** All that is held, from the top; it is told from here on. */
  settle(): HeldLine[] {
    const lines = [...this.#held].sort(([a], [b]) => a - b);
    for (const [row, { text }] of lines) this.#told.set(row, text);
    this.#held.clear();
    return lines.map(([, line]) => line);
  }

  takeDrawnOver(): number | undefined {
    const sinceUs = this.#drawnOverUs;
    this.#drawnOverUs = undefined;
    return sinceUs;
  }

  #drawnOver({ timeUs }: HeldLine): void {
    this.#drawnOverUs = Math.min(this.#drawnOverUs ?? timeUs, timeUs);
  }
}

function moved<T>(rows: ReadonlyMap<number, T>, top: number, bottom: number): Map<number, T> {
  const after = new Map<number, T>();
  for (const [row, what] of rows)
    if (row < top || row > bottom) after.set(row, what);
    else if (row > top) after.set(row - 1, what);
  return after;
}
