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
import type { Relay } from '../../net/relay.ts';
import type { Action, ActionRefusal, HeldAction, SessionGuard, SessionRecorder } from '../../protocol.ts';
import type { Answers } from './answers.ts';
import { ClientQueue } from './client-queue.ts';
import { contained } from './contained.ts';
import { ClientFrames, type ClientMessage, type Shown } from './client-frames.ts';
import {
  BIND,
  EXECUTE,
  FUNCTION_CALL,
  malformed,
  PARSE,
  QUERY,
  readParse,
  SYNC,
  TERMINATE,
  TO_THE_NEXT_SYNC,
} from './client-messages.ts';
import { HEADER_BYTES } from './framing.ts';
import { describeBind, describeQuery } from './held-statement.ts';
import { type AskEstimate, Readiness } from './readiness.ts';
import type { Secrets } from './masking/secret-literals.ts';
import type { RecordedCopies } from './recorded-copies.ts';
import { failingParse, failingQuery, noticeResponse, statementRefused } from './refusals.ts';
import { prepareNames } from './sql-names.ts';
import type { Statement } from './statement-facts.ts';
import type { Fault, Statements } from './statements.ts';
import { countOf, escapes, type Verdicts } from './verdicts.ts';

const LANE = 0;

export interface GuardedClientParts {
  readonly relay: Relay;
  readonly recorder: SessionRecorder;
  readonly guard: SessionGuard;
  readonly statements: Statements;
  readonly verdicts: Verdicts;
  readonly answers: Answers;
  readonly copies: RecordedCopies;
  readonly estimate: AskEstimate;
}

