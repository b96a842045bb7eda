// The state of a terminal as text that brings a terminal of the same size, just reset, into the same state.
//
// What it cannot say (a state in the middle of a sequence) it does not try: whoever uses it compares (keyframe.ts).
//
// Control functions are named as in ECMA-48 and in xterm's ctlseqs.

import {
  type Charset,
  Emulator,
  HALF_CELL_OSC,
  type Internals,
  type Line,
  type Screen,
} from '../../../core/replay/emulator.ts';

const ESC = '\u001b';
const CSI = `${ESC}[`;

// Of a cell's three numbers.
const CODE_POINT = 0x1f_ffff;
const IS_COMBINED = 0x20_0000;
const WIDTH_SHIFT = 22;
const COLOR_MODE = 0x300_0000;
const PALETTE_16 = 0x100_0000;
const PALETTE_256 = 0x200_0000;
const RGB = 0x300_0000;
const HAS_EXTENDED = 0x1000_0000;
const PROTECTED = 0x2000_0000;
const UNDERLINE = 0x1000_0000;
const FG_STYLES: readonly (readonly [flag: number, sgr: number])[] = [
  [0x800_0000, 1], // bold
  [0x2000_0000, 5], // blinking
  [0x400_0000, 7], // inverse
  [0x4000_0000, 8], // invisible
  [0x8000_0000, 9], // crossed out
];
const BG_STYLES: readonly (readonly [flag: number, sgr: number])[] = [
  [0x800_0000, 2], // faint
  [0x400_0000, 3], // italic
  [0x4000_0000, 53], // overlined
];

interface Style {
  readonly fg: number;
  readonly bg: number;
  /** Style and colour of the underline. */
  readonly ext: number;
}
const PLAIN: Style = { fg: 0, bg: 0, ext: 0 };

interface ScreenCell extends Style {
  /** Empty: nothing was written there. */
  readonly text: string;
  readonly width: number;
}

export function cellAt(line: Line, x: number): ScreenCell {
  const content = line._data[x * 3] ?? 0;
  const [fg = 0, bg = 0] = [line._data[x * 3 + 1], line._data[x * 3 + 2]];
  const code = content & CODE_POINT;
  const text = content & IS_COMBINED ? (line._combined[x] ?? '') : code === 0 ? '' : String.fromCodePoint(code);
  const ext = bg & HAS_EXTENDED ? (line._extendedAttrs[x]?.ext ?? 0) : 0;
  return { text, width: content >>> WIDTH_SHIFT, fg, bg, ext };
}

export const styleOf = ({ fg, bg, extended }: Screen['savedCurAttrData']): Style => ({
  fg,
  bg,
  ext: bg & HAS_EXTENDED ? extended.ext : 0,
});

const sameStyle = (a: Style, b: Style): boolean => a.fg === b.fg && a.bg === b.bg && a.ext === b.ext;

function sgr({ fg, bg, ext }: Style): string {
  const parts = ['0'];
  for (const [flag, code] of FG_STYLES) if (fg & flag) parts.push(String(code));
  for (const [flag, code] of BG_STYLES) if (bg & flag) parts.push(String(code));
  if (fg & UNDERLINE || ext) parts.push(`4:${(ext >>> 26) & 7 || 1}`);
  parts.push(...colorOf(fg, 30), ...colorOf(bg, 40));
  if ((ext & COLOR_MODE) === RGB) parts.push(`58:2::${(ext >> 16) & 255}:${(ext >> 8) & 255}:${ext & 255}`);
  else if (ext & COLOR_MODE) parts.push(`58:5:${ext & 255}`);
  return `${CSI}${parts.join(';')}m${CSI}${bg & PROTECTED ? 1 : 0}"q`;
}

function colorOf(color: number, base: 30 | 40): string[] {
  const index = color & 255;
  switch (color & COLOR_MODE) {
    case PALETTE_16:
      return [String(index < 8 ? base + index : base + 60 + index - 8)];
    case PALETTE_256:
      return [`${base + 8};5;${index}`];
    case RGB:
      return [`${base + 8};2;${(color >> 16) & 255};${(color >> 8) & 255};${index}`];
    default:
      return [];
  }
}

