// What of a recorded terminal's output is shown on the viewer's own. It may draw; it may not ask (the answer would be
// typed into the viewer's shell), set the clipboard, a title or colours of the palette, change what keys and mouse send,
// print, or resize. Only what is known here passes: ECMA-48 and xterm's ctlseqs, by final character.

const ESC = '\u001b';

/** A sequence that grows longer is none. */
const MAX_SEQUENCE = 256;

/** CSI without a private prefix and intermediates: cursor, erasing, scrolling, regions, tabs, styles. */
const CSI_FINALS = /^[@A-HJ-MPSTXZ`a-bd-gmrsu]$/;
/** DECAWM, DECOM, DECSCNM, cursor, alternate screens, synchronized output. */
const PRIVATE_MODES: ReadonlySet<string> = new Set([
  '5',
  '6',
  '7',
  '12',
  '25',
  '45',
  '47',
  '1047',
  '1048',
  '1049',
  '2026',
]);
/** IRM and LNM. */
const MODES: ReadonlySet<string> = new Set(['4', '20']);
/** Saved cursors, index, tabs, reset, and locking shifts. */
const ESC_FINALS = /^[78DEHMcno|}~]$/;
/** Character sets, and the screen of E that tests alignment. */
const ESC_INTERMEDIATES = /^[()*+#]$/;
/** BEL, BS, HT, LF, VT, FF, CR, SO, SI. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROLS = /^[\u0007-\u000f]$/;

type State = 'text' | 'escape' | 'csi' | 'string';

/** One a replay: a sequence may go on in the next output. */
export class TerminalFilter {
  #state: State = 'text';
  #sequence = '';

  push(text: string): string {
    let shown = '';
    for (const char of text) shown += this.#take(char);
    return shown;
  }

  #take(char: string): string {
    const code = char.codePointAt(0) ?? 0;
    // CAN and SUB end whatever was begun.
    if (code === 0x18 || code === 0x1a) return this.#end('');
    if (char === ESC) {
      this.#sequence = '';
      this.#state = 'escape';
      return '';
    }
    // One character for ESC and another: those of C1.
    if (code >= 0x80 && code < 0xa0) {
      this.#sequence = '';
      this.#state = 'escape';
      return this.#take(String.fromCharCode(code - 0x40));
    }
    if (this.#state === 'text') return code >= 0x20 && code !== 0x7f ? char : CONTROLS.test(char) ? char : '';
    // A string (title, clipboard, query) ends with BEL or ESC \.
    if (this.#state === 'string') return code === 0x07 ? this.#end('') : '';
    // Terminals obey controls in the middle of a sequence.
    if (code < 0x20) return CONTROLS.test(char) ? char : '';
    this.#sequence += char;
    if (this.#sequence.length > MAX_SEQUENCE) return this.#end('');
    return this.#state === 'csi' ? this.#csi(char) : this.#escape(char);
  }

  #escape(char: string): string {
    const first = this.#sequence[0] ?? '';
    if (this.#sequence.length === 1) {
      if (char === '[') {
        this.#state = 'csi';
        this.#sequence = '';
        return '';
      }
      // DCS, SOS, OSC, PM, APC.
      if (/^[PX\]^_]$/.test(char)) {
        this.#state = 'string';
        return '';
      }
      if (char >= ' ' && char <= '/') return '';
      return this.#end(ESC_FINALS.test(char) ? ESC + char : '');
    }
    if (char >= ' ' && char <= '/') return '';
    const known = this.#sequence.length === 2 && ESC_INTERMEDIATES.test(first);
    return this.#end(known && char >= '0' && char <= '~' ? ESC + this.#sequence : '');
  }

  #csi(char: string): string {
    if (char < '@' || char > '~') return char > '~' ? this.#end('') : '';
    const sequence = this.#sequence;
    return this.#end(passes(sequence) ? `${ESC}[${sequence}` : '');
  }

  #end(shown: string): string {
    this.#state = 'text';
    this.#sequence = '';
    return shown;
  }
}

function passes(sequence: string): boolean {
  const final = sequence.at(-1) ?? '';
  const parameters = sequence.slice(0, -1);
  if (/^[\d;:]*$/.test(parameters)) {
    if (final === 'h' || final === 'l') return parameters.split(';').every((mode) => MODES.has(mode));
    return CSI_FINALS.test(final);
  }
  const ofPrivate = /^\?([\d;]*)$/.exec(parameters);
  if (ofPrivate && (final === 'h' || final === 'l'))
    return (ofPrivate[1] ?? '').split(';').every((mode) => PRIVATE_MODES.has(mode));
  if (ofPrivate) return final === 'J' || final === 'K';
  // DECSTR, and the shape of the cursor.
  return sequence === '!p' || /^\d* q$/.test(sequence);
}

/** Whatever the recording left behind: screens, regions, modes, character sets, colours, the cursor. */
export const RESET_TERMINAL = `${ESC}[!p${ESC}[?1049l${ESC}[?5l${ESC}[?6l${ESC}[?7h${ESC}[?25h${ESC}[?2026l${ESC}[4l${ESC}[20l${ESC}[r${ESC}(B\u000f${ESC}[0m${ESC}[ q`;
