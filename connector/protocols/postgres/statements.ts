// Reads the messages of both streams that framing found, and tells the pipeline what was asked and
// answered.

import { MAX_FACT_TEXT } from '../../../core/recording/facts.ts';
import { textReader } from './encoding.ts';
import { HEADER_BYTES } from './framing.ts';
import { readErrorFields } from './messages.ts';
import { Names, type Prepared } from './names.ts';
import { readParameters } from './parameters.ts';
import { type Pending, Pipeline } from './pipeline.ts';
import { type FactSink, StatementFacts } from './statement-facts.ts';

const DESCRIBE_PORTAL: Pending = { kind: 'describe', prepared: undefined };
const NO_TYPES: readonly number[] = [];

export class Statements {
  readonly #facts: StatementFacts;
  readonly #names = new Names();
  readonly #pipeline: Pipeline;
  #readText = textReader('UTF8');
  /** The client sent Terminate. */
  terminated = false;

  constructor(facts: FactSink) {
    this.#facts = new StatementFacts(facts);
    this.#pipeline = new Pipeline(this.#facts, this.#names);
  }

  /** Whether the target has something to do. */
  get busy(): boolean {
    return this.#pipeline.busy;
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
        this.#pipeline.sync();
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
        if (this.#pipeline.copyIn) this.#facts.copyBytes += length;
        return undefined;
      case 0x63: // c CopyDone
      case 0x66: // f CopyFail
        this.#pipeline.endCopy();
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
    if (!this.#pipeline.skipping) this.#names.forgetUnnamed();
    const statement = this.#facts.start(
      'simple',
      text,
      textBytes,
      undefined,
      undefined,
      undefined,
      offset,
      HEADER_BYTES + length,
    );
    return this.#pipeline.enqueue({ kind: 'query', statement });
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
    if (this.#pipeline.skipping) return undefined;
    const undo = this.#names.prepare(prepared);
    if (!undo) return 'too many prepared statements are open';
    return this.#pipeline.enqueue({ kind: 'parse', prepared, offset, length: HEADER_BYTES + length, undo });
  }

  /** portal NUL statement NUL | parameters | result formats */
  #bind(b: Buffer, start: number, end: number, length: number, offset: number): string | undefined {
    const portalEnd = stringEnd(b, start, end);
    const nameEnd = portalEnd < 0 ? -1 : stringEnd(b, portalEnd + 1, end);
    if (nameEnd < 0 || (end - start === length && end - nameEnd < 7)) return malformed('Bind');
    if (this.#pipeline.skipping) return undefined;
    const name = portalEnd === start ? '' : this.#readText(b, start, portalEnd);
    const statement = this.#readText(b, portalEnd + 1, nameEnd);
    const prepared = this.#names.prepared(statement);
    const parameters = readParameters(b, nameEnd + 1, end, prepared?.types ?? NO_TYPES, this.#readText);
    const undo = this.#names.bind({ name, statement, prepared, parameters, offset, executed: false });
    if (!undo) return 'too many portals are open';
    return this.#pipeline.enqueue({ kind: 'bind', undo });
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
    const statement = this.#facts.start(
      'extended',
      // Made by PREPARE or DECLARE in SQL, which names.ts does not see; the bytes are recorded as ever.
      prepared?.text ?? `-- ${portal?.statement || name || 'unnamed'}: prepared in SQL`,
      prepared?.textBytes,
      portal?.parameters,
      portal?.statement,
      name,
      from,
      offset - from + HEADER_BYTES + length,
    );
    return this.#pipeline.enqueue({ kind: 'execute', statement });
  }

  /** byte 'S' statement or 'P' portal | name NUL */
  #describeOrClose(type: number, b: Buffer, start: number, end: number): string | undefined {
    const what = b[start];
    if ((what !== 0x53 && what !== 0x50) || stringEnd(b, start + 1, end) !== end - 1)
      return malformed(type === 0x44 ? 'Describe' : 'Close');
    if (type === 0x44 && what === 0x50) return this.#pipeline.enqueue(DESCRIBE_PORTAL);
    const name = this.#readText(b, start + 1, end - 1);
    if (type === 0x44) return this.#pipeline.enqueue({ kind: 'describe', prepared: this.#names.prepared(name) });
    if (this.#pipeline.skipping) return undefined;
    return this.#pipeline.enqueue({
      kind: 'close',
      undo: what === 0x53 ? this.#names.closePrepared(name) : this.#names.closePortal(name),
    });
  }

