// What the target has yet to answer, in the order in which it will.
//
// The rules are those of the server's main loop (tcop/postgres.c) and of the protocol's flow chapter:
// after an error in an extended-query message everything is passed over until a Sync; after one in a
// Query, ReadyForQuery follows; during COPY FROM STDIN, Sync and Flush are ignored.

import type { ErrorFields } from '../wire/messages.ts';
import type { Names } from './names.ts';
import { SKIPPED, type StatementFacts, UNSEEN } from './statement-facts.ts';
import type { Portal, Prepared, Statement, Undo } from './statement.ts';
import { TakenPortals } from './taken-portals.ts';

/** Its error response takes the place of the target's own. Undefined: it is what the client sent. */
export type Refused = Buffer | undefined;

export type Pending =
  | {
      readonly kind: 'query' | 'function' | 'execute';
      readonly statement: Statement;
      readonly portal?: Portal | undefined;
      readonly refused?: Refused;
      readonly undo?: Undo | undefined;
    }
  /** A Parse of the gateway's own stands in for an extended-query message that was refused. */
  | { readonly kind: 'refused'; readonly statement: Statement; readonly refused: Buffer }
  | {
      readonly kind: 'parse';
      readonly prepared: Prepared;
      readonly offset: number;
      readonly length: number;
      readonly undo: Undo;
    }
  | { readonly kind: 'bind'; readonly portal: Portal; readonly undo: Undo }
  | { readonly kind: 'close'; readonly undo: Undo | undefined }
  | {
      readonly kind: 'describe';
      readonly name: string;
      readonly prepared: Prepared | undefined;
      readonly portal: Portal | undefined;
    }
  | { readonly kind: 'sync' | 'copy_end' };

const ENDED_BY_READY: ReadonlySet<Pending['kind'] | undefined> = new Set(['sync', 'query', 'function']);
const SYNC: Pending = { kind: 'sync' };
const COPY_END: Pending = { kind: 'copy_end' };

export class Pipeline {
  readonly #facts: StatementFacts;
  readonly #names: Names;
  /** Unanswered from `#first` on. */
  #pending: Pending[] = [];
  #first = 0;
  /** An error came in an extended-query message, and no Sync has been seen behind it yet. */
  #skipping = false;
  /** The target takes COPY data, and the client has not said that it was the last. */
  #copyIn = false;
  /** Some of that data came. */
  copyInBegun = false;
  /** 'I' idle, 'T' in a transaction, 'E' in a failed one: as of the last ReadyForQuery. */
  transaction = 'I';
  /** Syncs that the client sent. */
  segment = 0;
  #refusals = 0;
  #onReady: (() => void)[] = [];
  /** Messages of the extended protocol came, and no Sync behind them. */
  #begun = false;
  /** Statements that were held at their Bind, approved, and wait for their Execute. */
  readonly #bound = new Set<Statement>();
  readonly taken = new TakenPortals();

  constructor(facts: StatementFacts, names: Names) {
    this.#facts = facts;
    this.#names = names;
  }

  /** Whether the target has something to do. */
  get busy(): boolean {
    return this.#first < this.#pending.length;
  }

