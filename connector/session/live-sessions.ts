// The sessions of this connector that run or are being opened, and what ends them from outside:
// revocation of the grant, its `until`, silence, and the connector's own stopping.

import type { GrantId, SessionId } from '../../core/ids.ts';
import type { SessionRules } from '../../core/policy/session-rules.ts';
import type { EndReason } from '../../core/recording/facts.ts';
import type { Conversation } from '../protocol.ts';
import type { LiveGuard } from './guard.ts';
import { type Alarm, setAlarm } from './alarm.ts';

export interface Cause {
  readonly reason: EndReason;
  readonly message: string;
}

/**
 * One session from before the edge is asked to open it until both sides are closed. What ends it may come
 * before there is a conversation: then the cause waits for it.
 */
export class LiveSession {
  readonly id: SessionId;
  readonly grant: GrantId;
  cause: Cause | undefined;
  /** Set once it is admitted. */
  guard: LiveGuard | undefined;
  #conversation: Conversation | undefined;
  #until: Alarm | undefined;
  #idle: NodeJS.Timeout | undefined;

  constructor(id: SessionId, grant: GrantId) {
    this.id = id;
    this.grant = grant;
  }

  end(reason: EndReason, message: string): void {
    this.cause ??= { reason, message };
    this.#conversation?.end(this.cause.reason, this.cause.message);
  }

  /** The conversation begins; ends at once when its cause came first. */
  begin(conversation: Conversation): void {
    this.#conversation = conversation;
    if (this.cause) conversation.end(this.cause.reason, this.cause.message);
  }

  endAt(untilMs: number, now: () => number): void {
    const message = 'The grant has ended. Ask for a new one in the portal, then connect again.';
    this.#until = setAlarm(untilMs, () => this.end('grant_expired', message), now);
  }

  endWhenIdleFor(timeoutMs: number): void {
    const look = () => {
      const left = (this.#conversation?.lastActivityMs() ?? performance.now()) + timeoutMs - performance.now();
      if (left <= 0) this.end('idle_timeout', `Nothing was sent for ${Math.round(timeoutMs / 1000)} seconds.`);
      else this.#idle = setTimeout(look, Math.min(left + 1, 0x7fff_ffff)).unref();
    };
    this.#idle = setTimeout(look, Math.min(timeoutMs, 0x7fff_ffff)).unref();
  }

  dispose(): void {
    this.#until?.cancel();
    clearTimeout(this.#idle);
  }
}

export class LiveSessions {
  readonly #sessions = new Map<SessionId, LiveSession>();

  add(session: LiveSession): void {
    this.#sessions.set(session.id, session);
  }

  remove(session: LiveSession): void {
    session.dispose();
    this.#sessions.delete(session.id);
  }

  revoke(grant: GrantId, reason: string): void {
    const message = reason ? `The grant was revoked: ${reason}` : 'The grant was revoked.';
    for (const session of this.#sessions.values()) if (session.grant === grant) session.end('grant_revoked', message);
  }

  /** Without rules the policy gives no access any more. Rules that cannot be applied end the session too (law 4). */
  applyRules(sessions: readonly SessionId[], rules: SessionRules | undefined): void {
    for (const id of sessions) {
      const session = this.#sessions.get(id);
      if (!session) continue;
      if (!rules) {
        session.end('policy_denied', 'The policy in force gives you no access any more.');
        continue;
      }
      try {
        session.guard?.replace(rules);
      } catch {
        session.end('policy_denied', 'The gateway cannot apply the policy that is in force.');
      }
    }
  }

  endAll(reason: EndReason, message: string): void {
    for (const session of this.#sessions.values()) session.end(reason, message);
  }

  ids(): SessionId[] {
    return [...this.#sessions.keys()];
  }

  get size(): number {
    return this.#sessions.size;
  }
}
