// One session from its admission to its last fact, whatever connections it has: the last one to leave ends it, at once
// or after its idle gap.

import type { Refusal, RefusalReason } from '../../core/refusal.ts';
import type { SessionOpened } from '../../core/recording/facts/session.ts';
import type { ResourceName } from '../../core/resource.ts';
import type { Session } from '../door.ts';
import type { Admitted } from './admit.ts';
import { type ClientWatch, HUNG_UP } from './client-watch.ts';
import { Lanes } from './lanes.ts';
import type { Cause, LiveSession } from './live-sessions.ts';

/** Who comes into it. */
export interface Entering {
  readonly watch: ClientWatch;
  readonly client: SessionOpened['client'];
  readonly details: SessionOpened['details'];
}

interface OpenSessionDeps {
  /** Others may join it. */
  readonly joinable: boolean;
  /** How long it stays open after its last connection left; milliseconds. */
  readonly idleMs: number;
  readonly now: () => number;
  onTarget(resource: ResourceName, fault: string | undefined): void;
  /** A connection of it was refused behind its admission. */
  refused(refusal: Refusal): void;
  /** `neverBegan`: nothing of it stands in the log, and nothing ever will. */
  ended(end: Cause, neverBegan: boolean): void;
  onBug(error: unknown): void;
}

/** A connection's part, as the pipeline has it. */
export interface OwnSession<Upstream> extends Session<Upstream> {
  /** The protocol is done with the connection: if it did not say how its part ended, it failed. */
  abandon(): void;
}

const FAILED: Cause = { reason: 'protocol_fault', message: 'The gateway failed while it began this session.' };

export class OpenSession<Upstream> {
  readonly #live: LiveSession;
  readonly #admitted: Admitted<Upstream>;
  readonly #deps: OpenSessionDeps;
  readonly #lanes: Lanes;
  readonly #tellOver: (() => void)[] = [];
  #connections = 0;
  /** Ever. */
  #entered = 0;
  #actions = 0;
  #idle: NodeJS.Timeout | undefined;
  #over = false;

  constructor(live: LiveSession, admitted: Admitted<Upstream>, deps: OpenSessionDeps) {
    this.#live = live;
    this.#admitted = admitted;
    this.#deps = deps;
    this.#lanes = new Lanes(admitted.recorder, deps.joinable);
    live.onEnding(() => {
      if (live.fault) this.#lanes.fail();
      // Nobody is there who could be told.
      if (this.#idle) this.#end(live.cause ?? FAILED);
    });
    live.endAt(Date.parse(admitted.opened.grant.until), deps.now);
  }

  onOver(tell: () => void): void {
    this.#tellOver.push(tell);
  }

  /** Whether somebody may still enter: nothing ends it, and it is not over. To be asked in the same turn as `enter`. */
  get open(): boolean {
    return !this.#over && !this.#live.signal.aborted;
  }

  /** Why nobody enters it any more. */
  get refusal(): Refusal {
    return this.#live.refusal ?? { reason: 'session_ended', message: FAILED.message };
  }

  /** Nobody entered it who waited for it: they were gone, or it was over already. */
  abandoned(): void {
    if (this.#connections === 0) this.#end(this.#live.cause ?? { reason: 'client_closed', message: HUNG_UP.message });
  }

  enter({ watch, client, details }: Entering): OwnSession<Upstream> {
    if (this.#over) throw new Error('a session that is over was entered');
    clearTimeout(this.#idle);
    this.#idle = undefined;
    this.#connections++;
    const number = ++this.#entered;
    const { opened, recorder, upstream } = this.#admitted;
    if (number > 1) recorder.fact(0, { kind: 'connection.joined', connection: number, client, details });
    const lanes = this.#lanes.connection(number);
    const guard = this.#admitted.guard.enter();
    const { onTarget, onBug, refused } = this.#deps;
    const live = this.#live;
    watch.entered(live.signal);
    let left = false;
    const leave = (end: Cause) => {
      if (left) return;
      left = true;
      watch.over();
      guard.leave();
      if (!this.#leave(end)) return;
      lanes.leave();
      recorder.fact(0, { kind: 'connection.left', connection: number });
    };
    const leaveFor = ({ reason, message }: Refusal) => {
      const hungUp = watch.refusal === HUNG_UP;
      leave({ reason: live.cause?.reason ?? (hungUp ? 'client_closed' : endReason(reason)), message });
    };
    return {
      signal: watch.signal,
      upstream,
      guard,
      opened: this.#lanes.opened,
      lane: this.#lanes.first,
      openLane: (spec) => lanes.open(spec),
      nextAction: () => ++this.#actions,
      failed(refusal) {
        const told = watch.refusal ?? refusal;
        // What broke off the dialling says nothing of the target.
        if (told === refusal && refusal.ofTarget) onTarget(opened.resource, refusal.message);
        if (told !== HUNG_UP) refused(told);
        leaveFor(told);
        return told;
      },
      async carry(conversation) {
        onTarget(opened.resource, undefined);
        watch.carried();
        live.begin(conversation);
        if (watch.refusal === HUNG_UP) conversation.end('client_closed', HUNG_UP.message);
        const { bug, reason, message } = await conversation.ended;
        live.left(conversation);
        if (bug !== undefined) onBug(bug);
        leave({ reason, message });
      },
      abandon: () => (watch.refusal ? leaveFor(watch.refusal) : leave(FAILED)),
    };
  }

  /** False: it was the last, and the session ended with it. */
  #leave(end: Cause): boolean {
    if (--this.#connections > 0) return true;
    const { idleMs } = this.#deps;
    if (idleMs === 0 || this.#live.signal.aborted) {
      this.#end(end);
      return false;
    }
    this.#idle = setTimeout(() => this.#end(end), idleMs);
    return true;
  }

  #end(end: Cause): void {
    if (this.#over) return;
    this.#over = true;
    clearTimeout(this.#idle);
    const { recorder } = this.#admitted;
    // Whatever went wrong: a recording that nobody ends, and a session that nobody reports, would seem to go on.
    try {
      this.#live.close();
    } catch (error) {
      this.#deps.onBug(error);
    }
    recorder.end({ kind: 'session.ended', ...end });
    this.#deps.ended(end, recorder.neverLogged);
    for (const tell of this.#tellOver) tell();
  }
}

/** Why a session ended that never got to talk, where nothing outside of it ended it. */
export function endReason(refusal: RefusalReason): Cause['reason'] {
  switch (refusal) {
    case 'grant_expired':
    case 'grant_revoked':
    case 'policy_denied':
      return refusal;
    case 'log_unavailable':
      return 'log_failed';
    case 'connector_stopping':
      return 'connector_stopped';
    case 'bad_request':
    case 'not_supported':
      return 'protocol_fault';
    default:
      return 'target_closed';
  }
}
