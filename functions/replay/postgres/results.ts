// Result sets out of what a PostgreSQL server sent, for a replay: the first rows of each, and how
// many there were. Bounded whatever the recording holds.

import { z } from 'zod';
import { REPLAY_MAX_ROWS } from '../../../core/catalogue.ts';
import { type ClientEncoding, clientEncoding } from '../../../core/text/client-encoding.ts';
import { fitting, KeptBytes, keptBytes, listedAt } from '../../checkpoints.ts';
import { type Column, DescriptionsState, KeptColumns, keptColumns, ResultDescriptions } from './descriptions.ts';
import type { ReplayedResult, ResultReader } from '../result-reader.ts';
import { MessageScanner, type ScannedMessage, ScannerState } from './message-scanner.ts';
import { isText, MAX_CELL_CHARS, showCell, showText } from './values.ts';

/** As sent, or its beginning; decoded when it is shown, since what it is encoded in may be told behind it. */
interface Cell {
  readonly bytes: Uint8Array;
  readonly length: number;
  readonly type: number;
  readonly format: 'text' | 'binary';
}

interface OpenResult {
  readonly offset: number;
  readonly columns: readonly Column[] | undefined;
  /** The description stands before its rows, and not somewhere before. */
  readonly described: boolean;
  readonly rows: (Cell | null)[][];
  readonly encoding: EncodingInForce;
  /** Of a description or a row, also beyond those kept. */
  width: number;
  bytes: number;
  omitted: number;
}

/** One for as long as it cannot change. */
interface EncodingInForce {
  is: ClientEncoding;
}

/** Every message a server may send after login, and during it. */
export const BACKEND_TYPES = 'RSKZTDCEINAtns123GHWdcVv';
export const FRONTEND_TYPES = 'BCDEFHPQSXcdf';
const MAX_COLUMNS_SHOWN = 200;
/** Kept of one cell: whatever the encoding, more than is shown. */
const MAX_CELL_BYTES = 8 * MAX_CELL_CHARS;
/** Of one result, and of all results that wait for their statement's end. */
const MAX_RESULT_BYTES = 256 * 1024;
const MAX_WAITING_BYTES = 4 * 1024 * 1024;
/** Commands that may change client_encoding, by their tags. */
const CHANGING = /^(?:SET|RESET|DISCARD ALL|ROLLBACK|COMMIT)$/;
const SETTING = Buffer.from('client_encoding');
const SETTING_STATUS = Buffer.from('client_encoding\0');

const Count = z.number().int().min(0);
const Format = z.literal(['text', 'binary']);
const KeptResult = z.object({
  offset: Count,
  columns: KeptColumns.nullable(),
  described: z.boolean(),
  rows: z.array(z.array(z.object({ bytes: KeptBytes, length: Count, type: z.number(), format: Format }).nullable())),
  /** Its place among the encodings. */
  encoding: Count,
  width: Count,
  bytes: Count,
  omitted: Count,
});

const DecoderState = z.object({
  scanner: ScannerState,
  requests: ScannerState,
  descriptions: DescriptionsState,
  /** Those of results that wait, and the last: the one in force. */
  encodings: z.array(z.string()).min(1),
  open: KeptResult.nullable(),
  waiting: z.array(KeptResult),
  waitingBytes: Count,
  unsettled: z.boolean(),
  named: z.boolean(),
});

export class ResultDecoder implements ResultReader {
  readonly #scanner = new MessageScanner(BACKEND_TYPES, (message) => this.#take(message));
  readonly #requests = new MessageScanner(FRONTEND_TYPES, (message) => this.#asked(message));
  readonly #descriptions = new ResultDescriptions();
  #open: OpenResult | undefined;
  #waiting: OpenResult[] = [];
  #waitingBytes = 0;
  #encoding: EncodingInForce;
  /** A command may have changed the encoding, which the server reports in front of its next ReadyForQuery (before version 14, at once). */
  #unsettled = false;
  /** The client sent a text that names the setting. */
  #named = false;
  readonly #resumed: readonly Column[] | undefined;

