// A row of MySQL's as a replay shows it: the beginning of each cell, whatever its length.
//
//   text     of each column: int<lenenc> length | bytes, or 0xfb for NULL
//   binary   0x00 | NULL bitmap of (columns + 2 + 7) / 8 bytes, from its third bit on | values
// https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_binary_resultset.html

import { cutText } from '../../../core/text/cut-text.ts';
import { MAX_CELL_CHARS } from '../postgres/values.ts';
import { BytesReader } from './bytes-reader.ts';
import { fixedCell, type MysqlColumn, textCell } from './values.ts';

/** In place of a length. */
const NULL_CELL = 0xfb;
/** Of a cell: whatever its character set, more than is shown. */
const MAX_CELL_BYTES = 4 * MAX_CELL_CHARS;
const CUT_MARK = '…';

/** Throws RangeError where it is no row in binary. */
export function nullBitmap(r: BytesReader, columns: number): Buffer {
  if (r.int(1) !== 0) throw new RangeError('no row in binary');
  return r.take((columns + 9) >> 3);
}

/** Whether the next cell is NULL; in a row of text that is read past. */
export function isNullAt(r: BytesReader, nulls: Buffer | undefined, i: number): boolean {
  if (nulls) return (((nulls[(i + 2) >> 3] ?? 0) >> ((i + 2) & 7)) & 1) === 1;
  if (r.peek() !== NULL_CELL) return false;
  r.take(1);
  return true;
}

/** The first `most` cells. `payload`: the beginning of a row of `bytes`. Throws RangeError where that is none. */
export function shownCells(
  payload: Buffer,
  bytes: number,
  columns: readonly MysqlColumn[],
  binary: boolean,
  most: number,
): (string | null)[] {
  const r = new BytesReader(payload);
  const nulls = binary ? nullBitmap(r, columns.length) : undefined;
  return columns.slice(0, most).map((column, i) => {
    try {
      if (isNullAt(r, nulls, i)) return null;
      const fixed = nulls && fixedCell(r, column);
      if (fixed !== undefined) return fixed;
      const { bytes: cell, length } = r.lengthStart();
      if (cell.length < length && bytes === payload.length) throw new RangeError('it ends before');
      return shown(cell, length, column);
    } catch (fault) {
      if (!(fault instanceof RangeError) || bytes === payload.length) throw fault;
      // Beyond what is kept of a very long row, and so is all behind it.
      r.take(r.left);
      return CUT_MARK;
    }
  });
}

function shown(cell: Buffer, length: number, column: MysqlColumn): string {
  const start = cell.subarray(0, MAX_CELL_BYTES);
  const whole = start.length === length;
  const text = textCell(whole ? start : wholeLetters(start), column);
  return whole && text.length <= MAX_CELL_CHARS ? text : cutText(text, MAX_CELL_CHARS) + CUT_MARK;
}

/** Without the letter of UTF-8 at its end, where it was cut. In other character sets that is a few letters less. */
function wholeLetters(bytes: Buffer): Buffer {
  let end = bytes.length;
  while (bytes.length - end < 3 && ((bytes[end - 1] ?? 0) & 0xc0) === 0x80) end--;
  return bytes.subarray(0, (bytes[end - 1] ?? 0) >= 0xc0 ? end - 1 : end);
}