/** What is to become of a message. */
interface Question extends Partial<Pick<Action, 'judge'>> {
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
  /** Behind what waits. */
  readonly #queue = new ClientQueue();
  #waiting = false;
  #again = false;
  readonly #ready: Readiness;
  /** The client cancelled while what it cancelled was not held yet. */
  #cancelled = false;
  /** The client sends no more. */
  #left = false;
  /** The session is over: nothing goes on any more. */
  #over = false;
  fault: Fault | undefined;
  readonly #judged: ReadonlyMap<number, (message: ClientMessage) => void> = new Map([
    [QUERY, this.#query],
    [PARSE, this.#parse],
    [BIND, this.#bind],
    [EXECUTE, this.#execute],
    [FUNCTION_CALL, this.#functionCall],
  ]);

  /** `position`, `begun`: bytes of the client that went on before, and the beginning of a header behind them, recorded already. */
  constructor(parts: GuardedClientParts, position: number, begun: Buffer) {
    this.#parts = parts;
    this.#ready = new Readiness(parts.verdicts, parts.estimate);
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
    this.#frames.keepsCopies = true;
  }

  /** Something waits: for an approval, or to be read. */
  get waiting(): boolean {
    return this.#waiting;
  }

  /** No more can be taken for now. */
  get full(): boolean {
    return this.#queue.full;
  }

  take(chunk: Buffer): void {
    if (this.#waiting) {
      this.#queue.push(Buffer.from(chunk));
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

  /** The client wants what it waits for to stop. False: nothing is held here, and the target is to be asked. */
  cancel(): boolean {
    if (!this.#waiting) return false;
    if (this.#parts.guard.gate.withdraw('cancelled')) return true;
    // About to be held, or not: what runs at the target is meant as well.
    this.#cancelled = true;
    return false;
  }

  #work(chunk: Buffer): void {
    const frames = this.#frames;
    const taken = frames.take(chunk);
    this.fault ??= frames.fault;
    if (taken < chunk.length && this.fault === undefined) this.#queue.push(Buffer.from(chunk.subarray(taken)));
  }

  /** What waited is decided: goes on with what came behind it. */
  #resume(): void {
    if (!this.#waiting) return;
    this.#waiting = false;
    const queue = this.#queue.takeAll();
    // A message that waited to be read may be all there is.
    this.#work(Buffer.alloc(0));
    for (const chunk of queue) {
      if (this.waiting) this.#queue.push(chunk);
      else if (this.fault === undefined) this.#work(chunk);
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
    (this.#judged.get(type) ?? this.#plain).call(this, message);
    if (this.#again) return 'again';
    return this.#waiting || this.fault !== undefined ? 'last' : 'taken';
  }

  /** Whether it must wait for `ready`; the message is shown again then. */
  #mustWait(ready: Promise<void> | undefined): boolean {
    if (!ready) return false;
    this.#waiting = true;
    this.#again = true;
    void ready.then(() => this.#parts.relay.contain(() => this.#resume()));
    return true;
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
    if (!TO_THE_NEXT_SYNC.has(type)) return;
    if (this.#over) statements.pipeline.skip();
    this.#check(statements.clientMessage(type, bytes, start, end, length, offset));
  }

  #query(message: ClientMessage): void {
    const { statements, verdicts } = this.#parts;
    const source = verdicts.source(
      message.cut ? undefined : statements.text(message.bytes, message.start, message.end - 1),
    );
    if (this.#mustWait(this.#ready.read(source))) return;
    const judged = verdicts.on(source);
    if (this.#mustWait(this.#ready.estimate(message.offset, judged.decision, source))) return;
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
      judge: () => verdicts.on(source).decision,
      count: countOf(judged, source),
      describe: () => describeQuery(recorded, message, statements, judged.read, this.#ready.estimated),
      send: () => {
        const fault =
          statements.sendQuery(statement) ?? prepareNames(statement, judged.read, statements.names, undefined);
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
    const source = verdicts.source(read.cut ? undefined : statements.text(message.bytes, read.textStart, read.textEnd));
    if (this.#mustWait(this.#ready.read(source))) return;
    const judged = verdicts.on(source);
    const found: Secrets[] = [];
    const { bytes, start, length, offset } = this.#record(message, {
      read: judged.read,
      backslashEscapes: escapes(source),
      told: (secrets) => found.push(secrets),
    });
    const shift = start - message.start;
    const shifted = { ...read, textStart: read.textStart + shift, textEnd: read.textEnd + shift };
    const prepared = statements.preparedOf(shifted, bytes, length);
    prepared.secrets = found[0];
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
    if (this.#mustWait(this.#ready.read(...original.meanings.map((prepared) => prepared.source)))) return;
    const judge = () => verdicts.onPrepared(original.meanings, statements.names.knowsPrepared(original.statement));
    const decision = judge();
    if (this.#mustWait(this.#ready.estimate(message.offset, decision, original.prepared?.source))) return;
    const recorded = this.#record(message, { prepared: original.prepared });
    const { bytes, start, end, length, offset } = recorded;
    const portal = bytes === message.bytes ? original : statements.readBind(bytes, start, end, length, offset);
    if (typeof portal === 'string') {
      this.#check(portal);
      return;
    }
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
      judge,
      describe: () =>
        describeBind(portal, message, statements, verdicts.on(portal.prepared?.source).read, this.#ready.estimated),
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
    if (!source) verdicts.sentUnread();
    const send = (): Fault | undefined => {
      // A portal that is not there runs nothing, and one made in SQL only goes on.
      if (!source) return statements.sendExecute(statement, portal);
      const judged = verdicts.on(source);
      const fault =
        prepareNames(statement, judged.read, statements.names, statements.pipeline.segment) ??
        statements.sendExecute(statement, portal);
      verdicts.sent(judged.read);
      return fault;
    };
    // What was approved at its Bind is what was asked, unless rules that came since block it.
    const decision = verdicts.onPrepared(portal?.meanings ?? [], statements.names.knows(portal, name));
    const { verdict } = decision;
    const approved = portal?.held && (verdict === 'hold' || (portal.held === statement && verdict !== 'block'));
    if (approved || (verdict === 'allow' && !this.#parts.guard.rules.counted)) {
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

  #ask({ message, statement, decision, judge = () => decision, count = 1, describe, send, refuse }: Question): void {
    const { guard, answers, relay, statements } = this.#parts;
    let kept: Buffer | undefined;
    const action = contained(relay, {
      statement: statement.number,
      statements: count,
      decision,
      judge,
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
    });
    if (guard.gate.take(action) !== 'held') {
      this.#cancelled = false;
      return;
    }
    kept = Buffer.from(message.bytes.subarray(message.start - HEADER_BYTES, message.end));
    this.#frames.drop(message);
    this.#waiting = true;
    if (this.#left) guard.gate.withdraw('client_closed');
    else if (this.#cancelled) guard.gate.withdraw('cancelled');
    this.#cancelled = false;
  }

  /** A Parse that fails drops the unnamed statement, as the client's own would have. */
  #refuseExtended(
    statement: Statement,
    error: Buffer,
    name = `gatehouse_${randomBytes(9).toString('hex')}`,
  ): { instead: Buffer; fault: Fault | undefined } {
    return { instead: failingParse(name), fault: this.#parts.statements.pipeline.refuse(statement, error) };
  }

  /** Records a message that is not recorded yet, and gives it as it is recorded. */
  #record(message: ClientMessage, subject: Parameters<RecordedCopies['copy']>[3] = {}): ClientMessage {
    const { copies, guard } = this.#parts;
    return this.#frames.record(message, (whole) => copies.copy(message.type, whole, guard.rules.masks, subject));
  }

  #check(fault: Fault | undefined): void {
    this.fault ??= fault;
  }

  get #encoding(): string {
    return this.#parts.statements.settings.get('client_encoding') ?? 'UTF8';
  }
}
