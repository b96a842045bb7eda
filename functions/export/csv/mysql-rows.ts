// All rows of a conversation with MySQL or MariaDB. Which bytes are whose answer is known by the facts.

import { z } from 'zod';
import { fitting } from '../../checkpoints.ts';
import { type AnswerSink, MysqlAnswer, MysqlColumnsState } from '../../replay/mysql/answer.ts';
import { BytesReader } from '../../replay/mysql/bytes-reader.ts';
import { isNullAt, nullBitmap } from '../../replay/mysql/cells.ts';
import { binaryCell, type MysqlColumn, textCell } from '../../replay/mysql/values.ts';
import { type AnswerPart, cutMark, MAX_ROW_BYTES, type RowEvent, type RowReader } from './row-reader.ts';

const RowsState = z.object({ answer: z.unknown(), binary: z.boolean(), columns: MysqlColumnsState });

export class MysqlRows implements RowReader, AnswerSink {
  readonly #answer = new MysqlAnswer(this);
  readonly rowBytes = MAX_ROW_BYTES;
  #binary = false;
  #columns: readonly MysqlColumn[] = [];
  #events: RowEvent[] = [];

  /** `saved`: what `state` said. Throws StateMisfit. */
  constructor(saved?: unknown) {
    if (saved === undefined) return;
    const { answer, binary, columns } = fitting(RowsState, saved);
    this.#answer.resume(answer, MAX_ROW_BYTES);
    [this.#binary, this.#columns] = [binary, columns];
  }

  state(): z.input<typeof RowsState> {
    return { answer: this.#answer.state(), binary: this.#binary, columns: [...this.#columns] };
  }

  client(): void {}

  target(chunk: Uint8Array, answer: AnswerPart | undefined): RowEvent[] {
    if (!answer || answer.form === 'function') return [];
    if (answer.begins) {
      this.#binary = answer.form === 'extended';
      this.#answer.begin(this.#binary ? 'binary' : 'text');
    }
    this.#answer.read(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength), 0);
    const events = this.#events;
    this.#events = [];
    return events;
  }

  columns(columns: readonly MysqlColumn[]): void {
    this.#columns = columns;
    this.#events.push({ kind: 'columns', names: columns.map(({ name }) => name) });
  }

  row(payload: Buffer, bytes: number): void {
    this.#events.push({ kind: 'row', cells: this.#cells(payload, bytes) });
  }

  end(how: 'whole' | 'failed' | 'cursor'): void {
    if (how === 'failed') this.#note('an error ended this result: see the statement');
    if (how === 'cursor')
      this.#note(
        'rows that the client fetched through a cursor are not here: replays show the first, NDJSON has their bytes',
      );
    this.#events.push({ kind: 'end', more: false });
  }

  lost(hidden: boolean): void {
    if (hidden) this.#note('its rows, or the names of their columns, are hidden in the recording');
    else this.#note('what follows in this answer is not understood: NDJSON has its bytes');
  }

  #note(words: string): void {
    this.#events.push({ kind: 'note', words });
  }

  #cells(payload: Buffer, bytes: number): (string | null)[] {
    const r = new BytesReader(payload);
    const nulls = this.#binary ? nullBitmap(r, this.#columns.length) : undefined;
    return this.#columns.map((column, i) => {
      try {
        if (isNullAt(r, nulls, i)) return null;
        return nulls ? binaryCell(r, column) : textCell(r.lengthBytes(), column);
      } catch (fault) {
        if (!(fault instanceof RangeError) || bytes === payload.length) throw fault;
        // Beyond what is kept of a very long row, and so is all behind it.
        r.take(r.left);
        return cutMark(bytes);
      }
    });
  }
}
