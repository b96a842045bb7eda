// Follows one answer of the target, packet by packet: what a packet is comes from what was asked and what came before
// it, and never from its first byte alone. Nothing is copied but what is read.
//
//   text, binary   OK | ERR | LOCAL INFILE | int<lenenc> columns, definitions, (EOF), rows, EOF or OK     and again while
//                  the status says MORE_RESULTS
//   prepared       0x00 | int<4> id | int<2> columns | int<2> parameters ..., parameters, (EOF), columns, (EOF)
// https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_query_response.html

import type { AnswerShape } from './commands.ts';
import { FULL_PACKET_BYTES, lengthAt, PACKET_HEADER_BYTES } from './packets.ts';
import {
  CURSOR_EXISTS,
  EOF,
  ERR,
  type MysqlError,
  LOCAL_INFILE,
  MORE_RESULTS,
  OK,
  readError,
  readOk,
} from './replies.ts';
import { MalformedPacket, PayloadReader } from './values.ts';

/** Of an OK or ERR packet that much is read; session states and messages may be longer. */
const MAX_READ_BYTES = 4 * 1024;
/** A packet that ends rows is shorter. A row that begins with 0xfe has a cell of 2^24 bytes or more. */
const MAX_EOF_BYTES = 9;

/** The first result may be a demand; whoever may grant it does not show it to this reader. */
export const DEMANDED = 'it asks the client for a file that no statement here names';

/** An error's code and SQLSTATE quote nothing. */
const BEFORE_MESSAGE = 9;

type State = 'first' | 'definitions' | 'definitions end' | 'rows' | 'one' | 'over';

export class AnswerReader {
  readonly #deprecateEof: boolean;
  readonly shape: AnswerShape;
  #state: State;
  /** Definitions to come, of parameters and of columns. */
  #definitions = 0;
  #more = 0;
  readonly #header = Buffer.alloc(PACKET_HEADER_BYTES);
  #headerBytes = 0;
  /** Of the packet's payload. */
  #left = 0;
  #length = 0;
  /** It goes on a payload that a full packet began. */
  #continued = false;
  /** What is read of the payload. */
  #read: Buffer[] | undefined;
  #readBytes = 0;

  /** Rows and affected rows, one for each result. */
  readonly results: { readonly rows: number; readonly affected: number | undefined }[] = [];
  /** Of all results. */
  rows = 0;
  #rowsBefore = 0;
  error: MysqlError | undefined;
  prepared: { readonly id: number; readonly parameters: number } | undefined;
  /** The status that came last. */
  status: number | undefined;
  /** Number of the last whole packet. */
  sequence = 0;
  fault: string | undefined;
  /** Told of what may quote the statement: `chunk[from, to)`. */
  onQuote: ((from: number, to: number) => void) | undefined;
  /** Told of the bytes of a row: parts of `chunk`. */
  onRow: ((part: Buffer) => void) | undefined;
  /** A row is whole. */
  onRowEnd: (() => void) | undefined;

  constructor(shape: AnswerShape, deprecateEof: boolean) {
    this.shape = shape;
    this.#deprecateEof = deprecateEof;
    const begins: Partial<Record<AnswerShape, State>> = {
      fetched: 'rows',
      columns: 'rows',
      single: 'one',
      line: 'one',
    };
    this.#state = begins[shape] ?? 'first';
  }

  get over(): boolean {
    return this.#state === 'over';
  }

  /** What the next payload is. */
  get expects(): State {
    return this.#state;
  }

  /** A result is about to begin, of which nothing was read. */
  get beforeResult(): boolean {
    return this.#state === 'first' && this.#headerBytes === 0 && !this.#continued;
  }

