// The parameters of COM_STMT_EXECUTE, for facts.
//
//   0x17 | int<4> id | int<1> flags | int<4> iterations
//   with parameters: NULL bitmap of (n + 7) / 8 bytes | int<1> types follow | n times int<1> type, int<1> flags | values
//
// Types may be left out from the second execution on; a parameter whose value was sent before (COM_STMT_SEND_LONG_DATA)
// has no value here. https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_stmt_execute.html

import { isUtf8 } from 'node:buffer';
import { MAX_FACT_TEXT } from '../../../../core/recording/facts/bytes-at.ts';
import { HIDDEN_VALUE, type Parameter } from '../../../../core/recording/facts/database.ts';
import { MalformedPacket, PayloadReader } from './values.ts';

const MAX_PARAMETERS = 1_000;
const UNSIGNED = 0x80;

const setOf = (...numbers: readonly number[]): ReadonlySet<number> => new Set(numbers);
// enum_field_types: https://dev.mysql.com/doc/dev/mysql-server/latest/field__types_8h.html
const INTEGERS: ReadonlyMap<number, 1 | 2 | 4> = new Map([
  [1, 1],
  [2, 2],
  [13, 2],
  [3, 4],
  [9, 4],
]);
const FLOAT = 4;
const DOUBLE = 5;
const NULL = 6;
const LONGLONG = 8;
const DATES = setOf(7, 10, 12);
const TIME = 11;
const BLOBS = setOf(249, 250, 251, 252, 255, 16);
const TEXTS = setOf(0, 15, 245, 246, 247, 248, 253, 254);

interface ReadExecute {
  /** What the client sent of their types, to be kept for executions that leave them out. */
  readonly types: readonly number[] | undefined;
  readonly parameters: readonly Parameter[];
  /** More of them than are here. */
  readonly incomplete: boolean;
  /** Where the values begin in the payload. */
  readonly valuesAt: number;
}

/** `payload`: of the command, perhaps cut. `long`: parameters whose value was sent before, with its bytes. */
export function readExecution(
  payload: Buffer,
  count: number,
  known: readonly number[] | undefined,
  long: ReadonlyMap<number, number>,
  hidden: boolean,
): ReadExecute | undefined {
  let types = known;
  const parameters: Parameter[] = [];
  const r = new PayloadReader(payload, 10);
  let room = MAX_FACT_TEXT;
  let valuesAt = payload.length;
  try {
    if (count === 0) return { types, parameters, incomplete: false, valuesAt };
    const nulls = r.take((count + 7) >> 3);
    if (r.int(1) === 1) {
      const sent = r.take(count * 2);
      types = Array.from({ length: count }, (_, index) => sent.readUInt16LE(index * 2));
    }
    if (!types) return undefined;
    valuesAt = r.at;
    for (let index = 0; index < Math.min(count, MAX_PARAMETERS); index++) {
      const type = types[index] ?? NULL;
      const isNull = (((nulls[index >> 3] as number) >> (index & 7)) & 1) === 1;
      const sentBefore = long.get(index);
      const read: ReadValue =
        sentBefore !== undefined
          ? { value: '', bytes: sentBefore }
          : isNull
            ? { value: null }
            : readValue(r, type & 0xff, ((type >> 8) & UNSIGNED) !== 0, room);
      room -= read.value?.length ?? 0;
      parameters.push(
        hidden && read.value !== null
          ? { type, format: 'binary', value: HIDDEN_VALUE, hidden: true }
          : { type, format: 'binary', ...read },
      );
    }
    return { types, parameters, incomplete: count > MAX_PARAMETERS, valuesAt };
  } catch (error) {
    if (!(error instanceof MalformedPacket)) throw error;
    return types && { types, parameters, incomplete: true, valuesAt };
  }
}

interface ReadValue {
  readonly value: string | null;
  readonly bytes?: number;
}

function readValue(r: PayloadReader, type: number, unsigned: boolean, room: number): ReadValue {
  const bytes = INTEGERS.get(type);
  if (bytes !== undefined) {
    const value = r.take(bytes);
    return { value: String(unsigned ? value.readUIntLE(0, bytes) : value.readIntLE(0, bytes)) };
  }
  if (type === LONGLONG) {
    const value = r.take(8);
    return { value: String(unsigned ? value.readBigUInt64LE(0) : value.readBigInt64LE(0)) };
  }
  if (type === FLOAT) return { value: String(Math.fround(r.take(4).readFloatLE(0))) };
  if (type === DOUBLE) return { value: String(r.take(8).readDoubleLE(0)) };
  if (type === NULL) return { value: null };
  if (DATES.has(type)) return { value: readDate(r.take(r.int(1))) };
  if (type === TIME) return { value: readTime(r.take(r.int(1))) };
  if (!TEXTS.has(type) && !BLOBS.has(type)) throw new MalformedPacket();
  const whole = r.lengthBytes();
  const kept = whole.subarray(0, Math.max(0, room));
  const isText = TEXTS.has(type) && isUtf8(whole);
  const value = isText ? kept.toString('utf8') : `\\x${kept.toString('hex', 0, kept.length >> 1)}`;
  return kept.length < whole.length || (!isText && whole.length > kept.length >> 1)
    ? { value, bytes: whole.length }
    : { value };
}

const two = (number: number | undefined): string => String(number ?? 0).padStart(2, '0');

/** int<2> year | month | day | hour | minute | second | int<4> microseconds, cut where only zeros would follow */
function readDate(b: Buffer): string {
  if (b.length < 4) return '0000-00-00';
  const day = `${String(b.readUInt16LE(0)).padStart(4, '0')}-${two(b[2])}-${two(b[3])}`;
  if (b.length < 7) return day;
  return `${day} ${two(b[4])}:${two(b[5])}:${two(b[6])}${micros(b, 7)}`;
}

/** negative | int<4> days | hours | minutes | seconds | int<4> microseconds */
function readTime(b: Buffer): string {
  if (b.length < 8) return '00:00:00';
  const hours = b.readUInt32LE(1) * 24 + (b[5] as number);
  return `${b[0] === 1 ? '-' : ''}${two(hours)}:${two(b[6])}:${two(b[7])}${micros(b, 8)}`;
}

const micros = (b: Buffer, at: number): string =>
  b.length < at + 4 ? '' : `.${String(b.readUInt32LE(at)).padStart(6, '0')}`;
