// The sessions of this connector that run or are being opened, and what ends them from outside:
// a person who ends this one, revocation of the grant, its `until`, the policy and its limits, and the connector's own stopping.

import type { GrantId, SessionId } from '../../core/ids.ts';
import type { SessionRules } from '../../core/policy/session-rules.ts';
import type { EndReason } from '../../core/recording/facts/session.ts';
import type { Refusal, RefusalReason } from '../../core/refusal.ts';
import type { Conversation, LogFault } from '../door.ts';
import type { LiveGuard } from './guard/guard.ts';
import { type Alarm, setAlarm } from './alarm.ts';
import { SessionClock, type SessionClockDeps } from './session-clock.ts';

export interface Cause {
  readonly reason: EndReason;
  readonly message: string;
}

/** How a client is told that its session ended before it began. */
const REFUSED_FOR: Readonly<Record<EndReason, RefusalReason>> = {
  client_closed: 'session_ended',
  target_closed: 'upstream_unreachable',
  grant_expired: 'grant_expired',
  grant_revoked: 'grant_revoked',
  ended_by_person: 'session_ended',
  idle_timeout: 'session_ended',
  session_too_long: 'session_ended',
  time_window_over: 'outside_time_window',
  rows_exceeded: 'session_ended',
  policy_denied: 'policy_denied',
  protocol_fault: 'session_ended',
  log_failed: 'log_unavailable',
  connector_stopped: 'connector_stopping',
  connector_crashed: 'connector_stopping',
};
const UNRECORDED = 'The gateway cannot record this session any more, so it ends. Tell an administrator.';

/**
 * One session from before the edge is asked to open it until its last connection left. What ends it may come
 * before there is a conversation: then the cause waits for it. So do rules that come before there is a guard.
 */
export class LiveSession {
  readonly id: SessionId;
  readonly grant: GrantId;
  cause: Cause | undefined;
  /** The log takes no more of it. */
  fault: LogFault | undefined;
  /** The edge has let it in, and knows it from then on. */
  known = false;
  #guard: LiveGuard | undefined;
  #early: SessionRules | undefined;
  /** Of its connections. */
  readonly #conversations = new Set<Conversation>();
  readonly #gone = new AbortController();
  #tellEnding: () => void = () => {};
  readonly #ending = new AbortController();
  #until: Alarm | undefined;
  readonly #clock: SessionClock;

