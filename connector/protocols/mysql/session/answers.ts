// What the target answers, in the order of what it was asked: recorded, read for facts, and forwarded as it came. What
// the gateway answers itself waits for its turn among them.

import { mask, partOf, passUntouched } from '../../../../core/masking/masked.ts';
import type { SessionGuard } from '../../../action.ts';
import {
  encodeReplacements,
  type Replacement,
  restoreBody,
  withinFrame,
} from '../../../../core/recording/originals/original-object.ts';
import { differences } from '../../../../core/recording/originals/differences.ts';
import type { Lane, Recorded } from '../../../door.ts';
import type { Relay } from '../../../net/relay.ts';
import { MaskedResults, type ShownBy, type ShownRows } from '../masking/masked-results.ts';
import { AnswerReader, DEMANDED } from '../wire/answer-reader.ts';
import { type AnswerShape, COM_QUERY } from '../wire/commands.ts';
import { fileNotAskedFor } from '../wire/refusals.ts';
import { ERR, type MysqlError, errorPacket, IN_TRANSACTION } from '../wire/replies.ts';
import { packet, PACKET_HEADER_BYTES } from '../wire/packets.ts';
import { Exchange } from './exchange.ts';
import { type Demand, type LocalFile, readDemand } from './local-file.ts';
import type { MysqlFacts, MysqlStatement } from './statement-facts.ts';

const STAR = 0x2a;
/** The own question's answer. */
const MAX_OWN_BYTES = 64 * 1024;
/** An answer of these may begin with a demand for a file. */
const MAY_DEMAND: ReadonlySet<AnswerShape> = new Set(['text results', 'binary results']);
const NOTHING = Buffer.alloc(0);

interface AnswersParts {
  readonly relay: Relay;
  readonly lane: Lane;
  readonly guard: SessionGuard;
  readonly facts: MysqlFacts;
  readonly deprecateEof: boolean;
  /** Of what the gateway asks by itself. */
  readonly opened: Recorded;
}

interface Asked {
  readonly statement?: MysqlStatement | undefined;
  /** What it quotes of the command is recorded as hidden. */
  readonly hidden?: () => boolean;
  /** It may quote a secret. Missing: as `hidden`. */
  readonly secret?: () => boolean;
  /** Its rows are masked. */
  readonly shownBy?: ShownBy | undefined;
  /** Its rows are those of a cursor, which was opened before. */
  readonly cursor?: () => ShownRows | undefined;
  /** The client's file that it may ask for: its name. */
  file?: Buffer | undefined;
  /** Told when it is over; `opened`: the masked rows of a cursor. */
  readonly answered?: (reader: AnswerReader, opened: ShownRows | undefined) => void;
}

interface Expected extends Asked {
  readonly reader: AnswerReader;
  readonly masked?: MaskedResults | undefined;
  /** Of the gateway's own question: nothing of it is recorded or forwarded. */
  readonly own?: boolean;
  /** Where it begins in the target's recorded bytes. */
  offset?: number;
  /** That it asked for. */
  transfer?: LocalFile;
  /** It asked for another file: what the client is told in place of the rest. */
  denied?: MysqlError;
}

interface Refused {
  readonly error: MysqlError;
  readonly statement: MysqlStatement | undefined;
}

/** A login of the gateway's own within the session. */
interface Conversed {
  readonly exchange: Exchange;
  readonly statement?: undefined;
}

export class MysqlAnswers {
  readonly #parts: AnswersParts;
  #queue: (Expected | Refused | Conversed)[] = [];
  /** Bytes of the target that were recorded. */
  #position = 0;
  #preparing = 0;
  #waiting: (() => void)[] = [];
  /** As the target said last. */
  #status = 0;
  /** Of an error that nobody asked for. */
  #farewell: AnswerReader | undefined;
  /** The beginning of an answer, which does not say yet what it is. */
  #beginning: Buffer = NOTHING;
  fault: string | undefined;

  constructor(parts: AnswersParts) {
    this.#parts = parts;
  }

  /** The target works on something. */
  get busy(): boolean {
    return this.#queue.length > 0;
  }

