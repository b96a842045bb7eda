// What a program writes, as the text that a person sees: letters in a buffer, and what stands between them (colours,
// cursor movements) beside it. Of both the very bytes can be given out again.

import { nextControl, sequenceAt } from './escapes.ts';

const FIRST_BYTES = 8 * 1024;
const LINE_FEED = 0x0a;
const BLANK = 0x20;

/** Bytes in front of the letter at `at`, or, where it `stands` for them, in its place. */
interface Mark {
  at: number;
  readonly bytes: Uint8Array;
  readonly stands: boolean;
}

export class ShownText {
  bytes: Uint8Array = new Uint8Array(FIRST_BYTES);
  length = 0;
  #marks: Mark[] = [];
  /** The last letter stands for a sequence. */
  #lastStands = false;
  /** A sequence that is not whole yet. */
  #begun: Uint8Array | undefined;

  /** Whether a sequence has begun and not ended. */
  get midSequence(): boolean {
    return this.#begun !== undefined;
  }

  append(chunk: Uint8Array): void {
    let bytes = chunk;
    if (this.#begun) {
      bytes = new Uint8Array(this.#begun.length + chunk.length);
      bytes.set(this.#begun);
      bytes.set(chunk, this.#begun.length);
      this.#begun = undefined;
    }
    for (let at = 0; at < bytes.length; ) {
      const control = nextControl(bytes, at);
      if (control > at) this.#letters(bytes.subarray(at, control));
      if (control === bytes.length) return;
      const sequence = sequenceAt(bytes, control);
      if (!sequence) {
        this.#begun = bytes.slice(control);
        return;
      }
      const raw = bytes.slice(control, sequence.end);
      if (sequence.kind === 'between') this.#marks.push({ at: this.length, bytes: raw, stands: false });
      else if (sequence.kind === 'repeat' && this.#repeats())
        this.#letters(new Uint8Array(sequence.times).fill(this.bytes[this.length - 1] as number));
      else this.#mark(raw, sequence.kind === 'blank' ? BLANK : LINE_FEED);
      at = sequence.end;
    }
  }

  /** What has begun ends nowhere: it is no sequence. */
  closeSequence(): void {
    if (this.#begun) this.#mark(this.#begun, LINE_FEED);
    this.#begun = undefined;
  }

  #mark(bytes: Uint8Array, stand: number): void {
    this.#marks.push({ at: this.length, bytes, stands: true });
    this.#letters(Uint8Array.of(stand));
    this.#lastStands = true;
  }

  /** The last is a letter of ASCII, so that it can be written again. */
  #repeats(): boolean {
    const last = this.length > 0 ? (this.bytes[this.length - 1] as number) : 0;
    return last >= BLANK && last < 0x7f && !this.#lastStands;
  }

  #letters(letters: Uint8Array): void {
    this.#lastStands = false;
    const length = this.length + letters.length;
    if (length > this.bytes.length) {
      const larger = new Uint8Array(Math.max(length, this.bytes.length * 2));
      larger.set(this.bytes.subarray(0, this.length));
      this.bytes = larger;
    }
    this.bytes.set(letters, this.length);
    this.length = length;
  }

  /** As it came: letters of [from, to) with what stands in front of each; `behind`: also what stands between the last and the next. */
  copy(out: Uint8Array[], from: number, to: number, behind: boolean): void {
    let at = from;
    const give = (mark: Mark): void => {
      if (mark.at > at) out.push(this.bytes.slice(at, mark.at));
      out.push(mark.bytes);
      at = mark.stands ? mark.at + 1 : mark.at;
    };
    this.eachMark(from, to, give, behind);
    if (to > at) out.push(this.bytes.slice(at, to));
  }

  /** Those in front of letters of [from, to), and at the text's end or with `behind` those behind the last. They are given once. */
  eachMark(from: number, to: number, give: (mark: Mark) => void, behind = false): void {
    let index = 0;
    for (; index < this.#marks.length; index++) {
      const mark = this.#marks[index] as Mark;
      if (mark.at > to || (mark.at === to && (mark.stands || (!behind && to < this.length)))) break;
      if (mark.at >= from) give(mark);
    }
    if (index > 0) this.#marks.splice(0, index);
  }

  /** The first `count` letters are needed no more. */
  drop(count: number): void {
    this.bytes.copyWithin(0, count, this.length);
    this.length -= count;
    for (const mark of this.#marks) mark.at -= count;
  }
}
