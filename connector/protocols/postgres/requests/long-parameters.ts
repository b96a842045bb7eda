// The parameters of a Bind or FunctionCall that is too long to be kept, as recorded: lengths and
// formats stay, every value is written over.
//
//    int16 count of formats | int16 each | int16 count of values | each: int32 length (-1: NULL), bytes | rest

const STAR = 0x2a;
type Part = 'formats' | 'format' | 'values' | 'length' | 'value' | 'rest';

export class LongParameters {
  #part: Part = 'formats';
  #left = 0;
  #need = 2;
  #number = 0;
  #have = 0;

  /** Writes over what of `bytes[start, end)` is a value. */
  hide(bytes: Buffer, start: number, end: number): void {
    for (let at = start; at < end; ) {
      if (this.#part === 'rest') return;
      if (this.#part === 'value') {
        const share = Math.min(this.#need, end - at);
        bytes.fill(STAR, at, at + share);
        this.#need -= share;
        at += share;
        if (this.#need === 0) this.#next();
        continue;
      }
      this.#number = this.#number * 256 + (bytes[at] as number);
      at++;
      if (++this.#have === this.#need) this.#read();
    }
  }

  #read(): void {
    const number = this.#number;
    this.#number = 0;
    this.#have = 0;
    switch (this.#part) {
      case 'formats':
        this.#left = number;
        this.#part = number > 0 ? 'format' : 'values';
        return;
      case 'format':
        if (--this.#left === 0) this.#part = 'values';
        return;
      case 'values':
        this.#left = number;
        if (number === 0) this.#part = 'rest';
        else this.#length();
        return;
      default:
        // NULL, and the empty value, have no bytes.
        if (number === 0 || number > 0x7fff_ffff) this.#next();
        else {
          this.#part = 'value';
          this.#need = number;
        }
    }
  }

  #next(): void {
    this.#left--;
    if (this.#left === 0) this.#part = 'rest';
    else this.#length();
  }

  #length(): void {
    this.#part = 'length';
    this.#need = 4;
  }
}
