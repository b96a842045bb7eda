// Which facts are a verdict on an action, and what it is listed with for them.

import type { ActionVerdict } from '../../core/catalogue.ts';
import type { Fact } from '../../core/recording/facts/fact.ts';
import { messageOf, type PolicyFact } from './policy-words.ts';

/** A refusal that ends a hold says how it ended. */
const OUTCOME_OF: Readonly<Record<string, ActionVerdict['outcome']>> = {
  hold_denied: 'denied',
  hold_expired: 'expired',
  hold_withdrawn: 'withdrawn',
  hold_failed: 'failed',
};

/** What an action is listed with; undefined: the fact is no verdict on one. */
export function verdictOf(fact: Fact): { readonly action: number; readonly verdict: ActionVerdict } | undefined {
  switch (fact.kind) {
    case 'action.refused':
    case 'action.warned':
    case 'action.held':
    case 'hold.resolved': {
      if (fact.action === undefined) return undefined;
      const rule = 'rule' in fact && fact.rule !== undefined ? { rule: fact.rule } : {};
      const by = fact.kind === 'hold.resolved' && fact.by.length > 0 ? { by: fact.by } : {};
      // Who decided stands beside it.
      const message = fact.kind === 'hold.resolved' ? messageOf({ ...fact, by: [] }) : messageOf(fact);
      return {
        action: fact.action,
        verdict: { outcome: outcomeOf(fact), message, ...rule, ...by },
      };
    }
    default:
      return undefined;
  }
}

function outcomeOf(
  fact: Extract<PolicyFact, { kind: `action.${string}` | 'hold.resolved' }>,
): ActionVerdict['outcome'] {
  switch (fact.kind) {
    case 'action.refused':
      return OUTCOME_OF[fact.reason] ?? 'refused';
    case 'action.warned':
      return 'warned';
    case 'action.held':
      return 'held';
    case 'hold.resolved':
      return fact.outcome;
  }
}