  /** Bytes of a packet whose rest has not come; no number where the payload has whole packets that went before. */
  get unfinished(): number {
    if (this.#continued) return Number.POSITIVE_INFINITY;
    return this.#headerBytes === 0 ? 0 : this.#headerBytes + this.#length - this.#left;
  }

  /** Reads on from `at`, to the end of the result or of the chunk. Gives where it stopped. */
  read(chunk: Buffer, from: number): number {
    let at = from;
    while (at < chunk.length && !this.over && this.fault === undefined) {
      if (at > from && this.beforeResult) break;
      if (this.#headerBytes < PACKET_HEADER_BYTES) {
        if (this.#headerBytes === 0 && this.#state === 'rows' && !this.#continued && !this.onRow)
          at = this.#skipRows(chunk, at);
        if (at >= chunk.length) break;
        this.#header[this.#headerBytes++] = chunk[at++] as number;
        if (this.#headerBytes < PACKET_HEADER_BYTES) continue;
        this.#begin();
        if (this.#left > 0) continue;
      }
      const share = Math.min(this.#left, chunk.length - at);
      if (share > 0) this.#take(chunk, at, at + share);
      at += share;
      if (this.#left === 0) this.#finish();
    }
    return at;
  }

  /** Whole rows that lie in the chunk. */
  #skipRows(chunk: Buffer, from: number): number {
    let at = from;
    while (at + PACKET_HEADER_BYTES < chunk.length) {
      const length = lengthAt(chunk, at);
      const first = chunk[at + PACKET_HEADER_BYTES] as number;
      const end = at + PACKET_HEADER_BYTES + length;
      if (first >= EOF || length === FULL_PACKET_BYTES || length === 0 || end > chunk.length) break;
      this.sequence = chunk[at + 3] as number;
      this.rows++;
      at = end;
    }
    return at;
  }

  #begin(): void {
    this.#length = lengthAt(this.#header, 0);
    this.#left = this.#length;
    this.#read = this.#continued ? undefined : [];
    this.#readBytes = 0;
  }

  #take(chunk: Buffer, from: number, to: number): void {
    this.#left -= to - from;
    if (this.#read && this.#readBytes < MAX_READ_BYTES) {
      const part = Buffer.from(chunk.subarray(from, Math.min(to, from + MAX_READ_BYTES - this.#readBytes)));
      this.#read.push(part);
      this.#readBytes += part.length;
    }
    const first = this.#read?.[0]?.[0];
    if (this.onQuote && first === ERR) {
      const into = this.#length - this.#left - (to - from);
      this.onQuote(Math.min(to, from + Math.max(0, BEFORE_MESSAGE - into)), to);
    } else if (this.onQuote && this.#state === 'definitions') this.onQuote(from, to);
    if (this.onRow && this.#state === 'rows') this.onRow(chunk.subarray(from, to));
  }

  #finish(): void {
    this.#headerBytes = 0;
    this.sequence = this.#header[3] as number;
    const continued = this.#continued;
    this.#continued = this.#length === FULL_PACKET_BYTES;
    if (continued) return;
    const payload = Buffer.concat(this.#read ?? []);
    this.#read = undefined;
    if (payload.length === 0) return void this.#unknown();
    try {
      this.#packet(payload, payload[0] as number);
    } catch (error) {
      if (!(error instanceof MalformedPacket)) throw error;
      this.#unknown();
    }
  }

  #packet(payload: Buffer, first: number): void {
    // An error may come instead of anything else, in the middle of rows too.
    if (first === ERR && this.#length >= 3) {
      this.error = readError(payload);
      this.#endResult(undefined);
      this.#state = 'over';
      return;
    }
    switch (this.#state) {
      case 'first':
        return void this.#first(payload, first);
      case 'definitions':
        if (--this.#definitions === 0) this.#definitionsOver();
        return;
      case 'definitions end':
        if (first !== EOF || this.#length >= MAX_EOF_BYTES) return void this.#unknown();
        this.status = readOk(payload)?.status;
        return void this.#afterDefinitions();
      case 'rows':
        if (first === EOF && this.#length < (this.#deprecateEof ? FULL_PACKET_BYTES : MAX_EOF_BYTES))
          return void this.#ok(payload, false);
        this.rows++;
        this.onRowEnd?.();
        return;
      case 'one':
        if (this.shape === 'single' && first !== OK && first !== EOF) return void this.#unknown();
        this.status = this.shape === 'single' ? readOk(payload)?.status : this.status;
        this.#state = 'over';
    }
  }

  #first(payload: Buffer, first: number): void {
    if (this.shape === 'prepared') return void this.#preparedOk(payload, first);
    if (first === OK) return void this.#ok(payload, true);
    if (first === LOCAL_INFILE) {
      this.fault = DEMANDED;
      return;
    }
    const columns = first === EOF ? 0 : new PayloadReader(payload).lengthInt();
    if (columns === 0) return void this.#unknown();
    this.#definitions = columns;
    this.#state = 'definitions';
  }

  #preparedOk(payload: Buffer, first: number): void {
    if (first !== OK) return void this.#unknown();
    const r = new PayloadReader(payload, 1);
    const id = r.int(4);
    const columns = r.int(2);
    const parameters = r.int(2);
    this.prepared = { id, parameters };
    this.#definitions = parameters > 0 ? parameters : columns;
    this.#more = parameters > 0 ? columns : 0;
    this.#state = this.#definitions > 0 ? 'definitions' : 'over';
  }

  #definitionsOver(): void {
    if (this.#deprecateEof) this.#afterDefinitions();
    else this.#state = 'definitions end';
  }

  #afterDefinitions(): void {
    if (this.shape === 'prepared') {
      this.#definitions = this.#more;
      this.#more = 0;
      this.#state = this.#definitions > 0 ? 'definitions' : 'over';
      return;
    }
    // A cursor was opened: its rows are fetched.
    if (!this.#deprecateEof && ((this.status ?? 0) & CURSOR_EXISTS) !== 0) {
      this.#endResult(undefined);
      this.#state = 'over';
    } else this.#state = 'rows';
  }

  #ok(payload: Buffer, withoutRows: boolean): void {
    const read = readOk(payload);
    if (!read) return void this.#unknown();
    this.status = read.status;
    this.#endResult(withoutRows ? read.affected : undefined);
    const goesOn =
      (read.status & MORE_RESULTS) !== 0 && (this.shape === 'text results' || this.shape === 'binary results');
    this.#state = goesOn ? 'first' : 'over';
  }

  #endResult(affected: number | undefined): void {
    if (this.error === undefined) this.results.push({ rows: this.rows - this.#rowsBefore, affected });
    this.#rowsBefore = this.rows;
  }

  #unknown(): void {
    this.fault ??= 'a packet is not understood';
  }
}
