// The parameters of a Bind or FunctionCall in a recorded copy.
//
//    int16 count of formats | int16 each | int16 count of values | each: int32 length (-1: NULL), bytes

import type { Format } from '../wire/types.ts';

/**
 * A copy of the message with what `put` gives in place of each value, as long as that; the very same message when it
 * gives the very same values. `from`: where the formats begin. Throws when they are malformed.
 */
export function copyParameters(
  message: Buffer,
  from: number,
  put: (value: Buffer, index: number, format: Format) => Buffer,
): Buffer {
  /** Most parameters are recorded as they came. */
  let copy: Buffer | undefined;
  const formats = message.readUInt16BE(from);
  let at = from + 2 + formats * 2;
  const count = message.readUInt16BE(at);
  at += 2;
  for (let index = 0; index < count; index++) {
    const length = message.readInt32BE(at);
    at += 4;
    if (length <= 0) continue;
    if (at + length > message.length) throw new Error('parameters are malformed');
    const form = formats === 0 ? 0 : message.readUInt16BE(from + 2 + (formats === 1 ? 0 : index * 2));
    const value = message.subarray(at, at + length);
    const instead = put(value, index, form === 1 ? 'binary' : 'text');
    if (instead !== value) {
      copy ??= Buffer.from(message);
      copy.set(instead, at);
    }
    at += length;
  }
  return copy ?? message;
}
