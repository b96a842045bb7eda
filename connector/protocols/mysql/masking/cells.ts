// One cell of a row, masked in its type and format.
//
//   text     every value as a string
//   binary   integers and floats in their size | dates: int<1> length, fields | everything else as a string
// https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_binary_resultset.html

import type { Masks } from '../../../../core/masking/masks.ts';
import { maskColumnText, type Way } from '../../../../core/masking/ways.ts';
import type { ColumnDefinition } from '../wire/column-definition.ts';
import { lengthBytes } from '../wire/values.ts';
import { type AccountSecret, withoutAccountSecret } from './account-secrets.ts';

export type RowFormat = 'text' | 'binary';

/** How a result's column is shown. */
export type ShownColumn =
  | { readonly kind: 'pass' }
  | { readonly kind: 'mask'; readonly rule: number; readonly way: Way }
  /** It may be made of a hidden column: a text that says so. */
  | { readonly kind: 'hide' }
  /** What EXPLAIN says of a step; where it quotes something, as `hide`. */
  | { readonly kind: 'words' }
  /** Of SHOW WARNINGS, behind its code. */
  | { readonly kind: 'message' }
  /** It may hold the hash of an account's password. */
  | { readonly kind: 'account'; readonly secret: AccountSecret };

/** enum_field_types: https://dev.mysql.com/doc/dev/mysql-server/latest/field__types_8h.html */
const SIZES: ReadonlyMap<number, number> = new Map([
  [1, 1],
  [2, 2],
  [13, 2],
  [3, 4],
  [9, 4],
  [8, 8],
  [4, 4],
  [5, 8],
]);
const DATES: ReadonlySet<number> = new Set([7, 10, 12]);
const TIME = 11;
const YEAR = 13;
const NULL_TYPE = 6;
const BIT = 16;
const DECIMALS: ReadonlySet<number> = new Set([0, 246]);
const BINARY = 63;
const LONGLONG = 8;

/** `Using where; Using join buffer (flat, BNL join)` */
const PLAIN_WORDS = /^[\w ,;():|+-]*$/;

const isString = ({ type }: ColumnDefinition): boolean => type === 15 || type === 245 || type >= 247;
/** Of letters. */
export const holdsText = (column: ColumnDefinition): boolean => isString(column) && column.characterSet !== BINARY;

/** Bytes of a binary value at `at`, its length included; -1: not of a known type. */
export function binaryLength({ type }: ColumnDefinition, b: Buffer, at: number): number {
  const size = SIZES.get(type);
  if (size !== undefined) return size;
  if (DATES.has(type) || type === TIME) return 1 + (b[at] ?? 0);
  if (type === NULL_TYPE) return 0;
  return -1;
}

/** The value as it stands in a row, or null for NULL. Undefined: it stays. `value`: its text; undefined: it has none. */
export function maskedCell(
  column: ColumnDefinition,
  plan: ShownColumn,
  format: RowFormat,
  value: Buffer,
  masks: Masks,
): Buffer | null | undefined {
  const hidden = plan.kind === 'hide' || (plan.kind === 'words' && !PLAIN_WORDS.test(value.toString('latin1')));
  if (hidden) return lengthBytes(Buffer.from('[masked]'));
  if (plan.kind === 'account') {
    const shown = isString(column) ? withoutAccountSecret(value, plan.secret) : undefined;
    if (shown) {
      masks.hide('secret');
      const found = masks.finder ? detected(column, format, shown, masks) : undefined;
      return found === undefined ? lengthBytes(shown) : found;
    }
  }
  if (plan.kind !== 'mask') return masks.finder ? detected(column, format, value, masks) : undefined;
  masks.count(plan.rule);
  const { way } = plan;
  if (way === 'null') return null;
  if (holdsText(column)) {
    const text = maskColumnText(way, value.toString('utf8'), masks.keyedHash);
    return text === null ? null : lengthBytes(Buffer.from(text));
  }
  const fixed = typeof way === 'object' && format === 'text' && fits(column, way.fixed) ? way.fixed : undefined;
  return constantOf(column, format, fixed);
}

/** A value that a detector finds: strings in place, numbers whole. */
function detected(column: ColumnDefinition, format: RowFormat, value: Buffer, masks: Masks): Buffer | null | undefined {
  if (isString(column)) {
    const shown = masks.maskBytes(value, 0, value.length);
    if (shown === null) return null;
    return shown.length === value.length && shown.buffer === value.buffer ? undefined : lengthBytes(Buffer.from(shown));
  }
  const text = format === 'text' || DECIMALS.has(column.type) ? value : integerText(column, value);
  if (!text) return undefined;
  const [match] = masks.finder?.find(text, 0, text.length) ?? [];
  if (!match) return undefined;
  return masks.replacementOf(match.source, text.subarray(match.start, match.end)) === null
    ? null
    : constantOf(column, format, undefined);
}

const integerText = ({ type, unsigned }: ColumnDefinition, value: Buffer): Buffer | undefined =>
  type === LONGLONG
    ? Buffer.from(String(unsigned ? value.readBigUInt64LE(0) : value.readBigInt64LE(0)))
    : type === 3 || type === 9
      ? Buffer.from(String(unsigned ? value.readUInt32LE(0) : value.readInt32LE(0)))
      : undefined;

const fits = ({ type }: ColumnDefinition, text: string): boolean =>
  DATES.has(type)
    ? /^\d{4}-\d\d-\d\d( \d\d:\d\d:\d\d(\.\d{1,6})?)?$/.test(text)
    : SIZES.has(type) || DECIMALS.has(type)
      ? /^-?\d{1,9}$/.test(text)
      : false;

/** Valid in its type, and no value of anybody's. */
function constantOf(column: ColumnDefinition, format: RowFormat, fixed: string | undefined): Buffer {
  const { type } = column;
  if (format === 'text' || DECIMALS.has(type) || isString(column) || type === BIT) {
    const empty = isString(column) || type === BIT;
    return lengthBytes(Buffer.from(fixed ?? (empty ? (type === BIT ? '\0' : '') : textConstant(type))));
  }
  const size = SIZES.get(type);
  if (type === YEAR) return Buffer.of(2000 & 255, 2000 >> 8);
  if (size !== undefined) return Buffer.alloc(size);
  return type === TIME ? Buffer.of(0) : Buffer.of(4, 2000 & 255, 2000 >> 8, 1, 1);
}

const textConstant = (type: number): string =>
  type === 10
    ? '2000-01-01'
    : DATES.has(type)
      ? '2000-01-01 00:00:00'
      : type === TIME
        ? '00:00:00'
        : type === YEAR
          ? '2000'
          : '0';
