// Carries out what was decided about an action. Knows no protocol: an action brings its verdict, and
// how to forward, refuse and speak in its protocol's own way.
//
// A hold waits for people while everything else of its lane stands still behind it; other lanes go on. What is
// forwarded then is what was described to them: the action keeps it, and the edge has checked the digest.

import { Digest } from '../../../core/recording/segment.ts';
import { newId, type IdSource, type SessionId } from '../../../core/ids.ts';
import type { Decision } from '../../../core/policy/sections/entries.ts';
import { span } from '../../../core/text/amounts.ts';
import { type Noun, SECTIONS } from '../../../core/protocols.ts';
import type { Action, ActionRefusal, Gate, RulesInForce } from '../../action.ts';
import type { SessionRecorder } from '../session-log.ts';
import type { Edge, Hold, HoldOutcome } from '../edge.ts';
import type { StatementRate } from './statement-rate.ts';

interface GateDeps {
  readonly session: SessionId;
  readonly edge: Pick<Edge, 'hold'>;
  readonly recorder: Pick<SessionRecorder, 'fact'>;
  readonly ids: IdSource;
  /** In force now. */
  readonly rules: () => RulesInForce;
  readonly rate: StatementRate;
  /** Of the session's actions, for the person. */
  readonly noun: Noun;
}

interface LiveGate extends Gate {
  /** Other rules are in force. What waits goes on waiting only if they hold it for the same thing. */
  rulesChanged(): void;
  /** Its connection left: what it holds is withdrawn, and whatever comes all the same is refused without a word in the recording. */
  close(): void;
}

interface Held {
  readonly hold: Hold;
  settle(outcome: HoldOutcome): void;
  judgeAgain(): void;
}

