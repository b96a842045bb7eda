// What every terminal that shows a recording is set to, here and in the browser, so that the same output gives the
// same screen: no scrollback, no links, no title, no colours but its own, and no time for senseless repetitions.

/** As xterm.js has it. */
interface Parser {
  registerCsiHandler(
    id: { readonly prefix?: string; readonly intermediates?: string; readonly final: string },
    handler: (params: (number | number[])[]) => boolean,
  ): unknown;
  registerOscHandler(id: number, handler: () => boolean): unknown;
}

/** A client may say that its terminal has 4 billion columns; on one narrower than two wide characters xterm.js throws. */
const COLUMNS = { least: 4, most: 1000 };
const ROWS = { least: 2, most: 500 };
/** Where the client did not say, and for what runs without a terminal. */
const USUAL = { columns: 80, rows: 24 };

/** The size that is played: within bounds. */
export const playedSize = ({ columns, rows }: { readonly columns: number; readonly rows: number }) => ({
  columns: Math.max(COLUMNS.least, Math.min(columns || USUAL.columns, COLUMNS.most)),
  rows: Math.max(ROWS.least, Math.min(rows || USUAL.rows, ROWS.most)),
});

/**
 * Reflow at a new width, and rows that come back from the scrollback at a new height, are the taste of the client's own
 * terminal and not recorded.
 */
export const EMULATOR_OPTIONS = { scrollback: 0, allowProposedApi: true, tabStopWidth: 8 } as const;

/** As xterm.js has them, of a terminal with a page and of one without. */
interface Resizable {
  resize(columns: number, rows: number): void;
}
interface Buffers {
  readonly rows: number;
  readonly buffers: { readonly alt: { readonly lines: { readonly length: number; maxLength: number } } };
}

/** Throws where xterm.js does: what it shows is not known any more. */
export function resizeTerminal(terminal: Resizable, size: { readonly columns: number; readonly rows: number }): void {
  const { columns, rows } = playedSize(size);
  terminal.resize(columns, rows);
  // xterm.js 6.0 leaves the alternate screen its old height while it is empty, and scrolls it wrongly later.
  const core = (terminal as unknown as { readonly _core: { readonly _bufferService: Buffers } })._core;
  const { lines } = core._bufferService.buffers.alt;
  if (lines.length === 0) lines.maxLength = rows;
}

/** Titles, links (8), colours of the palette and of the cursor, the clipboard (52). */
const OSC_IGNORED = [0, 1, 2, 4, 8, 10, 11, 12, 52, 104, 110, 111, 112];
/** They do something as often as they are told. */
const REPEATING = ['I', 'Z', 'S', 'T', 'L', 'M', 'P', '@', 'b', 'X'];
const MOST_REPETITIONS = 2 * COLUMNS.most;
/** Mouse, focus, blinking: they change what the viewer's own mouse and keyboard do, and no screen. */
const NOT_OF_THE_SCREEN = new Set([9, 12, 1000, 1001, 1002, 1003, 1004, 1005, 1006, 1007, 1015, 1016, 2026, 2031]);

export function tame(parser: Parser): void {
  for (const id of OSC_IGNORED) parser.registerOscHandler(id, () => true);
  for (const final of REPEATING)
    parser.registerCsiHandler({ final }, ([count]) => typeof count === 'number' && count > MOST_REPETITIONS);
  for (const final of ['h', 'l'])
    parser.registerCsiHandler({ prefix: '?', final }, (params) =>
      params.every((mode) => typeof mode === 'number' && NOT_OF_THE_SCREEN.has(mode)),
    );
  // The shape of the cursor.
  parser.registerCsiHandler({ intermediates: ' ', final: 'q' }, () => true);
}
