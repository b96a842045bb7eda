// Reads the messages of both streams that framing found, and tells the pipeline what was asked and
// answered. A client's message that is judged first comes in two steps: what it is (`read...`), and,
// once that is decided, that it was sent (`send...`) or refused.

import { clientEncoding } from '../../../../core/text/client-encoding.ts';
import { CONFORMING } from '../../../../core/sql/postgres/postgres.ts';
import {
  malformed,
  type ParseMessage,
  readBind,
  readExecute,
  readName,
  readParse,
  readQuery,
  readResultFormats,
  stringEnd,
} from '../wire/client-messages.ts';
import { type ReadText, textReader } from '../wire/encoding.ts';
import { HEADER_BYTES } from '../wire/framing.ts';
import { readCommandTag, readErrorFields, readParameterTypes } from '../wire/messages.ts';
import { Names } from './names.ts';
import { type HiddenParameters, readParameters } from '../wire/parameters.ts';
import { Pipeline, type Refused } from './pipeline.ts';
import { executedBy } from './executed-by.ts';
import { factText, type FactSink, StatementFacts, textOf } from './statement-facts.ts';
import type { Portal, Prepared, StatementSource, Statement } from './statement.ts';

const NO_TYPES: readonly number[] = [];

/** What is wrong with a message, as a sentence that ends the session. */
export type Fault = string;

export class Statements {
  readonly #facts: StatementFacts;
  readonly names = new Names();
  readonly pipeline: Pipeline;
  #readText = textReader('UTF8');
  readonly text: ReadText = (b, start, end) => this.#readText(b, start, end);
  /** What the target reported of itself (ParameterStatus). */
  readonly settings = new Map<string, string>();
  /** Told of each ParameterStatus and of each ReadyForQuery. */
  onReported: (() => void) | undefined;
  /** Told of what the target will run, before it is among what the target has to answer. */
  onSent: ((statement: Statement, portal: Portal | undefined) => void) | undefined;
  /** Told of what the client prepares. */
  onPrepared: ((prepared: Prepared) => void) | undefined;
  /** Told of each portal that the client makes. */
  onBound: ((portal: Portal) => void) | undefined;
  /** The client sent Terminate. */
  terminated = false;
  #rowsCounted = 0;

  constructor(facts: FactSink, onFinished?: () => void) {
    this.#facts = new StatementFacts(facts, onFinished);
    this.pipeline = new Pipeline(this.#facts, this.names);
    this.names.readsLetters = () => this.readsLetters;
  }

  /** Letters beyond ASCII are the same here and at the target, as far as it has reported. */
  get readsLetters(): boolean {
    const client = this.settings.get('client_encoding');
    // Of more bytes a letter there are several to some letters, and not everybody agrees which.
    return (
      this.settings.get('server_encoding') === 'UTF8' &&
      client !== undefined &&
      (client === 'UTF8' || clientEncoding(client).oneByte)
    );
  }

  /** Whether the target has something to do. */
  get busy(): boolean {
    return this.pipeline.busy;
  }

  /** The target takes a backslash in a plain string for itself, and nothing is under way that could change it. */
  get readsConforming(): boolean {
    return this.settings.get('standard_conforming_strings') === 'on' && !this.busy;
  }

  /** Rows and COPY data messages that went to the client since the last call. */
  takeRows(): number {
    const rows = this.#rowsCounted;
    this.#rowsCounted = 0;
    return rows;
  }

  // --- from the client ---

  /** A message that goes on as it came. Gives what is wrong with it, where something is. */
  clientMessage(
    type: number,
    b: Buffer,
    start: number,
    end: number,
    length: number,
    offset: number,
  ): Fault | undefined {
    switch (type) {
      case 0x42: {
        // B Bind
        const portal = this.readBind(b, start, end, length, offset);
        return typeof portal === 'string' ? portal : this.sendBind(portal);
      }
      case 0x45: {
        // E Execute
        const statement = this.readExecute(b, start, end, length, offset);
        return typeof statement === 'string' ? statement : this.sendExecute(statement.statement, statement.portal);
      }
      case 0x53: // S Sync
        if (length !== 0) return malformed('Sync');
        this.pipeline.sync();
        return undefined;
      case 0x44: // D Describe
      case 0x43: // C Close
        return this.#describeOrClose(type, b, start, end);
      case 0x50: {
        // P Parse
        const prepared = this.readParse(b, start, end, length);
        return typeof prepared === 'string'
          ? prepared
          : this.sendParse(prepared, offset, length, this.unjudged(prepared));
      }
      case 0x51: {
        // Q Query
        const statement = this.readQuery(b, start, end, length, offset);
        return typeof statement === 'string' ? statement : this.sendQuery(statement);
      }
      case 0x46: {
        // F FunctionCall
        const statement = this.readFunctionCall(b, start, end, length, offset);
        return typeof statement === 'string' ? statement : this.sendFunctionCall(statement);
      }
      case 0x64: // d CopyData
        this.pipeline.copyInBegun = true;
        if (this.pipeline.copyIn) this.#facts.copyBytes += length;
        return undefined;
      case 0x63: // c CopyDone
      case 0x66: // f CopyFail
        this.pipeline.endCopy();
        return undefined;
      case 0x58: // X Terminate
        this.terminated = true;
        return undefined;
      case 0x48: // H Flush
        // The target would fail it, which has no answer of its own, and pass over what follows.
        return length === 0 ? undefined : malformed('Flush');
      default:
        return undefined;
    }
  }

  /** Begins its facts. */
  readQuery(b: Buffer, start: number, end: number, length: number, offset: number): Statement | Fault {
    const stop = readQuery(b, start, end, length);
    if (stop === undefined) return malformed('Query');
    const { text, textBytes } = factText(this.#readText, b, start, stop, length - 1);
    return this.#runs(
      this.#facts.start('simple', text, textBytes, undefined, undefined, undefined, offset, HEADER_BYTES + length),
      text,
      textBytes,
    );
  }

  /** It may take the names of portals. */
  #runs(statement: Statement, text: string | undefined, textBytes?: number): Statement {
    if (this.names.hasNamedPortals) this.pipeline.taken.runs(statement, textBytes === undefined ? text : undefined);
    return statement;
  }