  constructor(id: SessionId, grant: GrantId, { now, idleTimeoutMs }: Pick<SessionClockDeps, 'now' | 'idleTimeoutMs'>) {
    this.id = id;
    this.grant = grant;
    this.#clock = new SessionClock({
      now,
      idleTimeoutMs,
      end: (reason, message) => this.end(reason, message),
      lastActivityMs: () => this.#lastActivityMs(),
    });
  }

  /** Aborts when something ends it; the reason is the Refusal to tell a client that is not carried yet. */
  get signal(): AbortSignal {
    return this.#ending.signal;
  }

  /** Aborts when nothing of it is left: what was made for it is given back then. */
  get over(): AbortSignal {
    return this.#gone.signal;
  }

  /** It is none of the live ones any more. */
  removed(): void {
    this.dispose();
    this.#gone.abort();
  }

  get refusal(): Refusal | undefined {
    return this.signal.aborted ? (this.signal.reason as Refusal) : undefined;
  }

  end(reason: EndReason, message: string): void {
    this.cause ??= { reason, message };
    for (const conversation of this.#conversations) conversation.end(this.cause.reason, this.cause.message);
    this.#over({ reason: REFUSED_FOR[this.cause.reason], message: this.cause.message });
  }

  /** Not one byte of it goes on any more (law 1), on whatever connection. */
  logFailed(fault: LogFault): void {
    this.fault = fault;
    this.cause ??= { reason: 'log_failed', message: `The recording cannot be written: ${fault.message}` };
    for (const conversation of this.#conversations) conversation.logFailed(fault);
    // What an operator reads of the fault is not for clients.
    this.#over({ reason: 'log_unavailable', message: UNRECORDED });
  }

  /** Behind its conversations, which have said so in their own words. */
  #over(refusal: Refusal): void {
    this.#ending.abort(refusal);
    this.#tellEnding();
  }

  /** Told after each cause to end it, behind its conversations. One listener. */
  onEnding(tell: () => void): void {
    this.#tellEnding = tell;
  }

  /**
   * It is admitted: `create` makes its guard from the rules that came with the admission, or from newer ones that
   * overtook it. Throws as `create` does.
   */
  admit(admitted: SessionRules, create: (rules: SessionRules) => LiveGuard): LiveGuard {
    const early = this.#early;
    const rules = early && early.policyVersion >= admitted.policyVersion ? early : admitted;
    this.#guard = create(rules);
    this.#clock.apply(rules.limits, rules.rule);
    return this.#guard;
  }

  /** Another policy is in force. Throws when its rules cannot be applied. */
  apply(rules: SessionRules): void {
    if (!this.#guard) {
      if (!this.#early || this.#early.policyVersion <= rules.policyVersion) this.#early = rules;
    } else if (this.#guard.replace(rules)) this.#clock.apply(rules.limits, rules.rule);
  }

  /** A conversation begins; ends at once when its cause came first. */
  begin(conversation: Conversation): void {
    this.#conversations.add(conversation);
    if (this.fault) conversation.logFailed(this.fault);
    else if (this.cause) conversation.end(this.cause.reason, this.cause.message);
  }

  /** A conversation is over. */
  left(conversation: Conversation): void {
    this.#conversations.delete(conversation);
  }

  /** The last conversation is over, and the recording about to end. */
  close(): void {
    this.dispose();
    this.#guard?.close();
  }

  endAt(untilMs: number, now: () => number): void {
    const message = 'The grant has ended. Ask for a new one in the portal, then connect again.';
    this.#until = setAlarm(untilMs, () => this.end('grant_expired', message), now);
  }

  dispose(): void {
    this.#until?.cancel();
    this.#clock.dispose();
  }

  /** While approvers are waited for, it is they who are idle. Nor is anybody idle before the conversation begins. */
  #lastActivityMs(): number {
    if (this.#conversations.size === 0) return performance.now();
    let last = this.#guard?.lastHeldMs() ?? 0;
    for (const conversation of this.#conversations) last = Math.max(last, conversation.lastActivityMs());
    return last;
  }
}

export class LiveSessions {
  readonly #sessions = new Map<SessionId, LiveSession>();
  readonly #onBug: (error: unknown) => void;

  constructor(onBug: (error: unknown) => void) {
    this.#onBug = onBug;
  }

  add(session: LiveSession): void {
    this.#sessions.set(session.id, session);
  }

  remove(session: LiveSession): void {
    this.#sessions.delete(session.id);
    session.removed();
  }

  /** One alone; nothing when it is over already, or runs elsewhere. `by`: the e-mail of whoever ends it. */
  end(id: SessionId, by: string, reason: string): void {
    this.#sessions.get(id)?.end('ended_by_person', `Your session was ended by ${by}: ${reason}`);
  }

  revoke(grant: GrantId, reason: string): void {
    const why = reason ? `: ${reason.replace(/\.$/, '')}` : '';
    const message = `The grant was revoked${why}. Ask for a new one in the portal, then connect again.`;
    for (const session of this.#sessions.values()) if (session.grant === grant) session.end('grant_revoked', message);
  }

  /** Without rules the policy gives no access any more. Rules that cannot be applied end the session too (law 4). */
  applyRules(sessions: readonly SessionId[], rules: SessionRules | 'unknown' | undefined): void {
    let told = false;
    for (const id of sessions) {
      const session = this.#sessions.get(id);
      if (!session) continue;
      if (!rules) {
        session.end(
          'policy_denied',
          'The policy in force gives you no access any more. Ask for access again in the portal.',
        );
        continue;
      }
      try {
        if (rules !== 'unknown') {
          session.apply(rules);
          continue;
        }
      } catch (error) {
        // One policy, one bug, however many it ends.
        if (!told) this.#onBug(error);
        told = true;
      }
      session.end('policy_denied', 'The gateway cannot apply the policy that is in force. Tell an administrator.');
    }
  }

  endAll(reason: EndReason, message: string): void {
    for (const session of this.#sessions.values()) session.end(reason, message);
  }

  /** Those that the edge knows. One that is still being asked for is none to it, and what it does not know it ends. */
  ids(): SessionId[] {
    return [...this.#sessions.values()].filter(({ known }) => known).map(({ id }) => id);
  }

  get size(): number {
    return this.#sessions.size;
  }
}
