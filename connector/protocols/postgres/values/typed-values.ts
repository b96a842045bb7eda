// Masked values that their columns' types still accept, in text and in binary format. A way decides
// where the type has room for it; else the type's own value that says nothing stands there.

import type { Masks } from '../../../../core/masking/masks.ts';
import { hashText, maskColumnText, maskText, placeholder } from '../../../../core/masking/ways.ts';
import type { Way } from '../../../../core/masking/ways.ts';
import { arrayOfOne, maskArrayLiteral, maskBinaryArray } from './array-values.ts';
import { binaryAsText } from './cell-text.ts';
import { maskJsonScalars } from '../../../sql/json-values.ts';
import { elementOf, FLOAT4, type Format, integerBytes, kindOf, MACADDR8, TEXT, TIMETZ, XML } from '../wire/types.ts';

/** 2000-01-01, where PostgreSQL's binary dates begin. */
const EPOCH_MS = 946_684_800_000;
const JSONB_VERSION = 1;

/**
 * What stands in a masked column for the value in bytes[start, end), which is not NULL. Gives null for NULL, undefined
 * where nothing of its type could be told from a real value. May throw, as ways may.
 */
export function maskedValue(
  type: number,
  format: Format,
  b: Buffer,
  start: number,
  end: number,
  way: Way,
  masks: Masks,
): Buffer | null | undefined {
  if (way === 'null') return null;
  const text = format === 'text';
  const kind = kindOf(type);
  const digest = (): Buffer => {
    const plain = text ? undefined : binaryAsText(type, b, start, end);
    return Buffer.from(masks.keyedHash(plain === undefined ? b.subarray(start, end) : Buffer.from(plain)));
  };
  const fixed = typeof way === 'object' ? way.fixed : undefined;
  switch (kind) {
    case 'text':
      if (way === 'hash' && (type === TEXT || type === VARCHAR))
        return Buffer.from(hashText(masks.keyedHash(b.subarray(start, end))), 'latin1');
      return maskedText(type, b.toString('utf8', start, end), way, masks);
    case 'integer': {
      const value =
        way === 'hash' ? hashInteger(digest(), integerBytes(type)) : fixedInteger(fixed, integerBytes(type));
      return text ? Buffer.from(String(value)) : integer(value, integerBytes(type));
    }
    case 'float': {
      const number = way === 'hash' ? digest().readUIntBE(0, 3) : fixedNumber(fixed);
      return text ? Buffer.from(String(number)) : float(number, type === FLOAT4);
    }
    case 'numeric': {
      const number = way === 'hash' ? digest().readUIntBE(0, 6) : Math.trunc(fixedNumber(fixed));
      const kept = Math.abs(number) <= Number.MAX_SAFE_INTEGER ? number : 0;
      return text ? Buffer.from(String(kept)) : numeric(kept);
    }
    case 'bool': {
      const value = fixed === 'true' || fixed === 't';
      return text ? Buffer.from(value ? 't' : 'f') : Buffer.from([value ? 1 : 0]);
    }
    case 'date': {
      const day = fixedDay(fixed);
      if (text) return Buffer.from(new Date(EPOCH_MS + day * 86_400_000).toISOString().slice(0, 10));
      return integer(BigInt(day), 4);
    }
    case 'timestamp': {
      const day = fixedDay(fixed);
      if (!text) return integer(BigInt(day) * 86_400_000_000n, 8);
      const iso = new Date(EPOCH_MS + day * 86_400_000).toISOString().slice(0, 10);
      return Buffer.from(`${iso} 00:00:00${type === 1184 ? '+00' : ''}`);
    }
    case 'time':
      if (text) return Buffer.from(type === TIMETZ ? '00:00:00+00' : '00:00:00');
      return Buffer.alloc(type === TIMETZ ? 12 : 8);
    case 'interval':
      return text ? Buffer.from('00:00:00') : Buffer.alloc(16);
    case 'uuid': {
      const bytes = way === 'hash' ? hashUuid(digest()) : fixedUuid(fixed);
      return text ? Buffer.from(binaryAsText(type, bytes, 0, 16) ?? '') : bytes;
    }
    case 'inet': {
      const address =
        fixed !== undefined && /^\d{1,3}(\.\d{1,3}){3}$/.test(fixed) ? fixed.split('.').map(Number) : [0, 0, 0, 0];
      const valid = address.every((part) => part < 256) ? address : [0, 0, 0, 0];
      if (!text) return Buffer.from([2, 32, type === 650 ? 1 : 0, 4, ...valid]);
      return Buffer.from(type === 650 ? `${valid.join('.')}/32` : valid.join('.'));
    }
    case 'macaddr': {
      const bytes = Buffer.alloc(type === MACADDR8 ? 8 : 6);
      return text ? Buffer.from([...bytes].map(() => '00').join(':')) : bytes;
    }
    case 'bytea': {
      const value = Buffer.from(maskText(way, 'masked', undefined, masks.keyedHash) ?? '');
      const content = way === 'hash' ? digest().subarray(0, 16) : value;
      return text ? Buffer.from(`\\x${content.toString('hex')}`) : content;
    }
    case 'json':
      return Buffer.from(maskJsonScalars(b.toString('utf8', start, end), way, masks));
    case 'jsonb':
      if (text) return Buffer.from(maskJsonScalars(b.toString('utf8', start, end), way, masks));
      return Buffer.concat([
        Buffer.from([JSONB_VERSION]),
        Buffer.from(maskJsonScalars(b.toString('utf8', start + 1, end), way, masks)),
      ]);
    case 'text-array': {
      const element = (value: string): string | null => maskText(way, 'masked', value, masks.keyedHash);
      if (!text) return maskBinaryArray(b.subarray(start, end), element) ?? undefined;
      return Buffer.from(maskArrayLiteral(b.toString('utf8', start, end), element));
    }
    default:
      return text ? otherText(type, b, start, end, way, masks) : otherBinary(type, way, masks);
  }
}