const goTo = (x: number, y: number): string => `${CSI}${y + 1};${x + 1}H`;

/** Undefined: this state cannot be written down. */
export function writeScreen({ internals }: Emulator): string | undefined {
  const { _bufferService, _inputHandler, _charsetService, coreService } = internals;
  const { cols, rows, buffers } = _bufferService;
  const { active, normal, alt } = buffers;
  const parts: string[] = [];
  if (active === normal && (alt.savedX !== 0 || alt.savedY !== 0)) {
    const saved = savedCursor(alt, internals);
    if (saved === undefined || alt.savedX >= cols) return undefined;
    parts.push(`${CSI}?47h`, saved, `${CSI}?47l${CSI}H`);
  }
  for (const screen of active === alt ? [normal, alt] : [normal]) {
    if (screen === alt) parts.push(`${CSI}?47h`);
    const content = contentOf(screen, cols, rows);
    const saved = savedCursor(screen, internals);
    if (content === undefined || saved === undefined) return undefined;
    parts.push(content, tabStops(screen, cols), saved);
    if (screen.scrollTop !== 0 || screen.scrollBottom !== rows - 1)
      parts.push(`${CSI}${screen.scrollTop + 1};${screen.scrollBottom + 1}r`);
    if (screen === active) continue;
    // Where the cursor was left there decides which rows another size keeps.
    const left = place(screen, screen.x, screen.y, cols, 0);
    if (left === undefined) return undefined;
    parts.push(left, sgr(PLAIN));
  }
  for (const [g, charset] of _charsetService._charsets.entries()) {
    const final = finalOf(charset);
    if (final === undefined) return undefined;
    if (charset) parts.push(`${ESC}${'()*+'[g]}${final}`);
  }
  if (_charsetService.glevel > 0) parts.push(['', '\u000e', `${ESC}n`, `${ESC}o`][_charsetService.glevel] ?? '');
  const { insertMode } = coreService.modes;
  const { origin, wraparound, ...modes } = coreService.decPrivateModes;
  const set = (on: boolean, sequence: string) => on && parts.push(sequence);
  set(origin, `${CSI}?6h`);
  set(modes.applicationCursorKeys, `${CSI}?1h`);
  set(modes.applicationKeypad, `${ESC}=`);
  set(modes.bracketedPasteMode, `${CSI}?2004h`);
  set(modes.reverseWraparound, `${CSI}?45h`);
  set(coreService.isCursorHidden, `${CSI}?25l`);
  const cursor = place(active, active.x, active.y, cols, origin ? active.scrollTop : 0);
  if (cursor === undefined) return undefined;
  parts.push(cursor);
  set(insertMode, `${CSI}4h`);
  set(!wraparound, `${CSI}?7l`);
  parts.push(sgr(styleOf(_inputHandler._curAttrData)));
  return parts.join('');
}

