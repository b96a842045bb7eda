// Held actions at the edge: asked, kept until they are settled, and asked again on every link that
// comes, since the edge decides while the connector is away and answers then with how each stands.
//
//   asked -> pending -> approved -> claimed: only this lets the action go on
//                    -> denied, expired, withdrawn
//
// An approval counts when the edge has answered its claim, which it does for one digest and one session.
// A claim whose answer was lost is made again, and what the edge says to that counts.

import {
  type FromConnector,
  type FromEdge,
  FromConnector as Message,
  MAX_CONTROL_MESSAGE_BYTES,
} from '../../core/control.ts';
import { statementOf } from '../../core/approval/held-action.ts';
import type { RequestId } from '../../core/ids.ts';
import { type Alarm, setAlarm } from '../session/alarm.ts';
import type { AskedHold, Edge, Hold, HoldOutcome } from '../session/edge.ts';
import type { LinkConnection } from './link-connection.ts';

export interface HoldTiming {
  /** How long beyond its time a hold waits for an edge that is away, or for its claim. */
  readonly holdGraceMs: number;
  /** A link that stands and does not answer is asked again after this. */
  readonly holdRetryMs: number;
}
export const HOLD_TIMING: HoldTiming = { holdGraceMs: 60_000, holdRetryMs: 5_000 };

interface HoldsOptions {
  /** The link, while it stands. */
  readonly link: () => Pick<LinkConnection, 'call'> | undefined;
  readonly report: Edge['report'];
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly timing: HoldTiming;
}

export interface EdgeHolds {
  hold(held: AskedHold): Hold;
  /** A link stands: asks for all that wait. `anyAction`: its edge takes them of every kind, and not statements alone. */
  linked(anyAction: boolean): void;
  decided(message: Extract<FromEdge, { kind: 'hold.decided' }>): void;
  /** Settles what waits as failed. */
  stop(): void;
  readonly waiting: number;
}

type Standing = Omit<Extract<FromEdge, { kind: 'hold.decided' }>, 'kind'>;
type Ask = Omit<Extract<FromConnector, { kind: 'hold.action' }>, 'call'>;

interface Waiting {
  readonly ask: Ask;
  readonly askedMs: number;
  readonly withinMs: number;
  readonly settle: (outcome: HoldOutcome) => void;
  readonly tellLink: (link: string | undefined) => void;
  /** It may have reached the edge. */
  sent: boolean;
  /** Who approved it, once that is known: what is left is the claim. */
  approval: Pick<HoldOutcome, 'by' | 'comment'> | undefined;
  claimSent: boolean;
  /** One call at a time. */
  calling: boolean;
  deadline: Alarm | undefined;
  retry: NodeJS.Timeout | undefined;
}

const monotonic = (): number => performance.now();
const failed = (comment: string): HoldOutcome => ({ kind: 'failed', by: [], comment });

