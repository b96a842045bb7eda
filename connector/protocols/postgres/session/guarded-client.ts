// The client's side of a session that stands under rules: each message is taken whole, judged, recorded
// (as a copy of the same length where masks say so), and goes on, is refused, or waits for an approval.
// client-frames.ts finds the messages, judged-messages.ts says what is to become of each; here that is done.
//
// A refusal must not merely look like an error: the target has to agree about the transaction. So in
// place of what is refused goes a statement that fails for its syntax, and its error is replaced when it
// comes (answers.ts). In the extended protocol the target then passes over everything up to the next
// Sync; of that nothing is sent.

import type { Lane, Recorded } from '../../../door.ts';
import type { Relay } from '../../../net/relay.ts';
import type { ActionRefusal, SessionGuard } from '../../../action.ts';
import type { Answers } from './answers.ts';
import { ClientFrames, type ClientMessage, type Shown } from '../wire/client-frames.ts';
import {
  BIND,
  EXECUTE,
  FUNCTION_CALL,
  PARSE,
  QUERY,
  SYNC,
  TERMINATE,
  TO_THE_NEXT_SYNC,
} from '../wire/client-messages.ts';
import { ClientQueue } from '../../../net/client-queue.ts';
import { contained } from '../../../net/contained.ts';
import { HEADER_BYTES } from '../wire/framing.ts';
import { JudgedMessages, type Question } from './judged-messages.ts';
import type { AskEstimate } from '../rules/readiness.ts';
import type { CopySubject, RecordedCopies } from '../requests/request-copies.ts';
import { noticeResponse, statementRefused } from '../wire/refusals.ts';
import type { Fault, Statements } from '../pipeline/statements.ts';
import type { Released } from './unguarded-client.ts';
import type { Verdicts } from '../rules/verdicts.ts';

/** What the target runs, or will. */
const RUNS: ReadonlySet<number> = new Set([QUERY, PARSE, BIND, EXECUTE, FUNCTION_CALL]);

interface GuardedClientParts {
  readonly relay: Relay;
  readonly lane: Lane;
  readonly guard: SessionGuard;
  readonly statements: Statements;
  readonly verdicts: Verdicts;
  readonly answers: Answers;
  readonly copies: RecordedCopies;
  readonly estimate: AskEstimate;
  /** Resolves when what the client's next message means is known as far as it can be; undefined: it is. */
  readonly understand: () => Promise<void> | undefined;
}

export class GuardedClient {
  readonly #parts: GuardedClientParts;
  readonly #frames: ClientFrames;
  readonly #messages: JudgedMessages;
  /** Behind what waits. */
  readonly #queue = new ClientQueue();
  #waiting = false;
  /** The client cancelled while what it cancelled was not held yet. */
  #cancelled = false;
  /** The client sends no more. */
  #left = false;
  /** The session is over: nothing goes on any more. */
  #over = false;
  fault: Fault | undefined;

  /** `position`, `begun`: bytes of the client that went on before, and the beginning of a header behind them, recorded already. */
  constructor(parts: GuardedClientParts, { position, begun, receipt }: Omit<Released, 'rest'>) {
    this.#parts = parts;
    this.#messages = new JudgedMessages({
      statements: parts.statements,
      verdicts: parts.verdicts,
      estimate: parts.estimate,
      record: (message, subject) => this.#record(message, subject),
      counted: () => parts.guard.rules.counted,
    });
    this.#frames = new ClientFrames(
      {
        message: (message) => this.#message(message),
        part: (type, part, first, last) => parts.copies.part(type, part, parts.guard.rules.masks, first, last),
        forward: (bytes, receipt) => parts.relay.toTarget(bytes, receipt),
        record: (bytes, copied) =>
          parts.lane.record(
            'client',
            bytes,
            copied && parts.lane.keepsOriginals ? parts.copies.hidIn(bytes) : undefined,
          ),
      },
      position,
      begun,
      receipt,
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

  /** No message is half on its way to the target. */
  get betweenMessages(): boolean {
    return this.#frames.left === 0;
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
    if (this.#waiting) this.#parts.guard.gate.withdraw(this.#parts.lane.number, 'client_closed');
  }

  /** The session is over. What waits is withdrawn, and what came behind it is recorded as not run. */
  close(): void {
    if (this.#over) return;
    this.#over = true;
    if (this.#waiting && !this.#parts.guard.gate.withdraw(this.#parts.lane.number, 'client_closed')) this.#resume();
  }

  /** The client wants what it waits for to stop. False: nothing is held here, and the target is to be asked. */
  cancel(): boolean {
    if (!this.#waiting) return false;
    if (this.#parts.guard.gate.withdraw(this.#parts.lane.number, 'cancelled')) return true;
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
    const { pipeline } = this.#parts.statements;
    const { type } = message;
    if (this.#over || (pipeline.skipping && type !== SYNC && type !== TERMINATE)) {
      this.#passOver(message);
      return 'taken';
    }
    const understanding = RUNS.has(type) ? this.#parts.understand() : undefined;
    if (understanding) {
      this.#wait(understanding);
      return 'again';
    }
    const outcome = this.#messages.judge(message);
    switch (outcome.kind) {
      case 'waits':
        this.#wait(outcome.ready);
        return 'again';
      case 'goes':
        this.#check(outcome.fault);
        if (this.fault === undefined) this.#frames.forward(message);
        break;
      case 'asks':
        this.#ask(message, outcome.question);
    }
    return this.#waiting || this.fault !== undefined ? 'last' : 'taken';
  }

  #wait(ready: Promise<void>): void {
    this.#waiting = true;
    void ready.then(() => this.#parts.relay.contain(() => this.#resume()));
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

  /** The gate decides, now or after an approval. */
  #ask(message: ClientMessage, question: Question): void {
    const { statement, decision, judge = () => decision, count = 1, syntax, describe, send, refuse } = question;
    const { guard, answers, relay, statements } = this.#parts;
    let kept: { readonly bytes: Buffer; readonly receipt: Recorded } | undefined;
    const action = contained(relay, {
      lane: this.#parts.lane.number,
      number: statement.action,
      statements: count,
      decision,
      judge,
      describe,
      forward: () => {
        const fault = send();
        this.#check(fault);
        if (fault === undefined) {
          if (kept) relay.toTarget(kept.bytes, kept.receipt);
          else this.#frames.forward(message);
        }
        if (kept) this.#resume();
      },
      refuse: (refusal: ActionRefusal) => {
        if (kept && (this.#over || this.#left)) {
          this.#over = true;
          statements.drop(statement, refusal.message);
        } else {
          const { instead, fault } = refuse(statementRefused(refusal, this.#encoding, syntax));
          this.#check(fault);
          if (kept) relay.toTarget(instead, kept.receipt);
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
    kept = {
      bytes: Buffer.from(message.bytes.subarray(message.start - HEADER_BYTES, message.end)),
      receipt: this.#frames.flush(),
    };
    this.#frames.drop(message);
    this.#waiting = true;
    if (this.#left) guard.gate.withdraw(this.#parts.lane.number, 'client_closed');
    else if (this.#cancelled) guard.gate.withdraw(this.#parts.lane.number, 'cancelled');
    this.#cancelled = false;
  }

  /** Records a message that is not recorded yet, and gives it as it is recorded. */
  #record(message: ClientMessage, subject: CopySubject = {}): ClientMessage {
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
