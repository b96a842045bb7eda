// All rows of a conversation with MySQL or MariaDB. What a packet is comes from where it stands in the answer to its statement.
//
//   OK | ERR | 0xfb LOCAL INFILE | int<lenenc> columns, that many definitions, (EOF), rows, EOF or OK
//   and again while the status says that more results follow
//
// Whether EOF stands behind the definitions (CLIENT_DEPRECATE_EOF) was agreed before the recording begins: its packet has 5 bytes, and
// the OK that ends rows otherwise has 7 or more.
// https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_query_response.html

import { isUtf8 } from 'node:buffer';
import { BytesReader } from './bytes-reader.ts';
import { binaryCell, type MysqlColumn, textCell, decodedText } from './mysql-values.ts';
import { type AnswerPart, cutMark, MAX_ROW_BYTES, type RowEvent, type RowReader } from './row-reader.ts';

const HEADER_BYTES = 4;
const FULL_PACKET = 0xffffff;
const EOF = 0xfe;
const ERR = 0xff;
const OK = 0x00;
const LOCAL_INFILE = 0xfb;
/** In place of a length. */
const NULL_CELL = 0xfb;
const EOF_BYTES = 5;
const MORE_RESULTS = 0x0008;
const CURSOR_EXISTS = 0x0040;
const UNSIGNED_FLAG = 0x20;

type State = 'first' | 'definitions' | 'after definitions' | 'rows' | 'over';

export class MysqlRows implements RowReader {
  #state: State = 'over';
  #binary = false;
  #events: RowEvent[] = [];
  #definitions = 0;
  #columns: MysqlColumn[] = [];
  /** The client and its target agreed on no EOF packets; known once one is there, or is not. */
  #withoutEof = false;
  readonly #header = Buffer.alloc(HEADER_BYTES);
  #headerBytes = 0;
  #packetBytes = 0;
  #left = 0;
  #kept: Buffer[] = [];
  #keptBytes = 0;
  /** Of the payload, over all of its packets. */
  #payloadBytes = 0;

  client(): void {}

  target(chunk: Uint8Array, answer: AnswerPart | undefined): RowEvent[] {
    if (!answer || answer.form === 'function') return [];
    if (answer.begins) {
      this.#state = 'first';
      this.#binary = answer.form === 'extended';
      this.#headerBytes = 0;
      this.#forget();
    }
    this.#push(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
    const events = this.#events;
    this.#events = [];
    return events;
  }

