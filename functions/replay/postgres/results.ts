// Result sets out of what a PostgreSQL server sent, for a replay: the first rows of each, and how
// many there were. Bounded whatever the recording holds.

import { REPLAY_MAX_ROWS } from '../../../core/catalogue.ts';
import { type Column, Descriptions } from './descriptions.ts';
import { MessageScanner, type ScannedMessage } from './message-scanner.ts';
import { decodeText, showCell } from './values.ts';

export interface ReplayedResult {
  /** Of its first message, in all bytes from the target. */
  readonly offset: number;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly (string | null)[])[];
  readonly omitted: number;
}

interface OpenResult {
  readonly offset: number;
  readonly columns: readonly Column[] | undefined;
  readonly rows: (string | null)[][];
  chars: number;
  omitted: number;
}

/** Every message a server may send after login, and during it. */
const BACKEND_TYPES = 'RSKZTDCEINAtns123GHWdcVv';
const FRONTEND_TYPES = 'BCDEFHPQSXcdf';
const MAX_COLUMNS_SHOWN = 200;
/** Characters of one result, and of all results that wait for their statement's end. */
const MAX_RESULT_CHARS = 256 * 1024;
const MAX_WAITING_CHARS = 4 * 1024 * 1024;

export class ResultDecoder {
  readonly #scanner = new MessageScanner(BACKEND_TYPES, (message) => this.#take(message));
  readonly #requests = new MessageScanner(FRONTEND_TYPES, (message) => this.#descriptions.client(message));
  readonly #descriptions = new Descriptions();
  #open: OpenResult | undefined;
  #waiting: ReplayedResult[] = [];
  #waitingChars = 0;

  /** Bytes from the target seen so far. */
  get offset(): number {
    return this.#scanner.offset;
  }

  push(chunk: Uint8Array): void {
    this.#scanner.push(chunk);
  }

  /** What the client sent, each chunk before what the server answered to it. */
  pushClient(chunk: Uint8Array): void {
    this.#requests.push(chunk);
  }

  /** Results that began in [from, to); earlier ones, which no statement claimed, are dropped. */
  takeRange(from: number, to: number): ReplayedResult[] {
    if (this.#open && this.#open.offset < to) this.#close();
    if (this.#scanner.lost && this.#scanner.offset === to) this.#scanner.resync();
    const taken = this.#waiting.filter(({ offset }) => offset >= from && offset < to);
    this.#waiting = this.#waiting.filter(({ offset }) => offset >= to);
    if (this.#waiting.length === 0) this.#waitingChars = 0;
    return taken;
  }

  takeAll(): ReplayedResult[] {
    return this.takeRange(0, Number.POSITIVE_INFINITY);
  }

  #take({ type, offset, body, bodyLength }: ScannedMessage): void {
    switch (type) {
      case 'T': {
        const columns = readRowDescription(body);
        const { direct } = this.#descriptions.described(columns);
        this.#open = direct ? newResult(offset, columns) : undefined;
        return;
      }
      case 'H':
        this.#open = newResult(offset, copyColumns(body));
        return;
      case 'D':
        this.#addRow(offset, () => readDataRow(body, bodyLength, this.#open?.columns));
        return;
      case 'd':
        this.#addRow(offset, () => [showCopyData(body, bodyLength, this.#open?.columns?.[0]?.format)]);
        return;
      // CommandComplete, EmptyQueryResponse, PortalSuspended, ErrorResponse
      case 'C':
      case 'I':
      case 's':
      case 'E':
        if (type === 'C' && !this.#open) this.#openEmpty(offset);
        this.#close();
        break;
      // ReadyForQuery: what was described and not run is no result.
      case 'Z':
        this.#open = undefined;
        break;
      default:
    }
    this.#descriptions.server(type);
  }

  /** A described statement that gave no row still has columns to show. */
  #openEmpty(offset: number): void {
    const columns = this.#descriptions.columns();
    if (columns) this.#open = newResult(offset, columns);
  }

  #addRow(offset: number, read: () => (string | null)[]): void {
    this.#open ??= newResult(offset, this.#descriptions.columns());
    const open = this.#open;
    const full = open.rows.length >= REPLAY_MAX_ROWS || open.chars >= MAX_RESULT_CHARS;
    if (full || this.#waitingChars >= MAX_WAITING_CHARS) {
      open.omitted++;
      return;
    }
    const row = read();
    open.rows.push(row);
    for (const cell of row) open.chars += cell?.length ?? 0;
  }

  #close(): void {
    const open = this.#open;
    this.#open = undefined;
    if (!open) return;
    const width = open.rows[0]?.length ?? 0;
    const columns = open.columns?.map(({ name }) => name) ?? Array.from({ length: width }, (_, i) => `column ${i + 1}`);
    this.#waiting.push({
      offset: open.offset,
      columns: columns.slice(0, MAX_COLUMNS_SHOWN),
      rows: open.rows,
      omitted: open.omitted,
    });
    // An empty result weighs something too.
    this.#waitingChars += open.chars + 200;
  }
}

const newResult = (offset: number, columns: readonly Column[] | undefined): OpenResult => ({
  offset,
  columns,
  rows: [],
  chars: 0,
  omitted: 0,
});

/** int16 count, then of each: name NUL | int32 table | int16 attribute | int32 type | int16 size | int32 modifier | int16 format. */
function readRowDescription(body: Uint8Array): Column[] {
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  const columns: Column[] = [];
  let at = 2;
  while (at < body.length) {
    const end = body.indexOf(0, at);
    if (end < 0 || end + 19 > body.length) break; // cut at KEPT_BYTES
    columns.push({
      name: decodeText(body.subarray(at, end)),
      type: view.getUint32(end + 7),
      format: view.getInt16(end + 17) === 1 ? 'binary' : 'text',
    });
    at = end + 19;
  }
  return columns;
}

/** int8 format | int16 count | count * int16 format */
function copyColumns(body: Uint8Array): Column[] {
  return [{ name: 'copy', type: 25, format: body[0] === 1 ? 'binary' : 'text' }];
}

/** int16 count, then of each: int32 length (-1: NULL) | bytes */
function readDataRow(body: Uint8Array, bodyLength: number, columns: readonly Column[] | undefined): (string | null)[] {
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  const cells: (string | null)[] = [];
  const count = body.length < 2 ? 0 : Math.min(view.getInt16(0), MAX_COLUMNS_SHOWN);
  let at = 2;
  for (let i = 0; i < count; i++) {
    if (at + 4 > body.length) {
      // Beyond what was kept of a very long row.
      cells.push(bodyLength > body.length ? '…' : null);
      continue;
    }
    const length = view.getInt32(at);
    at += 4;
    if (length < 0) {
      cells.push(null);
      continue;
    }
    const column = columns?.[i];
    const bytes = body.subarray(at, Math.min(at + length, body.length));
    cells.push(showCell(bytes, length, column?.type ?? 25, column?.format ?? guessFormat(bytes)));
    at += length;
  }
  return cells;
}

/** A row that nothing described: text unless it cannot be. */
function guessFormat(bytes: Uint8Array): 'text' | 'binary' {
  return bytes.some((byte) => byte < 9) ? 'binary' : 'text';
}

function showCopyData(body: Uint8Array, length: number, format: 'text' | 'binary' | undefined): string {
  const line = format !== 'binary' && body.at(-1) === 10 ? body.subarray(0, -1) : body;
  return showCell(line, line === body ? length : length - 1, format === 'binary' ? 0 : 25, format ?? 'text');
}
