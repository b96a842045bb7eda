// A PostgreSQL session under way. What the client sends passes as it comes while no rule could touch it,
// and message by message (guarded-client.ts) from when one could. What the target answers: answers.ts.

import type { EndReason } from '../../../../core/recording/facts/session.ts';
import { passUntouched } from '../../../../core/masking/masked.ts';
import type { ByteStream, Conversation, Session } from '../../../door.ts';
import type { UpstreamTarget } from '../../../net/dial.ts';
import { type Interpreter, Relay } from '../../../net/relay.ts';
import { Answers } from './answers.ts';
import { type CancelKey, type CancelKeys, type CancelSender, SessionCancel } from '../login/cancel.ts';
import { type Estimate, estimate } from '../rules/estimate.ts';
import { GuardedClient } from './guarded-client.ts';
import { authenticationOk, backendKeyData } from '../wire/messages.ts';
import { createSessionMasking, type MaskingShare, type SessionMasking } from './session-masking.ts';
import { parse } from '../rules/parser.ts';
import { farewellMessage } from '../wire/refusals.ts';
import { Statements } from '../pipeline/statements.ts';
import { StatementEchoes } from '../requests/statement-echoes.ts';
import { UnguardedClient } from './unguarded-client.ts';
import { logIn, type UpstreamConnection } from '../login/upstream.ts';
import { type PostgresJudge, Verdicts } from '../rules/verdicts.ts';

interface ConversationParts {
  readonly client: ByteStream;
  /** What the client sent behind its login. */
  readonly early: Buffer;
  /** The client's protocol version: how long its cancel key may be. */
  readonly version: number;
  readonly upstream: UpstreamConnection;
  readonly session: Session<UpstreamTarget>;
  readonly judge: PostgresJudge;
  readonly masking: MaskingShare;
  /** That the client asked for; undefined: the target's own. */
  readonly database: string | undefined;
  /** The client did not ask for another role in its start-up packet. */
  readonly roleKnown: boolean;
  /** Who it began as, where that is not who logged in. */
  readonly role: string | undefined;
  readonly cancelKeys: CancelKeys;
  readonly cancelSender: CancelSender;
}

/** Tells the client that it is in, and carries the session. */
export function beginConversation(parts: ConversationParts): Conversation {
  const relay = new Relay(parts.client, parts.upstream.socket, parts.session.lane);
  relay.contain(() => {
    const interpreter = new PostgresInterpreter(relay, parts);
    interpreter.greet();
    relay.begin(interpreter, parts.early);
    if (parts.upstream.early.length > 0) interpreter.fromTarget(parts.upstream.early);
  });
  return relay;
}

class PostgresInterpreter implements Interpreter {
  readonly #relay: Relay;
  readonly #parts: ConversationParts;
  readonly #statements: Statements;
  readonly #verdicts: Verdicts;
  readonly #masking: SessionMasking;
  readonly #answers: Answers;
  readonly #echoes = new StatementEchoes();
  readonly #unguarded: UnguardedClient;
  /** Set from when the session first stands under rules. */
  #guarded: GuardedClient | undefined;
  readonly #key: CancelKey;
  /** Undefined: the target told no key. */
  readonly #upstreamCancel: SessionCancel | undefined;
  #closed = false;

