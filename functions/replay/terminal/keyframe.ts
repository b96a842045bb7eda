// Keyframes of one terminal. One is given only where it is exact: it is played into a second terminal, and the two are
// compared in all that what follows could show. Where they differ the keyframe is not given, and whoever seeks
// plays from the one before: slower, and right (law 12).

import { Emulator, type Internals, type Screen, type Size } from '../../../core/replay/emulator.ts';
import { cellAt, sameCell, styleOf, tabsOf, writeScreen } from './screen.ts';

/** Where no sequence has begun, by the state of xterm.js's parser. */
const GROUND = 0;
/**
 * What begins a string that shows nothing, whatever it says, by the state inside: SOS, PM and APC; OSC (those with an effect are
 * ignored, core/replay/emulator.ts); DCS that is not understood, or has an answer alone. Images are sent so, of megabytes.
 */
const SOS = 7;
const DCS_IGNORE = 11;
const STRINGS: ReadonlyMap<number, string> = new Map([
  [SOS, '\u001bX'],
  [8, '\u001b]999;'],
  [DCS_IGNORE, '\u001bP:'],
  [13, '\u001bPq'],
]);
/** Of other sequences that have begun, so much is kept at most. */
const MAX_BEGUN_CHARS = 512;
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const BEGUN = /[\u001b\u0080-\u009f][^\u001b\u0080-\u009f]*$/;
/** Carried out in the middle of a sequence, and so no part of it. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROLS = /[\u0000-\u001a\u001c-\u001f\u007f]/g;
/**
 * What may stand behind a cut: ASCII, a control, or a sequence behind which there is no character before. Not a repetition (REP),
 * what is not complete and may become one, or what xterm.js passes over: a string (SOS, PM, APC, DCS), a malformed CSI.
 */
const NEXT =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  /^(?:[\u0000-\u001a\u001c-\u007e]|\u001b(?:[0-OQ-WYZ\\\]`-~]|[ -/]+[0-~]|\[[<-?]?[0-9:;]*[ -/]*[@-ac-~]))/;
/** C1 controls and DEL, which may begin one as well, are before it. */
const FIRST_BEYOND_CONTROLS = 0xa0;

export class Keyframes {
  readonly emulator: Emulator;
  /** It threw: what it shows is not known any more. */
  #failed = false;
  /** What was written last. */
  #last = '';

  constructor(size: Size) {
    this.emulator = new Emulator(size);
  }

  write(text: string): void {
    this.#last = (this.#last + text.slice(-MAX_BEGUN_CHARS)).slice(-MAX_BEGUN_CHARS);
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

  /** What brings a terminal that has its screen into the middle of what has begun; undefined: no cut can be here. */
  #begun(next: string | undefined): string | undefined {
    const { currentState, precedingJoinState } = this.emulator.internals._inputHandler._parser;
    const string = STRINGS.get(currentState);
    const begun = string ?? (currentState === GROUND ? '' : BEGUN.exec(this.#last)?.[0].replaceAll(CONTROLS, ''));
    if (this.#failed || begun === undefined) return undefined;
    // Behind most strings there is no character before.
    if (precedingJoinState === 0 || (string && currentState !== SOS && currentState !== DCS_IGNORE)) return begun;
    return next !== undefined && string === undefined && this.#standsAlone(begun + next) ? begun : undefined;
  }

  /** It does not hang on the character before it. */
  #standsAlone(next: string): boolean {
    const codePoint = next.codePointAt(0) ?? 0;
    if (codePoint < FIRST_BEYOND_CONTROLS) return NEXT.test(next);
    return this.emulator.internals.unicodeService.wcwidth(codePoint) > 0;
  }

  /** Whether it is worth trying, which costs little. `next`: the output that follows; undefined: not known. */
  mayTake(next: string | undefined): boolean {
    return this.#begun(next) !== undefined;
  }

  /** Undefined: not here. */
  take(next: string | undefined): string | undefined {
    const { emulator } = this;
    const begun = this.#begun(next);
    const shown = begun === undefined ? undefined : writeScreen(emulator);
    if (shown === undefined) return undefined;
    const screen = shown + begun;
    const copy = new Emulator(emulator);
    copy.restore(screen);
    const exact = sameState(emulator, copy);
    copy.close();
    return exact ? screen : undefined;
  }
}

/** Undefined: there is none that is exact, or a sequence has begun. A repetition that follows needs the character before, too. */
export function provenScreen(emulator: Emulator): string | undefined {
  if (emulator.internals._inputHandler._parser.currentState !== GROUND) return undefined;
  const screen = writeScreen(emulator);
  if (screen === undefined) return undefined;
  const copy = new Emulator(emulator);
  copy.restore(screen);
  const exact = sameState(emulator, copy);
  copy.close();
  return exact ? screen : undefined;
}

function sameState({ internals: a }: Emulator, { internals: b }: Emulator): boolean {
  const [service, other] = [a._bufferService, b._bufferService];
  const { cols, rows } = service;
  const [in1, in2] = [service.buffers.active === service.buffers.alt, other.buffers.active === other.buffers.alt];
  return (
    cols === other.cols &&
    rows === other.rows &&
    in1 === in2 &&
    sameSequence(a._inputHandler._parser, b._inputHandler._parser) &&
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

type Parser = Internals['_inputHandler']['_parser'];

/** What has begun, and that nothing in the copy can be repeated or joined. What is in strings shows nothing. */
const sameSequence = (a: Parser, b: Parser): boolean =>
  a.currentState === b.currentState &&
  b.precedingJoinState === 0 &&
  (a.currentState === GROUND ||
    STRINGS.has(a.currentState) ||
    (a._collect === b._collect && equal(a._params.toArray(), b._params.toArray())));

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