  #push(chunk: Buffer): void {
    for (let at = 0; at < chunk.length && this.#state !== 'over'; ) {
      if (this.#headerBytes < HEADER_BYTES) {
        this.#header[this.#headerBytes++] = chunk[at++] as number;
        if (this.#headerBytes < HEADER_BYTES) continue;
        this.#packetBytes = this.#header.readUIntLE(0, 3);
        this.#left = this.#packetBytes;
      }
      const part = chunk.subarray(at, at + this.#left);
      this.#keep(part);
      this.#left -= part.length;
      at += part.length;
      if (this.#left > 0) continue;
      this.#headerBytes = 0;
      if (this.#packetBytes === FULL_PACKET) continue;
      const payload = Buffer.concat(this.#kept);
      const bytes = this.#payloadBytes;
      this.#forget();
      try {
        this.#take(payload, bytes);
      } catch (fault) {
        if (!(fault instanceof RangeError)) throw fault;
        this.#lost();
      }
    }
  }

  /** A copy: what waits for its end outlives the segment. */
  #keep(part: Buffer): void {
    this.#payloadBytes += part.length;
    const room = MAX_ROW_BYTES - this.#keptBytes;
    if (room <= 0 || part.length === 0) return;
    const kept = Buffer.from(part.subarray(0, room));
    this.#kept.push(kept);
    this.#keptBytes += kept.length;
  }

  #forget(): void {
    this.#kept = [];
    this.#keptBytes = 0;
    this.#payloadBytes = 0;
  }

  #lost(): void {
    this.#events.push({ kind: 'note', words: 'what follows in this answer is not understood: NDJSON has its bytes' });
    this.#state = 'over';
  }

  #take(payload: Buffer, bytes: number): void {
    const first = payload[0];
    if (first === undefined) return void this.#lost();
    if (first === ERR && this.#state !== 'definitions') {
      if (this.#state === 'rows')
        this.#events.push({ kind: 'note', words: 'an error ended this result: see the statement' }, END);
      this.#state = 'over';
      return;
    }
    switch (this.#state) {
      case 'first':
        return void this.#begin(payload, first);
      case 'definitions':
        this.#columns.push(readColumn(payload));
        if (this.#columns.length < this.#definitions) return;
        this.#events.push({ kind: 'columns', names: this.#columns.map(({ name }) => name) });
        this.#state = this.#withoutEof ? 'rows' : 'after definitions';
        return;
      case 'after definitions':
        this.#state = 'rows';
        if (first === EOF && bytes === EOF_BYTES) return void this.#opened(payload.readUInt16LE(3));
        this.#withoutEof = true;
        return void this.#take(payload, bytes);
      case 'rows':
        if (first === EOF && (bytes === EOF_BYTES || (this.#withoutEof && bytes < FULL_PACKET)))
          return void this.#endRows(statusOf(payload, bytes));
        this.#events.push({ kind: 'row', cells: this.#cells(payload, bytes) });
        return;
      case 'over':
        return;
    }
  }

  /** A cursor was opened: no row follows here. */
  #opened(status: number): void {
    if ((status & CURSOR_EXISTS) === 0) return;
    this.#events.push(CURSOR_NOTE, END);
    this.#state = 'over';
  }

  #begin(payload: Buffer, first: number): void {
    if (first === OK) {
      this.#state = (statusOf(payload, payload.length) & MORE_RESULTS) === 0 ? 'over' : 'first';
      return;
    }
    if (first === LOCAL_INFILE) {
      this.#state = 'over';
      return;
    }
    this.#definitions = new BytesReader(payload).lengthInt();
    this.#columns = [];
    this.#state = 'definitions';
  }

  #endRows(status: number): void {
    if ((status & CURSOR_EXISTS) !== 0) this.#events.push(CURSOR_NOTE);
    this.#events.push(END);
    this.#state = (status & MORE_RESULTS) === 0 ? 'over' : 'first';
  }

  #cells(payload: Buffer, bytes: number): (string | null)[] {
    const r = new BytesReader(payload);
    // 0x00 | NULL bitmap of (columns + 2 + 7) / 8 bytes, from its third bit on | values
    if (this.#binary) r.take(1);
    const nulls = this.#binary ? r.take((this.#columns.length + 9) >> 3) : undefined;
    return this.#columns.map((column, i) => {
      try {
        if (nulls) {
          const isNull = (((nulls[(i + 2) >> 3] ?? 0) >> ((i + 2) & 7)) & 1) === 1;
          return isNull ? null : binaryCell(r, column);
        }
        if (payload[r.at] === NULL_CELL) {
          r.take(1);
          return null;
        }
        return textCell(r.lengthBytes(), column);
      } catch (fault) {
        if (!(fault instanceof RangeError) || bytes === payload.length) throw fault;
        // Beyond what is kept of a very long row, and so is all behind it.
        r.take(r.left);
        return cutMark(bytes);
      }
    });
  }
}

const END = { kind: 'end', more: false } as const;
const CURSOR_NOTE = {
  kind: 'note',
  words: 'rows that the client fetched through a cursor are not here: NDJSON has their bytes',
} as const;

/**
 *   EOF   0xfe | int<2> warnings | int<2> status
 *   OK    0x00 or 0xfe | int<lenenc> affected | int<lenenc> last id | int<2> status | ...
 */
function statusOf(payload: Buffer, bytes: number): number {
  if (payload[0] === EOF && bytes === EOF_BYTES) return payload.readUInt16LE(3);
  const r = new BytesReader(payload, 1);
  r.lengthInt();
  r.lengthInt();
  return r.int(2);
}

/**
 *   lenenc: catalogue, schema, table, original table, name, original name | int<lenenc> 12
 *   int<2> character set | int<4> length | int<1> type | int<2> flags | int<1> decimals
 */
function readColumn(payload: Buffer): MysqlColumn {
  const r = new BytesReader(payload);
  for (let i = 0; i < 4; i++) r.lengthBytes();
  const name = r.lengthBytes();
  r.lengthBytes();
  r.lengthInt();
  const characterSet = r.int(2);
  r.take(4);
  const type = r.int(1);
  const unsigned = (r.int(2) & UNSIGNED_FLAG) !== 0;
  return { name: decodedText(name, isUtf8(name)), characterSet, type, unsigned, decimals: r.int(1) };
}
