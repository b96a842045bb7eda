// A MySQL session under way. What the client sends: client-commands.ts. What the target answers: answers.ts.

import type { EndReason } from '../../../../core/recording/facts/session.ts';
import { passUntouched } from '../../../../core/masking/masked.ts';
import type { Masks } from '../../../../core/masking/masks.ts';
import type { MysqlTextSettings } from '../../../../core/sql/mysql/settings.ts';
import type { ByteStream, Claim, Conversation, Session } from '../../../door.ts';
import type { UpstreamTarget } from '../../../net/dial.ts';
import { type Interpreter, Relay } from '../../../net/relay.ts';
import { killAtTarget, type MysqlUpstream } from '../login/upstream.ts';
import { MysqlVerdicts, type MysqlJudges } from '../rules/verdicts.ts';
import { has } from '../wire/capabilities.ts';
import { packet } from '../wire/packets.ts';
import { sessionEnds } from '../wire/refusals.ts';
import { errorPacket } from '../wire/replies.ts';
import { MysqlAnswers } from './answers.ts';
import { ClientCommands } from './client-commands.ts';
import { ClientJobs } from './client-jobs.ts';
import { SessionMasks } from './session-masks.ts';
import { MysqlFacts } from './statement-facts.ts';
import type { Threads } from './threads.ts';
import { type SessionUser, UserChanges } from './user-change.ts';

interface MysqlConversationParts {
  readonly client: ByteStream;
  /** What the client sent behind its login. */
  readonly early: Buffer;
  /** Of the packet that tells the client that it is in. */
  readonly sequence: number;
  /** What both sides agreed to. */
  readonly capabilities: number;
  /** That the client named. */
  readonly database: string | undefined;
  readonly upstream: MysqlUpstream;
  readonly session: Session<UpstreamTarget>;
  readonly claim: Claim;
  readonly user: SessionUser;
  readonly judges: MysqlJudges;
  readonly settings: MysqlTextSettings | undefined;
  readonly threads: Threads;
  /** As the client was greeted. */
  readonly threadId: number;
}

const MASKS_CHANGED = 'The mask rules of this resource have changed. Connect again.';

/** Tells the client that it is in, and carries the session. */
export function beginMysqlConversation(parts: MysqlConversationParts): Conversation {
  const relay = new Relay(parts.client, parts.upstream.socket, parts.session.lane);
  relay.contain(() => {
    const interpreter = new MysqlInterpreter(relay, parts);
    interpreter.welcome();
    relay.begin(interpreter, parts.early);
    if (parts.upstream.early.length > 0) interpreter.fromTarget(parts.upstream.early);
    parts.session.guard.onRulesChanged(() => interpreter.rulesChanged());
    // They may have changed while the target was dialled.
    interpreter.rulesChanged();
  });
  return relay;
}

class MysqlInterpreter implements Interpreter {
  readonly targetWaits = false;
  readonly #relay: Relay;
  readonly #parts: MysqlConversationParts;
  readonly #answers: MysqlAnswers;
  readonly #client: ClientCommands;
  #closed = false;
  /** As the session began: the same object while the rules say the same. */
  readonly #columnRules: Masks['columnRules'];

  constructor(relay: Relay, parts: MysqlConversationParts) {
    const { session, claim, judges, threads, settings, threadId, upstream } = parts;
    const { lane, guard, opened } = session;
    this.#relay = relay;
    this.#parts = parts;
    this.#columnRules = guard.rules.masks.columnRules;
    const facts = new MysqlFacts(
      lane,
      () => session.nextAction(),
      () => guard.recordMasked(),
    );
    const deprecateEof = has(parts.capabilities, 'DEPRECATE_EOF');
    const answers = new MysqlAnswers({ relay, lane, guard, facts, deprecateEof, opened });
    this.#answers = answers;
    const verdicts = new MysqlVerdicts(judges, guard);
    const masks = new SessionMasks(session.upstream, () => guard.rules.masks);
    masks.entered(parts.database);
    const userChanges = new UserChanges({
      user: parts.user,
      capabilities: parts.capabilities,
      target: session.upstream,
      upstream,
      answers,
      masks: () => guard.rules.masks,
    });
    const jobs = new ClientJobs({ guard, answers, verdicts, facts, threads, claim, userChanges, masks, settings });
    this.#client = new ClientCommands({ relay, lane, guard, answers, facts, jobs });
    threads.begin(threadId, { claim, atTarget: upstream.greeting.threadId });
  }

  /** The target's own OK, with the number that is due. The recording begins with it. */
  welcome(): void {
    const { upstream, sequence, session } = this.#parts;
    const bytes = packet(sequence, upstream.ok);
    this.#answers.welcomed(bytes.length);
    this.#relay.toClient(passUntouched(bytes), session.lane.record('target', bytes));
  }

  rulesChanged(): void {
    const { masks } = this.#parts.session.guard.rules;
    // What the session keeps (variables, its own tables) was made under others.
    if (masks.columnRules !== this.#columnRules && masks.columnRules.length > 0)
      this.#relay.end('policy_denied', MASKS_CHANGED);
  }

  fromClient(chunk: Buffer): void {
    this.#client.take(chunk);
    if (this.#client.fault !== undefined) this.#fail(this.#client.fault);
  }

  fromTarget(chunk: Buffer): void {
    this.#answers.take(chunk);
    if (this.#answers.fault !== undefined) this.#fail(`for what the database sent: ${this.#answers.fault}`);
  }

  #fail(fault: string): void {
    this.#relay.end('protocol_fault', `The session ends: ${fault}.`);
  }

  farewell(reason: EndReason, message: string, takeBack: (bytes: number) => boolean): Buffer | undefined {
    if (!takeBack(this.#answers.unfinished)) return undefined;
    // As the answer that the client waits for, or within it; between commands as a server that closes by itself.
    const sequence = this.#answers.nextSequence ?? this.#client.nextSequence;
    const { denied } = this.#client;
    return denied ? errorPacket(sequence, denied) : sessionEnds(sequence, reason, message);
  }

  get midMessage(): boolean {
    return this.#answers.unfinished > 0;
  }

  clientEnded(): void {
    this.#client.left();
  }

  get clientWaits(): boolean {
    return this.#client.waiting;
  }

  get clientFull(): boolean {
    return this.#client.full;
  }

  get working(): boolean {
    return this.#answers.busy && !this.#answers.wantsFile;
  }

  get clientLeft(): boolean {
    return this.#client.quit;
  }

  /** A statement that still runs would go on without anybody to take its answer, e.g. after a revocation. */
  closed(): void {
    if (this.#closed) return;
    this.#closed = true;
    const { threads, threadId, session, upstream } = this.#parts;
    threads.end(threadId);
    const runs = this.#answers.busy;
    try {
      this.#client.close();
    } finally {
      this.#answers.close();
      if (runs) void killAtTarget(session.upstream, `KILL ${upstream.greeting.threadId}`);
    }
  }
}