export function createGate(deps: GateDeps): LiveGate {
  const { recorder, rate, noun } = deps;
  /** By lane: each waits for its own answer. */
  const held = new Map<number, Held>();
  let closed = false;

  /** `under`: the rules that decided; those in force unless it was held since. */
  function refuse(
    action: Action,
    refusal: ActionRefusal,
    { policyVersion, rule }: Pick<RulesInForce, 'policyVersion' | 'rule'> = deps.rules(),
    decision = action.decision,
  ): 'refused' {
    recorder.fact(action.lane, {
      kind: 'action.refused',
      ...numberOf(action),
      reason: refusal.reason,
      message: refusal.message,
      rule,
      policyVersion,
      ...patternOf(decision),
    });
    action.refuse(refusal);
    return 'refused';
  }

  function hold(action: Action): 'held' | 'refused' {
    const { decision } = action;
    const { policyVersion, rule } = deps.rules();
    const { one } = SECTIONS[decision.section];
    const described = action.describe();
    if (typeof described === 'string' || !decision.approval) {
      const why = typeof described === 'string' ? described : 'the rule names nobody who could approve it';
      return refuse(action, { reason: 'hold_failed', message: `Rule ${rule} holds this ${one}, and ${why}.` });
    }
    const request = newId('req', deps.ids);
    const digest = Digest.parse(described.digest);
    recorder.fact(action.lane, {
      kind: 'action.held',
      ...numberOf(action),
      request,
      digest,
      rule,
      policyVersion,
      ...patternOf(decision),
    });
    const waiting = deps.edge.hold({
      request,
      session: deps.session,
      rule,
      policyVersion,
      withinMs: decision.approval.within,
      action: {
        ...described,
        inTransaction: described.inTransaction === true,
        parameters: [...described.parameters],
        touches: [...described.touches],
        digest,
        ...patternOf(decision),
      },
    });
    const resolve = (outcome: HoldOutcome): boolean => {
      if (held.get(action.lane) !== mine) return false;
      held.delete(action.lane);
      recorder.fact(action.lane, {
        kind: 'hold.resolved',
        ...numberOf(action),
        request,
        outcome: outcome.kind,
        by: [...outcome.by],
        comment: outcome.comment,
      });
      return true;
    };
    const settle = (outcome: HoldOutcome) => {
      if (!resolve(outcome)) return;
      if (outcome.kind === 'approved') action.forward();
      else refuse(action, refusalOf(outcome, rule), { policyVersion, rule });
    };
    const judgeAgain = () => {
      const now = action.judge();
      if (now.verdict === 'hold' && now.pattern === decision.pattern && deps.rules().rule === rule) return;
      waiting.withdraw(POLICY_CHANGED);
      resolve({ kind: 'withdrawn', by: [], comment: 'The policy has changed.' });
      refuse(action, now.verdict === 'block' ? blockedBy(deps.rules(), now) : CHANGED_SINCE, deps.rules(), now);
    };
    const mine: Held = { hold: waiting, settle, judgeAgain };
    held.set(action.lane, mine);
    const { within } = decision.approval;
    void waiting.link.then((link) => {
      if (held.get(action.lane) !== mine || link === undefined) return;
      action.notify(
        `Rule ${rule} holds this ${one} for an approval, at most ${span(within)}: ${link}`,
        'Cancel it to withdraw the request.',
      );
    });
    void waiting.outcome.then(settle);
    return 'held';
  }

  return {
    take(action) {
      if (closed) {
        action.refuse({ reason: 'hold_withdrawn', message: 'The session is over.' });
        return 'refused';
      }
      if (held.has(action.lane)) throw new Error(`lane ${action.lane} goes on while its action is held`);
      const waitMs = rate.take(action.statements);
      const { rule } = deps.rules();
      if (waitMs > 0) {
        const then =
          waitMs === Number.POSITIVE_INFINITY
            ? `Send these ${action.statements} in smaller parts.`
            : `Go on in ${Math.ceil(waitMs / 1000)} s.`;
        const message = `Rule ${rule} lets a session ${noun.verb} ${rate.perMinute} ${noun.many} a minute. ${then}`;
        return refuse(action, { reason: 'too_many_statements', message });
      }
      const { decision } = action;
      switch (decision.verdict) {
        case 'block':
          return refuse(action, blockedBy(deps.rules(), decision));
        case 'hold':
          return hold(action);
        case 'warn': {
          const { policyVersion } = deps.rules();
          const message = `Rule ${rule} warns: ${decision.why}.`;
          recorder.fact(action.lane, {
            kind: 'action.warned',
            ...numberOf(action),
            message,
            rule,
            policyVersion,
            ...patternOf(decision),
          });
          action.notify(message, decision.hint);
          action.forward();
          return 'forwarded';
        }
        case 'allow':
          action.forward();
          return 'forwarded';
      }
    },

    withdraw,

    rulesChanged() {
      for (const one of [...held.values()]) one.judgeAgain();
    },

    close() {
      withdraw('all', 'client_closed');
      closed = true;
    },
  };

  /** What this connection holds; lanes of others are theirs. */
  function withdraw(lane: number | 'all', why: 'cancelled' | 'client_closed'): boolean {
    const waiting = lane === 'all' ? [...held.values()] : [held.get(lane)].flatMap((one) => one ?? []);
    for (const { hold, settle } of waiting) {
      hold.withdraw(why);
      // Whoever is gone waits for no answer: it is over here and now, even if it was just approved.
      if (why === 'client_closed') settle({ kind: 'withdrawn', by: [], comment: 'The client closed the session.' });
    }
    return waiting.length > 0;
  }
}

const POLICY_CHANGED = 'the policy has changed';
const CHANGED_SINCE: ActionRefusal = {
  reason: 'hold_failed',
  message: 'The policy has changed while this waited for an approval. Run it again.',
};

const blockedBy = ({ rule }: RulesInForce, { why, hint }: Decision): ActionRefusal => ({
  reason: 'blocked',
  message: `Blocked by rule ${rule}: ${why}.`,
  ...(hint !== undefined && { hint }),
});

const numberOf = ({ number }: Action) => (number === undefined ? {} : { action: number });
const patternOf = ({ pattern }: Decision) => (pattern === undefined ? {} : { pattern });

function refusalOf(outcome: HoldOutcome, rule: string): ActionRefusal {
  const said = outcome.comment === '' ? '' : `: ${outcome.comment}`;
  switch (outcome.kind) {
    case 'denied':
      return { reason: 'hold_denied', message: `Denied by ${outcome.by.join(', ')} (rule ${rule})${said}` };
    case 'expired':
      return {
        reason: 'hold_expired',
        message: `Nobody approved it in time (rule ${rule}). Run it again to ask again.`,
      };
    case 'withdrawn':
      return {
        reason: 'hold_withdrawn',
        message: `Withdrawn while it waited for an approval (rule ${rule}). Run it again to ask again.`,
      };
    default:
      return { reason: 'hold_failed', message: `It could not be held for an approval (rule ${rule})${said}` };
  }
}
