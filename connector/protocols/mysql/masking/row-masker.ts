// A row with its cells masked.
//
//   text     each: int<lenenc> length, bytes; 0xfb for NULL
//   binary   0x00 | bitmap of NULLs, (columns + 9) / 8 bytes, its first two bits unused | values that are not NULL

import type { Masks } from '../../../../core/masking/masks.ts';
import type { ColumnDefinition } from '../wire/column-definition.ts';
import { lengthBytes, MalformedPacket, PayloadReader } from '../wire/values.ts';
import { shownWarning } from './client-words.ts';
import { binaryLength, maskedCell, type RowFormat, type ShownColumn } from './cells.ts';

const NULL_CELL = 0xfb;

/** Throws MalformedPacket. */
export function maskRow(
  payload: Buffer,
  format: RowFormat,
  columns: readonly ColumnDefinition[],
  plans: readonly ShownColumn[],
  masks: Masks,
): Buffer {
  const r = new PayloadReader(payload);
  const parts: Buffer[] = [];
  let before: Buffer | undefined;
  const nulls = format === 'binary' ? Buffer.from(r.take(1 + ((columns.length + 9) >> 3))) : undefined;
  columns.forEach((column, index) => {
    const plan = plans[index] ?? ({ kind: 'hide' } as const);
    const bit = index + 2;
    if (nulls ? isSet(nulls, bit) : payload[r.at] === NULL_CELL) {
      if (!nulls) parts.push(r.take(1));
      return;
    }
    const from = r.at;
    const length = nulls ? binaryLength(column, payload, r.at) : -1;
    const value = length < 0 ? r.lengthBytes() : r.take(length);
    const warning = plan.kind === 'message' ? shownWarning(codeOf(before, format), value.toString('utf8')) : undefined;
    before = value;
    const masked =
      warning === undefined
        ? maskedCell(column, plan, format, value, masks)
        : lengthBytes(Buffer.from(masks.maskString(warning)));
    if (masked === undefined) parts.push(payload.subarray(from, r.at));
    else if (masked !== null) parts.push(masked);
    else if (nulls) nulls[1 + (bit >> 3)] = (nulls[1 + (bit >> 3)] as number) | (1 << (bit & 7));
    else parts.push(Buffer.of(NULL_CELL));
  });
  if (r.left > 0) throw new MalformedPacket();
  return Buffer.concat(nulls ? [nulls, ...parts] : parts);
}

/** Of an error: a number of 32 bits. */
const codeOf = (value: Buffer | undefined, format: RowFormat): number =>
  format === 'text' ? Number(value?.toString('latin1')) : value?.length === 4 ? value.readUInt32LE(0) : 0;

const isSet = (nulls: Buffer, bit: number): boolean => (((nulls[1 + (bit >> 3)] as number) >> (bit & 7)) & 1) === 1;
