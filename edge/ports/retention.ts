// Legal holds, acts that wait for a second person, and what the edge has ordered of the purge.

import type { HoldSearch, LegalHold } from '../../core/retention/hold.ts';
import type { PurgeOrder } from '../../core/retention/purge.ts';
import type { HoldId, HoldSearchId, SessionId } from '../../core/ids.ts';

export interface RetentionPort {
  /** Sets the clock by which purges are asked for, if none is set. */
  wake(): Promise<void>;
  /** Newest first, lifted ones too; as a list shows them. */
  holds(): Promise<LegalHold[]>;
  /** Takes the hold's next state, which is on its way to the functions then. false: somebody changed it meanwhile. */
  putHold(hold: LegalHold, before: LegalHold | undefined): Promise<boolean>;
  /** The functions may have lost what they were told: all holds are told once more before anything is ordered. */
  tellHoldsAgain(): Promise<void>;
  hold(id: HoldId): Promise<LegalHold | undefined>;
  /**
   * What the edge itself has to say before it orders a session's purge: by its own holds and its own words, whatever the functions
   * say. What it does not know of a session (an earlier release admitted it) may be what a hold names.
   */
  beforeOrder(session: SessionId): Promise<BeforeOrder>;
  /** Resolves when the functions know of every hold there is. false: they do not answer. */
  tellHolds(): Promise<boolean>;
  beginHoldSearch(search: Pick<HoldSearch, 'id' | 'query'>, by: string): Promise<void>;
  /** undefined: there is none, or it is a day old. */
  holdSearch(id: HoldSearchId): Promise<StandingHoldSearch | undefined>;
  /** What one page found. */
  addToHoldSearch(id: HoldSearchId, found: FoundToHold): Promise<void>;
  /** In order. */
  foundToHold(id: HoldSearchId): Promise<SessionId[]>;
  dropHoldSearch(id: HoldSearchId): Promise<void>;
  /** Of the acts that take two people: a purge before its time (the session), an erasure (`person ADDRESS`). */
  waiting(act: string): Promise<WaitingAct | undefined>;
  /** undefined: it waits no longer. */
  putWaiting(act: string, waiting: WaitingAct | undefined): Promise<void>;
  /** In holds that are lifted, the pseudonym stands for the address from now on, here and with the functions. */
  forgetPerson(email: string, pseudonym: string): Promise<void>;
  /**
   * Tells the functions of all holds, orders what they propose and writes down what is done. `now`: also what is due and they have
   * not come to propose; of a `session`, that one alone. What was ordered.
   */
  run(now?: { readonly session?: SessionId | undefined }): Promise<SessionId[]>;
}

export interface BeforeOrder {
  /** That cover it. None: it may be ordered, with what is in `order`. */
  readonly held: readonly HoldId[];
  readonly order: Pick<PurgeOrder, 'at' | 'holds' | 'granted' | 'admitted'>;
}

/** One person asked for it; another has to. */
export interface WaitingAct {
  readonly by: string;
  readonly reason: string;
  readonly untilMs: number;
}

export interface StandingHoldSearch extends HoldSearch {
  readonly by: string;
  /** Where the next page begins. */
  readonly cursor?: string;
}

export interface FoundToHold {
  readonly sessions: readonly SessionId[];
  /** undefined: that was the last page. */
  readonly cursor: string | undefined;
}
