// What the two streams of messages mean: which statement each answer belongs to. Reads messages that
// framing found, keeps what is pending in the order the target will answer it, and tells facts.
//
// The rules are those of the server's main loop (tcop/postgres.c) and of the protocol's flow chapter:
// after an error in an extended-query message everything is passed over until a Sync; after one in a
// Query, ReadyForQuery follows; during COPY FROM STDIN, Sync and Flush are ignored.

import type { Fact, Parameter } from '../../../core/recording/facts.ts';
import { MAX_FACT_TEXT } from '../../../core/recording/facts.ts';
import { type ErrorFields, readErrorFields } from './messages.ts';
import { Names, type Prepared, type Undo } from './names.ts';
import { readParameters } from './parameters.ts';
import { textReader } from './encoding.ts';
import { HEADER_BYTES } from './framing.ts';

/** Takes facts; a session's recorder. */
export interface FactSink {
  fact(lane: number, fact: Fact): void;
  elapsedUs(): number;
}

type Form = 'simple' | 'extended' | 'function';

interface Statement {
  readonly number: number;
  readonly startedUs: number;
  readonly tags: string[];
  error: ErrorFields | undefined;
}

type Pending =
  | { readonly kind: 'query' | 'function' | 'execute'; readonly statement: Statement }
  | {
      readonly kind: 'parse';
      readonly prepared: Prepared;
      readonly offset: number;
      readonly length: number;
      readonly undo: Undo;
    }
  | { readonly kind: 'bind' | 'close'; readonly undo: Undo }
  | { readonly kind: 'describe'; readonly prepared: Prepared | undefined }
  | { readonly kind: 'sync' | 'copy_end' };

const SYNC: Pending = { kind: 'sync' };
const COPY_END: Pending = { kind: 'copy_end' };
const DESCRIBE_PORTAL: Pending = { kind: 'describe', prepared: undefined };
const SKIPPED: ErrorFields = {
  code: 'skipped',
  severity: 'SKIPPED',
  message: 'Not run: an earlier statement of the pipeline failed.',
};
const NO_TYPES: readonly number[] = [];
const LANE = 0;

export class Statements {
  readonly #facts: FactSink;
  readonly #names = new Names();
  #readText = textReader('UTF8');
  /** What the target has yet to answer, from `#first` on. */
  #pending: Pending[] = [];
  #first = 0;
  #count = 0;
  /** An error came in an extended-query message, and no Sync has been seen behind it yet. */
  #skipping = false;
  /** The target takes COPY data, and the client has not said that it was the last. */
  #copyIn = false;
  /** Of the answer under way. */
  #rows = 0;
  #copyBytes = 0;
  #answerAt = 0;
  /** 'I' idle, 'T' in a transaction, 'E' in a failed one: as of the last ReadyForQuery. */
  transaction = 'I';
  /** The client sent Terminate. */
  terminated = false;

  constructor(facts: FactSink) {
    this.#facts = facts;
  }

  /** Whether the target has something to do. */
  get busy(): boolean {
    return this.#first < this.#pending.length;
  }

  // --- from the client ---