/** What a type that is not known is given as text: no value of any type looks like it, and nearly all clients show it. */
function otherText(type: number, b: Buffer, start: number, end: number, way: Way, masks: Masks): Buffer {
  const masked = typeof way === 'object' ? way.fixed : placeholder('masked');
  const element = elementOf(type);
  const value = element && maskedValue(element, 'text', b, 0, 0, way === 'hash' ? 'placeholder' : way, masks);
  if (element && value) return arrayOfOne(element, 'text', value);
  if (b[start] === OPENING && b[end - 1] === CLOSING) return arrayOfOne(TEXT, 'text', Buffer.from(masked));
  // Strings of an extension (citext) among them.
  return maskedText(TEXT, b.toString('utf8', start, end), way, masks);
}

const OPENING = 0x7b;
const CLOSING = 0x7d;

/** Only of arrays is it known what they hold: one element, in its masked form. */
function otherBinary(type: number, way: Way, masks: Masks): Buffer | undefined {
  const element = elementOf(type);
  const given = way === 'hash' ? 'placeholder' : way;
  const value = element && maskedValue(element, 'binary', Buffer.alloc(0), 0, 0, given, masks);
  return element && value ? arrayOfOne(element, 'binary', value) : undefined;
}

const VARCHAR = 1043;
const CHAR = 18;
const BPCHAR = 1042;
const NAME = 19;

function maskedText(type: number, value: string, way: Way, masks: Masks): Buffer {
  // char(n) is padded; the same value in a text column is not, and both must hash alike.
  const trimmed = type === BPCHAR ? value.replace(/ +$/, '') : value;
  const text = maskColumnText(way, trimmed, masks.keyedHash) ?? '';
  if (type === CHAR) return Buffer.from('*');
  if (type === XML) return Buffer.from(text.replace(/[<>&]/g, '_'));
  return Buffer.from(type === NAME ? text.slice(0, 63) : text);
}

function integer(value: bigint, bytes: 2 | 4 | 8): Buffer {
  const out = Buffer.alloc(8);
  out.writeBigInt64BE(value);
  return out.subarray(8 - bytes);
}

function hashInteger(digest: Buffer, bytes: 2 | 4 | 8): bigint {
  return digest.readBigUInt64BE(0) >> BigInt(65 - bytes * 8);
}

function fixedInteger(fixed: string | undefined, bytes: 2 | 4 | 8): bigint {
  if (fixed === undefined || !/^-?\d{1,19}$/.test(fixed)) return 0n;
  const value = BigInt(fixed);
  return BigInt.asIntN(bytes * 8, value) === value ? value : 0n;
}

const fixedNumber = (fixed: string | undefined): number =>
  fixed !== undefined && /^-?\d{1,15}(\.\d{1,15})?$/.test(fixed) ? Number(fixed) : 0;

/** Days since 2000-01-01 of a fixed date; 0 when it is none. */
function fixedDay(fixed: string | undefined): number {
  if (fixed === undefined || !/^\d{4}-\d\d-\d\d$/.test(fixed)) return 0;
  const at = Date.parse(`${fixed}T00:00:00Z`);
  return Number.isNaN(at) || at < Date.parse('1000-01-01T00:00:00Z') ? 0 : Math.round((at - EPOCH_MS) / 86_400_000);
}

function float(value: number, single: boolean): Buffer {
  const out = Buffer.alloc(single ? 4 : 8);
  if (single) out.writeFloatBE(value);
  else out.writeDoubleBE(value);
  return out;
}

function numeric(value: number): Buffer {
  const digits: number[] = [];
  for (let rest = Math.abs(value); rest > 0; rest = Math.floor(rest / 10_000)) digits.unshift(rest % 10_000);
  const out = Buffer.alloc(8 + digits.length * 2);
  out.writeUInt16BE(digits.length, 0);
  out.writeInt16BE(Math.max(0, digits.length - 1), 2);
  out.writeUInt16BE(value < 0 ? 0x4000 : 0, 4);
  digits.forEach((digit, index) => {
    out.writeUInt16BE(digit, 8 + index * 2);
  });
  return out;
}

/** A UUID of version 8, whose content is its maker's business (RFC 9562). */
function hashUuid(digest: Buffer): Buffer {
  const out = Buffer.from(digest.subarray(0, 16));
  out[6] = ((out[6] as number) & 0x0f) | 0x80;
  out[8] = ((out[8] as number) & 0x3f) | 0x80;
  return out;
}

function fixedUuid(fixed: string | undefined): Buffer {
  const hex = fixed?.replaceAll('-', '') ?? '';
  return /^[0-9a-f]{32}$/i.test(hex) ? Buffer.from(hex, 'hex') : Buffer.alloc(16);
}
