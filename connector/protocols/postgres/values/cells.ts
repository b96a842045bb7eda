// One cell masked. What has no form that may be shown throws CellRefused, and the result ends with an error.

import type { Masks } from '../../../../core/masking/masks.ts';
import { binaryAsText } from './cell-text.ts';
import { maskJsonMatches } from '../../../sql/json-values.ts';
import { maskPlan } from './plan-lines.ts';
import { CellRefused, noMaskedForm, REASONS } from './refused-result.ts';
import type { ColumnPlan } from './result-plan.ts';
import { maskedValue } from './typed-values.ts';
import { kindOf, XML } from '../wire/types.ts';

/** undefined: the cell stays as it is. null: NULL. */
export type MaskedCell = Uint8Array | null | undefined;

export interface CellContext {
  readonly masks: Masks;
  /** Letters of the client's encoding may hold ASCII bytes (SJIS, BIG5, GBK, UHC, GB18030...). */
  readonly unsafeEncoding: boolean;
}

/** The cell b[start, end), which is not NULL. */
export function maskCell(
  context: CellContext,
  plan: ColumnPlan,
  column: number,
  b: Buffer,
  start: number,
  end: number,
): MaskedCell {
  const { masks, unsafeEncoding } = context;
  if (plan.kind === 'pass') return undefined;
  if (plan.kind === 'withhold') throw new CellRefused({ ...REASONS.lineage, column });
  // A letter's second byte may be a backslash, so where a string of JSON ends is not certain.
  if (unsafeEncoding && !isWhole(plan) && ['json', 'jsonb'].includes(kindOf(plan.type)))
    refuseLetters(masks, column, b, start, end);
  try {
    if (plan.kind === 'mask') {
      if (plan.constant) {
        masks.count(plan.rule);
        return plan.constant;
      }
      const value = maskedValue(plan.type, plan.format, b, start, end, plan.way, masks);
      if (value === undefined) throw new CellRefused({ ...noMaskedForm(masks.nameOf(plan.rule)), column });
      masks.count(plan.rule);
      return value;
    }
    if (plan.kind === 'explained') {
      const masked = Buffer.from(maskPlan(b.toString('utf8', start, end), kindOf(plan.type) === 'json'));
      return masks.maskBytes(masked, 0, masked.length);
    }
    return searchCell(context, plan, column, b, start, end);
  } catch (error) {
    if (error instanceof CellRefused) throw error;
    masks.report({ kind: 'mask.withheld', reason: 'masking_failed', column });
    throw new CellRefused({ ...REASONS.failed, column });
  }
}

/** What is in the cell does not matter. */
const isWhole = (plan: ColumnPlan): boolean =>
  plan.kind === 'mask' && (plan.constant !== undefined || plan.way === 'null');

/** Where letters hold bytes of ASCII, and there are any. */
function refuseLetters(masks: Masks, column: number, b: Buffer, start: number, end: number): void {
  if (!hasHighByte(b, start, end)) return;
  masks.report({ kind: 'mask.withheld', reason: 'encoding_unsafe', column });
  throw new CellRefused({ ...REASONS.encoding, column });
}

function searchCell(
  { masks, unsafeEncoding }: CellContext,
  { type, format }: Extract<ColumnPlan, { kind: 'detect' }>,
  column: number,
  b: Buffer,
  start: number,
  end: number,
): MaskedCell {
  if (unsafeEncoding) refuseLetters(masks, column, b, start, end);
  const kind = kindOf(type);
  switch (kind) {
    case 'text':
      return changed(b, start, end, masks.maskBytes(b, start, end, type === XML ? withoutSyntax : undefined));
    case 'integer':
    case 'numeric':
    case 'uuid':
    case 'inet':
      return searchScalar(masks, type, format, b, start, end);
    case 'json':
      return maskJsonMatches(b, start, end, masks);
    case 'jsonb': {
      const from = format === 'binary' ? start + 1 : start;
      const masked = maskJsonMatches(b, from, end, masks);
      return masked && format === 'binary' ? Buffer.concat([b.subarray(start, from), masked]) : masked;
    }
    case 'bytea':
      return searchBytea(masks, format, b, start, end);
    default:
      // Arrays, composites, ranges, enums, types of extensions.
      if (format === 'text') return changed(b, start, end, masks.maskBytes(b, start, end, withoutSyntax));
      return inPlace(masks, b, start, end);
  }
}

/** A replacement among braces, quotes and commas of another type must not be syntax. */
const withoutSyntax = (text: string): string => text.replace(/[^\w@.*+[\]-]/g, '_');

/** A found number is masked as a value of its type. */
function searchScalar(
  masks: Masks,
  type: number,
  format: 'text' | 'binary',
  b: Buffer,
  start: number,
  end: number,
): MaskedCell {
  // The shortest card has 13 digits; nothing else built in is made of digits alone.
  if (format === 'text' && end - start < 13 && masks.finder?.hasPatterns !== true) return undefined;
  if (format === 'binary' && type === 20 && b.readInt32BE(start) < 232 && masks.finder?.hasPatterns !== true)
    return undefined;
  const text = format === 'binary' ? binaryAsText(type, b, start, end) : undefined;
  const bytes = text === undefined ? b.subarray(start, end) : Buffer.from(text);
  const match = masks.finder?.find(bytes, 0, bytes.length)[0];
  if (!match) return undefined;
  const put = masks.replacementOf(match.source, bytes.subarray(match.start, match.end));
  return put === null ? null : maskedValue(type, format, b, start, end, { fixed: put }, masks);
}

function searchBytea(masks: Masks, format: 'text' | 'binary', b: Buffer, start: number, end: number): MaskedCell {
  if (format === 'binary') return inPlace(masks, b, start, end);
  if (b[start] !== 0x5c || b[start + 1] !== 0x78)
    return changed(b, start, end, masks.maskBytes(b, start, end, withoutSyntax));
  const bytes = Buffer.from(b.toString('latin1', start + 2, end), 'hex');
  return masks.maskInPlace(bytes, 0, bytes.length) ? Buffer.from(`\\x${bytes.toString('hex')}`) : undefined;
}

/** Lengths inside a binary value must stay right, so what is found is written over. */
function inPlace(masks: Masks, b: Buffer, start: number, end: number): MaskedCell {
  const copy = Buffer.from(b.subarray(start, end));
  return masks.maskInPlace(copy, 0, copy.length) ? copy : undefined;
}

function changed(b: Buffer, start: number, end: number, masked: Uint8Array | null): MaskedCell {
  if (masked === null) return null;
  return masked.buffer === b.buffer && masked.byteOffset === b.byteOffset + start && masked.length === end - start
    ? undefined
    : masked;
}

function hasHighByte(b: Buffer, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if ((b[at] as number) >= 0x80) return true;
  return false;
}