  /** Gives what is wrong with a message, where something is. */
  clientMessage(
    type: number,
    b: Buffer,
    start: number,
    end: number,
    length: number,
    offset: number,
  ): string | undefined {
    switch (type) {
      case 0x42: // B Bind
        return this.#bind(b, start, end, length, offset);
      case 0x45: // E Execute
        return this.#execute(b, start, end, offset, length);
      case 0x53: // S Sync
        if (length !== 0) return malformed('Sync');
        this.#skipping = false;
        if (!this.#copyIn) this.#pending.push(SYNC);
        return undefined;
      case 0x44: // D Describe
      case 0x43: // C Close
        return this.#describeOrClose(type, b, start, end);
      case 0x50: // P Parse
        return this.#parse(b, start, end, offset, length);
      case 0x51: // Q Query
        return this.#query(b, start, end, offset, length);
      case 0x46: // F FunctionCall
        return this.#functionCall(b, start, end, offset, length);
      case 0x64: // d CopyData
        if (this.#copyIn) this.#copyBytes += length;
        return undefined;
      case 0x63: // c CopyDone
      case 0x66: // f CopyFail
        if (this.#copyIn) this.#copyIn = false;
        else this.#pending.push(COPY_END);
        return undefined;
      case 0x58: // X Terminate
        this.terminated = true;
        return undefined;
      default: // H Flush
        return undefined;
    }
  }

  /** text NUL */
  #query(b: Buffer, start: number, end: number, offset: number, length: number): string | undefined {
    const stop = b.indexOf(0, start);
    const cut = end - start < length;
    if (!cut && stop !== end - 1) return malformed('Query');
    const { text, textBytes } = this.#text(b, start, cut ? end : stop, length - 1);
    this.#names.forgetUnnamed();
    const statement = this.#start(
      'simple',
      text,
      textBytes,
      undefined,
      undefined,
      undefined,
      offset,
      HEADER_BYTES + length,
    );
    return this.#enqueue({ kind: 'query', statement });
  }

  /** name NUL text NUL int16 count | int32 each: type */
  #parse(b: Buffer, start: number, end: number, offset: number, length: number): string | undefined {
    const nameEnd = stringEnd(b, start, end);
    if (nameEnd < 0) return malformed('Parse');
    const name = this.#readText(b, start, nameEnd);
    const textEnd = stringEnd(b, nameEnd + 1, end);
    const cut = end - start < length;
    const types: number[] = [];
    if (textEnd < 0) {
      if (!cut) return malformed('Parse');
    } else if (textEnd + 3 <= end) {
      const count = b.readUInt16BE(textEnd + 1);
      if (!cut && textEnd + 3 + count * 4 !== end) return malformed('Parse');
      for (let at = textEnd + 3; at + 4 <= end; at += 4) types.push(b.readUInt32BE(at));
    }
    const { text, textBytes } = this.#text(
      b,
      nameEnd + 1,
      textEnd < 0 ? end : textEnd,
      textEnd < 0 ? length : textEnd - nameEnd - 1,
    );
    const prepared: Prepared = { name, text, textBytes, types };
    if (this.#skipping) return undefined;
    const undo = this.#names.prepare(prepared);
    if (!undo) return 'too many prepared statements are open';
    return this.#enqueue({ kind: 'parse', prepared, offset, length: HEADER_BYTES + length, undo });
  }