  /** Behind the next ReadyForQuery the target has nothing to do. */
  get ending(): boolean {
    let at = this.#first;
    while (at < this.#pending.length && !ENDED_BY_READY.has(this.#pending[at]?.kind)) at++;
    return at >= this.#pending.length - 1;
  }

  /** A ReadyForQuery is to come: whether what went before the last Sync had its effect is not known. */
  get owesReady(): boolean {
    for (let at = this.#first; at < this.#pending.length; at++)
      if (ENDED_BY_READY.has(this.#pending[at]?.kind)) return true;
    return false;
  }

  /** Resolves when the target owes no ReadyForQuery any more, or takes COPY data first; undefined: so it is. */
  whenReady(): Promise<void> | undefined {
    if (this.#copyIn || !this.owesReady) return undefined;
    return new Promise((resolve) => this.#onReady.push(resolve));
  }

  /**
   * What the client's next message means by the name; undefined: there is none, or it is not certain, since a message behind
   * which a Sync went had that name and is not answered.
   */
  portal(name: string): Portal | undefined {
    const portal = this.#names.portal(name);
    return portal && portal.segment !== this.segment && this.owesReady ? undefined : portal;
  }

  /** There is a portal of this name, or was, and which it is now is not certain. */
  inDoubt(name: string): boolean {
    return this.#names.portal(name) !== undefined && this.portal(name) === undefined;
  }

  /** The target may be running something. */
  get running(): boolean {
    return this.#pending.some(
      ({ kind }, index) => index >= this.#first && (kind === 'query' || kind === 'execute' || kind === 'function'),
    );
  }

  /** Nothing goes on any more. */
  skip(): void {
    this.#skipping = true;
  }

  /** The client is told of an error, and the target goes on: what it is to run up to the next ReadyForQuery, it runs. */
  runsUnseen(): void {
    for (let at = this.#first; at < this.#pending.length; at++) {
      const pending = this.#pending[at];
      if (pending && 'statement' in pending) pending.statement.ranUnseen = true;
      if (ENDED_BY_READY.has(pending?.kind)) return;
    }
  }

  get begun(): boolean {
    return this.#begun;
  }

  /** What the client sends now is passed over by the target. */
  get skipping(): boolean {
    return this.#skipping;
  }

  get copyIn(): boolean {
    return this.#copyIn;
  }

  /** Refused messages whose error has not come yet. */
  get refusals(): number {
    return this.#refusals;
  }

  /** What the target answers next. CopyDone and CopyFail have no answer of their own. */
  get next(): Pending | undefined {
    return this.#front();
  }

  /** The statement, where the target has nothing to answer but it, with its Bind and its portal's description in front and a Sync behind. */
  get only(): (Pending & { statement: Statement }) | undefined {
    let found: (Pending & { statement: Statement }) | undefined;
    for (let at = this.#first; at < this.#pending.length; at++) {
      const pending = this.#pending[at] as Pending;
      switch (pending.kind) {
        case 'bind':
          if (found) return undefined;
          break;
        case 'describe':
          if (found || !pending.portal) return undefined;
          break;
        case 'query':
        case 'execute':
          if (found || pending.refused) return undefined;
          found = pending;
          break;
        case 'sync':
          if (at < this.#pending.length - 1) return undefined;
          break;
        default:
          return undefined;
      }
    }
    return found;
  }

  /** The target's next ErrorResponse is to be replaced by this. */
  get refusal(): Buffer | undefined {
    if (this.#refusals === 0) return undefined;
    const front = this.#front();
    return front && 'refused' in front ? front.refused : undefined;
  }

  // --- sent by the client ---

  /** Gives what is wrong with it, where something is. */
  enqueue(pending: Pending): string | undefined {
    if (this.#copyIn) return 'a message other than COPY data came during COPY FROM STDIN';
    if (this.#skipping) {
      if ('statement' in pending) this.#facts.finish(pending.statement, SKIPPED, false);
    } else {
      this.#begun = !ENDED_BY_READY.has(pending.kind);
      this.#pending.push(pending);
      if ('refused' in pending && pending.refused) this.#refusals++;
    }
    return undefined;
  }

  /** Stands in for an extended-query message. The client's own are passed over from here to its Sync, which the target will too. */
  refuse(statement: Statement, refused: Buffer): string | undefined {
    const fault = this.enqueue({ kind: 'refused', statement, refused });
    this.#skipping = true;
    return fault;
  }

  /** Approved at its Bind. */
  bound(statement: Statement): void {
    this.#bound.add(statement);
  }

  sync(): void {
    this.#skipping = false;
    this.#begun = false;
    this.segment++;
    if (!this.#copyIn) this.#pending.push(SYNC);
  }

  /** CopyDone, CopyFail. */
  endCopy(): void {
    if (this.#copyIn) this.#copyIn = false;
    else this.#pending.push(COPY_END);
  }

  // --- answered by the target ---

  answered(kind: Pending['kind']): void {
    const front = this.#front();
    if (front?.kind !== kind) return;
    if ('undo' in front && front.undo) this.#names.settle(front.undo);
    this.#shift();
  }

  /** The statement's description comes. */
  described(types: readonly number[]): void {
    const front = this.#front();
    if (front?.kind === 'describe' && front.prepared) front.prepared.types = types;
  }

  complete(tag: string, endOffset: number, suspended: boolean): void {
    const front = this.#front();
    if (front?.kind !== 'query' && front?.kind !== 'execute') return;
    const { statement } = front;
    if (tag !== '') statement.tags.push(tag);
    this.taken.completed(tag);
    if (tag.startsWith('COPY ')) this.#facts.rows += Number(tag.slice(5)) || 0;
    else if (tag === 'DISCARD ALL' || tag === 'DEALLOCATE ALL') this.#names.forgetPrepared(statement.sequence);
    else if (tag === 'PREPARE' && !statement.prepares) this.#names.distrust();
    this.#copyIn = false;
    // Done with its data, so what marks that data's end is done too.
    if (this.#pending[this.#first + 1]?.kind === 'copy_end') this.#pending.splice(this.#first + 1, 1);
    if (front.kind === 'query') return;
    this.#shift();
    this.#finish(statement, undefined, suspended, endOffset);
  }

  ready(transaction: string, offset: number, length: number): void {
    this.transaction = transaction;
    for (;;) {
      const front = this.#front();
      if (!front) break;
      this.#shift();
      if (front.kind === 'sync') break;
      if (front.kind === 'query' || front.kind === 'function') {
        if (front.undo) this.#names.settle(front.undo);
        if (!front.statement.error || !isFatal(front.statement.error))
          this.#finish(front.statement, front.statement.error, false, offset);
        break;
      }
    }
    this.#copyIn = false;
    this.#facts.beginAnswer(offset + length);
    this.#tellReady();
    if (transaction !== 'I' || this.busy) return;
    this.#names.forgetPortals();
    for (const statement of this.#bound) if (!statement.executed) this.#finish(statement, NOT_EXECUTED, false);
    this.#bound.clear();
  }

  failed(error: ErrorFields, endOffset: number): void {
    const inCopy = this.#copyIn;
    this.#copyIn = false;
    const front = this.#front();
    if (!front || front.kind === 'sync') {
      // At a Sync the implicit transaction commits, which may fail; without anything pending the server is leaving.
      this.#facts.notice(error);
      return;
    }
    if (front.kind === 'query' || front.kind === 'function') {
      front.statement.error ??= error;
      // A message that has no place in COPY data ends the COPY and is itself never run.
      const next = inCopy && error.code === '08P01' ? this.#pending[this.#first + 1] : undefined;
      if (next && 'statement' in next) {
        this.#pending.splice(this.#first + 1, 1);
        if ('refused' in next && next.refused) this.#refusals--;
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
      if ('undo' in front && front.undo) undone.push(front.undo);
      const statement = front.kind === 'bind' ? front.portal.held : 'statement' in front ? front.statement : undefined;
      if (!statement) continue;
      const passedOver = statement.ranUnseen ? UNSEEN : SKIPPED;
      this.#finish(statement, blamed ? passedOver : error, false, endOffset);
      blamed = true;
    }
    for (const undo of undone.reverse()) this.#names.undo(undo);
    this.#skipping = this.#front() === undefined;
    // A Query that was passed over too has no ReadyForQuery.
    this.#tellReady();
    if (blamed) return;
    if (failed.kind === 'parse') {
      // Tried and never run: still something that somebody wanted to do.
      const { prepared, offset, length } = failed;
      const statement = this.#facts.start(
        'extended',
        prepared.text,
        prepared.textBytes,
        undefined,
        prepared.name,
        undefined,
        offset,
        length,
      );
      this.#facts.finish(statement, error, false, endOffset);
    } else this.#facts.notice(error);
  }

  /** A Sync that came before the data's end is ignored by the target: it will not be answered. */
  beginCopyIn(): void {
    this.#front();
    this.#copyIn = true;
    this.copyInBegun = false;
    const at = this.#first + 1;
    while (at < this.#pending.length && this.#copyIn) {
      const next = this.#pending[at];
      if (next?.kind === 'copy_end') this.#copyIn = false;
      else if (next?.kind !== 'sync') break;
      if (next) this.#pending.splice(at, 1);
    }
    this.#tellReady();
  }

  #tellReady(): void {
    if (this.#onReady.length > 0 && (this.#copyIn || !this.owesReady))
      for (const tell of this.#onReady.splice(0)) tell();
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

  /** What it prepared in SQL stands as far as it was carried out. */
  #finish(statement: Statement, error: ErrorFields | undefined, suspended: boolean, endOffset?: number): void {
    if (statement.prepares) {
      for (const { index, undo } of statement.prepares)
        if (index < statement.tags.length) this.#names.settle(undo);
        else this.#names.undo(undo);
    }
    this.#facts.finish(statement, error, suspended, endOffset);
  }

  #shift(): void {
    const front = this.#pending[this.#first];
    if (front && 'refused' in front && front.refused) this.#refusals--;
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
}

const NOT_EXECUTED: ErrorFields = {
  code: 'skipped',
  severity: 'SKIPPED',
  message: 'Not run: it was approved, and never executed.',
};

const isFatal = (error: ErrorFields): boolean => error.severity === 'FATAL' || error.severity === 'PANIC';
