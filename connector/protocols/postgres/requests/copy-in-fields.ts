// COPY FROM STDIN as it is recorded, where rules hide some columns: their fields are written over, byte for byte, and
// the others stay. The data of all CopyData messages is one stream, whose rows and fields are cut by the borders of
// messages anywhere; it goes on as it comes, so a field is written over as far as it is there, and counted once.
//
// Fields end where the server ends them (commands/copyfromparse.c): by the delimiter and, outside of quotes, by CR or LF,
// since one of both ends lines and the other is a mistake. Whatever is more than the table's columns is hidden.
//
// Binary: signature (11) | int32 flags | int32 extension length, extension | rows | int16 -1
//    row: int16 count | each: int32 length (-1: NULL), bytes

import type { Masks } from '../../../../core/masking/masks.ts';
import type { CopyForm } from '../catalogue/copy-form.ts';
import type { CopiedField } from './literal-fates.ts';

const STAR = 0x2a;
const LF = 0x0a;
const CR = 0x0d;
const BACKSLASH = 0x5c;
const SIGNATURE = Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1');
const FLAGS_END = SIGNATURE.length + 4;
const BYTES = { head: FLAGS_END + 4, count: 2, length: 4 };
const NULL_LENGTH = 0xffff_ffff;
const MAX_LENGTH = 0x7fff_ffff;

/** Of one COPY. */
export interface CopyInFields {
  /** Writes over what is hidden of the next part, `bytes` from `start` on. */
  hide(bytes: Buffer, start: number): void;
}

export const copyInFields = (form: CopyForm, fields: readonly CopiedField[], masks: Masks): CopyInFields =>
  form.kind === 'binary' ? new BinaryFields(fields, masks) : new TextFields(form, fields, masks);

class TextFields implements CopyInFields {
  readonly #form: Extract<CopyForm, { kind: 'text' }>;
  readonly #fields: readonly CopiedField[];
  readonly #masks: Masks;
  #index = 0;
  /** The first line names the columns. */
  #header: boolean;
  /** Some of the field under way came before. */
  #begun = false;
  #quoted = false;
  #escaped = false;

  constructor(form: Extract<CopyForm, { kind: 'text' }>, fields: readonly CopiedField[], masks: Masks) {
    this.#form = form;
    this.#fields = fields;
    this.#masks = masks;
    this.#header = form.header;
  }

  hide(bytes: Buffer, start: number): void {
    const { delimiter, csv } = this.#form;
    let from = start;
    for (let at = start; at < bytes.length; at++) {
      const byte = bytes[at] as number;
      if (this.#escaped) {
        this.#escaped = false;
        continue;
      }
      if (csv) {
        // An escaped quote closes and opens again, which comes to the same, unless the escape is another byte.
        if (this.#quoted && byte === csv.escape && csv.escape !== csv.quote) this.#escaped = true;
        else if (byte === csv.quote) this.#quoted = !this.#quoted;
        if (this.#quoted) continue;
      } else if (byte === BACKSLASH) {
        this.#escaped = true;
        continue;
      }
      const ends = byte === LF || byte === CR;
      if (byte !== delimiter && !ends) continue;
      this.#hideField(bytes, from, at, true);
      from = at + 1;
      this.#index++;
      if (!ends) continue;
      this.#index = 0;
      this.#header = false;
    }
    this.#hideField(bytes, from, bytes.length, false);
  }

  #hideField(bytes: Buffer, from: number, to: number, ended: boolean): void {
    const begun = this.#begun;
    this.#begun = !ended && (begun || to > from);
    const field = this.#fields[this.#index];
    const hider = field ? field.hider : 'not_certain';
    if (hider === undefined || to === from) return;
    if (!begun && ended && this.#saysNothing(bytes.toString('latin1', from, to), field)) return;
    if (!begun) this.#masks.hide(hider);
    bytes.fill(STAR, from, to);
  }

  /** A whole field: NULL, the name of its column in the header, the end mark, which no value is written as. */
  #saysNothing(written: string, field: CopiedField | undefined): boolean {
    if (written === this.#form.nullText) return true;
    if (this.#header) return Buffer.from(written, 'latin1').toString() === field?.column;
    return !this.#form.csv && this.#index === 0 && written === '\\.';
  }
}

class BinaryFields implements CopyInFields {
  readonly #fields: readonly CopiedField[];
  readonly #masks: Masks;
  #part: 'head' | 'count' | 'length' | 'value' | 'rest' = 'head';
  /** Bytes of the head, or of the number under way, and its last four. */
  #have = 0;
  #number = 0;
  #index = 0;
  #count = 0;
  /** Of the value under way. */
  #left = 0;
  #hidden = false;

  constructor(fields: readonly CopiedField[], masks: Masks) {
    this.#fields = fields;
    this.#masks = masks;
  }

  hide(bytes: Buffer, start: number): void {
    for (let at = start; at < bytes.length; ) {
      if (this.#part === 'rest') {
        bytes.fill(STAR, at);
        return;
      }
      if (this.#part === 'value') {
        const share = Math.min(this.#left, bytes.length - at);
        if (this.#hidden) bytes.fill(STAR, at, at + share);
        at += share;
        this.#left -= share;
        if (this.#left === 0) this.#next();
        continue;
      }
      const byte = bytes[at] as number;
      // Flags are none that servers write today.
      if (this.#part === 'head' && this.#have < FLAGS_END && byte !== (SIGNATURE[this.#have] ?? 0)) {
        this.#lose();
        continue;
      }
      at++;
      this.#number = (this.#number * 256 + byte) % 2 ** 32;
      if (++this.#have === BYTES[this.#part]) this.#read();
    }
  }

  #read(): void {
    const number = this.#number;
    if (this.#part === 'head') {
      // What is left of it is the length of the extension.
      if (number > MAX_LENGTH) this.#lose();
      else if (number > 0) this.#value(number, true);
      else this.#beginNumber('count');
      return;
    }
    if (this.#part === 'count') {
      this.#index = 0;
      this.#count = number;
      // Behind the end mark nothing is a row.
      if (number > 0x7fff) this.#part = 'rest';
      else this.#beginNumber(number > 0 ? 'length' : 'count');
      return;
    }
    const field = this.#fields[this.#index++];
    const hider = field ? field.hider : 'not_certain';
    if (number === NULL_LENGTH || number === 0) this.#next();
    else if (number > MAX_LENGTH) this.#lose();
    else {
      if (hider !== undefined) this.#masks.hide(hider);
      this.#value(number, hider !== undefined);
    }
  }

  #value(length: number, hidden: boolean): void {
    this.#part = 'value';
    this.#left = length;
    this.#hidden = hidden;
  }

  #next(): void {
    this.#beginNumber(this.#index < this.#count ? 'length' : 'count');
  }

  #beginNumber(part: 'count' | 'length'): void {
    this.#part = part;
    this.#have = 0;
    this.#number = 0;
  }

  /** It is no such file. */
  #lose(): void {
    this.#part = 'rest';
    this.#masks.hide('not_certain');
  }
}
