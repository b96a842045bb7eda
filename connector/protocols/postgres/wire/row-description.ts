// RowDescription: int16 count | each: name NUL, int32 table, int16 attribute, int32 type, int16 size,
// int32 modifier, int16 format

import type { Format } from './types.ts';

export interface ResultField {
  readonly name: string;
  /** 0: not simply a column of a table. */
  readonly table: number;
  readonly attribute: number;
  readonly type: number;
  readonly format: Format;
}

/** `body`: behind the length. Undefined when it is not one, whole. */
export function readRowDescription(body: Buffer): readonly ResultField[] | undefined {
  if (body.length < 2) return undefined;
  const count = body.readUInt16BE(0);
  const fields: ResultField[] = [];
  let at = 2;
  for (let i = 0; i < count; i++) {
    const stop = body.indexOf(0, at);
    if (stop < 0 || stop + 19 > body.length) return undefined;
    fields.push({
      name: body.toString('utf8', at, stop),
      table: body.readUInt32BE(stop + 1),
      attribute: body.readInt16BE(stop + 5),
      type: body.readUInt32BE(stop + 7),
      format: body.readInt16BE(stop + 17) === 1 ? 'binary' : 'text',
    });
    at = stop + 19;
  }
  return at === body.length ? fields : undefined;
}
