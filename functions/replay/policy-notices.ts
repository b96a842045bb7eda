// What the policy did in a session, as a replay shows it between statements.

import type { ReplayEvent } from '../../core/catalogue.ts';
import { messageOf, type PolicyFact } from '../facts/policy-words.ts';

type Notice = Extract<ReplayEvent, { kind: 'notice' }>;

export function noticeOf(timeUs: number, fact: PolicyFact): Notice {
  const statement = 'action' in fact && fact.action !== undefined ? { statement: fact.action } : {};
  const rule = 'rule' in fact && fact.rule !== undefined ? { rule: fact.rule } : {};
  return { kind: 'notice', timeUs, severity: severityOf(fact), message: messageOf(fact), ...statement, ...rule };
}

function severityOf(fact: PolicyFact): string {
  switch (fact.kind) {
    case 'action.refused':
      return 'REFUSED';
    case 'action.warned':
      return 'WARNED';
    case 'action.held':
      return 'HELD';
    case 'hold.resolved':
      return fact.outcome.toUpperCase();
    case 'mask.applied':
      return 'MASKED';
    case 'values.hidden':
      return 'HIDDEN';
    case 'mask.withheld':
      return 'WITHHELD';
    case 'rules.changed':
      return 'POLICY';
  }
}
