// Keyframes of one terminal. One is given only where it is exact: it is played into a second terminal, and the two are
// compared in all that what follows could show. Where they differ the keyframe is not given, and whoever seeks
// plays from the one before: slower, and right (law 12).

import { Emulator, type Internals, type Screen, type Size } from '../../../core/replay/emulator.ts';
import { cellAt, sameCell, styleOf, tabsOf, writeScreen } from './screen.ts';

/** Ground: no sequence has begun. */
const GROUND = 0;
/**
 * What must not stand behind a cut: a repetition of the character before (REP) or what may still become one, and
 * characters that join the one before. ASCII that is neither.
 */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const NEXT = /^(?!\u001b(?:$|[\u0000-\u001f]|\[[^@-~]*(?:$|b)))[\u0000-\u007e]/;

export class Keyframes {
  readonly emulator: Emulator;
  /** It threw: what it shows is not known any more. */
  #failed = false;

  constructor(size: Size) {
    this.emulator = new Emulator(size);
  }

  write(text: string): void {
    this.#try(() => this.emulator.write(text));
  }

  resize(size: Size): void {
    this.#try(() => this.emulator.resize(size));
  }

  #try(act: () => void): void {
    if (this.#failed) return;
    try {
      act();
    } catch {
      this.#failed = true;
    }
  }

  /** Undefined: not here. `next`: the output that follows. */
  take(next: string): string | undefined {
    const { emulator } = this;
    if (this.#failed) return undefined;
    if (emulator.internals._inputHandler._parser.currentState !== GROUND || !NEXT.test(next)) return undefined;
    const screen = writeScreen(emulator);
    if (screen === undefined) return undefined;
    const copy = new Emulator(emulator);
    copy.write(screen);
    const exact = sameState(emulator, copy);
    copy.close();
    return exact ? screen : undefined;
  }
}

function sameState({ internals: a }: Emulator, { internals: b }: Emulator): boolean {
  const [service, other] = [a._bufferService, b._bufferService];
  const { cols, rows } = service;
  const [in1, in2] = [service.buffers.active === service.buffers.alt, other.buffers.active === other.buffers.alt];
  return (
    cols === other.cols &&
    rows === other.rows &&
    in1 === in2 &&
    b._inputHandler._parser.currentState === GROUND &&
    equal(styleOf(a._inputHandler._curAttrData), styleOf(b._inputHandler._curAttrData)) &&
    equal(a.coreService.modes, b.coreService.modes) &&
    equal(modesOf(a.coreService.decPrivateModes), modesOf(b.coreService.decPrivateModes)) &&
    a.coreService.isCursorHidden === b.coreService.isCursorHidden &&
    a._charsetService.charset === b._charsetService.charset &&
    a._charsetService.glevel === b._charsetService.glevel &&
    [0, 1, 2, 3].every((g) => a._charsetService._charsets[g] === b._charsetService._charsets[g]) &&
    sameCursor(service.buffers.active, other.buffers.active) &&
    (!in1 || sameCursor(service.buffers.normal, other.buffers.normal)) &&
    sameFrame(service.buffers.normal, other.buffers.normal, cols) &&
    sameFrame(service.buffers.alt, other.buffers.alt, cols) &&
    sameLines(service.buffers.normal, other.buffers.normal, cols, rows) &&
    (!in1 || sameLines(service.buffers.alt, other.buffers.alt, cols, rows))
  );
}

/** Without those that nothing on a screen depends on. */
const modesOf = ({ origin, wraparound, reverseWraparound }: Internals['coreService']['decPrivateModes']) => ({
  origin,
  wraparound,
  reverseWraparound,
});

const equal = (a: object, b: object): boolean => JSON.stringify(a) === JSON.stringify(b);

const sameCursor = (a: Screen, b: Screen): boolean => a.x === b.x && a.y === b.y;

const sameSaved = (a: Screen, b: Screen): boolean =>
  a.savedX === b.savedX &&
  a.savedY === b.savedY &&
  a.savedCharset === b.savedCharset &&
  equal(styleOf(a.savedCurAttrData), styleOf(b.savedCurAttrData));

/** After odd sizes more lines are kept than rows are shown, and what is written lands elsewhere. */
const sameFrame = (a: Screen, b: Screen, cols: number): boolean =>
  sameSaved(a, b) &&
  a.scrollTop === b.scrollTop &&
  a.scrollBottom === b.scrollBottom &&
  a.ybase === b.ybase &&
  a._cols === b._cols &&
  a._rows === b._rows &&
  a.lines.length === b.lines.length &&
  a.lines.maxLength === b.lines.maxLength &&
  equal(tabsOf(a, cols), tabsOf(b, cols));

function sameLines(a: Screen, b: Screen, cols: number, rows: number): boolean {
  for (let y = 0; y < rows; y++) {
    const [one, two] = [a.lines.get(y), b.lines.get(y)];
    if (!one || !two || one.isWrapped !== two.isWrapped || one.length !== two.length) return false;
    for (let x = 0; x < cols; x++) if (!sameCell(cellAt(one, x), cellAt(two, x))) return false;
  }
  return true;
}
