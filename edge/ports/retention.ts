// Legal holds, early purges that wait for a second person, and what the edge has ordered of the purge.

import type { LegalHold } from '../../core/retention/hold.ts';
import type { HoldId, SessionId } from '../../core/ids.ts';

export interface RetentionPort {
  /** Sets the clock by which purges are asked for, if none is set. */
  wake(): Promise<void>;
  /** Newest first, lifted ones too. */
  holds(): Promise<LegalHold[]>;
  /** Takes the hold's next state, which is on its way to the functions then. false: somebody changed it meanwhile. */
  putHold(hold: LegalHold, before: LegalHold | undefined): Promise<boolean>;
  hold(id: HoldId): Promise<LegalHold | undefined>;
  earlyPurge(session: SessionId): Promise<WaitingPurge | undefined>;
  /** undefined: it waits no longer. */
  putEarlyPurge(session: SessionId, waiting: WaitingPurge | undefined): Promise<void>;
  /**
   * Tells the functions of all holds, orders what they propose and writes down what is done. `now`: also what is due and they have
   * not come to propose; of a `session`, that one alone. What was ordered.
   */
  run(now?: { readonly session?: SessionId | undefined }): Promise<SessionId[]>;
}

/** One person asked for it; another has to. */
export interface WaitingPurge {
  readonly by: string;
  readonly reason: string;
  readonly untilMs: number;
}
