// What ends a session by the clock: silence, its length, and the end of the time window in which it
// may be open. The limits come with the session's rules and change with them, at once.

import { writeDuration } from '../../core/policy/duration.ts';
import type { SessionLimits } from '../../core/policy/session-rules.ts';
import type { EndReason } from '../../core/recording/facts/session.ts';
import { type Alarm, setAlarm } from './alarm.ts';

export interface SessionClockDeps {
  end(reason: EndReason, message: string): void;
  /** When something last went over it, or it last waited for others than its client: milliseconds, monotonic. */
  lastActivityMs(): number;
  /** Wall clock, for the time window. */
  readonly now: () => number;
  /** The connector's own limit. The stricter of it and the rule's counts. */
  readonly idleTimeoutMs: number | undefined;
}

const monotonic = (): number => performance.now();
/** A timer's longest wait. */
const MAX_TIMER_MS = 0x7fff_ffff;

export class SessionClock {
  readonly #deps: SessionClockDeps;
  readonly #openedMs = monotonic();
  #alarms: Alarm[] = [];
  #idle: NodeJS.Timeout | undefined;

  /** The session is being opened now. */
  constructor(deps: SessionClockDeps) {
    this.#deps = deps;
  }

  /** These limits count from now on, also for what is past: a session that is already too long ends at the next turn. */
  apply(limits: SessionLimits, rule: string): void {
    this.dispose();
    const { end, now, idleTimeoutMs = Number.POSITIVE_INFINITY } = this.#deps;
    const { idle = Number.POSITIVE_INFINITY, sessionLength, endsAt } = limits;
    if (sessionLength !== undefined) {
      const message = `Rule ${rule} lets a session last ${writeDuration(sessionLength)}. Connect again to go on.`;
      const ring = () => end('session_too_long', message);
      this.#alarms.push(setAlarm(this.#openedMs + sessionLength, ring, monotonic));
    }
    if (endsAt !== undefined) {
      const message = `The time in which rule ${rule} lets sessions be open is over. Connect again when it comes round.`;
      this.#alarms.push(setAlarm(Date.parse(endsAt), () => end('time_window_over', message), now));
    }
    const whose = idle <= idleTimeoutMs ? `rule ${rule}` : 'this gateway';
    const timeoutMs = Math.min(idle, idleTimeoutMs);
    if (timeoutMs !== Number.POSITIVE_INFINITY) this.#watchIdle(timeoutMs, whose);
  }

  dispose(): void {
    for (const alarm of this.#alarms) alarm.cancel();
    this.#alarms = [];
    clearTimeout(this.#idle);
  }

  #watchIdle(timeoutMs: number, whose: string): void {
    const look = () => {
      const left = this.#deps.lastActivityMs() + timeoutMs - monotonic();
      if (left > 0) {
        this.#idle = setTimeout(look, Math.min(left + 1, MAX_TIMER_MS)).unref();
        return;
      }
      const message = `Nothing was sent for ${writeDuration(timeoutMs)}, which is as long as ${whose} lets a session be idle. Connect again to go on.`;
      this.#deps.end('idle_timeout', message);
    };
    look();
  }
}
