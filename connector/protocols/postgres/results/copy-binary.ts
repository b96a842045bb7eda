// COPY BINARY: signature (11) | int32 flags | int32 extension length, extension | rows as in DataRow |
// int16 -1. A row longer than MAX_ROW_BYTES ends the session: its length per column is not known ahead.

import type { CellContext } from '../values/cells.ts';
import { ChunkRewrite } from '../../../sql/output.ts';
import type { ColumnPlan, ResultPlan } from '../values/result-plan.ts';
import { RowMasker } from './row-masker.ts';

const SIGNATURE = Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1');
const MAX_ROW_BYTES = 1024 * 1024;

export class CopyBinary {
  readonly #plan: ResultPlan;
  readonly #rows: RowMasker;
  #held: Buffer = Buffer.alloc(0);
  #begun = false;
  #ended = false;

  constructor(context: CellContext, columns: readonly ColumnPlan[]) {
    this.#plan = {
      columns: columns.map((column) =>
        column.kind === 'pass' ? column : { ...column, format: 'binary' as const, constant: undefined },
      ),
      beyond: { kind: 'withhold', type: 0, format: 'binary' },
    };
    this.#rows = new RowMasker(context);
  }

  push(part: Buffer): Uint8Array[] {
    const bytes = this.#held.length === 0 ? part : Buffer.concat([this.#held, part]);
    const to = new ChunkRewrite(bytes);
    let at = 0;
    if (!this.#begun) {
      const head = this.#headLength(bytes);
      if (head < 0) {
        this.#held = Buffer.from(bytes);
        return [];
      }
      at = head;
      this.#begun = true;
    }
    while (at < bytes.length && !this.#ended) {
      const end = rowEnd(bytes, at);
      if (end < 0) break;
      if (end === at + 2 && bytes.readInt16BE(at) === -1) this.#ended = true;
      else this.#rows.rewrite(this.#plan, bytes, at, end, to);
      at = end;
    }
    this.#held = this.#ended ? Buffer.alloc(0) : Buffer.from(bytes.subarray(at));
    if (this.#held.length > MAX_ROW_BYTES) throw new Error('a row of binary COPY is too long to be masked');
    return to.give(at);
  }

  end(): Uint8Array[] {
    return [];
  }

  /** -1: not all there. */
  #headLength(bytes: Buffer): number {
    if (bytes.length < 19) return -1;
    if (!bytes.subarray(0, 11).equals(SIGNATURE)) throw new Error('not binary COPY');
    const head = 19 + bytes.readUInt32BE(15);
    return bytes.length < head ? -1 : head;
  }
}

/** Where the row at `at` ends; -1 when not all of it is there. */
function rowEnd(bytes: Buffer, at: number): number {
  if (bytes.length - at < 2) return -1;
  const count = bytes.readInt16BE(at);
  let to = at + 2;
  for (let column = 0; column < count; column++) {
    if (bytes.length - to < 4) return -1;
    to += 4 + Math.max(0, bytes.readInt32BE(to));
  }
  return to > bytes.length ? -1 : to;
}
