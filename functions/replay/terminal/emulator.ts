// A terminal without a screen, played in this process. What it shows is taken from parts of @xterm/headless that its own
// interface does not tell (saved cursors, scroll regions, wrapped lines): the version is exact in package.json, and
// keyframe.test.ts fails where another one differs.

import { Unicode11Addon } from '@xterm/addon-unicode11';
import headless from '@xterm/headless';
import { EMULATOR_OPTIONS, playedSize, resizeTerminal, tame } from '../../../core/replay/emulated-terminal.ts';

export interface Size {
  readonly columns: number;
  readonly rows: number;
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
  readonly lines: { readonly length: number; readonly maxLength: number; get(index: number): Line | undefined };
}

/** How the terminal stands, as its own code has it. */
export interface Internals {
  readonly _inputHandler: {
    readonly _curAttrData: Attributes;
    readonly _parser: { readonly currentState: number };
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
  writeSync(text: string): void;
}

export class Emulator {
  readonly terminal: InstanceType<typeof headless.Terminal>;
  readonly internals: Internals;

  constructor(size: Size) {
    const { columns: cols, rows } = playedSize(size);
    this.terminal = new headless.Terminal({ ...EMULATOR_OPTIONS, cols, rows, logLevel: 'off' });
    this.terminal.loadAddon(new Unicode11Addon());
    this.terminal.unicode.activeVersion = '11';
    tame(this.terminal.parser);
    this.internals = (this.terminal as unknown as { readonly _core: Internals })._core;
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

  resize(size: Size): void {
    resizeTerminal(this.terminal, size);
  }

  close(): void {
    this.terminal.dispose();
  }
}
