// The client's side of a session that stands under rules: each message is taken whole, judged, recorded
// (as a copy of the same length where masks say so), and goes on, is refused, or waits for an approval.
// client-frames.ts finds the messages; here is decided what becomes of them.
//
// A refusal must not merely look like an error: the target has to agree about the transaction. So in
// place of what is refused goes a statement that fails for its syntax, and its error is replaced when it
// comes (answers.ts). In the extended protocol the target then passes over everything up to the next
// Sync; of that nothing is sent.

import { randomBytes } from 'node:crypto';
import type { StatementDecision } from '../../../core/policy/statements.ts';
import type { JudgedText } from '../../../core/policy/judge.ts';
import type { Relay } from '../../net/relay.ts';
import type { Action, ActionRefusal, HeldAction, SessionGuard, SessionRecorder } from '../../protocol.ts';
import type { Answers } from './answers.ts';
import { ClientFrames, type ClientMessage, type Shown } from './client-frames.ts';
import { malformed, readParse } from './client-messages.ts';
import { HEADER_BYTES } from './framing.ts';
import { describeBind, describeQuery } from './held-statement.ts';
import type { Source } from './names.ts';
import type { RecordedCopies } from './recorded-copies.ts';
import { failingParse, failingQuery, noticeResponse, statementRefused } from './refusals.ts';
import type { Statement } from './statement-facts.ts';
import type { Fault, Statements } from './statements.ts';
import type { Verdicts } from './verdicts.ts';

const LANE = 0;
/** Of what the client sends while something waits; then it is not read any more, and its hang-up is not seen until it goes on. */
const MAX_QUEUED_BYTES = 16 * 1024 * 1024;
const NOTHING = Buffer.alloc(0);
const NO_PREPARES: NonNullable<Statement['prepares']> = [];

const BIND = 0x42;
const CLOSE = 0x43;
const DESCRIBE = 0x44;
const EXECUTE = 0x45;
const FUNCTION_CALL = 0x46;
const PARSE = 0x50;
const QUERY = 0x51;
const SYNC = 0x53;
const TERMINATE = 0x58;

export interface GuardedClientParts {
  readonly relay: Relay;
  readonly recorder: SessionRecorder;
  readonly guard: SessionGuard;
  readonly statements: Statements;
  readonly verdicts: Verdicts;
  readonly answers: Answers;
  readonly copies: RecordedCopies;
}

/** What is to become of a message. */
interface Question {
  readonly message: ClientMessage;
  readonly statement: Statement;
  readonly decision: StatementDecision;
  /** Statements in its text. */
  readonly count?: number;
  describe(): HeldAction | string;
  /** The pipeline takes it up. */
  send(): Fault | undefined;
  /** The pipeline takes up the error that comes in its place, and this is sent instead. */
  refuse(error: Buffer): { readonly instead: Buffer; readonly fault: Fault | undefined };
}

export class GuardedClient {
  readonly #parts: GuardedClientParts;
  readonly #frames: ClientFrames;
  /** Bytes behind what waits. */
  #queue: Buffer[] = [];
  #queuedBytes = 0;
  #waiting = false;
  #again = false;
  /** The client sends no more. */
  #left = false;
  /** The session is over: nothing goes on any more. */
  #over = false;
  fault: Fault | undefined;

