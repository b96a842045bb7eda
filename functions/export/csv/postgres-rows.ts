// All rows of a PostgreSQL conversation. Values as the server wrote them; of the binary format what functions/replay/postgres/values.ts
// knows, and bytes in hex (\x...), as bytea is written.

import { z } from 'zod';
import { type ClientEncoding, clientEncoding } from '../../../core/text/client-encoding.ts';
import { fitting } from '../../checkpoints.ts';
import {
  type Column,
  DescriptionsState,
  KeptColumns,
  keptColumns,
  ResultDescriptions,
} from '../../replay/postgres/descriptions.ts';
import { MessageScanner, type ScannedMessage, ScannerState } from '../../replay/postgres/message-scanner.ts';
import { BACKEND_TYPES, FRONTEND_TYPES, guessFormat, describedColumns } from '../../replay/postgres/results.ts';
import { showCell, showText } from '../../replay/postgres/values.ts';
import { type AnswerPart, cutMark, MAX_ROW_BYTES, type RowEvent, type RowReader } from './row-reader.ts';

/** Nobody knows what bytes beyond ASCII are in it: they are shown as \xNN. */
const UNKNOWN = clientEncoding('');
const SETTING_STATUS = 'client_encoding\0';
const CHANGING = /^(?:SET|RESET|DISCARD ALL|ROLLBACK|COMMIT)$/;
const MAY_SET = Buffer.from('client_encoding');

const RowsState = z.object({
  scanner: ScannerState,
  requests: ScannerState,
  descriptions: DescriptionsState,
  encoding: z.string(),
  unsettled: z.boolean(),
  named: z.boolean(),
  columns: KeptColumns.nullable(),
  open: z.boolean(),
});

export class PostgresRows implements RowReader {
  readonly #scanner = new MessageScanner(BACKEND_TYPES, (message) => this.#take(message), MAX_ROW_BYTES);
  readonly #requests = new MessageScanner(FRONTEND_TYPES, (message) => this.#asked(message));
  readonly #descriptions = new ResultDescriptions();
  #events: RowEvent[] = [];
  #encoding: ClientEncoding = clientEncoding('UTF8');
  /** A command may have changed the encoding, and what to is told before the next ReadyForQuery. */
  #unsettled = false;
  #named = false;
  /** Of the result that is open. */
  #columns: readonly Column[] | undefined;
  #open = false;

