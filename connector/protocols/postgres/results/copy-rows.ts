// Rows of COPY as servers send them: one whole line a message. They are rewritten where they lie. What is
// not plainly such a line is left to the reader of any bytes (copy-out.ts), which this must agree with.

import type { Masks } from '../../../../core/masking/masks.ts';
import type { CellContext } from '../values/cells.ts';
import { CELL, CONSTANT, HASH, PARTIAL, PASS, SEARCH, workOf } from '../values/column-work.ts';
import type { CopyTextPlan } from './copy-plan.ts';
import type { ChunkRewrite } from '../../../sql/output.ts';
import { HASH_TEXT_BYTES, PARTIAL_ROOM_BYTES, writeHash, writePartial } from '../../../sql/partial-bytes.ts';

const LF = 0x0a;
const CR = 0x0d;
const BACKSLASH = 0x5c;
/** A longer text is searched in blocks. */
const MAX_CLEAN_BYTES = 16 * 1024;
const MAX_ROW_BYTES = 64 * 1024;
/** Of a trigger table: a byte that the reader of lines stops at. Every byte may stand in front of it. */
const STOP = 1 << 31;
const BEFORE_STOP = 1 << 15;
const MAX_COLUMNS = 1700;
/** Delimiters that no masked text has in it. */
const PLAIN_DELIMITERS = '\t,;|';
/** Flags of a field, in front of the place of its first candidate. */
const ESCAPED = -2;
const CLEAN = -1;

/** What the reader of any bytes knows: the field `raw` of a column as it is to be written, or itself. */
type MaskField = (column: number, raw: Buffer) => Uint8Array;

export class CopyRows {
  readonly #context: CellContext;
  readonly #plan: CopyTextPlan;
  readonly #work: Uint8Array;
  readonly #mask: MaskField;
  /** For fields that are searched, and for others. */
  readonly #searched: Int32Array;
  readonly #plain: Int32Array;
  readonly #start: number;
  readonly #nullText: Buffer;
  readonly #anyText: boolean;
  /** Of the row at hand: where each field ends, and what was seen in it. */
  readonly #ends = new Int32Array(MAX_COLUMNS);
  readonly #seen = new Int32Array(MAX_COLUMNS);
  readonly #constants: (Buffer | undefined)[];

