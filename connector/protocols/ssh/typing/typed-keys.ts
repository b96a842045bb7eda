// Keys of a line as it is typed at a terminal: a small model of the editors of shells. It knows what a line holds as long
// as nothing but letters and backspace came; after any other key only the terminal's screen does.

const ENTER = new Set([0x0d, 0x0a, 0x0f]);
const ESCAPE = 0x1b;
const PASTE_BEGINS = '[200~';
const PASTE_ENDS = '[201~';
const CLEAR = 0x15;
/** Ctrl-C, Ctrl-\: the line is given up. */
const GIVE_UP = new Set([0x03, 0x1c]);
/** Ctrl-D, Ctrl-Z: what reads ends or stops, where nothing was typed yet. */
const LEAVE = new Set([0x04, 0x1a]);
const RUBOUT = new Set([0x08, 0x7f]);
const MAX_LINE_BYTES = 16 * 1024;
const MAX_SEQUENCE_BYTES = 64;

export const isEnter = (byte: number | undefined): boolean => byte !== undefined && ENTER.has(byte);

export class TypedKeys {
  #text: number[] = [];
  #certain = true;
  #sequence: string | undefined;
  #pasting = false;
  #sealed: { readonly text: string | undefined } | undefined;

  /** UTF-8; undefined: only the screen knows. */
  get text(): string | undefined {
    if (this.#sealed) return this.#sealed.text;
    return this.#certain ? Buffer.from(this.#text).toString() : undefined;
  }

  /** The line is whole. It is looked at with every line of output while it waits to be shown. */
  seal(): void {
    this.#sealed = { text: this.text };
    this.#text = [];
  }

  /** Takes keys from `from` on, up to one that ends the line; gives its place, or the length of `bytes`. */
  take(bytes: Buffer, from: number): number {
    let at = from;
    for (; at < bytes.length; at++) {
      const byte = bytes[at] ?? 0;
      if (this.#sequence === undefined && !this.#pasting && this.#ends(byte)) return at;
      this.#key(byte);
    }
    return at;
  }

  #ends(byte: number): boolean {
    const isEmpty = this.#certain && this.#text.length === 0;
    return ENTER.has(byte) || GIVE_UP.has(byte) || (isEmpty && LEAVE.has(byte));
  }

  #key(byte: number): void {
    if (this.#sequence !== undefined) this.#escape(byte);
    else if (byte === ESCAPE) this.#sequence = '';
    else if (RUBOUT.has(byte) && !this.#pasting) this.#rubOut();
    else if (byte === CLEAR && !this.#pasting) this.#text = [];
    else if (byte < 0x20 || this.#text.length >= MAX_LINE_BYTES) this.#certain = false;
    else if (this.#certain) this.#text.push(byte);
  }

  #escape(byte: number): void {
    const sequence = `${this.#sequence ?? ''}${String.fromCharCode(byte)}`;
    const goesOn = sequence === '[' || sequence === 'O' || (sequence.startsWith('[') && (byte < 0x40 || byte > 0x7e));
    if (goesOn && sequence.length < MAX_SEQUENCE_BYTES) {
      this.#sequence = sequence;
      return;
    }
    this.#sequence = undefined;
    if (sequence === PASTE_BEGINS) this.#pasting = true;
    else if (sequence === PASTE_ENDS) this.#pasting = false;
    else this.#certain = false;
  }

  /** One character. */
  #rubOut(): void {
    let byte: number | undefined;
    do byte = this.#text.pop();
    while (byte !== undefined && byte >= 0x80 && byte < 0xc0);
  }
}
