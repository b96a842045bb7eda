// Cells of MySQL and MariaDB as people read them: texts by the character set that their column names, bytes in hex (0x..., as the
// mysql client writes them), and the binary format of prepared statements as the text format has it.
// https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_binary_resultset.html

import { isUtf8 } from 'node:buffer';
import type { BytesReader } from './bytes-reader.ts';

export interface MysqlColumn {
  readonly name: string;
  /** By the number of a collation. */
  readonly characterSet: number;
  /** enum_field_types */
  readonly type: number;
  readonly unsigned: boolean;
  readonly decimals: number;
}

const BINARY_SET = 63;
const BIT = 16;
const JSON_TYPE = 245;
const GEOMETRY = 255;
const VECTOR = 242;
/** BLOBs, VARBINARY and BINARY are these with the binary character set. */
const STRINGS = new Set([15, 249, 250, 251, 252, 253, 254]);
/** Of latin1, which is Windows' 1252. */
const LATIN1 = new Set([5, 8, 15, 31, 47, 48, 49, 94]);
const WINDOWS_1252 = new TextDecoder('windows-1252');

function isUnicode(collation: number): boolean {
  // MariaDB's newer numbers: utf8mb3 and utf8mb4 before UCS-2; and those without padding, 1024 above the usual.
  if (collation >= 2048) return collation < 2560;
  const usual = collation >= 1024 ? collation - 1024 : collation;
  return (
    [33, 45, 46, 76, 83, 192].includes(usual) ||
    (usual > 192 && usual <= 215) ||
    usual === 223 ||
    (usual >= 224 && usual <= 247) ||
    (usual >= 255 && usual <= 323) ||
    (usual >= 576 && usual <= 640)
  );
}

/** Whether its texts are letters here, and not bytes where they are beyond ASCII. */
export function isDecoded({ type, characterSet }: Pick<MysqlColumn, 'type' | 'characterSet'>): boolean {
  const usual = characterSet >= 1024 && characterSet < 2048 ? characterSet - 1024 : characterSet;
  return characterSet === BINARY_SET || type === JSON_TYPE || isUnicode(characterSet) || LATIN1.has(usual);
}

/** A value of the text format. */
export function textCell(bytes: Buffer, { type, characterSet }: Pick<MysqlColumn, 'type' | 'characterSet'>): string {
  const binary =
    type === BIT || type === GEOMETRY || type === VECTOR || (STRINGS.has(type) && characterSet === BINARY_SET);
  if (binary) return `0x${bytes.toString('hex').toUpperCase()}`;
  if (characterSet === BINARY_SET || type === JSON_TYPE || isUnicode(characterSet))
    return decodedText(bytes, isUtf8(bytes));
  const usual = characterSet >= 1024 && characterSet < 2048 ? characterSet - 1024 : characterSet;
  return LATIN1.has(usual) ? WINDOWS_1252.decode(bytes) : decodedText(bytes, false);
}

/** Whose character set nobody knows here: bytes beyond ASCII stay bytes. */
export function decodedText(bytes: Buffer, unicode: boolean): string {
  if (unicode) return bytes.toString('utf8');
  return Array.from(bytes, (byte) => (byte < 0x80 ? String.fromCharCode(byte) : `\\x${byte.toString(16)}`)).join('');
}

const INTEGERS: ReadonlyMap<number, 1 | 2 | 4> = new Map([
  [1, 1],
  [2, 2],
  [13, 2],
  [3, 4],
  [9, 4],
]);

/** A value of the binary format. Throws RangeError where it does not fit. */
export const binaryCell = (r: BytesReader, column: MysqlColumn): string =>
  fixedCell(r, column) ?? textCell(r.lengthBytes(), column);

/** undefined: of a type that has its length in front. */
export function fixedCell(r: BytesReader, column: MysqlColumn): string | undefined {
  const { type, unsigned, decimals } = column;
  const bytes = INTEGERS.get(type);
  if (bytes !== undefined) {
    const value = r.take(bytes);
    const number = unsigned ? value.readUIntLE(0, bytes) : value.readIntLE(0, bytes);
    return type === YEAR ? String(number).padStart(4, '0') : String(number);
  }
  switch (type) {
    case 8:
      return String(unsigned ? r.take(8).readBigUInt64LE(0) : r.take(8).readBigInt64LE(0));
    case 4:
      return shortestFloat(r.take(4).readFloatLE(0));
    case 5:
      return written(r.take(8).readDoubleLE(0));
    case 10:
      return date(r.take(r.int(1)));
    case 7:
    case 12:
      return dateTime(r.take(r.int(1)), decimals);
    case 11:
      return time(r.take(r.int(1)), decimals);
    default:
      return undefined;
  }
}

const YEAR = 13;

/** The fewest digits that mean this number. */
function shortestFloat(value: number): string {
  for (let digits = 6; digits < 9; digits++) {
    const shown = Number(value.toPrecision(digits));
    if (Math.fround(shown) === value) return written(shown);
  }
  return written(value);
}

/** As the server writes exponents. */
const written = (value: number): string => String(value).replace('e+', 'e');

const two = (number: number | undefined): string => String(number ?? 0).padStart(2, '0');

/** int<2> year | month | day | hour | minute | second | int<4> microseconds, cut where only zeros would follow */
const date = (b: Buffer): string =>
  b.length < 4 ? '0000-00-00' : `${String(b.readUInt16LE(0)).padStart(4, '0')}-${two(b[2])}-${two(b[3])}`;

const dateTime = (b: Buffer, decimals: number): string =>
  `${date(b)} ${two(b[4])}:${two(b[5])}:${two(b[6])}${fraction(b, 7, decimals)}`;

/** negative | int<4> days | hours | minutes | seconds | int<4> microseconds */
function time(b: Buffer, decimals: number): string {
  const hours = b.length < 8 ? 0 : b.readUInt32LE(1) * 24 + (b[5] ?? 0);
  return `${b[0] === 1 ? '-' : ''}${two(hours)}:${two(b[6])}:${two(b[7])}${fraction(b, 8, decimals)}`;
}

function fraction(b: Buffer, at: number, decimals: number): string {
  const us = b.length < at + 4 ? 0 : b.readUInt32LE(at);
  const digits = decimals > 6 ? (us === 0 ? 0 : 6) : decimals;
  return digits === 0 ? '' : `.${String(us).padStart(6, '0').slice(0, digits)}`;
}
