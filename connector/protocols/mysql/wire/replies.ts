// OK, EOF and ERR packets.
// https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_basic_response_packets.html
//
//   OK   0x00 or 0xfe | int<lenenc> affected rows | int<lenenc> last insert id | int<2> status | int<2> warnings | ...
//   EOF  0xfe | int<2> warnings | int<2> status
//   ERR  0xff | int<2> code | '#' | string<5> SQLSTATE | message

import { packet } from './packets.ts';
import { littleEndian, MalformedPacket, PayloadReader } from './values.ts';

export const OK = 0x00;
export const LOCAL_INFILE = 0xfb;
export const EOF = 0xfe;
export const ERR = 0xff;

export const MORE_RESULTS = 8;
export const IN_TRANSACTION = 1;
export const CURSOR_EXISTS = 64;

/** With DEPRECATE_EOF an OK packet stands where an EOF packet stood; some servers send the old one all the same. */
const EOF_BYTES = 5;

interface OkFields {
  readonly affected: number;
  readonly status: number;
}

/** Of an OK or EOF packet. Undefined: it is neither. */
export function readOk(payload: Buffer): OkFields | undefined {
  try {
    const r = new PayloadReader(payload);
    const type = r.int(1);
    if (type === EOF && payload.length <= EOF_BYTES) {
      r.take(2);
      return { affected: 0, status: r.int(2) };
    }
    if (type !== OK && type !== EOF) return undefined;
    const affected = r.lengthInt();
    r.lengthInt();
    return { affected, status: r.int(2) };
  } catch (error) {
    if (!(error instanceof MalformedPacket)) throw error;
    return undefined;
  }
}

export interface MysqlError {
  readonly code: number;
  readonly sqlstate: string;
  readonly message: string;
}

/** `payload` may be cut behind the beginning of the message. */
export function readError(payload: Buffer): MysqlError {
  const code = payload.length < 3 ? 0 : payload.readUInt16LE(1);
  const marked = payload[3] === 0x23 && payload.length >= 9;
  return {
    code,
    // Before a client has said what it can do, no SQLSTATE is sent.
    sqlstate: marked ? payload.toString('latin1', 4, 9) : 'HY000',
    message: payload.toString('utf8', marked ? 9 : 3),
  };
}

/** PDO and old clients have room for 512 bytes (MYSQL_ERRMSG_SIZE), the end included. */
const MAX_MESSAGE_BYTES = 500;

export function errorPacket(sequence: number, { code, sqlstate, message }: MysqlError): Buffer {
  const bytes = Buffer.from(message);
  let end = Math.min(bytes.length, MAX_MESSAGE_BYTES);
  // Not within a letter.
  while (end < bytes.length && ((bytes[end] as number) & 0xc0) === 0x80) end--;
  return packet(sequence, ERR, littleEndian(code, 2), `#${sqlstate}`, bytes.subarray(0, end));
}

export const okPacket = (sequence: number): Buffer =>
  packet(sequence, OK, 0, 0, littleEndian(2, 2), littleEndian(0, 2));
