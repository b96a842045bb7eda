// Bind parameters as facts: text as sent, common binary types decoded, anything else as hex.

import { MAX_FACT_TEXT } from '../../../../core/recording/facts/bytes-at.ts';
import { HIDDEN_VALUE, type Parameter } from '../../../../core/recording/facts/database.ts';

/** Numbers of the parameters (`$1` is 1) that the recorded copy hides. */
export type HiddenParameters = ReadonlySet<number> | 'all';

/** Parameters listed in a fact; a message may carry 65,535. The bytes hold them all. */
const MAX_LISTED = 1000;

type ReadText = (bytes: Buffer, start: number, end: number) => string;

/**
 * Parameter formats and values, as Bind and FunctionCall carry them.
 *
 *    int16 count of formats | int16 each (0 text, 1 binary; none: all text; one: for all)
 *    int16 count of values  | each: int32 length (-1: NULL) | bytes
 *
 * A head that was cut gives the parameters that are whole. `types` by position, 0 where unknown. `hidden`: their
 * bytes here say nothing.
 */
export function readParameters(
  bytes: Buffer,
  start: number,
  end: number,
  types: readonly number[],
  readText: ReadText,
  hidden?: HiddenParameters,
): Parameter[] {
  const parameters: Parameter[] = [];
  if (end - start < 2) return parameters;
  const formats = bytes.readUInt16BE(start);
  const formatsAt = start + 2;
  let at = formatsAt + formats * 2;
  if (at + 2 > end) return parameters;
  const count = Math.min(bytes.readUInt16BE(at), MAX_LISTED);
  at += 2;
  let budget = MAX_FACT_TEXT;
  for (let i = 0; i < count && at + 4 <= end; i++) {
    const length = bytes.readInt32BE(at);
    at += 4;
    const type = types[i] ?? 0;
    const binary = formats > 0 && bytes.readUInt16BE(formatsAt + (formats === 1 ? 0 : i < formats ? i * 2 : 0)) === 1;
    const format = binary ? 'binary' : 'text';
    if (length < 0) {
      parameters.push({ type, format, value: null });
      continue;
    }
    const stop = Math.min(at + length, end);
    if (length > 0 && (hidden === 'all' || hidden?.has(i + 1) === true)) {
      parameters.push({ type, format, value: HIDDEN_VALUE, hidden: true });
      at = stop;
      continue;
    }
    const value = binary
      ? readBinary(bytes, at, stop, type, readText, budget)
      : readText(bytes, at, Math.min(stop, at + budget * 4));
    if (value.length > budget || stop - at < length || stop - at > budget * 4) {
      const kept = value.slice(0, budget);
      parameters.push({ type, format, value: kept, bytes: length });
      budget -= kept.length;
    } else {
      parameters.push({ type, format, value });
      budget -= value.length;
    }
    at = stop;
  }
  return parameters;
}

const BOOL = 16;
const INT8 = 20;
const INT2 = 21;
const INT4 = 23;
const TEXT = 25;
const OID = 26;
const JSON_TYPE = 114;
const FLOAT4 = 700;
const FLOAT8 = 701;
const UNKNOWN = 705;
const BPCHAR = 1042;
const VARCHAR = 1043;
const DATE = 1082;
const TIMESTAMP = 1114;
const TIMESTAMPTZ = 1184;
const UUID = 2950;

/** 2000-01-01, where PostgreSQL's dates and timestamps begin, in milliseconds of the Unix epoch. */
const EPOCH_MS = 946_684_800_000;

function readBinary(
  bytes: Buffer,
  start: number,
  end: number,
  type: number,
  readText: ReadText,
  budget: number,
): string {
  const length = end - start;
  switch (type) {
    case BOOL:
      if (length === 1) return bytes[start] === 0 ? 'false' : 'true';
      break;
    case INT2:
      if (length === 2) return String(bytes.readInt16BE(start));
      break;
    case INT4:
      if (length === 4) return String(bytes.readInt32BE(start));
      break;
    case OID:
      if (length === 4) return String(bytes.readUInt32BE(start));
      break;
    case INT8:
      if (length === 8) return String(bytes.readBigInt64BE(start));
      break;
    case FLOAT4:
      // The shortest text that gives the same four bytes again.
      if (length === 4)
        return String(
          Number(bytes.readFloatBE(start).toPrecision(9)) === 0 ? 0 : shortestFloat(bytes.readFloatBE(start)),
        );
      break;
    case FLOAT8:
      if (length === 8) return String(bytes.readDoubleBE(start));
      break;
    case TEXT:
    case VARCHAR:
    case BPCHAR:
    case UNKNOWN:
    case JSON_TYPE:
      return readText(bytes, start, Math.min(end, start + budget * 4));
    case UUID:
      if (length === 16)
        return bytes.toString('hex', start, end).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
      break;
    case DATE:
      if (length === 4) {
        const day = isoTime(bytes.readInt32BE(start) * 86_400_000);
        if (day) return day.slice(0, day.indexOf('T'));
      }
      break;
    case TIMESTAMP:
    case TIMESTAMPTZ:
      if (length === 8) {
        const microseconds = bytes.readBigInt64BE(start);
        const iso = isoTime(Number(microseconds / 1000n));
        if (iso && microseconds >= 0n)
          return `${iso.slice(0, -1)}${String(microseconds % 1000n).padStart(3, '0')}${type === TIMESTAMPTZ ? 'Z' : ''}`;
      }
      break;
  }
  return `\\x${bytes.toString('hex', start, Math.min(end, start + budget))}`;
}

/** Undefined for infinity and what is beyond JavaScript's calendar. */
function isoTime(sinceEpochMs: number): string | undefined {
  const date = new Date(EPOCH_MS + sinceEpochMs);
  return Number.isNaN(date.getTime()) || date.getUTCFullYear() > 9999 || date.getUTCFullYear() < 1
    ? undefined
    : date.toISOString();
}

function shortestFloat(value: number): number {
  for (let digits = 6; digits < 9; digits++) {
    const shorter = Number(value.toPrecision(digits));
    if (Math.fround(shorter) === value) return shorter;
  }
  return value;
}
