// Result sets out of what a MySQL or MariaDB server sent, for a replay: the first rows of each, and how many there were. Bounded
// whatever the recording holds.
//
// Which answer is whose comes from the client's commands, and what the facts say of a statement's answer must agree with it: where it
// does not, its rows are not shown, rather than wrong ones, and reading goes on behind it.

import { z } from 'zod';
import { fitting } from '../../checkpoints.ts';
import { REPLAY_MAX_ROWS } from '../../../core/catalogue.ts';
import { StatementStarted } from '../../../core/recording/facts/database.ts';
import type { ClaimedBy, FetchedResult, ReplayedResult, ResultReader } from '../result-reader.ts';
import { type AnswerSink, MysqlAnswer, MysqlColumnsState } from './answer.ts';
import { shownCells } from './cells.ts';
import { MysqlCommands, MysqlRequest } from './commands.ts';
import { cursorLayout, plainLayout, readMysqlLayout } from './layout.ts';
import { isDecoded, type MysqlColumn } from './values.ts';

const MAX_COLUMNS_SHOWN = 200;
/** Kept of one row. */
const ROW_BYTES = 64 * 1024;
/** Characters of one result, and of all that are kept. */
const MAX_RESULT_CHARS = 256 * 1024;
const MAX_KEPT_CHARS = 4 * 1024 * 1024;
const MAX_CURSORS = 1_000;
/** Answers that no statement claimed: of pings and the like. */
const MAX_ANSWERS = 10_000;

const Count = z.number().int().min(0);
const Result = z.object({
  offset: Count,
  columns: MysqlColumnsState,
  binary: z.boolean(),
  rows: z.array(z.array(z.string().nullable())),
  chars: Count,
  omitted: Count,
});
type Result = z.infer<typeof Result>;

/** Rows that are fetched after the answer of the statement that opened it. */
const Cursor = z.object({
  prepared: Count,
  columns: MysqlColumnsState,
  /** Where that answer begins. */
  openedAt: Count,
  statement: z.number().optional(),
  /** undefined: nothing was fetched. */
  result: Result.optional(),
  /** Where the last fetched rows end. */
  end: Count,
  /** Something else was asked already when the first rows were. */
  amongOthers: z.boolean(),
});
type Cursor = z.infer<typeof Cursor>;

const KeptResults = z.object({
  answer: z.unknown(),
  commands: z.unknown(),
  current: MysqlRequest.optional(),
  ...{ begunAt: Count, offset: Count, isLost: z.boolean(), keptChars: Count },
  answers: z.array(z.tuple([Count, z.object({ end: Count, form: StatementStarted.shape.form.optional() })])),
  unread: z.array(z.tuple([Count, z.literal(['hidden', 'not understood'])])),
  open: Result.optional(),
  waiting: z.array(Result),
  cursors: z.array(Cursor),
  fetched: z.array(Cursor),
});

export class MysqlResults implements ResultReader, AnswerSink {
  readonly unsettled = false;
  readonly #answer = new MysqlAnswer(this);
  readonly #commands: MysqlCommands;
  /** What is being answered, and where its answer begins. */
  #current: MysqlRequest | undefined;
  #begunAt = 0;
  #offset = 0;
  #isLost = false;
  /** By where they begin, of those that no statement claimed yet. */
  readonly #answers = new Map<number, { end: number; form?: ClaimedBy['form'] }>();
  /** Statements' answers that could not be read, by where they begin. */
  readonly #unread = new Map<number, 'hidden' | 'not understood'>();
  #open: Result | undefined;
  #waiting: Result[] = [];
  readonly #cursors = new Map<number, Cursor>();
  #fetched: Cursor[] = [];
  #keptChars = 0;
  /** The one cursor that is read, to where. */
  readonly #page: { readonly cursor: Cursor; readonly until: number } | undefined;

