// What else of an answer may hold data: messages of errors, and letters in which a value cannot be found.

import type { Masks } from '../../../../core/masking/masks.ts';
import type { ColumnDefinition } from '../wire/column-definition.ts';
import type { MysqlError } from '../wire/replies.ts';
import type { ShownColumn } from './cells.ts';
import { withoutQuotedValue } from './quoted-values.ts';

/** Found before any row is read: they quote the text, or name what it names. */
const OF_NAMES: ReadonlySet<number> = new Set([
  ...[1007, 1008, 1044, 1046, 1047, 1049, 1050, 1051, 1052, 1054, 1055, 1056, 1060, 1064, 1065, 1066, 1068, 1072],
  ...[1091, 1095, 1099, 1100, 1109, 1110, 1111, 1136, 1140, 1142, 1143, 1146, 1149, 1176, 1205, 1213, 1227, 1235, 1243],
  ...[1248, 1305, 1317, 1318, 1348, 1364, 1370, 1451, 1452, 1582, 1792, 1969, 3024],
]);
/** Of SIGNAL and its kin: words of code's authors. */
const OF_CODE: ReadonlySet<number> = new Set([1644, 1643, 1645]);

interface Quotes {
  readonly masks: Masks;
  readonly quotesData: boolean;
}

export function shownError(error: MysqlError, { masks, quotesData }: Quotes): MysqlError {
  const hidden = (quotesData && !OF_NAMES.has(error.code)) || (masks.columnRules.length > 0 && OF_CODE.has(error.code));
  if (!hidden) return { ...error, message: masks.maskString(error.message) };
  const known = withoutQuotedValue(error.code, error.message);
  if (known !== error.message) masks.report({ kind: 'mask.withheld', reason: 'message_quotes_data' });
  const message =
    known === undefined
      ? 'Gatehouse: The message of this error may quote masked data, and is not shown.'
      : masks.maskString(known);
  return { ...error, message };
}

/** Of a row of SHOW WARNINGS. Undefined: it stays. */
export function shownWarning(code: number, message: string): string | undefined {
  if (OF_NAMES.has(code)) return undefined;
  const known = withoutQuotedValue(code, message) ?? '[masked]';
  return known === message ? undefined : known;
}

/** Collations of big5, sjis, gbk, cp932, gb18030, ucs2, utf16, utf16le, utf32: letters hold bytes of ASCII, or are none. */
function hidesLetters(collation: number): boolean {
  // MariaDB: from 2048 on 256 for each character set, utf8mb3 and utf8mb4 first; 1024 more for NOPAD.
  if (collation >= 2048) return collation >= 2560;
  const usual = collation >= 1024 ? collation - 1024 : collation;
  return OF_OTHERS.has(usual) || (usual >= 101 && usual <= 191) || (usual >= 640 && usual <= 767);
}

const OF_OTHERS: ReadonlySet<number> = new Set([
  ...[1, 84, 13, 88, 28, 87, 95, 96, 248, 249, 250, 35, 90, 54, 55, 56, 60, 61, 62],
]);

/** The column, from 1, whose values could not be found or written over. */
export function lettersHide(
  columns: readonly ColumnDefinition[],
  plans: readonly ShownColumn[],
  masks: Masks,
): number | undefined {
  const asItIs = (plan: ShownColumn | undefined): boolean =>
    plan?.kind === 'pass' || (plan?.kind === 'account' && plan.secret === 'hashes');
  const at = columns.findIndex(
    ({ characterSet }, index) => hidesLetters(characterSet) && (masks.finder !== undefined || !asItIs(plans[index])),
  );
  return at < 0 ? undefined : at + 1;
}