  /** `position`, `begun`: bytes of the client that went on before, and the beginning of a header behind them, recorded already. */
  constructor(parts: GuardedClientParts, position: number, begun: Buffer) {
    this.#parts = parts;
    this.#frames = new ClientFrames(
      {
        message: (message) => this.#message(message),
        part: (type, part, first, last) => parts.copies.part(type, part, parts.guard.rules.masks, first, last),
        forward: (bytes) => parts.relay.forward('target', bytes),
        record: (bytes) => parts.recorder.bytes('client', LANE, bytes),
      },
      position,
      begun,
    );
  }

  /** Something waits: for an approval, or to be read. */
  get waiting(): boolean {
    return this.#waiting;
  }

  /** No more can be taken for now. */
  get full(): boolean {
    return this.#queuedBytes > MAX_QUEUED_BYTES;
  }

  take(chunk: Buffer): void {
    if (this.#waiting) {
      this.#queue.push(Buffer.from(chunk));
      this.#queuedBytes += chunk.length;
      return;
    }
    this.#work(chunk);
  }

  /** The client will send no more. What waits for an approval is withdrawn; what only waits to be read goes on. */
  left(): void {
    this.#left = true;
    if (this.#waiting) this.#parts.guard.gate.withdraw('client_closed');
  }

  /** The session is over. What waits is withdrawn, and what came behind it is recorded as not run. */
  close(): void {
    if (this.#over) return;
    this.#over = true;
    if (this.#waiting && !this.#parts.guard.gate.withdraw('client_closed')) this.#resume();
  }

  /** The client wants what it waits for to stop. False: nothing waits here. */
  cancel(): boolean {
    return this.#waiting && this.#parts.guard.gate.withdraw('cancelled');
  }

  #work(chunk: Buffer): void {
    const frames = this.#frames;
    frames.keepsCopies = this.#parts.guard.rules.masks.any;
    const taken = frames.take(chunk);
    this.fault ??= frames.fault;
    if (taken < chunk.length && this.fault === undefined) {
      const rest = Buffer.from(chunk.subarray(taken));
      this.#queue.unshift(rest);
      this.#queuedBytes += rest.length;
    }
  }

  /** What waited is decided: goes on with what came behind it. */
  #resume(): void {
    if (!this.#waiting) return;
    this.#waiting = false;
    const queue = this.#queue;
    this.#queue = [];
    this.#queuedBytes = 0;
    // A message that waited to be read may be all there is.
    this.#work(NOTHING);
    for (const chunk of queue) {
      if (this.waiting) {
        this.#queue.push(chunk);
        this.#queuedBytes += chunk.length;
      } else if (this.fault === undefined) this.#work(chunk);
    }
    if (this.fault !== undefined) this.#parts.relay.end('protocol_fault', `The session ends: ${this.fault}.`);
    this.#parts.relay.regulate();
  }

  // --- messages ---

  #message(message: ClientMessage): Shown {
    const { statements } = this.#parts;
    const { type } = message;
    this.#again = false;
    if (this.#over || (statements.pipeline.skipping && type !== SYNC && type !== TERMINATE)) {
      this.#passOver(message);
      return 'taken';
    }
    switch (type) {
      case QUERY:
        this.#query(message);
        break;
      case PARSE:
        this.#parse(message);
        break;
      case BIND:
        this.#bind(message);
        break;
      case EXECUTE:
        this.#execute(message);
        break;
      case FUNCTION_CALL:
        this.#functionCall(message);
        break;
      default:
        this.#plain(message);
    }
    if (this.#again) return 'again';
    return this.#waiting || this.fault !== undefined ? 'last' : 'taken';
  }

  /** Whether its texts are read elsewhere now; the message is shown again then. */
  #mustRead(...sources: readonly (Source | undefined)[]): boolean {
    for (const source of sources) {
      const reading = this.#parts.verdicts.reading(source);
      if (!reading) continue;
      this.#waiting = true;
      this.#again = true;
      void reading.then(() => this.#resume());
      return true;
    }
    return false;
  }

  #plain(message: ClientMessage): void {
    const { bytes, start, end, length, offset } = this.#record(message);
    this.#check(this.#parts.statements.clientMessage(message.type, bytes, start, end, length, offset));
    if (this.fault === undefined) this.#frames.forward(message);
  }

  /** The target would pass over it, so it is not sent. */
  #passOver(message: ClientMessage): void {
    const { statements } = this.#parts;
    const { type } = message;
    const { bytes, start, end, length, offset } = this.#record(message);
    this.#frames.drop(message);
    if (![QUERY, PARSE, BIND, EXECUTE, FUNCTION_CALL, CLOSE, DESCRIBE].includes(type)) return;
    if (this.#over) statements.pipeline.skip();
    this.#check(statements.clientMessage(type, bytes, start, end, length, offset));
  }

  #query(message: ClientMessage): void {
    const { statements, verdicts } = this.#parts;
    const source = verdicts.source(message.cut ? undefined : this.#text(message.bytes, message.start, message.end - 1));
    if (this.#mustRead(source)) return;
    const judged = verdicts.on(source);
    const recorded = this.#record(message, { read: judged.read, backslashEscapes: escapes(source) });
    const { bytes, start, end, length, offset } = recorded;
    const statement = statements.readQuery(bytes, start, end, length, offset);
    if (typeof statement === 'string') {
      this.#check(statement);
      return;
    }
    statement.source = source;
    this.#ask({
      message,
      statement,
      decision: judged.decision,
      count: countOf(judged, source),
      describe: () => describeQuery(recorded, message, statements, judged.read),
      send: () => {
        const fault = statements.sendQuery(statement) ?? this.#prepareIn(statement, judged, undefined);
        verdicts.sent(judged.read);
        return fault;
      },
      refuse: (error) => ({ instead: failingQuery(), fault: statements.sendQuery(statement, error) }),
    });
  }

  /** Blocked here already; held at its Bind, where its parameters are known. */
  #parse(message: ClientMessage): void {
    const { statements, verdicts } = this.#parts;
    const read = readParse(message.bytes, message.start, message.end, message.length, statements.text);
    if (!read) {
      this.#check(malformed('Parse'));
      return;
    }
    const source = verdicts.source(read.cut ? undefined : this.#text(message.bytes, read.textStart, read.textEnd));
    if (this.#mustRead(source)) return;
    const judged = verdicts.on(source);
    const { bytes, start, length, offset } = this.#record(message, {
      read: judged.read,
      backslashEscapes: escapes(source),
    });
    const shift = start - message.start;
    const shifted = { ...read, textStart: read.textStart + shift, textEnd: read.textEnd + shift };
    const prepared = statements.preparedOf(shifted, bytes, length);
    if (judged.decision.verdict !== 'block') {
      this.#check(statements.sendParse(prepared, offset, length, source));
      if (this.fault === undefined) this.#frames.forward(message);
      return;
    }
    const statement = statements.refuseParse(prepared, offset, length);
    this.#ask({
      message,
      statement,
      decision: judged.decision,
      describe: () => 'is refused before it is bound',
      send: () => statements.sendParse(prepared, offset, length, source),
      refuse: (error) => this.#refuseExtended(statement, error, prepared.name === '' ? '' : undefined),
    });
  }

  #bind(message: ClientMessage): void {
    const { statements, verdicts } = this.#parts;
    const original = statements.readBind(message.bytes, message.start, message.end, message.length, message.offset);
    if (typeof original === 'string') {
      this.#check(original);
      return;
    }
    if (this.#mustRead(...original.meanings.map((prepared) => prepared.source))) return;
    const recorded = this.#record(message, { prepared: original.prepared });
    const { bytes, start, end, length, offset } = recorded;
    const portal = bytes === message.bytes ? original : statements.readBind(bytes, start, end, length, offset);
    if (typeof portal === 'string') {
      this.#check(portal);
      return;
    }
    const decision = verdicts.onPrepared(portal.meanings, statements.names.knowsPrepared(portal.statement));
    if (decision.verdict === 'allow' || decision.verdict === 'warn') {
      this.#check(statements.sendBind(portal));
      if (this.fault === undefined) this.#frames.forward(message);
      return;
    }
    const statement = statements.startBound(portal, length);
    statement.source = portal.prepared?.source;
    this.#ask({
      message,
      statement,
      decision,
      describe: () => describeBind(portal, message, statements, verdicts.on(portal.prepared?.source).read),
      send: () => {
        portal.held = statement;
        statements.pipeline.bound(statement);
        return statements.sendBind(portal);
      },
      refuse: (error) => this.#refuseExtended(statement, error),
    });
  }

  #execute(message: ClientMessage): void {
    const { statements, verdicts } = this.#parts;
    const { bytes, start, end, length, offset } = this.#record(message);
    const read = statements.readExecute(bytes, start, end, length, offset);
    if (typeof read === 'string') {
      this.#check(read);
      return;
    }
    const { statement, portal, name } = read;
    const source = portal?.prepared?.source;
    statement.source = source;
    const send = (): Fault | undefined => {
      // A portal that is not there runs nothing, and one made in SQL only goes on.
      if (!source) {
        verdicts.sentUnread();
        return statements.sendExecute(statement, portal);
      }
      const judged = verdicts.on(source);
      const fault =
        this.#prepareIn(statement, judged, statements.pipeline.segment) ?? statements.sendExecute(statement, portal);
      verdicts.sent(judged.read);
      return fault;
    };
    // What was approved at its Bind is what was asked, whatever rules came since.
    const decision = verdicts.onPrepared(
      portal?.meanings ?? [],
      portal ? statements.names.knowsPrepared(portal.statement) : statements.names.knowsPortal(name),
    );
    if (portal?.held && (portal.held === statement || decision.verdict === 'hold')) {
      this.#check(send());
      if (this.fault === undefined) this.#frames.forward(message);
      return;
    }
    this.#ask({
      message,
      statement,
      decision,
      describe: () => 'it was bound before the rule was in force, so bind it again',
      send,
      refuse: (error) => this.#refuseExtended(statement, error),
    });
  }

  #functionCall(message: ClientMessage): void {
    const { statements, verdicts } = this.#parts;
    const { bytes, start, end, length, offset } = this.#record(message);
    const statement = statements.readFunctionCall(bytes, start, end, length, offset);
    if (typeof statement === 'string') {
      this.#check(statement);
      return;
    }
    this.#ask({
      message,
      statement,
      decision: verdicts.onFunctionCall(),
      describe: () => 'a function call by number cannot be shown to those who approve',
      send: () => {
        verdicts.sentUnknown();
        return statements.sendFunctionCall(statement);
      },
      refuse: (error) => ({ instead: failingQuery(), fault: statements.sendFunctionCall(statement, error) }),
    });
  }

  // --- what becomes of them ---

  #ask({ message, statement, decision, count = 1, describe, send, refuse }: Question): void {
    const { guard, answers, relay, statements } = this.#parts;
    let kept: Buffer | undefined;
    const action: Action = {
      statement: statement.number,
      statements: count,
      decision,
      describe,
      forward: () => {
        const fault = send();
        this.#check(fault);
        if (fault === undefined) {
          if (kept) relay.forward('target', kept);
          else this.#frames.forward(message);
        }
        if (kept) this.#resume();
      },
      refuse: (refusal: ActionRefusal) => {
        if (kept && (this.#over || this.#left)) {
          this.#over = true;
          statements.drop(statement, refusal.message);
        } else {
          const { instead, fault } = refuse(statementRefused(refusal, this.#encoding));
          this.#check(fault);
          if (kept) relay.forward('target', instead);
          else this.#frames.replace(message, instead);
        }
        if (kept) this.#resume();
      },
      notify: (text, hint) =>
        answers.say(noticeResponse(decision.verdict === 'warn' ? 'WARNING' : 'NOTICE', text, hint, this.#encoding)),
    };
    if (guard.gate.take(action) !== 'held') return;
    kept = Buffer.from(message.bytes.subarray(message.start - HEADER_BYTES, message.end));
    this.#frames.drop(message);
    this.#waiting = true;
    if (this.#left) guard.gate.withdraw('client_closed');
  }

  /** A Parse that fails drops the unnamed statement, as the client's own would have. */
  #refuseExtended(
    statement: Statement,
    error: Buffer,
    name = `gatehouse_${randomBytes(9).toString('hex')}`,
  ): { instead: Buffer; fault: Fault | undefined } {
    return { instead: failingParse(name), fault: this.#parts.statements.pipeline.refuse(statement, error) };
  }

  /** Names that PREPARE in it will make. */
  #prepareIn(statement: Statement, { read }: JudgedText, segment: number | undefined): Fault | undefined {
    if (!read.ok) return undefined;
    statement.prepares = NO_PREPARES;
    for (const [index, { prepares, nested }] of read.value.entries()) {
      if (prepares === undefined) continue;
      const source: Source = {
        text: undefined,
        settings: { standardConformingStrings: true },
        read: { ok: true, value: nested },
      };
      const text = `-- ${prepares}: prepared in SQL`;
      const undo = this.#parts.statements.names.prepare(
        { name: prepares, text, textBytes: undefined, types: [], source },
        segment,
      );
      if (!undo) return 'too many prepared statements are open';
      statement.prepares = [...statement.prepares, { index, undo }];
    }
    return undefined;
  }

  /** Records a message that is not recorded yet, and gives it as it is recorded. */
  #record(message: ClientMessage, subject: Parameters<RecordedCopies['copy']>[3] = {}): ClientMessage {
    const { copies, guard } = this.#parts;
    return this.#frames.record(message, (whole) => copies.copy(message.type, whole, guard.rules.masks, subject));
  }

  #check(fault: Fault | undefined): void {
    this.fault ??= fault;
  }

  #text(bytes: Buffer, start: number, end: number): string {
    return this.#parts.statements.text(bytes, start, end);
  }

  get #encoding(): string {
    return this.#parts.statements.settings.get('client_encoding') ?? 'UTF8';
  }
}

/** Of a text that could not be read, at most. One that does not parse runs nothing. */
function countOf({ read }: JudgedText, { text }: Source): number {
  if (read.ok) return Math.max(1, read.value.length);
  if (read.error.reason === 'syntax' || text === undefined) return 1;
  return text.split(';').length;
}

const escapes = ({ settings }: Source): boolean => settings.standardConformingStrings !== true;