  /** `layout`: of the result whose first message comes first. */
  constructor(layout?: string) {
    const read = layout === undefined ? undefined : readMysqlLayout(layout);
    this.#commands = new MysqlCommands(read ? [{ shape: read.shape, prepared: read.prepared }] : []);
    this.#answer.withoutEof = read?.withoutEof;
    if (read?.shape !== 'fetched') return;
    const { columns, prepared, bytes: until } = read;
    const cursor = newCursor(prepared, columns, 0);
    this.#cursors.set(prepared, cursor);
    this.#page = { cursor, until };
  }

  /** Of a page of one cursor nothing is kept. */
  state(): z.input<typeof KeptResults> | undefined {
    if (this.#page) return undefined;
    return {
      answer: this.#answer.state(),
      commands: this.#commands.state(),
      ...(this.#current && { current: this.#current }),
      ...{ begunAt: this.#begunAt, offset: this.#offset, isLost: this.#isLost, keptChars: this.#keptChars },
      answers: [...this.#answers],
      unread: [...this.#unread],
      ...(this.#open && { open: this.#open }),
      waiting: this.#waiting,
      cursors: [...this.#cursors.values()],
      fetched: this.#fetched,
    };
  }

  resume(state: unknown): void {
    const saved = fitting(KeptResults, state);
    this.#answer.resume(saved.answer, ROW_BYTES);
    this.#commands.resume(saved.commands);
    [this.#current, this.#open] = [saved.current, saved.open];
    [this.#begunAt, this.#offset, this.#isLost] = [saved.begunAt, saved.offset, saved.isLost];
    this.#keptChars = saved.keptChars;
    for (const [begun, answer] of saved.answers) this.#answers.set(begun, answer);
    for (const [begun, why] of saved.unread) this.#unread.set(begun, why);
    for (const cursor of saved.cursors) this.#cursors.set(cursor.prepared, cursor);
    [this.#waiting, this.#fetched] = [saved.waiting, saved.fetched];
  }

  get offset(): number {
    return this.#offset;
  }

  get oldest(): number {
    let oldest = Number.POSITIVE_INFINITY;
    for (const { result } of [...this.#cursors.values(), ...this.#fetched])
      oldest = Math.min(oldest, result?.offset ?? oldest);
    return oldest;
  }

  get followsClient(): boolean {
    return this.#page !== undefined;
  }

  get ready(): boolean {
    if (this.#isLost) return true;
    if (this.#page) {
      const { cursor, until } = this.#page;
      return this.#offset >= until || (cursor.result !== undefined && isFull(cursor.result));
    }
    return this.#waiting.length > 0 || (this.#open !== undefined && isFull(this.#open));
  }

  pushClient(chunk: Uint8Array): void {
    this.#commands.push(chunk);
  }

  /** What the gateway says to a client, in place of an answer or of the rest of one: errors, and the packets of a login. */
  pushGateway(chunk: Uint8Array): void {
    for (let at = 0; at + 4 <= chunk.length; ) {
      at += 4 + Buffer.from(chunk.buffer, chunk.byteOffset + at, 3).readUIntLE(0, 3);
      if (this.#isLost) continue;
      if (this.#current && this.#answer.mayBeOver && this.#answer.atBorder) {
        this.#over();
        this.#answer.giveUp();
      }
      if (this.#current) continue;
      this.#passUnanswered();
      if (this.#commands.head && !this.#commands.head.login) this.#commands.pass();
    }
  }

  push(bytes: Uint8Array): void {
    const chunk = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const before = this.#offset;
    for (let at = 0; at < chunk.length && !this.#isLost; ) {
      this.#offset = before + at;
      if (this.#answer.over) this.#begin();
      at = this.#answer.read(chunk, at);
      this.#offset = before + at;
      if (this.#answer.demanded) this.#commands.sendsFile();
      this.#answer.demanded = false;
      if (this.#answer.isLost) this.#isLost = true;
      else if (this.#answer.over) this.#over();
    }
    this.#offset = before + chunk.length;
  }

  #begin(): void {
    this.#passUnanswered();
    // Nothing is asked at the login's OK, and before a farewell.
    this.#current = this.#commands.head;
    const shape = this.#current?.shape ?? 'single';
    this.#begunAt = this.#offset - this.#answer.ahead;
    if (this.#current?.closes === 'one') this.#closeCursor(this.#current.prepared);
    if (shape !== 'none') this.#answer.begin(shape);
    const cursor = this.#cursorRead;
    if (!cursor) return;
    cursor.amongOthers ||= cursor.result === undefined && this.#commands.waiting > 1;
    cursor.result ??= newResult(this.#begunAt, cursor.columns, true);
  }

  #passUnanswered(): void {
    for (let head = this.#commands.head; head?.shape === 'none'; head = this.#commands.head) {
      this.#closeCursor(head.prepared);
      this.#commands.pass();
    }
  }

  /** Of the rows that come now. */
  get #cursorRead(): Cursor | undefined {
    return this.#current?.shape === 'fetched' ? this.#cursors.get(this.#current.prepared ?? -1) : undefined;
  }

  #over(): void {
    const asked = this.#current;
    const end = this.#offset - this.#answer.ahead;
    this.#answers.set(this.#begunAt, { end, form: formOf(asked) });
    if (this.#answers.size > MAX_ANSWERS) this.#answers.delete(this.#answers.keys().next().value ?? -1);
    const cursor = this.#cursorRead;
    if (cursor) cursor.end = end;
    if (cursor && this.#answer.exhausted) this.#closeCursor(asked?.prepared);
    if (asked?.closes === 'all') for (const prepared of [...this.#cursors.keys()]) this.#closeCursor(prepared);
    if (asked) this.#commands.pass();
    this.#current = undefined;
  }

  columns(columns: readonly MysqlColumn[], at: number): void {
    this.#close();
    this.#open = newResult(this.#begunAt + at, columns, this.#current?.shape === 'binary');
  }

  get rowBytes(): number {
    const result = this.#current?.shape === 'fetched' ? this.#cursorRead?.result : this.#open;
    return !result || isFull(result) || this.#keptChars >= MAX_KEPT_CHARS ? 0 : ROW_BYTES;
  }

  row(payload: Buffer, bytes: number): void {
    const result = this.#current?.shape === 'fetched' ? this.#cursorRead?.result : this.#open;
    if (!result) return;
    if (this.rowBytes === 0) {
      result.omitted++;
      return;
    }
    const cells = shownCells(payload, bytes, result.columns, result.binary, MAX_COLUMNS_SHOWN);
    result.rows.push(cells);
    let chars = 0;
    for (const cell of cells) chars += cell?.length ?? 0;
    result.chars += chars;
    this.#keptChars += chars;
  }

  end(how: 'whole' | 'failed' | 'cursor'): void {
    const open = this.#open;
    const prepared = this.#current?.prepared;
    if (how !== 'cursor' || !open || open.rows.length > 0 || prepared === undefined) return void this.#close();
    this.#open = undefined;
    const [first] = this.#cursors.keys();
    if (this.#cursors.size >= MAX_CURSORS) this.#closeCursor(first);
    this.#cursors.set(prepared, newCursor(prepared, open.columns, this.#begunAt));
  }

  lost(hidden: boolean): void {
    this.#close();
    this.#unread.set(this.#begunAt, hidden ? 'hidden' : 'not understood');
  }

  #close(): void {
    if (this.#open) this.#waiting.push(this.#open);
    this.#open = undefined;
  }

  #closeCursor(prepared: number | undefined): void {
    const cursor = this.#cursors.get(prepared ?? -1);
    if (!cursor || cursor === this.#page?.cursor) return;
    this.#cursors.delete(prepared ?? -1);
    if (cursor.result) this.#fetched.push(cursor);
  }

  takeRange(from: number, to: number, { statement, form }: ClaimedBy): ReplayedResult[] {
    // It was answered by the gateway.
    if (to <= from) return [];
    if (this.#open && this.#open.offset < to) this.#close();
    const answer = this.#answers.get(from);
    const agrees = answer?.end === to && (form === undefined || form === answer.form);
    for (const [begun] of this.#answers) if (begun < to) this.#answers.delete(begun);
    for (const cursor of this.#cursors.values())
      if (cursor.openedAt === from && cursor.statement === undefined) cursor.statement = statement;
    const unread = this.#unread.get(from) ?? (agrees ? undefined : 'not understood');
    for (const [begun] of this.#unread) if (begun < to) this.#unread.delete(begun);
    const taken = this.#waiting.filter(({ offset }) => offset >= from && offset < to);
    for (const { offset, chars } of this.#waiting) if (offset < to) this.#keptChars -= chars;
    this.#waiting = this.#waiting.filter(({ offset }) => offset >= to);
    if (!agrees) this.#resync(to);
    if (unread === undefined) return taken.map((result) => this.#show(result));
    return [{ ...NOTHING_READ, offset: from, unread }];
  }

  /** Its answer ended at `to`, whatever was made of its bytes. */
  #resync(to: number): void {
    this.#isLost = true;
    this.#current = undefined;
    for (let head = this.#commands.head; head; head = this.#commands.head) {
      this.#commands.pass();
      if (head.shape === 'text' || head.shape === 'binary') break;
    }
    if (to !== this.#offset) return;
    this.#isLost = false;
    this.#answer.giveUp();
  }

  takeAll(): ReplayedResult[] {
    if (this.#page) {
      const { result } = this.#page.cursor;
      return result ? [this.#show(result)] : [];
    }
    this.#close();
    const taken = this.#waiting;
    this.#waiting = [];
    for (const { chars } of taken) this.#keptChars -= chars;
    return taken.map((result) => this.#show(result));
  }

  takeCut(): ReplayedResult[] {
    return this.takeAll();
  }

  takeFetched(all: boolean): FetchedResult[] {
    if (all) for (const prepared of [...this.#cursors.keys()]) this.#closeCursor(prepared);
    if (this.#fetched.length === 0) return [];
    const fetched = this.#fetched;
    this.#fetched = [];
    return fetched.flatMap(({ prepared, statement, result, columns, end, amongOthers }) => {
      if (!result) return [];
      this.#keptChars -= result.chars;
      if (statement === undefined) return [];
      const bytes = end - result.offset;
      const layout = amongOthers ? undefined : cursorLayout(prepared, columns, bytes, this.#answer.withoutEof);
      return [{ statement, result: { ...this.#show(result), layout } }];
    });
  }

  #show({ offset, columns, binary, rows, omitted }: Result): ReplayedResult {
    const shown = columns.slice(0, MAX_COLUMNS_SHOWN);
    const undecoded = shown.find(
      (column, i) => !isDecoded(column) && rows.some((row) => row[i]?.includes('\\x') === true),
    );
    return {
      offset,
      columns: shown.map(({ name }) => name),
      rows,
      omitted,
      omittedColumns: columns.length - shown.length,
      undecoded: undecoded && `MySQL's collation ${undecoded.characterSet}`,
      layout: plainLayout(binary, this.#answer.withoutEof),
    };
  }
}

/** As statements' facts have it. */
const formOf = (asked: MysqlRequest | undefined): ClaimedBy['form'] =>
  asked?.shape === 'text' ? 'simple' : asked?.shape === 'binary' ? 'extended' : 'function';

const NOTHING_READ = { columns: [], rows: [], omitted: 0, omittedColumns: 0, undecoded: undefined, layout: undefined };

const newResult = (offset: number, columns: readonly MysqlColumn[], binary: boolean): Result => ({
  ...{ offset, columns: [...columns], binary, rows: [], chars: 0, omitted: 0 },
});

const newCursor = (prepared: number, columns: readonly MysqlColumn[], openedAt: number): Cursor => ({
  ...{ prepared, columns: [...columns], openedAt, end: 0, amongOthers: false },
});

const isFull = ({ rows, chars }: Result): boolean => rows.length >= REPLAY_MAX_ROWS || chars >= MAX_RESULT_CHARS;