  /** int32 function | parameters as in Bind | int16 result format */
  #functionCall(b: Buffer, start: number, end: number, offset: number, length: number): string | undefined {
    if (end - start < 10) return malformed('FunctionCall');
    const text = `function call ${b.readUInt32BE(start)}`;
    const parameters = readParameters(b, start + 4, end, NO_TYPES, this.#readText);
    const statement = this.#facts.start(
      'function',
      text,
      undefined,
      parameters,
      undefined,
      undefined,
      offset,
      HEADER_BYTES + length,
    );
    return this.#pipeline.enqueue({ kind: 'function', statement });
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
        this.#facts.rows++;
        return undefined;
      case 0x64: // d CopyData
        this.#facts.copyBytes += length;
        return undefined;
      case 0x32: // 2 BindComplete
        this.#pipeline.answered('bind');
        return undefined;
      case 0x43: // C CommandComplete: tag NUL
        this.#pipeline.complete(
          b.toString('latin1', start, Math.max(start, end - 1)),
          offset + HEADER_BYTES + length,
          false,
        );
        return undefined;
      case 0x5a: // Z ReadyForQuery: byte
        if (length !== 1) return malformed('ReadyForQuery');
        this.#pipeline.ready(String.fromCharCode(b[start] ?? 0), offset, HEADER_BYTES + length);
        return undefined;
      case 0x49: // I EmptyQueryResponse
        this.#pipeline.complete('', offset + HEADER_BYTES + length, false);
        return undefined;
      case 0x73: // s PortalSuspended
        this.#pipeline.complete('', offset + HEADER_BYTES + length, true);
        return undefined;
      case 0x31: // 1 ParseComplete
        this.#pipeline.answered('parse');
        return undefined;
      case 0x33: // 3 CloseComplete
        this.#pipeline.answered('close');
        return undefined;
      case 0x54: // T RowDescription, also within a Query's answer
      case 0x6e: // n NoData
        this.#pipeline.answered('describe');
        return undefined;
      case 0x74: // t ParameterDescription
        this.#parameterTypes(b, start, end);
        return undefined;
      case 0x45: // E ErrorResponse
        this.#pipeline.failed(readErrorFields(b, start, end, this.#readText), offset + HEADER_BYTES + length);
        return undefined;
      case 0x4e: // N NoticeResponse
        this.#facts.notice(readErrorFields(b, start, end, this.#readText));
        return undefined;
      case 0x41: // A NotificationResponse
        return this.#notification(b, start, end);
      case 0x53: // S ParameterStatus
        return this.#parameterStatus(b, start, end);
      case 0x47: // G CopyInResponse
        this.#pipeline.beginCopyIn();
        return undefined;
      default: // V FunctionCallResponse, H CopyOutResponse, c CopyDone
        return undefined;
    }
  }

  /** int16 count | int32 each: type */
  #parameterTypes(b: Buffer, start: number, end: number): void {
    const prepared = this.#pipeline.described();
    if (!prepared) return;
    const types: number[] = [];
    for (let at = start + 2; at + 4 <= end; at += 4) types.push(b.readUInt32BE(at));
    prepared.types = types;
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
    this.#facts.notification(channel, this.#readText(b, channelEnd + 1, payloadEnd));
    return undefined;
  }

  // --- facts ---

  /** At most MAX_FACT_TEXT characters; `textBytes` when that is not all. */
  #text(b: Buffer, start: number, end: number, bytes: number): { text: string; textBytes: number | undefined } {
    // No encoding has more than four bytes a character.
    const text = this.#readText(b, start, Math.min(end, start + MAX_FACT_TEXT * 4));
    if (text.length <= MAX_FACT_TEXT && end - start === bytes && end - start <= MAX_FACT_TEXT * 4)
      return { text, textBytes: undefined };
    return { text: text.slice(0, MAX_FACT_TEXT), textBytes: bytes };
  }
}

const malformed = (name: string): string => `a ${name} message is malformed`;

/** Where the NUL is that ends the string at `start`; -1 when there is none before `end`. */
function stringEnd(b: Buffer, start: number, end: number): number {
  if (b[start] === 0 && start < end) return start;
  const at = b.indexOf(0, start);
  return at < end ? at : -1;
}
