// A recorded terminal's screen as elements. Every character goes in as text; colours are set as properties, which a
// strict Content-Security-Policy allows. Nothing here answers the recording, follows a link or touches the clipboard.

import { Emulator, type Size } from '../../../../core/replay/emulator.ts';

/** Within these, a terminal is as large as its box is wide. */
const FONT_PX = { least: 6, most: 14 };
/** Of the monospaced fonts that the page asks for. */
const CELL_PER_FONT_PX = 0.602;

/** Elements of one screen. The rows below those that need so many are drawn without colours: half a million cells in as many colours are no screen. */
const MAX_SPANS = 20_000;
/** Of the time while it plays: drawing takes a quarter at most. */
const REST = 3;

interface Look {
  readonly color: string;
  readonly background: string;
  readonly classes: string;
}

interface Run {
  text: string;
  readonly look: Look;
  /** In cells; 0: as many as it has characters. */
  readonly cells: number;
}

const PLAIN: Look = { color: '', background: '', classes: '' };

export class TerminalScreen {
  readonly #box: HTMLElement;
  readonly #rows: { element: HTMLElement; drawn: string }[] = [];
  #emulator = new Emulator({ columns: 0, rows: 0 });
  /** xterm.js threw: what it shows is not known. */
  #failed = false;
  #simplified = false;
  /** By the page's clock, ms. */
  #notBefore = 0;

  constructor(box: HTMLElement) {
    this.#box = box;
    new ResizeObserver(() => this.#fit()).observe(box.parentElement ?? box);
  }

  /** Of a terminal that was reset, with a keyframe's screen. */
  begin(size: Size, screen: string, plain: boolean): void {
    this.#emulator.close();
    this.#emulator = new Emulator(size, { plain });
    this.#failed = false;
    this.#try(() => this.#emulator.restore(screen));
  }

  write(text: string): void {
    this.#try(() => this.#emulator.write(text));
  }

  resize(size: Size): void {
    this.#try(() => this.#emulator.resize(size));
  }

  get failed(): boolean {
    return this.#failed;
  }

  #try(act: () => void): void {
    if (this.#failed) return;
    try {
      act();
    } catch {
      this.#failed = true;
    }
  }

  /** `still`: time stands still, so that what is not drawn now would not be drawn later. */
  draw(still = true): void {
    const began = performance.now();
    if (!still && began < this.#notBefore) return;
    const { rows } = this.#emulator;
    while (this.#rows.length > rows) this.#rows.pop()?.element.remove();
    while (this.#rows.length < rows) {
      const element = document.createElement('div');
      element.className = 'terminal-row';
      this.#box.append(element);
      this.#rows.push({ element, drawn: '' });
    }
    let spans = 0;
    this.#rows.forEach((row, y) => {
      const runs = this.#runsOf(y, spans >= MAX_SPANS);
      spans += runs.length;
      const drawn = JSON.stringify(runs);
      if (row.drawn === drawn) return;
      row.drawn = drawn;
      row.element.replaceChildren(...runs.map(drawRun), '\n');
    });
    this.#simplified = spans >= MAX_SPANS;
    this.#fit();
    const now = performance.now();
    this.#notBefore = now + (now - began) * REST;
  }

  /** Some of its rows are drawn without colours. */
  get simplified(): boolean {
    return this.#simplified;
  }

  #fit(): void {
    const wide = (this.#box.parentElement?.clientWidth ?? 0) - 16;
    if (wide <= 0) return;
    const px = Math.floor((wide / (this.#emulator.columns * CELL_PER_FONT_PX)) * 10) / 10;
    this.#box.style.fontSize = `${Math.max(FONT_PX.least, Math.min(px, FONT_PX.most))}px`;
  }

  #runsOf(y: number, plain: boolean): Run[] {
    const { terminal, internals } = this.#emulator;
    const { active } = terminal.buffer;
    const line = active.getLine(y);
    const runs: Run[] = [];
    const cursorX = internals.coreService.isCursorHidden || active.cursorY !== y ? -1 : active.cursorX;
    const cell = active.getNullCell();
    for (let x = 0; x < terminal.cols && line; x++) {
      const at = line.getCell(x, cell);
      if (!at || at.getWidth() === 0) continue;
      const text = at.isInvisible() ? ' ' : at.getChars() || ' ';
      const look = plain ? PLAIN : lookOf(at, x === cursorX);
      const last = runs.at(-1);
      // What a font may draw wider or narrower than its cell stands in a box of its own.
      if (!plain && !/^[\u0020-\u007e]$/.test(text)) runs.push({ text, look, cells: at.getWidth() });
      else if (last?.cells === 0 && sameLook(last.look, look)) last.text += text;
      else runs.push({ text, look, cells: 0 });
    }
    const last = runs.at(-1);
    if (last?.cells === 0 && last.look.background === '' && last.look.classes === '') last.text = last.text.trimEnd();
    return runs;
  }
}

const sameLook = (a: Look, b: Look): boolean =>
  a.color === b.color && a.background === b.background && a.classes === b.classes;

type CellLook = NonNullable<
  ReturnType<NonNullable<ReturnType<Emulator['terminal']['buffer']['active']['getLine']>>['getCell']>
>;

function lookOf(cell: CellLook, isCursor: boolean): Look {
  const bright = cell.isBold() && cell.isFgPalette() && cell.getFgColor() < 8 ? 8 : 0;
  let color = cell.isFgDefault() ? '' : cell.isFgRGB() ? rgb(cell.getFgColor()) : palette(cell.getFgColor() + bright);
  let background = cell.isBgDefault() ? '' : cell.isBgRGB() ? rgb(cell.getBgColor()) : palette(cell.getBgColor());
  if (cell.isInverse()) [color, background] = [background || 'var(--terminal-ground)', color || 'var(--terminal-ink)'];
  const classes = [
    isCursor && 'terminal-cursor',
    cell.isBold() && 'terminal-bold',
    cell.isDim() && 'terminal-faint',
    cell.isItalic() && 'terminal-italic',
    cell.isUnderline() && 'terminal-underlined',
    cell.isStrikethrough() && 'terminal-struck',
  ];
  return { color, background, classes: classes.filter((name) => name).join(' ') };
}

const rgb = (color: number): string => `rgb(${(color >> 16) & 255} ${(color >> 8) & 255} ${color & 255})`;

/** The first 16 are the page's, light or dark; then xterm's cube and greys. */
function palette(index: number): string {
  if (index < 16) return `var(--terminal-${index})`;
  if (index >= 232) return rgb(0x10101 * (8 + (index - 232) * 10));
  const level = (value: number): number => (value === 0 ? 0 : 55 + value * 40);
  const cube = index - 16;
  return `rgb(${level(Math.floor(cube / 36))} ${level(Math.floor(cube / 6) % 6)} ${level(cube % 6)})`;
}

function drawRun({ text, look, cells }: Run): Node {
  const plain = look.color === '' && look.background === '' && look.classes === '';
  if (plain && cells === 0) return document.createTextNode(text);
  const span = document.createElement('span');
  span.className = cells === 0 ? look.classes : `terminal-cell${cells} ${look.classes}`.trim();
  if (look.color !== '') span.style.color = look.color;
  if (look.background !== '') span.style.backgroundColor = look.background;
  span.textContent = text;
  return span;
}