  /** `write`: a value as the format has it. */
  constructor(context: CellContext, plan: CopyTextPlan, mask: MaskField, write: (value: string) => string) {
    const { finder } = context.masks;
    this.#context = context;
    this.#plan = plan;
    this.#mask = mask;
    this.#nullText = Buffer.from(plan.nullText, 'latin1');
    this.#anyText = finder?.hasPatterns === true;
    const plainly = writesPlainly(plan);
    this.#work = Uint8Array.from(plan.columns, (column) => {
      if (column.kind === 'detect') return context.unsafeEncoding ? CELL : SEARCH;
      const work = workOf(column);
      return (work === PARTIAL || work === HASH) && !plainly ? CELL : work;
    });
    this.#constants = plan.columns.map((column) =>
      column.kind === 'mask' && column.constant
        ? Buffer.from(write(column.constant.toString('latin1')), 'latin1')
        : undefined,
    );
    const triggers = finder?.triggers ?? { entries: new Int32Array(256), start: 0 };
    this.#start = triggers.start | STOP;
    this.#searched = triggers.entries.map((entry, byte) =>
      this.#isStop(byte) ? STOP | (triggers.start >>> 16) | BEFORE_STOP : entry | BEFORE_STOP,
    );
    this.#plain = this.#searched.map((entry) => entry & ~0x7fff0000);
  }

  /** Bytes that end a field, or that are not for this reader. */
  #isStop(byte: number): boolean {
    const { delimiter, csv } = this.#plan;
    if (byte === delimiter || byte === LF || byte === BACKSLASH || byte === CR) return true;
    // \b, \t, \v and \f are written as escapes.
    return csv ? byte === csv.quote || byte === csv.escape : byte >= 0x08 && byte <= 0x0c;
  }

  /**
   * Rewrites b[start, end) where that is one row, and gives how much longer it becomes. Undefined: it is no such row,
   * and nothing was written. `shown`: the line of the columns' names.
   */
  rewrite(b: Buffer, start: number, end: number, shown: boolean, to: ChunkRewrite): number | undefined {
    if (end - start > MAX_ROW_BYTES || end === start || b[end - 1] !== LF) return undefined;
    const columns = this.#split(b, start, end);
    if (columns < 0) return undefined;
    if (shown) return 0;
    const { masks } = this.#context;
    const work = this.#work;
    const known = work.length;
    const ends = this.#ends;
    let growth = 0;
    let from = start;
    for (let column = 0; column < columns; column++) {
      const stop = ends[column] as number;
      const what = column < known ? (work[column] as number) : CELL;
      if (what !== PASS && !(what === SEARCH && this.#isClean(masks, b, from, stop, this.#seen[column] as number)))
        growth += this.#field(masks, column, what, b, from, stop, to);
      from = stop + 1;
    }
    return growth;
  }

  /** How many fields the line has; -1 when it is more or less than one plain line. */
  #split(b: Buffer, start: number, end: number): number {
    const { delimiter, csv } = this.#plan;
    const work = this.#work;
    const searched = this.#searched;
    const plain = this.#plain;
    const ends = this.#ends;
    const seen = this.#seen;
    let column = 0;
    let field = CLEAN;
    let table = work[0] === SEARCH ? searched : plain;
    let before = this.#start;
    let at = start;
    const lastFour = end - 4;
    while (at < end) {
      while (at <= lastFour) {
        const one = table[b[at] as number] as number;
        const two = table[b[at + 1] as number] as number;
        const three = table[b[at + 2] as number] as number;
        const four = table[b[at + 3] as number] as number;
        if (((before & one) | ((one << 16) & two) | ((two << 16) & three) | ((three << 16) & four)) !== 0) break;
        before = four << 16;
        at += 4;
      }
      let byte = b[at] as number;
      let entry = table[byte] as number;
      while ((before & entry) === 0) {
        before = entry << 16;
        byte = b[++at] as number;
        entry = table[byte] as number;
      }
      const bits = before & entry;
      before = entry << 16;
      if (bits > 0) {
        // Its first candidate is enough to know.
        if (field === CLEAN) field = at;
        table = plain;
      } else if (byte === delimiter || byte === LF) {
        ends[column] = at;
        seen[column] = field;
        if (byte === LF) return at === end - 1 ? column + 1 : -1;
        column++;
        if (column === MAX_COLUMNS) return -1;
        field = CLEAN;
        table = work[column] === SEARCH ? searched : plain;
      } else if (csv && byte === csv.quote) return -1;
      else {
        field = ESCAPED;
        if (!csv && byte === BACKSLASH) {
          at++;
          if (b[at] === LF) return -1;
        }
      }
      at++;
    }
    return -1;
  }

  /** Written without escapes, and with nothing to find in it. */
  #isClean(masks: Masks, b: Buffer, start: number, end: number, seen: number): boolean {
    if (seen === ESCAPED || end - start > MAX_CLEAN_BYTES) return false;
    if (this.#anyText) return masks.finder?.find(b, start, end).length === 0;
    return seen === CLEAN || masks.finder?.findBetween(b, start, seen, end, end, start, true).length === 0;
  }

  /** How much longer the field becomes. */
  #field(masks: Masks, column: number, what: number, b: Buffer, start: number, end: number, to: ChunkRewrite): number {
    const plan = this.#plan.columns[column];
    if (what >= CONSTANT && what <= HASH && plan?.kind === 'mask' && this.#isValue(b, column, start, end)) {
      if (what === CONSTANT) {
        const constant = this.#constants[column] as Buffer;
        masks.count(plan.rule);
        to.replaceAt(start).put(constant);
        to.goOnAt(end);
        return constant.length - (end - start);
      }
      const written = (this.#seen[column] as number) === ESCAPED ? -1 : write(masks, what, b, start, end, to);
      if (written >= 0) {
        masks.count(plan.rule);
        to.goOnAt(end);
        return written - (end - start);
      }
    }
    const raw = b.subarray(start, end);
    const put = this.#mask(column, raw);
    if (put === raw) return 0;
    to.replaceAt(start).put(put);
    to.goOnAt(end);
    return put.length - raw.length;
  }

  /** Not NULL, and nothing that stands for the end of the data or of a line. */
  #isValue(b: Buffer, column: number, start: number, end: number): boolean {
    const length = end - start;
    if (column === 0 && length <= 2) return false;
    if (b[end - 1] === CR && length > 0) return false;
    const nullText = this.#nullText;
    if (length !== nullText.length) return true;
    for (let i = 0; i < length; i++) if (b[start + i] !== nullText[i]) return true;
    return false;
  }
}

/** Whether masked ASCII text is written as it is: no byte of it has a meaning in the format. */
function writesPlainly({ delimiter, csv, nullText }: CopyTextPlan): boolean {
  if (!PLAIN_DELIMITERS.includes(String.fromCharCode(delimiter))) return false;
  return !csv || (csv.quote === 0x22 && csv.escape === 0x22 && nullText === '');
}

/** Gives the length of the value written; -1 when it was not. */
function write(masks: Masks, what: number, b: Buffer, start: number, end: number, to: ChunkRewrite): number {
  if (what === PARTIAL) {
    const out = to.replaceAt(start);
    out.room(end - start + PARTIAL_ROOM_BYTES);
    const written = writePartial(b, start, end, out.bytes, out.length);
    if (written > 0) out.length += written;
    return written;
  }
  let digest: Uint8Array;
  try {
    digest = masks.keyedHash(b.subarray(start, end));
  } catch {
    return -1;
  }
  const out = to.replaceAt(start);
  out.room(HASH_TEXT_BYTES);
  writeHash(digest, out.bytes, out.length);
  out.length += HASH_TEXT_BYTES;
  return HASH_TEXT_BYTES;
}
