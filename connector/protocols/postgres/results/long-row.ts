// A row that is longer than MAX_HELD_BYTES, masked while it passes. Nothing of it is held but a
// detector's window: every value becomes one of the same length, so that the lengths in front of it
// stay right. NULL and hashes do not exist here; placeholders are padded or cut.

import type { TextStream } from '../../../../core/masking/text-stream.ts';
import type { CellContext } from '../values/cells.ts';
import type { ColumnPlan, ResultPlan } from '../values/result-plan.ts';
import { type Filler, fillBetween, fillerFor } from '../values/same-length.ts';

export class LongRow {
  readonly #context: CellContext;
  readonly #plan: ResultPlan;
  readonly #bytes: number;
  #passed = 0;
  /** The count or a length, as far as it came. */
  #head = Buffer.alloc(4);
  #headLength = 0;
  #headWanted = 2;
  #columns = -1;
  #column = -1;
  #cellLength = 0;
  #cellAt = 0;
  #cell: ColumnPlan = { kind: 'pass' };
  #filler: Filler | undefined;
  #stream: TextStream | undefined;

  /** `bytes`: of the row's body. */
  constructor(context: CellContext, plan: ResultPlan, bytes: number) {
    this.#context = context;
    this.#plan = plan;
    this.#bytes = bytes;
  }

  get left(): number {
    return this.#bytes - this.#passed;
  }

  /** Takes at most `left` bytes. Throws when they are no row. */
  push(chunk: Buffer): Buffer[] {
    const out: Buffer[] = [];
    this.#passed += chunk.length;
    for (let at = 0; at < chunk.length; ) {
      if (this.#headWanted > 0) {
        const share = Math.min(this.#headWanted - this.#headLength, chunk.length - at);
        chunk.copy(this.#head, this.#headLength, at, at + share);
        this.#headLength += share;
        at += share;
        if (this.#headLength === this.#headWanted) this.#readHead(out);
        continue;
      }
      const share = Math.min(this.#cellLength - this.#cellAt, chunk.length - at);
      this.#content(out, chunk.subarray(at, at + share));
      this.#cellAt += share;
      at += share;
      if (this.#cellAt === this.#cellLength) this.#endCell(out);
    }
    if (this.left === 0 && (this.#headLength > 0 || this.#columns !== this.#column))
      throw new Error('row is malformed');
    return out;
  }

  #readHead(out: Buffer[]): void {
    out.push(Buffer.from(this.#head.subarray(0, this.#headWanted)));
    this.#headLength = 0;
    if (this.#columns < 0) {
      this.#columns = this.#head.readUInt16BE(0);
      this.#column = 0;
      this.#headWanted = 4;
      return;
    }
    const length = this.#head.readInt32BE(0);
    const column = this.#column;
    if (column >= this.#columns) throw new Error('row is malformed');
    if (length <= 0) {
      this.#column++;
      return;
    }
    this.#cellLength = length;
    this.#cellAt = 0;
    this.#headWanted = 0;
    this.#cell = this.#plan.columns[column] ?? this.#plan.beyond;
    const { masks, unsafeEncoding } = this.#context;
    if (this.#cell.kind === 'detect' && !unsafeEncoding) this.#stream = masks.sameLengthStream();
    else if (this.#cell.kind !== 'pass') {
      this.#filler = fillerFor(this.#cell.type, this.#cell.format, length);
      if (this.#cell.kind === 'mask') masks.count(this.#cell.rule);
    }
  }

  #content(out: Buffer[], part: Buffer): void {
    if (this.#filler) out.push(fillBetween(this.#filler, this.#cellLength, this.#cellAt, this.#cellAt + part.length));
    else if (this.#stream) out.push(Buffer.from(this.#stream.push(part)));
    else out.push(part);
  }

  #endCell(out: Buffer[]): void {
    if (this.#stream) out.push(Buffer.from(this.#stream.end()));
    this.#stream = undefined;
    this.#filler = undefined;
    this.#column++;
    this.#headWanted = 4;
  }
}