export function createHolds(options: HoldsOptions): EdgeHolds {
  const { timing } = options;
  const holds = new Map<RequestId, Waiting>();
  let anyAction = false;

  function settle(it: Waiting, outcome: HoldOutcome): void {
    if (holds.get(it.ask.request) !== it) return;
    holds.delete(it.ask.request);
    it.deadline?.cancel();
    clearTimeout(it.retry);
    it.tellLink(undefined);
    it.settle(outcome);
  }

  function withdraw(it: Waiting, reason: string, outcome: HoldOutcome): void {
    if (holds.get(it.ask.request) !== it) return;
    const { request, session } = it.ask;
    settle(it, outcome);
    if (!it.sent) return;
    const at = new Date(options.now()).toISOString();
    options.report({ kind: 'hold.withdrawn', session, request, reason: reason.slice(0, 200), at });
  }

  /** Does what is next for it, when a link stands. */
  function advance(it: Waiting): void {
    const link = options.link();
    if (!link || it.calling || holds.get(it.ask.request) !== it) return;
    clearTimeout(it.retry);
    it.calling = true;
    const { request, session, action } = it.ask;
    const ask = anyAction ? it.ask : askOfStatement(it.ask);
    if (!ask) {
      settle(it, failed(STATEMENTS_ALONE));
      return;
    }
    if (it.approval) it.claimSent = true;
    it.sent = true;
    const answer = it.approval
      ? link.call({ kind: 'hold.claim', request, session, digest: action.digest })
      : link.call(ask);
    void answer.then((said) => {
      it.calling = false;
      if (holds.get(request) !== it) return;
      if (said?.kind === 'hold.refused') settle(it, failed(said.message));
      else if (said?.kind === 'hold.claimed' && it.approval) settle(it, { kind: 'approved', ...it.approval });
      else if (said?.kind === 'hold.asked' && said.request === request) {
        it.tellLink(said.link);
        stands(it, said);
      } else if (options.link() !== link || (it.approval && !it.claimSent)) advance(it);
      // A link that stands and did not answer. One that comes goes on at once.
      else it.retry = setTimeout(() => advance(it), timing.holdRetryMs);
    });
  }

  function stands(it: Waiting, { state, decideBy, by, comment }: Standing): void {
    switch (state) {
      case 'pending':
        // Whoever of the two clocks is ahead: nothing ends before the edge would end it.
        waitUntil(it, Math.max(Date.parse(decideBy) - options.now(), it.withinMs - (monotonic() - it.askedMs)));
        // An approval that was pushed meanwhile is newer than this answer.
        if (it.approval) advance(it);
        return;
      case 'approved':
      case 'claimed':
        // Only a claim of ours, whose answer was lost, can be made again.
        if (state === 'claimed' && !it.claimSent) settle(it, failed('its approval was used already'));
        else {
          it.approval ??= { by, comment };
          advance(it);
        }
        return;
      case 'denied':
      case 'expired':
      case 'withdrawn':
        settle(it, { kind: state, by, comment });
    }
  }

  function waitUntil(it: Waiting, leftMs: number): void {
    it.deadline?.cancel();
    it.deadline = setAlarm(monotonic() + Math.max(0, leftMs) + timing.holdGraceMs, () => tooLate(it), monotonic);
  }

  function tooLate(it: Waiting): void {
    const outcome: HoldOutcome = it.approval
      ? failed('it was approved, and the portal could not be reached to use the approval: run it again')
      : { kind: 'expired', by: [], comment: 'the portal did not answer in time' };
    withdraw(it, 'nobody waits for it any more', outcome);
  }

  return {
    hold(held) {
      const link = Promise.withResolvers<string | undefined>();
      const outcome = Promise.withResolvers<HoldOutcome>();
      const { withinMs, ...asked } = held;
      const it: Waiting = {
        ask: { kind: 'hold.action', ...asked },
        askedMs: monotonic(),
        withinMs,
        settle: outcome.resolve,
        tellLink: link.resolve,
        sent: false,
        approval: undefined,
        claimSent: false,
        calling: false,
        deadline: undefined,
        retry: undefined,
      };
      holds.set(held.request, it);
      const unfit = unfitToSend(it.ask);
      if (unfit !== undefined) settle(it, failed(unfit));
      else {
        waitUntil(it, withinMs);
        advance(it);
      }
      return {
        link: link.promise,
        outcome: outcome.promise,
        withdraw: (reason) => withdraw(it, reason, { kind: 'withdrawn', by: [], comment: '' }),
      };
    },

    linked(any) {
      anyAction = any;
      for (const it of [...holds.values()]) advance(it);
    },

    decided(message) {
      const it = holds.get(message.request);
      if (it) stands(it, message);
    },

    stop() {
      for (const it of [...holds.values()]) settle(it, failed('the gateway is stopping'));
    },

    get waiting() {
      return holds.size;
    },
  };
}

/** For an edge of the first release. */
function askOfStatement({
  action,
  ...ask
}: Ask): Omit<Extract<FromConnector, { kind: 'hold.ask' }>, 'call'> | undefined {
  const statement = statementOf(action);
  return statement && { ...ask, kind: 'hold.ask', statement };
}

const STATEMENTS_ALONE = 'the portal is of an earlier release, which has people decide on statements alone: update it';

/** What the link does not carry would end the link; whoever asked is told instead. */
function unfitToSend(ask: Ask): string | undefined {
  const message = { ...ask, call: Number.MAX_SAFE_INTEGER };
  if (Buffer.byteLength(JSON.stringify(message)) > MAX_CONTROL_MESSAGE_BYTES || !Message.safeParse(message).success)
    return 'it is too long to be shown to approvers whole';
  return undefined;
}