  sendQuery(statement: Statement, refused?: Refused): Fault | undefined {
    const { pipeline } = this;
    statement.sequence = this.names.sequence;
    statement.executed = true;
    if (!refused && !pipeline.skipping) this.onSent?.(statement, undefined);
    const undo = pipeline.skipping ? undefined : this.names.forgetUnnamed(pipeline.segment);
    return pipeline.enqueue({ kind: 'query', statement, refused, undo });
  }

  readParse(b: Buffer, start: number, end: number, length: number): Prepared | Fault {
    const message = readParse(b, start, end, length, this.#readText);
    return message ? this.preparedOf(message, b, length) : malformed('Parse');
  }

  /** `b`: the message as it is recorded, where that differs from the one that was read. */
  preparedOf({ name, textStart, textEnd, cut, types }: ParseMessage, b: Buffer, length: number): Prepared {
    const { text, textBytes } = factText(this.#readText, b, textStart, textEnd, cut ? length : textEnd - textStart);
    return { name, text, textBytes, types, source: undefined };
  }

  /** Rules may come while it stands: its text is known for them as far as the facts have it, and where it can be read in one way only. */
  unjudged({ text, textBytes }: Prepared): StatementSource | undefined {
    if (textBytes !== undefined) return undefined;
    return !text.includes('\\') || this.readsConforming ? { text, settings: CONFORMING } : undefined;
  }

  sendParse(
    prepared: Prepared,
    offset: number,
    length: number,
    source: StatementSource | undefined,
  ): Fault | undefined {
    const { pipeline } = this;
    if (pipeline.skipping) return undefined;
    prepared.source = source;
    this.onPrepared?.(prepared);
    const undo = this.names.prepare(prepared, pipeline.segment);
    if (!undo) return 'too many prepared statements are open';
    return pipeline.enqueue({ kind: 'parse', prepared, offset, length: HEADER_BYTES + length, undo });
  }

  /** A Parse that will not be sent is something that somebody wanted to run. */
  refuseParse(prepared: Prepared, offset: number, length: number): Statement {
    const { text, textBytes, name } = prepared;
    return this.#facts.start('extended', text, textBytes, undefined, name, undefined, offset, HEADER_BYTES + length);
  }

  /** `hidden`: of `b`, which is a recorded copy. */
  readBind(
    b: Buffer,
    start: number,
    end: number,
    length: number,
    offset: number,
    hidden?: HiddenParameters,
  ): Portal | Fault {
    const message = readBind(b, start, end, length, this.#readText);
    if (!message) return malformed('Bind');
    const { portal: name, statement, parametersAt } = message;
    const meanings = this.names.meanings(statement, this.pipeline.segment);
    // Of several nobody knows which, until the target answers.
    const prepared = meanings.length > 1 ? undefined : this.names.prepared(statement);
    const parameters = readParameters(b, parametersAt, end, prepared?.types ?? NO_TYPES, this.#readText, hidden);
    return {
      name,
      statement,
      prepared,
      meanings,
      parameters,
      formats: end - start === length ? readResultFormats(b, parametersAt, end) : undefined,
      offset,
      executed: false,
      held: undefined,
      latest: undefined,
      segment: this.pipeline.segment,
      since: this.#facts.latest,
      uncertain: undefined,
    };
  }

  sendBind(portal: Portal): Fault | undefined {
    const { pipeline } = this;
    if (pipeline.skipping) return undefined;
    const undo = this.names.bind(portal);
    if (!undo) return 'too many portals are open';
    this.onBound?.(portal);
    return pipeline.enqueue({ kind: 'bind', portal, undo });
  }

  /** For a Bind that is held or refused: its statement begins here. */
  startBound(portal: Portal, length: number): Statement {
    const { text, textBytes } = textOf(portal, portal.name);
    return this.#facts.start(
      'extended',
      text,
      textBytes,
      portal.parameters,
      portal.statement,
      portal.name,
      portal.offset,
      HEADER_BYTES + length,
    );
  }

  /** Begins its facts, unless its Bind or an earlier Execute of its portal has. */
  readExecute(
    b: Buffer,
    start: number,
    end: number,
    length: number,
    offset: number,
  ): { statement: Statement; portal: Portal | undefined; name: string } | Fault {
    const nameEnd = readExecute(b, start, end);
    if (nameEnd === undefined) return malformed('Execute');
    const name = readName(b, start, nameEnd, this.#readText);
    const portal = this.pipeline.portal(name);
    const statement = executedBy(portal, name, offset, HEADER_BYTES + length, this.#facts, this.pipeline);
    const { text, textBytes } = portal?.prepared ?? {};
    this.#runs(statement, text, textBytes);
    statement.limited = b.readInt32BE(nameEnd + 1) > 0;
    if (portal) portal.latest = statement;
    return { statement, portal, name };
  }

  sendExecute(statement: Statement, portal: Portal | undefined): Fault | undefined {
    statement.sequence = this.names.sequence;
    statement.executed = true;
    if (portal) portal.executed = true;
    if (!this.pipeline.skipping) this.onSent?.(statement, portal);
    return this.pipeline.enqueue({ kind: 'execute', statement, portal });
  }

  /** byte 'S' statement or 'P' portal | name NUL */
  #describeOrClose(type: number, b: Buffer, start: number, end: number): Fault | undefined {
    const { names, pipeline } = this;
    const what = b[start];
    if ((what !== 0x53 && what !== 0x50) || stringEnd(b, start + 1, end) !== end - 1)
      return malformed(type === 0x44 ? 'Describe' : 'Close');
    const name = readName(b, start + 1, end - 1, this.#readText);
    if (type === 0x44)
      return pipeline.enqueue({
        kind: 'describe',
        name,
        prepared: what === 0x53 ? names.prepared(name) : undefined,
        portal: what === 0x50 ? names.portal(name) : undefined,
      });
    if (pipeline.skipping) return undefined;
    return pipeline.enqueue({
      kind: 'close',
      undo: what === 0x53 ? names.closePrepared(name, pipeline.segment) : names.closePortal(name),
    });
  }

  /** int32 function | parameters as in Bind | int16 result format. Begins its facts. */
  readFunctionCall(
    b: Buffer,
    start: number,
    end: number,
    length: number,
    offset: number,
    hidden?: HiddenParameters,
  ): Statement | Fault {
    if (end - start < 10) return malformed('FunctionCall');
    const statement = this.#facts.start(
      'function',
      `function call ${b.readUInt32BE(start)}`,
      undefined,
      readParameters(b, start + 4, end, NO_TYPES, this.#readText, hidden),
      undefined,
      undefined,
      offset,
      HEADER_BYTES + length,
    );
    statement.calls = b.readUInt32BE(start);
    return this.#runs(statement, undefined);
  }

  sendFunctionCall(statement: Statement, refused?: Refused): Fault | undefined {
    if (!refused) this.onSent?.(statement, undefined);
    return this.pipeline.enqueue({ kind: 'function', statement, refused });
  }

  /** It was refused, and there is no target any more that could answer. */
  drop(statement: Statement, message: string): void {
    this.#facts.finish(statement, { code: '57014', severity: 'ERROR', message }, false);
  }

  // --- from the target ---

  targetMessage(
    type: number,
    b: Buffer,
    start: number,
    end: number,
    length: number,
    offset: number,
  ): Fault | undefined {
    switch (type) {
      case 0x44: // D DataRow
        this.#facts.rows++;
        this.#rowsCounted++;
        return undefined;
      case 0x64: // d CopyData
        this.#facts.copyBytes += length;
        this.#rowsCounted++;
        return undefined;
      case 0x32: // 2 BindComplete
        this.pipeline.answered('bind');
        return undefined;
      case 0x43: // C CommandComplete
        this.pipeline.complete(readCommandTag(b, start, end), offset + HEADER_BYTES + length, false);
        return undefined;
      case 0x5a: // Z ReadyForQuery: byte
        if (length !== 1) return malformed('ReadyForQuery');
        this.pipeline.ready(String.fromCharCode(b[start] ?? 0), offset, HEADER_BYTES + length);
        this.onReported?.();
        return undefined;
      case 0x49: // I EmptyQueryResponse
        this.pipeline.complete('', offset + HEADER_BYTES + length, false);
        return undefined;
      case 0x73: // s PortalSuspended
        this.pipeline.complete('', offset + HEADER_BYTES + length, true);
        return undefined;
      case 0x31: // 1 ParseComplete
        this.pipeline.answered('parse');
        return undefined;
      case 0x33: // 3 CloseComplete
        this.pipeline.answered('close');
        return undefined;
      case 0x54: // T RowDescription, also within a Query's answer
      case 0x6e: // n NoData
        this.pipeline.answered('describe');
        return undefined;
      case 0x74: // t ParameterDescription
        this.pipeline.described(readParameterTypes(b, start, end));
        return undefined;
      case 0x45: // E ErrorResponse
        this.pipeline.failed(readErrorFields(b, start, end, this.#readText), offset + HEADER_BYTES + length);
        return undefined;
      case 0x4e: // N NoticeResponse
        this.#facts.notice(readErrorFields(b, start, end, this.#readText));
        return undefined;
      case 0x41: // A NotificationResponse
        return this.#notification(b, start, end);
      case 0x53: // S ParameterStatus
        return this.#parameterStatus(b, start, end);
      case 0x47: // G CopyInResponse
        this.pipeline.beginCopyIn();
        return undefined;
      default: // V FunctionCallResponse, H CopyOutResponse, c CopyDone
        return undefined;
    }
  }

  /** name NUL value NUL */
  #parameterStatus(b: Buffer, start: number, end: number): Fault | undefined {
    const nameEnd = stringEnd(b, start, end);
    if (nameEnd < 0) return malformed('ParameterStatus');
    const name = b.toString('latin1', start, nameEnd);
    const value = this.#readText(b, nameEnd + 1, end - 1);
    // A server reports some twenty; one that invents more would fill memory with them.
    if (this.settings.has(name) || this.settings.size < 1000) this.settings.set(name, value);
    if (name === 'client_encoding') this.#readText = textReader(value);
    this.onReported?.();
    return undefined;
  }

  /** int32 process id | channel NUL payload NUL */
  #notification(b: Buffer, start: number, end: number): Fault | undefined {
    const channelEnd = stringEnd(b, start + 4, end);
    const payloadEnd = channelEnd < 0 ? -1 : stringEnd(b, channelEnd + 1, end);
    if (payloadEnd < 0) return malformed('NotificationResponse');
    const channel = this.#readText(b, start + 4, channelEnd);
    this.#facts.notification(channel, this.#readText(b, channelEnd + 1, payloadEnd));
    return undefined;
  }
}
