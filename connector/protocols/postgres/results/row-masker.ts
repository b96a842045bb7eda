// DataRow: int16 count | each: int32 length (-1: NULL), bytes. A row in which nothing changes is left
// where it lies.

import type { Masks } from '../../../../core/masking/masks.ts';
import { WHOLE_BYTES } from '../../../../core/masking/text-stream.ts';
import { type CellContext, type MaskedCell, maskCell } from '../values/cells.ts';
import {
  CELL,
  CONSTANT,
  HASH,
  MIN_FOUND_BYTES,
  PARTIAL,
  PASS,
  SEARCH,
  SEARCH_NUMBER,
  workOfColumns,
} from '../values/column-work.ts';
import type { ChunkRewrite } from '../../../sql/output.ts';
import { HASH_TEXT_BYTES, PARTIAL_ROOM_BYTES, writeHash, writePartial } from '../../../sql/partial-bytes.ts';
import type { ColumnPlan, ResultPlan } from '../values/result-plan.ts';

const MAX_COLUMNS = 65_535;
/** The cell was not written. */
const NOT_WRITTEN = -1;

export class RowMasker {
  readonly #context: CellContext;
  #plan: ResultPlan | undefined;
  #work: Uint8Array = new Uint8Array(0);

  constructor(context: CellContext) {
    this.#context = context;
  }

  /**
   * Rewrites the cells of the row b[start, end), where b is the chunk of `to`. Gives how much longer the row becomes.
   * Throws when it is no row; then nothing that was written may be shown.
   */
  rewrite(plan: ResultPlan, b: Buffer, start: number, end: number, to: ChunkRewrite): number {
    if (plan !== this.#plan) {
      this.#plan = plan;
      this.#work = workOfColumns(plan);
    }
    const work = this.#work;
    const known = work.length;
    const { masks } = this.#context;
    const anyLength = masks.finder?.hasPatterns === true || this.#context.unsafeEncoding;
    const count = end - start < 2 ? MAX_COLUMNS + 1 : b.readUInt16BE(start);
    let growth = 0;
    let at = start + 2;
    for (let column = 0; column < count; column++) {
      if (at + 4 > end) throw new Error('row is malformed');
      const length =
        ((b[at] as number) << 24) |
        ((b[at + 1] as number) << 16) |
        ((b[at + 2] as number) << 8) |
        (b[at + 3] as number);
      at += 4;
      if (length < 0) continue;
      const stop = at + length;
      if (stop > end) throw new Error('row is malformed');
      const what = column < known ? (work[column] as number) : CELL;
      if (what !== PASS && !(what === SEARCH_NUMBER && length < MIN_FOUND_BYTES && !anyLength))
        growth += this.#cell(plan, what, masks, column, b, at, stop, to);
      at = stop;
    }
    if (at !== end) throw new Error('row is malformed');
    return growth;
  }

  /** How much longer the cell becomes. */
  #cell(
    plan: ResultPlan,
    what: number,
    masks: Masks,
    column: number,
    b: Buffer,
    start: number,
    end: number,
    to: ChunkRewrite,
  ): number {
    const one = (column < plan.columns.length ? plan.columns[column] : plan.beyond) as ColumnPlan;
    let value: MaskedCell;
    if (what === SEARCH) value = this.#search(one, masks, column, b, start, end);
    else {
      if ((what === PARTIAL || what === HASH || what === CONSTANT) && one.kind === 'mask') {
        const written = write(one, what, masks, b, start, end, to);
        if (written !== NOT_WRITTEN) {
          masks.count(one.rule);
          return written - (end - start);
        }
      }
      value = maskCell(this.#context, one, column + 1, b, start, end);
    }
    if (value === undefined) return 0;
    const out = to.replaceAt(start - 4);
    out.int32(value === null ? -1 : value.length);
    if (value !== null) out.put(value);
    to.goOnAt(end);
    return (value?.length ?? 0) - (end - start);
  }

  #search(one: ColumnPlan, masks: Masks, column: number, b: Buffer, start: number, end: number): MaskedCell {
    const { finder } = masks;
    if (finder && !this.#context.unsafeEncoding && end - start < WHOLE_BYTES) {
      try {
        const matches = finder.find(b, start, end);
        return matches.length === 0 ? undefined : masks.replaceAll(b, start, end, matches);
      } catch {
        // It is reported, and NULL stands there.
      }
    }
    return maskCell(this.#context, one, column + 1, b, start, end);
  }
}

/** Writes length and value where the type's masked value is known without a look at the type. Gives the value's length. */
function write(
  one: Extract<ColumnPlan, { kind: 'mask' }>,
  what: number,
  masks: Masks,
  b: Buffer,
  start: number,
  end: number,
  to: ChunkRewrite,
): number {
  if (what === CONSTANT && one.constant) {
    const out = to.replaceAt(start - 4);
    out.int32(one.constant.length);
    out.put(one.constant);
    to.goOnAt(end);
    return one.constant.length;
  }
  if (what === PARTIAL) {
    const out = to.replaceAt(start - 4);
    out.room(4 + end - start + PARTIAL_ROOM_BYTES);
    const written = writePartial(b, start, end, out.bytes, out.length + 4);
    if (written < 0) return NOT_WRITTEN;
    out.writeInt32(written, out.length);
    out.length += 4 + written;
    to.goOnAt(end);
    return written;
  }
  let digest: Uint8Array;
  try {
    digest = masks.keyedHash(b.subarray(start, end));
  } catch {
    return NOT_WRITTEN;
  }
  const out = to.replaceAt(start - 4);
  out.int32(HASH_TEXT_BYTES);
  out.room(HASH_TEXT_BYTES);
  writeHash(digest, out.bytes, out.length);
  out.length += HASH_TEXT_BYTES;
  to.goOnAt(end);
  return HASH_TEXT_BYTES;
}
