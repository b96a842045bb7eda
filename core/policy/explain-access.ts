// Why the policy decides as it does about access. The decision is evaluate's own; for each rule
// ahead of the one that decides, this says what in it did not fit.

import type { PolicyDocument, Rule } from './document.ts';
import { type AccessDecision, type AccessFacts, evaluate, isAmong, selects } from './evaluate.ts';

export interface LabelFit {
  readonly label: string;
  readonly wanted: readonly string[];
  /** Missing: the resource has no such label. */
  readonly actual?: string;
  readonly fits: boolean;
}

export interface WhoFit {
  readonly name: string;
  readonly fits: boolean;
  /** The provider's groups that the policy means by the name. */
  readonly groups?: readonly string[];
}

export interface RuleFit {
  readonly rule: string;
  /** From 0. */
  readonly index: number;
  readonly decides: boolean;
  readonly labels: readonly LabelFit[];
  readonly who: readonly WhoFit[];
}

export interface AccessExplanation {
  readonly access: 'allow' | 'approval' | 'deny';
  readonly decision: AccessDecision;
  /** The rule that decides, also where it refuses for want of a reason; missing: no rule does. */
  readonly rule?: Rule;
  /** Every rule down to the one that decides. */
  readonly rules: readonly RuleFit[];
  /** Names of those behind it. */
  readonly notReached: readonly string[];
}

export function explainAccess(policy: PolicyDocument, facts: AccessFacts): AccessExplanation {
  const decision = evaluate(policy, facts);
  const name = decision.kind === 'allow' ? decision.rule.name : decision.rule;
  const at = policy.rules.findIndex((rule) => rule.name === name);
  const reached = at < 0 ? policy.rules : policy.rules.slice(0, at + 1);
  const rule = policy.rules[at];
  return {
    access: decision.kind === 'deny' ? 'deny' : asksFirst(decision.rule) ? 'approval' : 'allow',
    decision,
    ...(rule && { rule }),
    rules: reached.map((each, index) => ({ ...fitOf(policy, each, facts), index, decides: index === at })),
    notReached: policy.rules.slice(reached.length).map((each) => each.name),
  };
}

const asksFirst = ({ access }: Rule): boolean => access !== 'deny' && access.approval !== undefined;

function fitOf(policy: PolicyDocument, rule: Rule, { identity, resource }: AccessFacts) {
  return {
    rule: rule.name,
    labels: Object.entries(rule.resources).map(([label, wanted]): LabelFit => {
      const actual =
        label === 'name' ? resource.name : label === 'protocol' ? resource.protocol : resource.labels[label];
      return {
        label,
        wanted: [wanted].flat(),
        ...(actual !== undefined && { actual }),
        fits: selects({ [label]: wanted }, resource),
      };
    }),
    who: rule.who.map((each): WhoFit => {
      const groups = Object.hasOwn(policy.groups, each) ? policy.groups[each] : undefined;
      return { name: each, fits: isAmong(policy, [each], identity), ...(groups && { groups }) };
    }),
  };
}
