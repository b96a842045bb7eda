// The terminal that recordings are played in, in functions and in the portal alike, so that the same output gives the
// same screen: no scrollback, no links, no title, no colours but its own, and no time for senseless repetitions. It has no
// page of its own, so it runs under any Content-Security-Policy and never hears a key.
//
// What keyframes need is taken from parts of @xterm/headless that its interface does not tell (saved cursors, scroll
// regions, wrapped lines): the version is exact in package.json, and keyframe.test.ts fails where another one differs.

import { Unicode11Addon } from '@xterm/addon-unicode11';
import headless from '@xterm/headless';

type Terminal = InstanceType<typeof headless.Terminal>;

export interface Size {
  readonly columns: number;
  readonly rows: number;
}

/** A client may say that its terminal has 4 billion columns; on one narrower than two wide characters xterm.js throws. */
const COLUMNS = { least: 4, most: 1000 };
const ROWS = { least: 2, most: 500 };
/** Where the client did not say, and for what runs without a terminal. */
const USUAL = { columns: 80, rows: 24 };

/** The size that is played: within bounds. */
export const playedSize = ({ columns, rows }: Size): Size => ({
  columns: Math.max(COLUMNS.least, Math.min(columns || USUAL.columns, COLUMNS.most)),
  rows: Math.max(ROWS.least, Math.min(rows || USUAL.rows, ROWS.most)),
});

/** What comes back from the scrollback at a new height is the taste of the client's own terminal, and not recorded. */
const EMULATOR_OPTIONS = { scrollback: 0, allowProposedApi: true, tabStopWidth: 8 } as const;

/** Titles, links (8), colours of the palette and of the cursor, the clipboard (52). */
const OSC_IGNORED = [0, 1, 2, 4, 8, 10, 11, 12, 52, 104, 110, 111, 112];
/**
 * Of keyframes alone, and ignored in what was recorded: `COLUMN;ROW`, from 0, becomes the half of a wide character that is left when
 * its other half was moved away, in the style in force. Nothing that a terminal understands can write one where it stands.
 */
export const HALF_CELL_OSC = 7701;
/** They do something as often as they are told. */
const REPEATING = ['I', 'Z', 'S', 'T', 'L', 'M', 'P', '@', 'b', 'X'];
const MOST_REPETITIONS = 2 * COLUMNS.most;
/** Mouse, focus, blinking: they change what the viewer's own mouse and keyboard do, and no screen. */
const NOT_OF_THE_SCREEN = new Set([9, 12, 1000, 1001, 1002, 1003, 1004, 1005, 1006, 1007, 1015, 1016, 2026, 2031]);

/** They move rows one by one, as often as they are told, and after a screen of them nothing changes any more. */
const MOVING_ROWS = [
  ['S', 'scrollUp'],
  ['T', 'scrollDown'],
  ['L', 'insertLines'],
  ['M', 'deleteLines'],
] as const;