  /** `layout`: of the result whose first message comes first. */
  constructor(layout?: string) {
    const { encoding, columns } = readLayout(layout);
    this.#encoding = { is: clientEncoding(encoding) };
    this.#resumed = columns;
  }

  get offset(): number {
    return this.#scanner.offset;
  }

  get unsettled(): boolean {
    return this.#unsettled && !this.#scanner.lost;
  }

  get ready(): boolean {
    return this.#waiting.length > 0 || (this.#open !== undefined && isFull(this.#open));
  }

  push(chunk: Uint8Array): void {
    this.#scanner.push(chunk);
  }

  pushClient(chunk: Uint8Array): void {
    this.#requests.push(chunk);
  }

  cut(): void {
    this.#scanner.cut();
  }

  state(): z.input<typeof DecoderState> {
    const results = [...this.#waiting, ...(this.#open ? [this.#open] : [])];
    const encodings = [...new Set([...results.map(({ encoding }) => encoding), this.#encoding])];
    // In force is the last.
    encodings.push(...encodings.splice(encodings.indexOf(this.#encoding), 1));
    const kept = (result: OpenResult): z.input<typeof KeptResult> => ({
      ...result,
      columns: result.columns ? keptColumns(result.columns) : null,
      rows: result.rows.map((row) => row.map((cell) => cell && { ...cell, bytes: keptBytes(cell.bytes) })),
      encoding: encodings.indexOf(result.encoding),
    });
    return {
      scanner: this.#scanner.state(),
      requests: this.#requests.state(),
      descriptions: this.#descriptions.state(),
      encodings: encodings.map(({ is }) => is.name),
      open: this.#open ? kept(this.#open) : null,
      waiting: this.#waiting.map(kept),
      ...{ waitingBytes: this.#waitingBytes, unsettled: this.#unsettled, named: this.#named },
    };
  }

  resume(state: unknown): void {
    const saved = fitting(DecoderState, state);
    this.#scanner.resume(saved.scanner);
    this.#requests.resume(saved.requests);
    this.#descriptions.resume(saved.descriptions);
    const encodings = saved.encodings.map((name): EncodingInForce => ({ is: clientEncoding(name) }));
    const result = (kept: z.output<typeof KeptResult>): OpenResult => {
      return { ...kept, encoding: listedAt(encodings, kept.encoding), columns: kept.columns ?? undefined };
    };
    this.#open = saved.open ? result(saved.open) : undefined;
    this.#waiting = saved.waiting.map(result);
    this.#waitingBytes = saved.waitingBytes;
    this.#encoding = encodings.at(-1) ?? this.#encoding;
    this.#unsettled = saved.unsettled;
    this.#named = saved.named;
  }

  takeRange(from: number, to: number): ReplayedResult[] {
    if (this.#open && this.#open.offset < to) this.#close();
    if (this.#scanner.lost && this.#scanner.offset === to) this.#scanner.resync();
    const taken = this.#waiting.filter(({ offset }) => offset >= from && offset < to);
    this.#waiting = this.#waiting.filter(({ offset }) => offset >= to);
    if (this.#waiting.length === 0) this.#waitingBytes = 0;
    return taken.map(showResult);
  }

  takeAll(): ReplayedResult[] {
    return this.takeRange(0, Number.POSITIVE_INFINITY);
  }

  #asked(message: ScannedMessage): void {
    if ((message.type === 'Q' || message.type === 'P') && Buffer.from(message.body).includes(SETTING))
      this.#named = true;
    this.#descriptions.client(message);
  }

  #take({ type, offset, body, bodyLength }: ScannedMessage): void {
    switch (type) {
      case 'T': {
        const columns = describedColumns(body);
        const { direct } = this.#descriptions.described(columns);
        this.#open = direct ? this.#newResult(offset, columns, true, countOf(body)) : undefined;
        return;
      }
      case 'H':
        this.#open = this.#newResult(offset, copyColumns(body), true);
        return;
      case 'D':
        this.#addRow(offset, body, () => readDataRow(body, bodyLength, this.#open?.columns));
        return;
      case 'd':
        this.#addRow(offset, undefined, () => [copyCell(body, bodyLength, this.#open?.columns?.[0]?.format)]);
        return;
      case 'S':
        this.#reported(body);
        return;
      // CommandComplete, EmptyQueryResponse, PortalSuspended, ErrorResponse
      case 'C':
      case 'I':
      case 's':
      case 'E':
        if (type === 'C' && !this.#open) this.#openEmpty(offset);
        this.#close();
        if (type !== 's') this.#mayChange(type === 'C' ? Buffer.from(body).toString('latin1', 0, body.length - 1) : '');
        break;
      // ReadyForQuery: what was described and not run is no result.
      case 'Z':
        this.#open = undefined;
        this.#unsettled = false;
        break;
      default:
    }
    this.#descriptions.server(type);
  }

  /** What comes from here on is in what the next report says, where one comes. */
  #mayChange(tag: string): void {
    if (!CHANGING.test(tag) && !this.#named) return;
    this.#named = false;
    this.#unsettled = true;
    this.#encoding = { is: this.#encoding.is };
  }

  /** ParameterStatus: name NUL value NUL */
  #reported(body: Uint8Array): void {
    const bytes = Buffer.from(body);
    if (!bytes.subarray(0, SETTING_STATUS.length).equals(SETTING_STATUS)) return;
    const is = clientEncoding(bytes.toString('latin1', SETTING_STATUS.length, bytes.length - 1));
    if (this.#unsettled) this.#encoding.is = is;
    else this.#encoding = { is };
  }

  /** A described statement that gave no row still has columns to show. */
  #openEmpty(offset: number): void {
    const columns = this.#descriptions.columns() ?? this.#resumed;
    if (columns) this.#open = this.#newResult(offset, columns, false);
  }

  #newResult(
    offset: number,
    columns: readonly Column[] | undefined,
    described: boolean,
    width = columns?.length ?? 0,
  ): OpenResult {
    return { offset, columns, described, rows: [], encoding: this.#encoding, width, bytes: 0, omitted: 0 };
  }

  #addRow(offset: number, body: Uint8Array | undefined, read: () => (Cell | null)[]): void {
    this.#open ??= this.#newResult(offset, this.#descriptions.columns() ?? this.#resumed, false);
    const open = this.#open;
    if (body) open.width = Math.max(open.width, countOf(body));
    if (isFull(open) || this.#waitingBytes >= MAX_WAITING_BYTES) {
      open.omitted++;
      return;
    }
    const row = read();
    open.rows.push(row);
    for (const cell of row) open.bytes += cell?.bytes.length ?? 0;
  }

  #close(): void {
    const open = this.#open;
    this.#open = undefined;
    if (!open) return;
    this.#waiting.push(open);
    // An empty result weighs something too.
    this.#waitingBytes += open.bytes + 200;
  }
}

const isFull = ({ rows, bytes }: OpenResult): boolean => rows.length >= REPLAY_MAX_ROWS || bytes >= MAX_RESULT_BYTES;

/** Encoding, and of columns that were described somewhere before: type and format (1: binary) of each. */
const Layout = z.tuple([
  z.string().max(100),
  z
    .array(z.tuple([z.number().int(), z.literal([0, 1])]))
    .max(1000)
    .nullable(),
]);

function layoutOf({ columns, described, encoding }: OpenResult): string | undefined {
  const [kept, most] = [columns?.slice(0, MAX_COLUMNS_SHOWN), MAX_COLUMNS_SHOWN];
  if (!described && (columns?.length ?? 0) > most) return undefined;
  const shapes = kept?.map(({ type, format }): [number, 0 | 1] => [type, format === 'binary' ? 1 : 0]);
  const layout: z.infer<typeof Layout> = [encoding.is.name, described ? null : (shapes ?? null)];
  return JSON.stringify(layout);
}

/** Whoever made it up reads nonsense, and nothing else. */
function readLayout(text = '["UTF8",null]'): { readonly encoding: string; readonly columns: Column[] | undefined } {
  const [encoding, shapes] = Layout.parse(JSON.parse(text));
  const columns = shapes?.map(([type, format]): Column => {
    return { name: new Uint8Array(0), type, format: format === 1 ? 'binary' : 'text' };
  });
  return { encoding, columns };
}

function showResult(result: OpenResult): ReplayedResult {
  const { offset, columns, rows, encoding, width, omitted } = result;
  const { is } = encoding;
  const shownWidth = Math.min(width || (columns?.length ?? 0) || (rows[0]?.length ?? 0), MAX_COLUMNS_SHOWN);
  let undecoded = false;
  const names = Array.from({ length: shownWidth }, (_, i) => {
    const name = columns?.[i]?.name;
    undecoded ||= name !== undefined && !isText(name, is);
    return name ? showText(name, is) : `column ${i + 1}`;
  });
  const cells = rows.map((row) =>
    row.map((cell) => {
      if (!cell) return null;
      undecoded ||= cell.format === 'text' && !isText(cell.bytes, is);
      return showCell(cell.bytes, cell.length, cell.type, cell.format, is);
    }),
  );
  return {
    offset,
    columns: names,
    rows: cells,
    omitted,
    omittedColumns: Math.max(0, width - shownWidth),
    undecoded: undecoded ? is.name : undefined,
    layout: layoutOf(result),
  };
}

/** RowDescription and DataRow begin with int16 count. */
const countOf = (body: Uint8Array): number => (body.length < 2 ? 0 : ((body[0] as number) << 8) | (body[1] as number));

/** int16 count, then of each: name NUL | int32 table | int16 attribute | int32 type | int16 size | int32 modifier | int16 format. */
export function describedColumns(body: Uint8Array): Column[] {
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  const columns: Column[] = [];
  let at = 2;
  while (at < body.length) {
    const end = body.indexOf(0, at);
    if (end < 0 || end + 19 > body.length) break; // cut at KEPT_BYTES
    columns.push({
      name: body.slice(at, end),
      type: view.getUint32(end + 7),
      format: view.getInt16(end + 17) === 1 ? 'binary' : 'text',
    });
    at = end + 19;
  }
  return columns;
}

/** int8 format | int16 count | count * int16 format */
function copyColumns(body: Uint8Array): Column[] {
  return [{ name: Buffer.from('copy'), type: 25, format: body[0] === 1 ? 'binary' : 'text' }];
}

const NOT_KEPT: Cell = { bytes: new Uint8Array(0), length: 1, type: 25, format: 'text' };

/** int16 count, then of each: int32 length (-1: NULL) | bytes */
function readDataRow(body: Uint8Array, bodyLength: number, columns: readonly Column[] | undefined): (Cell | null)[] {
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  const cells: (Cell | null)[] = [];
  const count = Math.min(countOf(body), MAX_COLUMNS_SHOWN);
  let at = 2;
  for (let i = 0; i < count; i++) {
    if (at + 4 > body.length) {
      // Beyond what was kept of a very long row.
      cells.push(bodyLength > body.length ? NOT_KEPT : null);
      continue;
    }
    const length = view.getInt32(at);
    at += 4;
    if (length < 0) {
      cells.push(null);
      continue;
    }
    const column = columns?.[i];
    const bytes = body.slice(at, Math.min(at + length, at + MAX_CELL_BYTES, body.length));
    cells.push({ bytes, length, type: column?.type ?? 25, format: column?.format ?? guessFormat(bytes) });
    at += length;
  }
  return cells;
}

/** A row that nothing described: text unless it cannot be. */
export function guessFormat(bytes: Uint8Array): 'text' | 'binary' {
  return bytes.some((byte) => byte < 9) ? 'binary' : 'text';
}

function copyCell(body: Uint8Array, bodyLength: number, format: 'text' | 'binary' = 'text'): Cell {
  const ended = format === 'text' && body.at(-1) === 10 && body.length === bodyLength;
  const length = ended ? bodyLength - 1 : bodyLength;
  return { bytes: body.slice(0, Math.min(length, MAX_CELL_BYTES)), length, type: format === 'binary' ? 0 : 25, format };
}