  /** A transaction may just be beginning: what is not answered yet counts. */
  get inTransaction(): boolean {
    return this.busy || (this.#status & IN_TRANSACTION) !== 0;
  }

  /** Bytes that went on of a packet whose rest did not: 0 where one of our own may follow. */
  get unfinished(): number {
    const head = this.#queue[0];
    if (this.#farewell) return this.#farewell.unfinished;
    return head && 'reader' in head && !head.own && !head.masked && !head.denied ? head.reader.unfinished : 0;
  }

  /** The number that a packet of ours has next, as an answer or in the middle of one. Undefined: nothing is asked. */
  get nextSequence(): number | undefined {
    const head = this.#queue.find((one) => !('exchange' in one) && !('reader' in one && one.own));
    if (!head) return undefined;
    if (!('reader' in head) || head.denied) return 1;
    return head.masked ? head.masked.nextSequence : (head.reader.sequence + 1) & 255;
  }

  /** Of the target's bytes so many were recorded before the first command. */
  welcomed(bytes: number): void {
    this.#position += bytes;
  }

  expect(shape: AnswerShape, asked: Asked): void {
    if (shape === 'none') return;
    if (shape === 'prepared') this.#preparing++;
    const reader = new AnswerReader(shape, this.#parts.deprecateEof);
    const { shownBy, cursor } = asked;
    const format = shape === 'binary results' || shape === 'fetched' ? 'binary' : 'text';
    const masked = shownBy && new MaskedResults(reader, format, shownBy, cursor, this.#parts.lane.keepsOriginals);
    this.#queue.push({ ...asked, reader, masked });
  }

  /** The gateway answers a command, behind the answers to those before it. */
  refuse(error: MysqlError, statement: MysqlStatement | undefined): void {
    this.#queue.push({ error, statement });
    this.#speak();
  }

  /** Resolves when every statement that is being prepared is, or is not. Undefined: none is. */
  prepared(): Promise<void> | undefined {
    return this.#preparing === 0 ? undefined : this.#turn();
  }

  /** Resolves when nothing is asked. Undefined: nothing is. */
  idle(): Promise<void> | undefined {
    return this.#queue.length === 0 ? undefined : this.#turn();
  }

  /** Resolves when a file may be asked for no more, or is. Undefined: none may. */
  mayDemandFile(): Promise<void> | undefined {
    return this.#queue.some((one) => 'reader' in one && one.file !== undefined) ? this.#turn() : undefined;
  }

  /** The target waits for more of a file of the client's. */
  get wantsFile(): boolean {
    const head = this.#queue[0];
    return head !== undefined && 'reader' in head && head.transfer?.ended === false;
  }

  /** More of that file, or of its packets. Gives what is wrong with them. */
  takeFile(bytes: Buffer): string | undefined {
    const head = this.#queue[0];
    if (!head || !('reader' in head) || !head.transfer) return undefined;
    head.transfer.take(bytes);
    goOnFrom(head, head.transfer.sequence);
    return head.transfer.fault;
  }

  /** Asks the target something of the gateway's own. Only while nothing is asked. Gives the rows' bytes; undefined: it failed. */
  ask(text: string): Promise<Buffer | undefined> {
    const { relay, opened, deprecateEof } = this.#parts;
    const reader = new AnswerReader('text results', deprecateEof);
    const parts: Buffer[] = [];
    let bytes = 0;
    reader.onRow = (part) => {
      bytes += part.length;
      if (bytes <= MAX_OWN_BYTES) parts.push(Buffer.from(part));
    };
    return new Promise((resolve) => {
      const answered = () =>
        resolve(reader.error === undefined && bytes <= MAX_OWN_BYTES ? Buffer.concat(parts) : undefined);
      this.#queue.push({ reader, own: true, answered });
      relay.toTarget(packet(0, COM_QUERY, text), opened);
    });
  }

  /** Begins a login at the target, of which nothing is recorded or forwarded. Only while nothing is asked. */
  converse(): Exchange {
    const { relay, opened } = this.#parts;
    const exchange = new Exchange(0, (bytes) => relay.toTarget(bytes, opened));
    this.#queue.push({ exchange });
    return exchange;
  }

  /** That is over. */
  conversed(): void {
    const head = this.#queue[0];
    if (!head || !('exchange' in head)) return;
    if (head.exchange.unread > 0) this.fault ??= 'it answers what nobody asked';
    this.#queue.shift();
    this.#wake();
  }

  /** Hands an OK of the target's on, with the number that is due. */
  pass(sequence: number, payload: Buffer, statement: MysqlStatement | undefined): void {
    const bytes = packet(sequence, payload);
    const reader = new AnswerReader('single', this.#parts.deprecateEof);
    reader.read(bytes, 0);
    this.#status = reader.status ?? this.#status;
    const offset = this.#position;
    this.#pass(bytes, [], 0);
    if (statement) this.#parts.facts.finish(statement, reader, offset, bytes.length);
  }

  take(came: Buffer): void {
    const chunk = this.#beginning.length > 0 ? Buffer.concat([this.#beginning, came]) : came;
    this.#beginning = NOTHING;
    let at = 0;
    while (at < chunk.length && this.fault === undefined) {
      const head = this.#queue[0];
      if (!head) at = this.#unasked(chunk, at);
      else if ('exchange' in head) {
        head.exchange.feed(chunk.subarray(at));
        at = chunk.length;
      } else if ('reader' in head) at = this.#answer(head, chunk, at);
      else this.#speak();
    }
  }

  /** The session is over: what was asked has no answer. */
  close(): void {
    for (const one of this.#queue) {
      if ('exchange' in one) one.exchange.close();
      else if ('reader' in one) one.transfer?.finish(undefined);
    }
    for (const { statement } of this.#queue)
      if (statement) this.#parts.facts.drop(statement, 'The session ended before its answer was complete.');
    this.#queue = [];
    this.#wake();
  }

  #answer(head: Expected, chunk: Buffer, from: number): number {
    const { guard, facts } = this.#parts;
    const { reader } = head;
    if (reader.beforeResult && !head.own && MAY_DEMAND.has(reader.shape)) {
      const demand = readDemand(chunk.subarray(from));
      if (demand === undefined) this.#beginning = Buffer.from(chunk.subarray(from));
      // Behind other results nobody asked for one.
      else if (demand === 'too long' || (demand !== 'none' && head.offset !== undefined)) this.fault = DEMANDED;
      else if (demand !== 'none') return from + this.#demanded(head, demand);
      if (demand !== 'none') return chunk.length;
    }
    const rows = reader.rows;
    const quotes: [from: number, to: number][] = [];
    if (head.hidden?.()) reader.onQuote = (start, end) => quotes.push([start, end]);
    head.offset ??= this.#position;
    const masked = head.denied ? undefined : head.masked;
    const at = masked ? this.#show(head, masked, chunk, from) : reader.read(chunk, from);
    if (!head.own && !masked && !head.denied) this.#pass(chunk.subarray(from, at), quotes, from);
    const fault = reader.fault ?? masked?.fault;
    if (fault !== undefined) {
      this.fault = fault;
      return chunk.length;
    }
    if (reader.rows > rows && !head.own) guard.countRows(reader.rows - rows);
    if (!reader.over) return at;
    this.#queue.shift();
    this.#status = reader.status ?? this.#status;
    if (head.denied) this.#deny(head.denied, reader);
    if (head.transfer?.ended === false) this.fault = 'it answers before the file that it asked for is over';
    head.transfer?.finish(reader.error !== undefined);
    head.answered?.(reader, masked?.opened);
    if (head.statement) facts.finish(head.statement, reader, head.offset, this.#position - head.offset);
    this.#speak();
    this.#wake();
    return at;
  }

  /** The target asks for a file of the client's. Gives how many bytes that took. */
  #demanded(head: Expected, demand: Demand): number {
    const { relay, opened, facts } = this.#parts;
    head.offset = this.#position;
    if (head.file?.equals(demand.name)) {
      head.transfer = facts.openFile(demand);
      goOnFrom(head, demand.sequence);
      this.#pass(demand.bytes, [], 0);
    } else {
      // As a client that has no such file: the target goes on as if it were empty.
      head.denied = fileNotAskedFor(demand.name.toString('utf8'));
      relay.toTarget(packet(demand.sequence + 1), opened);
    }
    head.file = undefined;
    this.#wake();
    return demand.bytes.length;
  }

  #deny(error: MysqlError, reader: AnswerReader): void {
    const { relay, lane } = this.#parts;
    reader.error = error;
    const bytes = errorPacket(1, error);
    relay.toClient(passUntouched(bytes), lane.record('gateway', bytes));
  }

  /** Only an error may come that nobody asked for: the target is about to close (4031, 1053, 1927). */
  #unasked(chunk: Buffer, from: number): number {
    this.#farewell ??= new AnswerReader('single', this.#parts.deprecateEof);
    const reader = this.#farewell;
    const at = reader.read(chunk, from);
    const isError = reader.error !== undefined || !reader.over;
    if (!isError || (from + PACKET_HEADER_BYTES < chunk.length && chunk[from + PACKET_HEADER_BYTES] !== ERR))
      this.fault = 'it answers what nobody asked';
    if (this.fault === undefined) this.#pass(chunk.subarray(from, at), [], from);
    if (reader.over) this.#farewell = undefined;
    return at;
  }

  /** Gives where the answer stops in the chunk. */
  #show(head: Expected, masked: MaskedResults, chunk: Buffer, from: number): number {
    const { lane, relay } = this.#parts;
    const shown = mask(masked, chunk.subarray(from));
    const [first] = shown;
    if (first) {
      const bytes = partOf(Buffer.concat(shown), first);
      const starred = (packet: Uint8Array) => Buffer.from(packet).fill(STAR, PACKET_HEADER_BYTES);
      const recorded = head.hidden?.() ? Buffer.concat(shown.map(starred)) : bytes;
      this.#position += bytes.length;
      relay.toClient(bytes, lane.record('target', recorded, this.#hidIn(head, masked, bytes, recorded)));
    }
    return head.reader.over ? chunk.length - masked.rest().length : chunk.length;
  }

  /** What stood in `recorded`; undefined: nothing of it is kept. */
  #hidIn(head: Expected, masked: MaskedResults, bytes: Buffer, recorded: Buffer): readonly Replacement[] | undefined {
    const hid = masked.takeHid();
    if (hid === undefined) return undefined;
    const { masks } = this.#parts.guard.rules;
    if ((head.secret ?? head.hidden)?.()) {
      masks.leaveOut('secret', hid.length);
      return undefined;
    }
    if (recorded === bytes) return hid;
    const more: Replacement[] = [];
    differences(Buffer.from(restoreBody(bytes, [encodeReplacements(hid, 0)])), recorded, 0, 0, more);
    return withinFrame(more, (values) => masks.leaveOut('too_large', values));
  }

  /** `quotes`: what of `bytes`, at `from` in its chunk, is recorded as hidden. */
  #pass(bytes: Buffer, quotes: readonly (readonly [number, number])[], from: number): void {
    if (bytes.length === 0) return;
    let recorded = bytes;
    if (quotes.length > 0) {
      recorded = Buffer.from(bytes);
      for (const [start, end] of quotes) recorded.fill(STAR, start - from, end - from);
    }
    this.#position += bytes.length;
    const receipt = this.#parts.lane.record('target', recorded);
    this.#parts.relay.toClient(passUntouched(bytes), receipt);
  }

  /** The gateway's own answers whose turn it is. */
  #speak(): void {
    const { relay, lane, facts } = this.#parts;
    for (let head = this.#queue[0]; head && 'error' in head; head = this.#queue[0]) {
      this.#queue.shift();
      const bytes = errorPacket(1, head.error);
      relay.toClient(passUntouched(bytes), lane.record('gateway', bytes));
      if (head.statement) facts.refuse(head.statement, head.error);
    }
  }

  #turn(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Whoever waits looks again. */
  #wake(): void {
    this.#preparing = this.#queue.filter((one) => 'reader' in one && one.reader.shape === 'prepared').length;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}

/** The last packet of the answer's conversation had this number. */
function goOnFrom({ reader, masked }: Expected, sequence: number): void {
  reader.sequence = sequence;
  if (masked) masked.nextSequence = sequence + 1;
}