function tame({ parser }: Terminal): void {
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

/** A character set by identity; undefined: ASCII. */
export type Charset = object | undefined;

interface Attributes {
  readonly fg: number;
  readonly bg: number;
  readonly extended: { readonly ext: number };
}

export interface Line {
  readonly isWrapped: boolean;
  readonly length: number;
  /** Three numbers a cell: content, foreground, background. */
  readonly _data: Uint32Array;
  readonly _combined: Readonly<Record<number, string>>;
  readonly _extendedAttrs: Readonly<Record<number, { readonly ext: number } | undefined>>;
}

export interface Screen {
  readonly x: number;
  readonly y: number;
  readonly savedX: number;
  readonly savedY: number;
  readonly savedCurAttrData: Attributes;
  readonly savedCharset: Charset;
  readonly scrollTop: number;
  readonly scrollBottom: number;
  readonly tabs: Readonly<Record<number, boolean>>;
  readonly ybase: number;
  readonly _cols: number;
  readonly _rows: number;
  readonly lines: { readonly length: number; maxLength: number; get(index: number): Line | undefined };
}

/** How the terminal stands, as its own code has it. */
export interface Internals {
  readonly _inputHandler: Readonly<
    Record<(typeof MOVING_ROWS)[number][1], (params: { params: number[] }) => boolean>
  > & {
    readonly _curAttrData: Attributes;
    readonly _parser: {
      readonly currentState: number;
      /** Of the character that REP repeats and a combining one joins; 0: none. */
      precedingJoinState: number;
      /** Of the sequence that has begun. */
      readonly _collect: number;
      readonly _params: { toArray(): unknown[] };
    };
  };
  readonly _bufferService: {
    readonly cols: number;
    readonly rows: number;
    readonly buffers: { readonly active: Screen; readonly normal: Screen; readonly alt: Screen };
  };
  readonly _charsetService: { readonly charset: Charset; readonly glevel: number; readonly _charsets: Charset[] };
  readonly coreService: {
    readonly isCursorHidden: boolean;
    readonly modes: { readonly insertMode: boolean };
    readonly decPrivateModes: {
      readonly applicationCursorKeys: boolean;
      readonly applicationKeypad: boolean;
      readonly bracketedPasteMode: boolean;
      readonly origin: boolean;
      readonly reverseWraparound: boolean;
      readonly wraparound: boolean;
    };
  };
  /** Of a code point, in cells. */
  readonly unicodeService: { wcwidth(codePoint: number): number };
  writeSync(text: string): void;
}

export class Emulator {
  readonly terminal: Terminal;
  readonly internals: Internals;
  #restores = false;

  /** `plain`: the output of what ran without a terminal, whose lines end with LF alone. */
  constructor(size: Size, { plain = false }: { readonly plain?: boolean } = {}) {
    const { columns: cols, rows } = playedSize(size);
    this.terminal = new headless.Terminal({ ...EMULATOR_OPTIONS, cols, rows, logLevel: 'off', convertEol: plain });
    this.terminal.loadAddon(new Unicode11Addon());
    this.terminal.unicode.activeVersion = '11';
    tame(this.terminal);
    this.internals = (this.terminal as unknown as { readonly _core: Internals })._core;
    this.terminal.parser.registerOscHandler(HALF_CELL_OSC, (place) => {
      if (this.#restores) this.#writeHalfCell(place.split(';').map(Number));
      return true;
    });
    for (const [final, does] of MOVING_ROWS)
      this.terminal.parser.registerCsiHandler({ final }, ([count]) => {
        if (typeof count !== 'number' || count <= this.rows || count > MOST_REPETITIONS) return false;
        return this.internals._inputHandler[does]({ params: [this.rows] });
      });
  }

  get columns(): number {
    return this.terminal.cols;
  }

  get rows(): number {
    return this.terminal.rows;
  }

  write(text: string): void {
    this.internals.writeSync(text);
  }

  /** Of a terminal that was just made: a keyframe's screen. */
  restore(screen: string): void {
    this.#restores = true;
    try {
      this.write(screen);
    } finally {
      this.#restores = false;
    }
  }

  #writeHalfCell([x = -1, y = -1]: readonly number[]): void {
    const { _bufferService, _inputHandler } = this.internals;
    const line = _bufferService.buffers.active.lines.get(y);
    if (!line || !(x >= 0 && x < line.length)) return;
    const { fg, bg } = _inputHandler._curAttrData;
    line._data.set([0, fg, bg], x * 3);
  }

  /** Throws where xterm.js does: what it shows is not known any more. */
  resize(size: Size): void {
    const { columns, rows } = playedSize(size);
    const { normal, alt } = this.internals._bufferService.buffers;
    // What xterm.js 6.0 makes of odd sizes hangs on where a screen begins in its ring of lines, and on lines that scrolled
    // off it: another length puts them in their order.
    for (const { lines } of [normal, alt]) {
      const { maxLength } = lines;
      lines.maxLength = maxLength + 1;
      lines.maxLength = maxLength;
    }
    this.terminal.resize(columns, rows);
    // It leaves the alternate screen its old height while it is empty, and scrolls it wrongly later.
    if (alt.lines.length === 0) alt.lines.maxLength = rows;
  }

  close(): void {
    this.terminal.dispose();
  }
}
