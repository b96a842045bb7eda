// Values that are exactly as long as what they hide, for rows that are too long to be held: there
// the lengths went out before the content came.

import { type Format, kindOf } from '../wire/types.ts';

/** A value in parts: a beginning, one byte again and again, an end. */
export interface Filler {
  readonly head: Buffer;
  readonly fill: number;
  readonly tail: Buffer;
}

const NONE = Buffer.alloc(0);
const STAR = 0x2a;
const ZERO = 0x30;
const SPACE = 0x20;
const filler = (head: string | Buffer, fill: number, tail = ''): Filler => ({
  head: typeof head === 'string' ? Buffer.from(head) : head,
  fill,
  tail: Buffer.from(tail),
});

/** For a cell of `length` bytes. Of a type that has no such value, bytes that say nothing. */
export function fillerFor(type: number, format: Format, length: number): Filler {
  const kind = kindOf(type);
  if (kind === 'text') return filler('', STAR);
  if (format === 'binary') {
    if (kind === 'json' && length >= 2) return filler('"', STAR, '"');
    if (kind === 'jsonb' && length >= 3) return filler('\x01"', STAR, '"');
    if (kind === 'numeric' && length >= 8) return { head: numericHead(length), fill: 0, tail: NONE };
    return filler('', 0);
  }
  switch (kind) {
    case 'integer':
    case 'float':
    case 'numeric':
      return filler('', ZERO);
    case 'bool':
      return filler('f', SPACE);
    case 'date':
    case 'timestamp':
      return filler(length >= 10 ? '2000-01-01' : length >= 8 ? 'infinity' : '', SPACE);
    case 'time':
    case 'interval':
      return filler(length >= 8 ? '00:00:00' : '', length >= 8 ? SPACE : ZERO);
    case 'uuid':
      return filler('00000000-0000-0000-0000-000000000000', ZERO);
    case 'bytea':
      return filler('\\x', ZERO);
    case 'json':
    case 'jsonb':
      return length >= 2 ? filler('"', STAR, '"') : filler('', ZERO);
    case 'text-array':
      return length >= 3 ? filler('{', STAR, '}') : filler('{', 0x7d);
    default:
      return filler('', STAR);
  }
}

/** Zero with as many digits as there were. */
function numericHead(length: number): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt16BE((length - 8) >> 1, 0);
  return head;
}

/** Bytes [from, to) of a value of `length` bytes. */
export function fillBetween({ head, fill, tail }: Filler, length: number, from: number, to: number): Buffer {
  const out = Buffer.alloc(to - from, fill);
  if (from < head.length) head.copy(out, 0, from, Math.min(head.length, to, length));
  const tailStart = length - tail.length;
  if (to > tailStart && tail.length > 0)
    tail.copy(out, Math.max(0, tailStart - from), Math.max(0, from - tailStart), to - tailStart);
  return out;
}

/** What stands for a hidden parameter, whatever its type: its fact says that it is hidden. */
export const hiddenFill = (length: number): Buffer => Buffer.alloc(length, STAR);