  constructor(relay: Relay, parts: ConversationParts) {
    const { lane, guard, upstream: target } = parts.session;
    this.#relay = relay;
    this.#parts = parts;
    const statements = new Statements(lane, () => guard.recordMasked());
    this.#statements = statements;
    this.#verdicts = new Verdicts(parts.judge, guard, statements, parts);
    this.#masking = createSessionMasking({
      share: parts.masking,
      guard,
      statements,
      echoes: this.#echoes,
      target,
      database: parts.database,
      interject: (bytes) => this.#interject(bytes),
      keepsOriginals: lane.keepsOriginals,
      contain: (work) => relay.contain(work),
    });
    this.#answers = new Answers({
      relay,
      lane,
      guard,
      statements,
      rewriting: this.#masking.rewriting,
      echoes: this.#echoes,
    });
    this.#unguarded = new UnguardedClient({ relay, lane, statements, copies: this.#masking.secretCopies });
    const { key } = parts.upstream;
    this.#upstreamCancel = key && new SessionCancel(() => parts.cancelSender.send(target, key));
    this.#key = parts.cancelKeys.issue(parts.version, key?.pid, () => this.#cancel());
  }

  /** The recording begins with what the target reports of itself. The cancel key is a secret and stays out of it. */
  greet(): void {
    const { opened } = this.#parts.session;
    this.#relay.toClient(passUntouched(authenticationOk()), opened);
    this.#relay.toClient(passUntouched(backendKeyData(this.#key.pid, this.#key.secret)), opened);
    this.fromTarget(this.#parts.upstream.greeting);
  }

  fromClient(chunk: Buffer): void {
    const { rules } = this.#parts.session.guard;
    if (this.#guarded) this.#judged(this.#guarded, chunk);
    else if (rules.sections.statements === undefined && !rules.masks.any && !rules.counted) this.#passed(chunk);
    else this.#beginGuard(chunk);
  }

  fromTarget(chunk: Buffer): void {
    const answer = this.#masking.take(chunk);
    if (answer.length > 0) this.#answers.take(answer);
    this.#masking.poke();
    if (this.#echoes.needed && !this.#statements.busy && !this.clientWaits) this.#echoes.forget();
  }

  farewell(reason: EndReason, message: string, takeBack: (bytes: number) => boolean): Buffer | undefined {
    if (!takeBack(this.#answers.unfinished)) return undefined;
    return farewellMessage(reason, message, this.#statements.settings.get('client_encoding') ?? 'UTF8');
  }

  get midMessage(): boolean {
    return this.#answers.unfinished > 0;
  }

  /** Of the gateway's own to the target. */
  #interject(bytes: Buffer): boolean {
    if (this.#guarded?.betweenMessages !== true || this.#answers.unfinished > 0) return false;
    this.#relay.toTarget(bytes, this.#parts.session.opened);
    return true;
  }

  #passed(chunk: Buffer): void {
    this.#unguarded.take(chunk);
    if (this.#unguarded.fault !== undefined) this.#fail(this.#unguarded.fault);
  }

  /** A message whose body is on its way already goes on as it began; the next one is judged. */
  #beginGuard(chunk: Buffer): void {
    const released = this.#unguarded.release(chunk);
    if (this.#unguarded.fault !== undefined) this.#fail(this.#unguarded.fault);
    if (!released) return;
    const { position, rest } = released;
    if (position > 0) {
      // What ran before was not read, and may have made any name.
      this.#statements.names.preparedComplete = false;
      this.#statements.names.portalsComplete = false;
      this.#statements.names.lettersComplete = false;
    }
    this.#guarded = new GuardedClient(
      {
        relay: this.#relay,
        lane: this.#parts.session.lane,
        guard: this.#parts.session.guard,
        statements: this.#statements,
        verdicts: this.#verdicts,
        answers: this.#answers,
        copies: this.#masking.copies,
        estimate: (text) => this.#estimate(text),
        understand: () => this.#masking.understand(),
      },
      released,
    );
    this.#judged(this.#guarded, rest);
  }

  #judged(guarded: GuardedClient, chunk: Buffer): void {
    guarded.take(chunk);
    if (guarded.fault !== undefined) this.#fail(guarded.fault);
  }

  /** On the path that the session has, where the target reports it. */
  #estimate(text: string): Promise<Estimate | undefined> {
    const { database, session } = this.#parts;
    const path = this.#statements.settings.get('search_path');
    return estimate(text, parse, (parameters) =>
      logIn(
        session.upstream,
        database,
        path === undefined ? parameters : new Map([...parameters, ['search_path', path]]),
        session.signal,
      ),
    );
  }

  #fail(fault: string): void {
    this.#relay.end('protocol_fault', `The session ends: ${fault}.`);
  }

  clientEnded(): void {
    this.#guarded?.left();
  }

  /** Something of the client's is still to be decided. */
  get clientWaits(): boolean {
    return this.#guarded?.waiting === true;
  }

  get targetWaits(): boolean {
    return this.#answers.waits;
  }

  get clientFull(): boolean {
    return this.#guarded?.full === true;
  }

  get working(): boolean {
    const { pipeline } = this.#statements;
    return pipeline.running && !pipeline.copyIn;
  }

  get clientLeft(): boolean {
    return this.#statements.terminated;
  }

  /** A statement that still runs would go on without anybody to take its answer, e.g. after a revocation. */
  closed(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#parts.cancelKeys.drop(this.#key);
    try {
      this.#guarded?.close();
    } finally {
      if (this.#statements.busy) void this.#upstreamCancel?.request();
      this.#masking.closed();
    }
  }

  /** Recorded first, then carried out (law 1). */
  async #cancel(): Promise<void> {
    const { lane } = this.#parts.session;
    lane.fact({ kind: 'cancel.requested' });
    // What waits for an approval has not reached the target.
    if (this.#guarded?.cancel()) return;
    if ((await lane.committed()) && !this.#closed) await this.#upstreamCancel?.request();
  }
}