  /** `saved`: what `state` said. Throws StateMisfit. */
  constructor(saved?: unknown) {
    if (saved === undefined) return;
    const { scanner, requests, descriptions, encoding, unsettled, named, columns, open } = fitting(RowsState, saved);
    this.#scanner.resume(scanner);
    this.#requests.resume(requests);
    this.#descriptions.resume(descriptions);
    this.#encoding = clientEncoding(encoding);
    [this.#unsettled, this.#named, this.#columns, this.#open] = [unsettled, named, columns ?? undefined, open];
  }

  state(): z.input<typeof RowsState> {
    return {
      scanner: this.#scanner.state(),
      requests: this.#requests.state(),
      descriptions: this.#descriptions.state(),
      encoding: this.#encoding.name,
      ...{ unsettled: this.#unsettled, named: this.#named, open: this.#open },
      columns: this.#columns ? keptColumns(this.#columns) : null,
    };
  }

  client(chunk: Uint8Array): void {
    this.#requests.push(chunk);
  }

  target(chunk: Uint8Array, answer: AnswerPart | undefined): RowEvent[] {
    if (answer?.begins && this.#scanner.lost) this.#scanner.resync();
    this.#scanner.push(chunk);
    const events = this.#events;
    this.#events = [];
    return events;
  }

  #asked(message: ScannedMessage): void {
    if ((message.type === 'Q' || message.type === 'P') && Buffer.from(message.body).includes(MAY_SET))
      this.#named = true;
    this.#descriptions.client(message);
  }

  #take({ type, body, bodyLength }: ScannedMessage): void {
    switch (type) {
      case 'T': {
        const columns = describedColumns(body);
        if (this.#descriptions.described(columns).direct) this.#begin(columns);
        return;
      }
      case 'H':
        this.#begin(
          [{ name: Buffer.from('copy'), type: 25, format: body[0] === 1 ? 'binary' : 'text' }],
          body[0] !== 1,
        );
        return;
      case 'D':
        this.#row(this.#cells(body, bodyLength));
        return;
      case 'd':
        if (this.#open) this.#row([this.#copied(body, bodyLength)]);
        return;
      case 'S': {
        const text = Buffer.from(body).toString('latin1');
        if (!text.startsWith(SETTING_STATUS)) return;
        this.#encoding = clientEncoding(text.slice(SETTING_STATUS.length, -1));
        this.#unsettled = false;
        return;
      }
      case 'C':
        if (!this.#open) {
          const columns = this.#descriptions.columns();
          if (columns) this.#begin(columns);
        }
        this.#end(false);
        if (CHANGING.test(Buffer.from(body).toString('latin1', 0, body.length - 1)) || this.#named) {
          this.#named = false;
          this.#unsettled = true;
        }
        break;
      case 's':
        this.#end(true);
        break;
      case 'E':
        if (this.#open) this.#events.push({ kind: 'note', words: 'an error ended this result: see the statement' });
        this.#end(false);
        break;
      case 'I':
        this.#end(false);
        break;
      case 'Z':
        this.#open = false;
        this.#unsettled = false;
        break;
      default:
    }
    this.#descriptions.server(type);
  }

  #begin(columns: readonly Column[], copied = false): void {
    this.#columns = columns;
    this.#open = true;
    this.#events.push({
      kind: 'columns',
      names: columns.map(({ name }, i) => (name.length > 0 ? showText(name, this.#shownIn) : `column ${i + 1}`)),
      ...(copied && { copied }),
    });
  }

  #end(more: boolean): void {
    if (this.#open) this.#events.push({ kind: 'end', more });
    this.#open = false;
    this.#columns = undefined;
  }

  #row(cells: readonly (string | null)[]): void {
    if (!this.#open) {
      // Nothing described it.
      const columns = this.#descriptions.columns();
      this.#begin(columns ?? cells.map(() => ({ name: new Uint8Array(0), type: 25, format: 'text' })));
      this.#columns = columns;
    }
    this.#events.push({ kind: 'row', cells });
  }

  /** int16 count, then of each: int32 length (-1: NULL) | bytes */
  #cells(body: Uint8Array, bodyLength: number): (string | null)[] {
    if (body.length < 2) return [];
    const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
    const columns = this.#open ? this.#columns : this.#descriptions.columns();
    const cells: (string | null)[] = [];
    let at = 2;
    for (let i = 0; i < view.getUint16(0); i++) {
      if (at + 4 > body.length) {
        cells.push(bodyLength > body.length ? cutMark(bodyLength) : null);
        continue;
      }
      const length = view.getInt32(at);
      at += 4;
      if (length < 0) {
        cells.push(null);
        continue;
      }
      const bytes = body.subarray(at, at + length);
      at += length;
      const column = columns?.[i];
      const format = column?.format ?? guessFormat(bytes);
      const shown = showCell(bytes, bytes.length, column?.type ?? 25, format, this.#shownIn, Infinity);
      cells.push(bytes.length < length ? shown + cutMark(length) : shown);
    }
    return cells;
  }

  /** A line of COPY, without its end. */
  #copied(body: Uint8Array, bodyLength: number): string {
    const format = this.#columns?.[0]?.format ?? 'text';
    const whole = body.length === bodyLength;
    const ended = format === 'text' && whole && body.at(-1) === 10;
    const bytes = ended ? body.subarray(0, -1) : body;
    const shown = showCell(bytes, bytes.length, format === 'binary' ? 0 : 25, format, this.#shownIn, Infinity);
    return whole ? shown : shown + cutMark(bodyLength);
  }

  get #shownIn(): ClientEncoding {
    return this.#unsettled ? UNKNOWN : this.#encoding;
  }
}
