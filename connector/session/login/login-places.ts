// A connection's place among those that have not proven anything yet (limits.ts), and its deadline.

import type { Refusal } from '../../../core/refusal.ts';
import type { ByteStream } from '../../door.ts';
import { type Limits, type Progress, type Unauthenticated, UnauthenticatedConnections } from './limits.ts';

const CROWDED: Refusal = {
  reason: 'too_many_logins',
  message:
    'Too many clients log in at this moment. Connect again in a few seconds; an administrator can raise limits.maxUnauthenticated.',
};
const TOO_LATE: Refusal = { reason: 'deadline_exceeded', message: 'The login took too long. Connect again.' };
/** Clients that are told that there was no place for them, at one time: to the others the connection just closes. */
const MAX_TOLD = 200;

interface LoginPlace {
  /** Resolves when it is its turn; false: it found no place, and was told if it could be. */
  readonly turn: Promise<boolean>;
  /** Aborts at the deadline, when the connector stops, and to make room for others; its reason is the Refusal. */
  readonly signal: AbortSignal;
  progressed(to: Progress): void;
  /** It waits for a person: so long from now it has to prove a grant. Others still come before it when there is no place. Without `ms` as long as anybody has. */
  extend(ms?: number): void;
  /** It has proven who it is, or is gone. Idempotent. */
  leave(): void;
}

export class LoginPlaces {
  readonly #unauthenticated: UnauthenticatedConnections;
  readonly #deadlineMs: number;
  readonly #stopping: AbortSignal;
  #told = 0;

  /** `stopping`: its reason is the Refusal for those who log in then. */
  constructor(limits: Limits, stopping: AbortSignal) {
    this.#unauthenticated = new UnauthenticatedConnections(limits);
    this.#deadlineMs = limits.loginDeadlineMs;
    this.#stopping = stopping;
  }

  /** `turnAway`: tells a client that has not been listened to; resolves when it is gone. */
  enter(stream: ByteStream, address: string, turnAway: (refusal: Refusal) => Promise<void>): LoginPlace {
    const deadline = new AbortController();
    const begun = Promise.withResolvers<void>();
    let progress: Progress | undefined;
    const unauthenticated = this.#unauthenticated;
    const place: Unauthenticated = {
      address,
      begin() {
        progress = 'silent';
        begun.resolve();
      },
      turnAway() {
        deadline.abort(CROWDED);
        // Who said nothing, or is being told, has no word coming; who got further reads it where it got to.
        if (progress === 'silent' || progress === 'leaving') stream.destroy();
      },
    };
    // It may hang up while it waits.
    stream.once('close', () => unauthenticated.leave(place));
    deadline.signal.addEventListener('abort', () => begun.resolve(), { once: true });
    unauthenticated.enter(place);
    const stop = () => deadline.abort(this.#stopping.reason);
    let timer = setTimeout(() => deadline.abort(TOO_LATE), this.#deadlineMs);
    this.#stopping.addEventListener('abort', stop, { once: true });
    const turn = async (): Promise<boolean> => {
      await begun.promise;
      if (progress !== undefined) return true;
      if (deadline.signal.reason === CROWDED && this.#told < MAX_TOLD) {
        this.#told++;
        await turnAway(CROWDED).finally(() => this.#told--);
      }
      return false;
    };
    return {
      turn: turn(),
      signal: deadline.signal,
      progressed(to) {
        progress = to;
        unauthenticated.progressed(place, to);
      },
      extend: (ms = this.#deadlineMs) => {
        clearTimeout(timer);
        timer = setTimeout(() => deadline.abort(TOO_LATE), ms);
      },
      leave: () => {
        clearTimeout(timer);
        this.#stopping.removeEventListener('abort', stop);
        unauthenticated.leave(place);
      },
    };
  }
}
