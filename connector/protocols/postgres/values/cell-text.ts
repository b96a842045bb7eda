// Binary cells as the text that the server would have sent, for types whose text a detector or a
// keyed hash must see: so both formats are found and hashed alike.

import { kindOf } from '../wire/types.ts';

/** Undefined: not a type whose text is made here, or not a value of it. */
export function binaryAsText(type: number, b: Buffer, start: number, end: number): string | undefined {
  const length = end - start;
  switch (kindOf(type)) {
    case 'integer':
      if (length === 8) return String(b.readBigInt64BE(start));
      if (length === 4) return String(type === 23 ? b.readInt32BE(start) : b.readUInt32BE(start));
      return length === 2 ? String(b.readInt16BE(start)) : undefined;
    case 'numeric':
      return numericText(b, start, end);
    case 'uuid':
      return length === 16
        ? b.toString('hex', start, end).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
        : undefined;
    case 'inet':
      return inetText(b, start, end);
    default:
      return undefined;
  }
}

/** int16 digits | int16 weight | int16 sign | int16 scale | int16 each: a digit of base 10,000 */
function numericText(b: Buffer, start: number, end: number): string | undefined {
  if (end - start < 8) return undefined;
  const count = b.readUInt16BE(start);
  const weight = b.readInt16BE(start + 2);
  const sign = b.readUInt16BE(start + 4);
  const scale = b.readUInt16BE(start + 6);
  if (sign === 0xc000) return 'NaN';
  if (sign === 0xd000) return 'Infinity';
  if (sign === 0xf000) return '-Infinity';
  if (end - start !== 8 + count * 2) return undefined;
  const digit = (place: number): string =>
    place >= 0 && place < count ? String(b.readUInt16BE(start + 8 + place * 2)).padStart(4, '0') : '0000';
  let whole = '';
  for (let place = 0; place <= weight; place++) whole += digit(place);
  let fraction = '';
  for (let place = weight + 1; fraction.length < scale; place++) fraction += digit(place);
  const text = (whole.replace(/^0+/, '') || '0') + (scale > 0 ? `.${fraction.slice(0, scale)}` : '');
  return sign === 0x4000 ? `-${text}` : text;
}

/** byte family (2, 3) | byte bits | byte is cidr | byte length | address */
function inetText(b: Buffer, start: number, end: number): string | undefined {
  const size = b[start + 3];
  if ((size !== 4 && size !== 16) || end - start !== 4 + size) return undefined;
  const bits = b[start + 1] as number;
  const suffix = bits === size * 8 && b[start + 2] === 0 ? '' : `/${bits}`;
  if (size === 4) return `${[...b.subarray(start + 4, end)].join('.')}${suffix}`;
  const groups: string[] = [];
  for (let at = start + 4; at < end; at += 2) groups.push(b.readUInt16BE(at).toString(16));
  return `${groups.join(':')}${suffix}`;
}