/** Rows from the top, then the marks of lines that go on in the next. Leaves the cursor anywhere. */
function contentOf(screen: Screen, cols: number, rows: number): string | undefined {
  const parts: string[] = [];
  const halves: string[] = [];
  const wrapped = (y: number): boolean => screen.lines.get(y)?.isWrapped ?? false;
  if (wrapped(0)) {
    // Its beginning has scrolled off: it is made on the second row, which then scrolls up.
    if (rows < 2) return undefined;
    parts.push(goTo(cols - 1, 0), 'xx', `${CSI}S`);
  }
  for (let y = 1; y < rows; y++) if (wrapped(y)) parts.push(goTo(cols - 1, y - 1), 'xx');
  let style = PLAIN;
  const restyle = (next: Style): void => {
    if (sameStyle(style, next)) return;
    parts.push(sgr(next));
    style = next;
  };
  for (let y = 0; y < rows; y++) {
    const line = screen.lines.get(y);
    if (!line) return undefined;
    const touched = wrapped(y) || wrapped(y + 1);
    let at = -1;
    for (let x = 0; x < cols; ) {
      const cell = cellAt(line, x);
      if (cell.text === '' && cell.width === 1) {
        let end = x + 1;
        while (end < cols && sameCell(cellAt(line, end), cell)) end++;
        if (touched || !sameStyle(cell, PLAIN)) {
          restyle(cell);
          parts.push(goTo(x, y), `${CSI}${end - x}X`);
        }
        x = end;
        continue;
      }
      if (cell.width === 0) {
        // What stands beside it would write over it: it comes last.
        if (cell.text !== '' || cell.ext !== 0) return undefined;
        halves.push(`${sgr(cell)}${ESC}]${HALF_CELL_OSC};${x};${y}\u0007`);
        x++;
        at = -1;
        continue;
      }
      if (at !== x) parts.push(goTo(x, y));
      restyle(cell);
      parts.push(cell.text);
      x += cell.width;
      at = x < cols ? x : -1;
    }
  }
  parts.push(...halves, sgr(PLAIN));
  return parts.join('');
}

export const sameCell = (a: ScreenCell, b: ScreenCell): boolean =>
  a.text === b.text && a.width === b.width && sameStyle(a, b);

/** CUP; where the cursor waits behind the last column, that column is written once more. */
function place(screen: Screen, x: number, y: number, cols: number, top: number): string | undefined {
  if (x < cols) return goTo(x, y - top);
  const line = screen.lines.get(y);
  if (!line) return undefined;
  const start = cellAt(line, cols - 1).width === 0 ? cols - 2 : cols - 1;
  const cell = cellAt(line, start);
  if (cell.text !== '') return `${goTo(start, y - top)}${sgr(cell)}${cell.text}`;
  // It was erased since.
  return `${goTo(start, y - top)} ${sgr(cell)}${CSI}X`;
}

/** DECSC; nothing where none was done. */
function savedCursor(screen: Screen, { _bufferService }: Internals): string | undefined {
  const { savedX, savedY, savedCurAttrData, savedCharset } = screen;
  const style = styleOf(savedCurAttrData);
  if (savedX === 0 && savedY === 0 && sameStyle(style, PLAIN) && !savedCharset) return '';
  const at = place(screen, savedX, savedY, _bufferService.cols, 0);
  const final = finalOf(savedCharset);
  if (at === undefined || final === undefined || savedY >= _bufferService.rows) return undefined;
  return `${at}${sgr(style)}${ESC}(${final}${ESC}7${ESC}(B${sgr(PLAIN)}`;
}

export const tabsOf = (screen: Screen, cols: number): number[] =>
  Object.keys(screen.tabs)
    .map(Number)
    .filter((x) => screen.tabs[x] && x < cols);

function tabStops(screen: Screen, cols: number): string {
  const tabs = tabsOf(screen, cols);
  if (tabs.length === Math.ceil(cols / 8) && tabs.every((x) => x % 8 === 0)) return '';
  return `${CSI}3g${tabs.map((x) => `${goTo(x, 0)}${ESC}H`).join('')}`;
}

const FINALS = ['0', 'A', 'B', '4', 'C', '5', 'R', 'Q', 'K', 'Y', 'E', '6', 'Z', 'H', '7', '='];
let finals: ReadonlyMap<Charset, string> | undefined;

/** The final character that designates a set; undefined: not known. Sets are told apart by identity, so they are asked for once. */
function finalOf(charset: Charset): string | undefined {
  finals ??= askFinals();
  return finals.get(charset);
}

function askFinals(): ReadonlyMap<Charset, string> {
  const found = new Map<Charset, string>();
  const emulator = new Emulator({ columns: 2, rows: 2 });
  for (const final of FINALS) {
    emulator.write(`${ESC}(${final}`);
    const charset = emulator.internals._charsetService._charsets[0];
    if (!found.has(charset)) found.set(charset, final);
  }
  emulator.close();
  return found;
}
