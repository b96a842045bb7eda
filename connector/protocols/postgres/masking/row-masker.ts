// DataRow: int16 count | each: int32 length (-1: NULL), bytes. A row in which nothing changes is left
// where it lies.

import { type CellContext, type MaskedCell, maskCell } from './cells.ts';
import type { Output } from './output.ts';
import type { ResultPlan } from './result-plan.ts';

const MAX_COLUMNS = 65_535;

export class RowMasker {
  readonly #context: CellContext;
  /** Of the row at hand: which cells change, where they stand, what they become. */
  #changed = 0;
  readonly #starts: number[] = [];
  readonly #lengths: number[] = [];
  readonly #values: (Uint8Array | null)[] = [];

  constructor(context: CellContext) {
    this.#context = context;
  }

  /** Looks at the cells of b[start, end). Says whether any changes. Throws when it is no row. */
  look(plan: ResultPlan, b: Buffer, start: number, end: number): boolean {
    this.#changed = 0;
    const count = end - start < 2 ? MAX_COLUMNS + 1 : b.readUInt16BE(start);
    let at = start + 2;
    const { columns } = plan;
    for (let column = 0; column < count; column++) {
      if (at + 4 > end) throw new Error('row is malformed');
      const length = b.readInt32BE(at);
      at += 4;
      if (length < 0) continue;
      if (at + length > end) throw new Error('row is malformed');
      const one = column < columns.length ? columns[column] : plan.beyond;
      if (one !== undefined && one.kind !== 'pass') {
        const value: MaskedCell = maskCell(this.#context, one, column + 1, b, at, at + length);
        if (value !== undefined) {
          const i = this.#changed++;
          this.#starts[i] = at;
          this.#lengths[i] = length;
          this.#values[i] = value;
        }
      }
      at += length;
    }
    if (at !== end) throw new Error('row is malformed');
    return this.#changed > 0;
  }

  /** How much longer the row looked at becomes. */
  growth(): number {
    let growth = 0;
    for (let i = 0; i < this.#changed; i++) growth += (this.#values[i]?.length ?? 0) - (this.#lengths[i] as number);
    return growth;
  }

  /** Writes the content of the row looked at. */
  write(b: Buffer, start: number, end: number, out: Output): void {
    let from = start;
    for (let i = 0; i < this.#changed; i++) {
      const at = this.#starts[i] as number;
      const value = this.#values[i] ?? null;
      out.copy(b, from, at - 4);
      out.int32(value === null ? -1 : value.length);
      if (value !== null) out.copy(value, 0, value.length);
      from = at + (this.#lengths[i] as number);
      this.#values[i] = null;
    }
    out.copy(b, from, end);
  }
}