  /** portal NUL statement NUL | parameters | result formats */
  #bind(b: Buffer, start: number, end: number, length: number, offset: number): string | undefined {
    const portalEnd = stringEnd(b, start, end);
    const nameEnd = portalEnd < 0 ? -1 : stringEnd(b, portalEnd + 1, end);
    if (nameEnd < 0 || (end - start === length && end - nameEnd < 7)) return malformed('Bind');
    if (this.#skipping) return undefined;
    const name = portalEnd === start ? '' : this.#readText(b, start, portalEnd);
    const statement = this.#readText(b, portalEnd + 1, nameEnd);
    const prepared = this.#names.prepared(statement);
    const parameters = readParameters(b, nameEnd + 1, end, prepared?.types ?? NO_TYPES, this.#readText);
    const undo = this.#names.bind({ name, statement, prepared, parameters, offset, executed: false });
    if (!undo) return 'too many portals are open';
    return this.#enqueue({ kind: 'bind', undo });
  }

  /** portal NUL int32 rows */
  #execute(b: Buffer, start: number, end: number, offset: number, length: number): string | undefined {
    const nameEnd = stringEnd(b, start, end);
    if (nameEnd < 0 || nameEnd + 5 !== end) return malformed('Execute');
    const name = nameEnd === start ? '' : this.#readText(b, start, nameEnd);
    const portal = this.#names.portal(name);
    const prepared = portal?.prepared;
    // From its Bind on, the first time: there the parameters are.
    const from = portal && !portal.executed ? portal.offset : offset;
    if (portal) portal.executed = true;
    const statement = this.#start(
      'extended',
      prepared?.text ?? '',
      prepared?.textBytes,
      portal?.parameters,
      portal?.statement,
      name,
      from,
      offset - from + HEADER_BYTES + length,
    );
    return this.#enqueue({ kind: 'execute', statement });
  }

  /** byte 'S' statement or 'P' portal | name NUL */
  #describeOrClose(type: number, b: Buffer, start: number, end: number): string | undefined {
    const what = b[start];
    if ((what !== 0x53 && what !== 0x50) || stringEnd(b, start + 1, end) !== end - 1)
      return malformed(type === 0x44 ? 'Describe' : 'Close');
    if (type === 0x44 && what === 0x50) return this.#enqueue(DESCRIBE_PORTAL);
    const name = this.#readText(b, start + 1, end - 1);
    if (type === 0x44) return this.#enqueue({ kind: 'describe', prepared: this.#names.prepared(name) });
    if (this.#skipping) return undefined;
    return this.#enqueue({
      kind: 'close',
      undo: what === 0x53 ? this.#names.closePrepared(name) : this.#names.closePortal(name),
    });
  }

  /** int32 function | parameters as in Bind | int16 result format */
  #functionCall(b: Buffer, start: number, end: number, offset: number, length: number): string | undefined {
    if (end - start < 10) return malformed('FunctionCall');
    const text = `function call ${b.readUInt32BE(start)}`;
    const parameters = readParameters(b, start + 4, end, NO_TYPES, this.#readText);
    const statement = this.#start(
      'function',
      text,
      undefined,
      parameters,
      undefined,
      undefined,
      offset,
      HEADER_BYTES + length,
    );
    return this.#enqueue({ kind: 'function', statement });
  }

  #enqueue(pending: Pending): string | undefined {
    if (this.#copyIn) return 'a message other than COPY data came during COPY FROM STDIN';
    if (this.#skipping) {
      if ('statement' in pending) this.#finish(pending.statement, SKIPPED, false);
    } else this.#pending.push(pending);
    return undefined;
  }

  // --- from the target ---

  targetMessage(
    type: number,
    b: Buffer,
    start: number,
    end: number,
    length: number,
    offset: number,
  ): string | undefined {
    switch (type) {
      case 0x44: // D DataRow
        this.#rows++;
        return undefined;
      case 0x64: // d CopyData
        this.#copyBytes += length;
        return undefined;
      case 0x32: // 2 BindComplete
        this.#answered('bind');
        return undefined;
      case 0x43: // C CommandComplete: tag NUL
        this.#complete(b.toString('latin1', start, Math.max(start, end - 1)), offset + HEADER_BYTES + length, false);
        return undefined;
      case 0x5a: // Z ReadyForQuery: byte
        if (length !== 1) return malformed('ReadyForQuery');
        this.#ready(String.fromCharCode(b[start] ?? 0), offset, HEADER_BYTES + length);
        return undefined;
      case 0x49: // I EmptyQueryResponse
        this.#complete('', offset + HEADER_BYTES + length, false);
        return undefined;
      case 0x73: // s PortalSuspended
        this.#complete('', offset + HEADER_BYTES + length, true);
        return undefined;
      case 0x31: // 1 ParseComplete
        this.#answered('parse');
        return undefined;
      case 0x33: // 3 CloseComplete
        this.#answered('close');
        return undefined;
      case 0x54: // T RowDescription, also within a Query's answer
      case 0x6e: // n NoData
        this.#answered('describe');
        return undefined;
      case 0x74: // t ParameterDescription
        this.#parameterTypes(b, start, end);
        return undefined;
      case 0x45: // E ErrorResponse
        this.#error(readErrorFields(b, start, end, this.#readText), offset + HEADER_BYTES + length);
        return undefined;
      case 0x4e: // N NoticeResponse
        this.#facts.fact(LANE, {
          kind: 'notice.received',
          ...cutMessage(readErrorFields(b, start, end, this.#readText)),
        });
        return undefined;
      case 0x41: // A NotificationResponse
        return this.#notification(b, start, end);
      case 0x53: // S ParameterStatus
        return this.#parameterStatus(b, start, end);
      case 0x47: // G CopyInResponse
        this.#beginCopyIn();
        return undefined;
      default: // V FunctionCallResponse, H CopyOutResponse, c CopyDone
        return undefined;
    }
  }

  /** The next that has an answer coming. CopyDone and CopyFail have none of their own. */
  #front(): Pending | undefined {
    let front = this.#pending[this.#first];
    while (front?.kind === 'copy_end') {
      this.#shift();
      front = this.#pending[this.#first];
    }
    return front;
  }

  #shift(): void {
    this.#first++;
    // Emptied at its end, cut from time to time where a pipeline never runs dry.
    if (this.#first === this.#pending.length) {
      this.#pending = [];
      this.#first = 0;
    } else if (this.#first === 1024) {
      this.#pending = this.#pending.slice(1024);
      this.#first = 0;
    }
  }

  #answered(kind: Pending['kind']): void {
    if (this.#front()?.kind === kind) this.#shift();
  }

  #complete(tag: string, endOffset: number, suspended: boolean): void {
    const front = this.#front();
    if (front?.kind !== 'query' && front?.kind !== 'execute') return;
    const { statement } = front;
    if (tag !== '') statement.tags.push(tag);
    if (tag.startsWith('COPY ')) this.#rows += Number(tag.slice(5)) || 0;
    else if (tag === 'DISCARD ALL' || tag === 'DEALLOCATE ALL') this.#names.forgetPrepared();
    this.#copyIn = false;
    // Done with its data, so what marks that data's end is done too.
    if (this.#pending[this.#first + 1]?.kind === 'copy_end') this.#pending.splice(this.#first + 1, 1);
    if (front.kind === 'query') return;
    this.#shift();
    this.#finish(statement, undefined, suspended, endOffset);
  }

  #ready(transaction: string, offset: number, length: number): void {
    this.transaction = transaction;
    for (;;) {
      const front = this.#front();
      if (!front) break;
      this.#shift();
      if (front.kind === 'sync') break;
      if (front.kind === 'query' || front.kind === 'function') {
        if (!front.statement.error || !isFatal(front.statement.error))
          this.#finish(front.statement, front.statement.error, false, offset);
        break;
      }
    }
    this.#copyIn = false;
    this.#answerAt = offset + length;
    this.#rows = 0;
    this.#copyBytes = 0;
    if (transaction === 'I' && !this.busy) this.#names.forgetPortals();
  }

  #error(error: ErrorFields, endOffset: number): void {
    const inCopy = this.#copyIn;
    this.#copyIn = false;
    const front = this.#front();
    if (!front || front.kind === 'sync') {
      // At a Sync the implicit transaction commits, which may fail; without anything pending the server is leaving.
      this.#facts.fact(LANE, { kind: 'notice.received', ...cutMessage(error) });
      return;
    }
    if (front.kind === 'query' || front.kind === 'function') {
      front.statement.error ??= error;
      // A message that has no place in COPY data ends the COPY and is itself never run.
      const next = inCopy && error.code === '08P01' ? this.#pending[this.#first + 1] : undefined;
      if (next && 'statement' in next) {
        this.#pending.splice(this.#first + 1, 1);
        this.#finish(next.statement, SKIPPED, false);
      }
      if (isFatal(error)) this.#finish(front.statement, error, false, endOffset);
      return;
    }
    this.#failPipeline(front, error, endOffset);
  }

  /** Everything up to the next Sync is passed over by the target: it never happened. */
  #failPipeline(failed: Pending, error: ErrorFields, endOffset: number): void {
    const undone: Undo[] = [];
    let blamed = false;
    for (let front = this.#front(); front && front.kind !== 'sync'; front = this.#front()) {
      this.#shift();
      if ('undo' in front) undone.push(front.undo);
      if (!('statement' in front)) continue;
      this.#finish(front.statement, blamed ? SKIPPED : error, false, endOffset);
      blamed = true;
    }
    for (const undo of undone.reverse()) this.#names.undo(undo);
    this.#skipping = this.#front() === undefined;
    if (blamed) return;
    if (failed.kind === 'parse') {
      // Tried and never run: still something that somebody wanted to do.
      const { prepared, offset, length } = failed;
      const statement = this.#start(
        'extended',
        prepared.text,
        prepared.textBytes,
        undefined,
        prepared.name,
        undefined,
        offset,
        length,
      );
      this.#finish(statement, error, false, endOffset);
    } else this.#facts.fact(LANE, { kind: 'notice.received', ...cutMessage(error) });
  }

  /** A Sync that came before the data's end is ignored by the target: it will not be answered. */
  #beginCopyIn(): void {
    this.#front();
    this.#copyIn = true;
    const at = this.#first + 1;
    while (at < this.#pending.length && this.#copyIn) {
      const next = this.#pending[at];
      if (next?.kind === 'copy_end') this.#copyIn = false;
      else if (next?.kind !== 'sync') return;
      if (next) this.#pending.splice(at, 1);
    }
  }

  /** int16 count | int32 each: type */
  #parameterTypes(b: Buffer, start: number, end: number): void {
    const front = this.#front();
    if (front?.kind !== 'describe' || !front.prepared) return;
    const types: number[] = [];
    for (let at = start + 2; at + 4 <= end; at += 4) types.push(b.readUInt32BE(at));
    front.prepared.types = types;
  }

  /** name NUL value NUL */
  #parameterStatus(b: Buffer, start: number, end: number): string | undefined {
    const nameEnd = stringEnd(b, start, end);
    if (nameEnd < 0) return malformed('ParameterStatus');
    if (b.toString('latin1', start, nameEnd) === 'client_encoding')
      this.#readText = textReader(b.toString('latin1', nameEnd + 1, end - 1));
    return undefined;
  }

  /** int32 process id | channel NUL payload NUL */
  #notification(b: Buffer, start: number, end: number): string | undefined {
    const channelEnd = stringEnd(b, start + 4, end);
    const payloadEnd = channelEnd < 0 ? -1 : stringEnd(b, channelEnd + 1, end);
    if (payloadEnd < 0) return malformed('NotificationResponse');
    const channel = this.#readText(b, start + 4, channelEnd);
    this.#facts.fact(LANE, {
      kind: 'notification.received',
      channel,
      payload: this.#readText(b, channelEnd + 1, payloadEnd),
    });
    return undefined;
  }

  // --- facts ---

  #start(
    form: Form,
    text: string,
    textBytes: number | undefined,
    parameters: Parameter[] | undefined,
    prepared: string | undefined,
    portal: string | undefined,
    offset: number,
    length: number,
  ): Statement {
    const number = ++this.#count;
    this.#facts.fact(LANE, {
      kind: 'statement.started',
      statement: number,
      form,
      text,
      ...(textBytes !== undefined && { textBytes }),
      ...(parameters && parameters.length > 0 && { parameters }),
      ...(prepared && { prepared }),
      ...(portal && { portal }),
      at: { direction: 'client', lane: LANE, offset, length },
    });
    return { number, startedUs: this.#facts.elapsedUs(), tags: [], error: undefined };
  }

  /** `endOffset`: where its answer ends; undefined when it had none. */
  #finish(statement: Statement, error: ErrorFields | undefined, suspended: boolean, endOffset?: number): void {
    const answered = endOffset !== undefined && error !== SKIPPED;
    const length = answered ? endOffset - this.#answerAt : 0;
    this.#facts.fact(LANE, {
      kind: 'statement.finished',
      statement: statement.number,
      tags: statement.tags,
      rows: answered ? this.#rows : 0,
      bytes: answered ? this.#copyBytes || length : 0,
      durationUs: Math.max(0, this.#facts.elapsedUs() - statement.startedUs),
      ...(error && { error: cutMessage(error) }),
      ...(suspended && { suspended }),
      ...(answered && { at: { direction: 'target' as const, lane: LANE, offset: this.#answerAt, length } }),
    });
    if (!answered) return;
    this.#answerAt = endOffset;
    this.#rows = 0;
    this.#copyBytes = 0;
  }

  /** At most MAX_FACT_TEXT characters; `textBytes` when that is not all. */
  #text(b: Buffer, start: number, end: number, bytes: number): { text: string; textBytes: number | undefined } {
    // No encoding has more than four bytes a character.
    const text = this.#readText(b, start, Math.min(end, start + MAX_FACT_TEXT * 4));
    if (text.length <= MAX_FACT_TEXT && end - start === bytes && end - start <= MAX_FACT_TEXT * 4)
      return { text, textBytes: undefined };
    return { text: text.slice(0, MAX_FACT_TEXT), textBytes: bytes };
  }
}

const isFatal = (error: ErrorFields): boolean => error.severity === 'FATAL' || error.severity === 'PANIC';
const malformed = (name: string): string => `a ${name} message is malformed`;

function cutMessage(error: ErrorFields): ErrorFields {
  return error.message.length <= MAX_FACT_TEXT ? error : { ...error, message: error.message.slice(0, MAX_FACT_TEXT) };
}

/** Where the NUL is that ends the string at `start`; -1 when there is none before `end`. */
function stringEnd(b: Buffer, start: number, end: number): number {
  if (b[start] === 0 && start < end) return start;
  const at = b.indexOf(0, start);
  return at < end ? at : -1;
}
