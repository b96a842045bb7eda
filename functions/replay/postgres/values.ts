// Cells as people read them. Text format comes as the server wrote it; of the binary format the
// common types are decoded, and any other is shown as hex.
// https://www.postgresql.org/docs/current/catalog-pg-type.html for the type numbers.

import { type ClientEncoding, clientEncoding } from '../../../core/text/client-encoding.ts';
import { cutText } from '../../../core/text/cut-text.ts';

/** Characters of a cell that a replay shows. */
export const MAX_CELL_CHARS = 1000;
const CUT_MARK = '…';

type BinaryReader = (view: DataView) => string;

const MS_PER_DAY = 86_400_000;
/** PostgreSQL counts from 2000-01-01. */
const EPOCH_MS = Date.UTC(2000, 0, 1);

const BINARY: Readonly<Record<number, BinaryReader>> = {
  16: (view) => (view.getUint8(0) === 1 ? 't' : 'f'),
  20: (view) => view.getBigInt64(0).toString(),
  21: (view) => String(view.getInt16(0)),
  23: (view) => String(view.getInt32(0)),
  26: (view) => String(view.getUint32(0)),
  700: (view) => String(Math.fround(view.getFloat32(0))),
  701: (view) => String(view.getFloat64(0)),
  1082: (view) => dateOf(view.getInt32(0)),
  1083: (view) => timeOf(view.getBigInt64(0)),
  1114: (view) => timestampOf(view.getBigInt64(0)),
  1184: (view) => timestampOf(view.getBigInt64(0)).replace(/\d$/, '$&+00'),
  1700: numeric,
  2950: (view) =>
    hex(bytesOf(view))
      .slice(2)
      .replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-'),
};
/** "char", name, text, json, xml, unknown, bpchar, varchar: in binary format too they are the text itself. */
const TEXT_TYPES = new Set([18, 19, 25, 114, 142, 705, 1042, 1043]);
/** A version byte, then text. */
const JSONB = 3802;
const UTF8 = clientEncoding('UTF8');

/** `bytes`: the cell or its beginning; `length`: of the whole. Of what is shown `maxChars` at most. */
export function showCell(
  bytes: Uint8Array,
  length: number,
  type: number,
  format: 'text' | 'binary',
  encoding: ClientEncoding = UTF8,
  maxChars = MAX_CELL_CHARS,
): string {
  const whole = bytes.length === length;
  // A statement described before it was bound says text whatever comes; no text holds a NUL.
  const shown =
    format === 'text' && !bytes.includes(0)
      ? showText(bytes, encoding)
      : showBinary(bytes, type, whole, encoding, maxChars);
  return whole && shown.length <= maxChars ? shown : cutText(shown, maxChars) + CUT_MARK;
}

function showBinary(
  bytes: Uint8Array,
  type: number,
  whole: boolean,
  encoding: ClientEncoding,
  maxChars: number,
): string {
  if (TEXT_TYPES.has(type)) return showText(bytes, encoding);
  if (type === JSONB && bytes[0] === 1) return showText(bytes.subarray(1), encoding);
  const reader = BINARY[type];
  if (!reader || !whole) return hex(bytes, maxChars);
  try {
    return reader(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  } catch {
    return hex(bytes, maxChars); // shorter than its type: shown as it is
  }
}

/** In an encoding that nobody here knows, and in none at all (SQL_ASCII), what is no plain text is shown as the bytes that it is. */
export function showText(bytes: Uint8Array, encoding: ClientEncoding): string {
  if (isText(bytes, encoding)) return encoding.decode(bytes);
  return Array.from(bytes, (byte) => (byte < 0x80 ? String.fromCharCode(byte) : `\\x${byte.toString(16)}`)).join('');
}

/** Whether `showText` gives letters and not bytes. */
export function isText(bytes: Uint8Array, { name, decodable }: ClientEncoding): boolean {
  if (decodable && name !== 'SQL_ASCII') return true;
  if (!bytes.some((byte) => byte >= 0x80)) return true;
  if (!decodable) return false;
  try {
    // Its end may have been cut off within a letter.
    new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: true });
    return true;
  } catch {
    return false;
  }
}

function hex(bytes: Uint8Array, maxChars = MAX_CELL_CHARS): string {
  const shown = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, maxChars));
  return `\\x${shown.toString('hex')}`;
}

const bytesOf = (view: DataView): Uint8Array => new Uint8Array(view.buffer, view.byteOffset, view.byteLength);

/** Throws a RangeError for a year that JavaScript's dates do not reach; it is shown as hex. */
const isoOf = (ms: number): string => new Date(EPOCH_MS + ms).toISOString();

// The ends of the range stand for infinity.
function dateOf(days: number): string {
  if (days === 0x7fffffff) return 'infinity';
  if (days === -0x80000000) return '-infinity';
  return isoOf(days * MS_PER_DAY).slice(0, 10);
}

const two = (value: bigint): string => String(value).padStart(2, '0');

function timeOf(us: bigint): string {
  const seconds = us / 1_000_000n;
  const fraction = String(us % 1_000_000n)
    .padStart(6, '0')
    .replace(/0+$/, '');
  const clock = `${two(seconds / 3600n)}:${two((seconds / 60n) % 60n)}:${two(seconds % 60n)}`;
  return fraction === '' ? clock : `${clock}.${fraction}`;
}

function timestampOf(us: bigint): string {
  if (us === 0x7fffffffffffffffn) return 'infinity';
  if (us === -0x8000000000000000n) return '-infinity';
  const day = 86_400_000_000n;
  const inDay = ((us % day) + day) % day;
  return `${isoOf(Number((us - inDay) / 1000n)).slice(0, 10)} ${timeOf(inDay)}`;
}

/**
 *   int16 digits | int16 weight | int16 sign | int16 scale | digits * int16, base 10,000
 *
 * The value is digits[0] * 10000^weight + ...; scale: decimals shown.
 */
function numeric(view: DataView): string {
  const count = view.getInt16(0);
  const weight = view.getInt16(2);
  const sign = view.getUint16(4);
  const scale = view.getInt16(6);
  if (sign === 0xc000) return 'NaN';
  if (sign === 0xd000) return 'Infinity';
  if (sign === 0xf000) return '-Infinity';
  if (weight > 300 || scale > 1000) throw new RangeError('shown as hex');
  const digit = (place: number): string =>
    String(place >= 0 && place < count ? view.getInt16(8 + place * 2) : 0).padStart(4, '0');
  let whole = '';
  for (let place = 0; place <= weight; place++) whole += digit(place);
  let fraction = '';
  for (let place = weight + 1; fraction.length < scale; place++) fraction += digit(place);
  const head = whole.replace(/^0+(?=\d)/, '') || '0';
  return `${sign === 0x4000 ? '-' : ''}${head}${scale > 0 ? `.${fraction.slice(0, scale)}` : ''}`;
}
