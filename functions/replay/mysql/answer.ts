// One answer of MySQL or MariaDB, packet by packet. What a packet is comes from what was asked and what came before it.
//
//   text, binary   OK | ERR | 0xfb LOCAL INFILE | int<lenenc> columns, that many definitions, (EOF), rows, EOF or OK
//                  and again while the status says that more results follow
//   prepared       0x00 | int<4> id | int<2> columns | int<2> parameters ..., that many definitions of each, with (EOF) behind each
//   fetched        rows of a cursor, EOF or OK            columns   definitions, EOF or OK            single   one packet
//
// Whether EOF stands behind definitions (CLIENT_DEPRECATE_EOF) was agreed before the recording begins: its packet has 5 bytes, and
// the OK that ends rows otherwise has 7 or more.
// https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_query_response.html

import { isUtf8 } from 'node:buffer';
import { z } from 'zod';
import { fitting, KeptBytes, keptBytes, StateMisfit } from '../../checkpoints.ts';
import { BytesReader } from './bytes-reader.ts';
import { decodedText, type MysqlColumn } from './values.ts';

const HEADER_BYTES = 4;
const FULL_PACKET = 0xffffff;
const EOF = 0xfe;
const ERR = 0xff;
const OK = 0x00;
const LOCAL_INFILE = 0xfb;
const EOF_BYTES = 5;
const MORE_RESULTS = 0x0008;
const CURSOR_EXISTS = 0x0040;
const LAST_ROW_SENT = 0x0080;
const UNSIGNED_FLAG = 0x20;
/** Of a row that nobody wants: enough to see that it is none. OK has two lengths and a status. */
const LOOKED_AT_BYTES = 32;
/** Of everything but rows. Definitions are short; messages and session states are not read. */
const MAX_OTHER_BYTES = 64 * 1024;
/** What the recorder writes over what it hides (ADR 5). */
const STAR = 0x2a;

export const MysqlAnswerShape = z.literal(['text', 'binary', 'prepared', 'fetched', 'columns', 'single']);
type AnswerReading = z.infer<typeof MysqlAnswerShape>;

const State = z.literal(['first', 'definitions', 'definitions end', 'rows', 'one', 'over']);
type State = z.infer<typeof State>;

export const MysqlColumnsState = z.array(
  z.object({
    ...{ name: z.string(), characterSet: z.number(), type: z.number(), unsigned: z.boolean(), decimals: z.number() },
  }),
);
const Count = z.number().int().min(0);
const AnswerState = z.object({
  shape: MysqlAnswerShape,
  state: State,
  columns: MysqlColumnsState,
  withoutEof: z.boolean().nullable(),
  ...{ definitions: Count, more: Count, demanded: z.boolean(), exhausted: z.boolean(), isLost: z.boolean() },
  ...{ header: KeptBytes, packetBytes: Count, left: Count, sequence: Count, continued: z.boolean() },
  ...{ keep: Count, kept: KeptBytes, payloadBytes: Count, position: Count, payloadAt: Count, resultAt: Count },
});

const FIRST: Readonly<Record<AnswerReading, State>> = {
  text: 'first',
  binary: 'first',
  prepared: 'first',
  fetched: 'rows',
  columns: 'rows',
  single: 'one',
};

/** Told of what an answer holds, in its order. */
export interface AnswerSink {
  /** A result begins, `at` bytes behind the answer's first. */
  columns(columns: readonly MysqlColumn[], at: number): void;
  /** Bytes of the next row that are to be kept; 0: it is counted only. */
  readonly rowBytes: number;
  /** `payload`: its beginning, as much as is kept, of `bytes`. */
  row(payload: Buffer, bytes: number): void;
  /** The result is over. `failed`: an error ended it. `cursor`: its rows come when the client fetches them. */
  end(how: 'whole' | 'failed' | 'cursor'): void;
  /** What follows in this answer is not understood; `hidden`: since what describes it is hidden. */
  lost(hidden: boolean): void;
}

/** One a lane: whether EOF stands behind definitions is learnt once. */
export class MysqlAnswer {
  readonly #sink: AnswerSink;
  #shape: AnswerReading = 'single';
  #state: State = 'over';
  #columns: MysqlColumn[] = [];
  /** To come, of those that are counted now, and behind them. */
  #definitions = 0;
  #more = 0;
  /** The client and its target agreed on no EOF packets; known once one is there, or is not. */
  withoutEof: boolean | undefined;
  /** The target asked for a file of the client's, whose next packets are that file. */
  demanded = false;
  /** The last of a cursor's rows came. */
  exhausted = false;
  /** Nothing of it is understood any more; where it ends neither. */
  isLost = false;
  readonly #header = Buffer.alloc(HEADER_BYTES);
  #headerBytes = 0;
  #packetBytes = 0;
  #left = 0;
  #sequence = 0;
  /** It goes on what a full packet began. */
  #continued = false;
  #keep = 0;
  #kept: Buffer[] = [];
  #keptBytes = 0;
  /** Of the payload, over all of its packets. */
  #payloadBytes = 0;
  /** Bytes of the answer so far, and of them before the payload. */
  #position = 0;
  #payloadAt = 0;
  #resultAt = 0;

  constructor(sink: AnswerSink) {
    this.#sink = sink;
  }

  state(): z.input<typeof AnswerState> {
    return {
      ...{ shape: this.#shape, state: this.#state, columns: [...this.#columns], withoutEof: this.withoutEof ?? null },
      ...{ definitions: this.#definitions, more: this.#more },
      ...{ demanded: this.demanded, exhausted: this.exhausted, isLost: this.isLost },
      ...{ header: keptBytes(this.#header.subarray(0, this.#headerBytes)), packetBytes: this.#packetBytes },
      ...{ left: this.#left, sequence: this.#sequence, continued: this.#continued, keep: this.#keep },
      ...{ kept: keptBytes(Buffer.concat(this.#kept)), payloadBytes: this.#payloadBytes },
      ...{ position: this.#position, payloadAt: this.#payloadAt, resultAt: this.#resultAt },
    };
  }

  /** `mostKept`: of a packet, by what its owner keeps of rows. Throws StateMisfit for what `state` cannot have said. */
  resume(saved: unknown, mostKept: number): void {
    const it = fitting(AnswerState, saved);
    const most = Math.max(mostKept, MAX_OTHER_BYTES);
    if (it.header.length > HEADER_BYTES || it.left > it.packetBytes || it.keep > most || it.kept.length > it.keep)
      throw new StateMisfit('it is no place in a packet');
    [this.#shape, this.#state, this.#columns] = [it.shape, it.state, it.columns];
    this.withoutEof = it.withoutEof ?? undefined;
    [this.#definitions, this.#more] = [it.definitions, it.more];
    [this.demanded, this.exhausted, this.isLost] = [it.demanded, it.exhausted, it.isLost];
    this.#header.set(it.header);
    [this.#headerBytes, this.#packetBytes, this.#left] = [it.header.length, it.packetBytes, it.left];
    [this.#sequence, this.#continued, this.#keep] = [it.sequence, it.continued, it.keep];
    this.#kept = it.kept.length > 0 ? [Buffer.from(it.kept)] : [];
    [this.#keptBytes, this.#payloadBytes] = [it.kept.length, it.payloadBytes];
    [this.#position, this.#payloadAt, this.#resultAt] = [it.position, it.payloadAt, it.resultAt];
  }

  /** The one before is over, or given up. */
  begin(shape: AnswerReading): void {
    this.#position = this.over ? this.ahead : 0;
    if (this.#position === 0) this.#headerBytes = 0;
    this.#shape = shape;
    this.#state = FIRST[shape];
    this.#continued = false;
    this.#payloadAt = 0;
    this.demanded = false;
    this.exhausted = false;
    this.isLost = false;
    this.#forget();
    if (this.#headerBytes === HEADER_BYTES) this.#begun();
  }

  /** The next byte begins an answer. */
  giveUp(): void {
    this.#state = 'over';
    this.#headerBytes = 0;
    this.isLost = false;
  }

  get over(): boolean {
    return this.#state === 'over';
  }

  /** Bytes read that belong to the next answer: the header of its first packet, which alone told that this one is over. */
  get ahead(): number {
    return this.over && !this.isLost ? this.#headerBytes : 0;
  }

  /** It may be over: whether an EOF follows is not known yet. */
  get mayBeOver(): boolean {
    return this.over || (this.#shape === 'prepared' && this.#state === 'definitions end' && this.#more === 0);
  }

  /** Nothing of a packet is there whose rest has not come. */
  get atBorder(): boolean {
    return this.#headerBytes === 0 && !this.#continued;
  }

  /** Reads on from `from`, to the end of the answer or of the chunk. Gives where it stopped. */
  read(chunk: Buffer, from: number): number {
    let at = from;
    while (at < chunk.length && this.#state !== 'over') {
      if (this.#headerBytes < HEADER_BYTES) {
        if (this.#headerBytes === 0 && !this.#continued) this.#payloadAt = this.#position;
        this.#header[this.#headerBytes++] = chunk[at++] as number;
        this.#position++;
        if (this.#headerBytes < HEADER_BYTES) continue;
        if (this.mayBeOver && !this.#isEofNext()) {
          this.withoutEof = true;
          this.#state = 'over';
          return at;
        }
        this.#begun();
      }
      const part = chunk.subarray(at, at + this.#left);
      this.#take(part);
      at += part.length;
      if (this.#left > 0) continue;
      this.#headerBytes = 0;
      this.#continued = this.#packetBytes === FULL_PACKET;
      if (this.#continued) continue;
      const payload = this.#kept.length === 1 ? (this.#kept[0] as Buffer) : Buffer.concat(this.#kept);
      const bytes = this.#payloadBytes;
      this.#forget();
      try {
        this.#packet(payload, bytes);
      } catch (fault) {
        if (!(fault instanceof RangeError)) throw fault;
        this.#lose(false);
      }
    }
    return at;
  }

  #isEofNext(): boolean {
    return this.#header.readUIntLE(0, 3) === EOF_BYTES && this.#header[3] === ((this.#sequence + 1) & 255);
  }

  /** The header of a packet is there. */
  #begun(): void {
    this.#packetBytes = this.#header.readUIntLE(0, 3);
    this.#left = this.#packetBytes;
    this.#sequence = this.#header[3] as number;
    if (this.#continued) return;
    const isRow = this.#state === 'rows' && this.#shape !== 'columns';
    this.#keep = isRow ? Math.max(this.#sink.rowBytes, LOOKED_AT_BYTES) : MAX_OTHER_BYTES;
  }

  /** A copy: what waits for its end outlives the segment. */
  #take(part: Buffer): void {
    this.#left -= part.length;
    this.#position += part.length;
    this.#payloadBytes += part.length;
    const room = this.#keep - this.#keptBytes;
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

  #lose(hidden: boolean): void {
    this.isLost = true;
    this.#state = 'over';
    this.#sink.lost(hidden);
  }

  #packet(payload: Buffer, bytes: number): void {
    const first = payload[0];
    if (first === undefined) return void this.#lose(false);
    if (first === ERR && this.#state !== 'definitions') {
      if (this.#state === 'rows') this.#sink.end('failed');
      this.#state = 'over';
      return;
    }
    switch (this.#state) {
      case 'first':
        return void this.#first(payload, first);
      case 'definitions':
        return void this.#definition(payload);
      case 'definitions end':
        this.withoutEof = !(first === EOF && bytes === EOF_BYTES);
        this.#described(this.withoutEof ? 0 : payload.readUInt16LE(3));
        if (this.withoutEof) this.#packet(payload, bytes);
        return;
      case 'rows':
        if (first === EOF && this.#endsRows(bytes)) return void this.#endRows(statusOf(payload, bytes));
        if (this.#shape !== 'columns') this.#sink.row(payload, bytes);
        return;
      case 'one':
        this.#state = 'over';
    }
  }

  /** A row of text may begin like the end of rows: with a cell of 2^24 bytes or more. */
  #endsRows(bytes: number): boolean {
    return this.#shape !== 'text' || bytes === EOF_BYTES || (this.withoutEof === true && bytes < FULL_PACKET);
  }

  #first(payload: Buffer, first: number): void {
    if (this.#shape === 'prepared') {
      if (first !== OK) return void this.#lose(false);
      const [columns, parameters] = [payload.readUInt16LE(5), payload.readUInt16LE(7)];
      this.#definitions = parameters > 0 ? parameters : columns;
      this.#more = parameters > 0 ? columns : 0;
      this.#state = this.#definitions > 0 ? 'definitions' : 'over';
      return;
    }
    if (first === OK) {
      this.#state = (statusOf(payload, payload.length) & MORE_RESULTS) === 0 ? 'over' : 'first';
      return;
    }
    // The file follows from the client, and then the answer.
    if (first === LOCAL_INFILE) {
      this.demanded = true;
      return;
    }
    this.#definitions = new BytesReader(payload).lengthInt();
    this.#resultAt = this.#payloadAt;
    this.#columns = [];
    this.#state = this.#definitions > 0 ? 'definitions' : 'over';
  }

  #definition(payload: Buffer): void {
    this.#definitions--;
    if (this.#shape !== 'prepared') {
      if (isHidden(payload)) return void this.#lose(true);
      this.#columns.push(readColumn(payload));
    }
    if (this.#definitions > 0) return;
    if (this.withoutEof) this.#described(0);
    else this.#state = 'definitions end';
  }

  /** `status`: of the EOF behind definitions. */
  #described(status: number): void {
    if (this.#shape === 'prepared') {
      this.#definitions = this.#more;
      this.#more = 0;
      this.#state = this.#definitions > 0 ? 'definitions' : 'over';
      return;
    }
    this.#sink.columns(this.#columns, this.#resultAt);
    this.#state = (status & CURSOR_EXISTS) === 0 ? 'rows' : 'over';
    if (this.over) this.#sink.end('cursor');
  }

  #endRows(status: number): void {
    const opened = this.#shape === 'binary' && (status & CURSOR_EXISTS) !== 0;
    this.exhausted = (status & LAST_ROW_SENT) !== 0;
    this.#sink.end(opened ? 'cursor' : 'whole');
    const goesOn = (status & MORE_RESULTS) !== 0 && (this.#shape === 'text' || this.#shape === 'binary');
    this.#state = goesOn ? 'first' : 'over';
  }
}

/** It is written over (ADR 5). No definition begins like that. */
const isHidden = (payload: Buffer): boolean => payload.every((byte) => byte === STAR);

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
