// Why the policy decides as it does about access. The decision is evaluate's own; for each rule
// ahead of the one that decides, this says what in it did not fit.

import type { PolicyDocument, Rule } from '../document.ts';
import { describeRequired } from '../conditions/sign-in.ts';
import { type AccessDecision, type AccessFacts, evaluate, isAbout, selects } from '../evaluate.ts';
import { type NoRuleInForce, sessionRules } from '../rules-in-force.ts';

export interface AccessQuestion extends Omit<AccessFacts, 'nowMs'> {
  /** undefined: time windows count as open. */
  readonly nowMs?: number | undefined;
  /** The client's address; undefined: every network fits. */
  readonly from?: string | undefined;
}

interface LabelFit {
  readonly label: string;
  readonly wanted: readonly string[];
  /** Missing: the resource has no such label. */
  readonly actual?: string;
  readonly fits: boolean;
}

interface WhoFit {
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
  /** Why there is none, in the words that the person reads. */
  readonly refusal?: Pick<Extract<AccessDecision, { kind: 'deny' }> | NoRuleInForce, 'reason' | 'message'>;
  /** The rule that decides, also where it refuses for want of a reason; missing: no rule does. */
  readonly rule?: Rule;
  /** How the rule has people sign in, in words. */
  readonly signIn?: string;
  /** Longest access. */
  readonly ttlMs?: number;
  /** Every rule down to the one that decides. */
  readonly rules: readonly RuleFit[];
  /** Names of those behind it. */
  readonly notReached: readonly string[];
}

export function explainAccess(policy: PolicyDocument, question: AccessQuestion): AccessExplanation {
  const { nowMs = 0, from } = question;
  const asked = question.nowMs === undefined ? withoutWindows(policy) : policy;
  // How they signed in counts as right where nobody says how.
  const decision = evaluate(asked, { ...question, signIn: question.signIn ?? 'any', nowMs });
  const name = decision.kind === 'allow' ? decision.rule.name : decision.rule;
  const at = policy.rules.findIndex((rule) => rule.name === name);
  const reached = at < 0 ? policy.rules : policy.rules.slice(0, at + 1);
  const rule = policy.rules[at];
  // Networks are asked about when a session opens, not when access is given.
  const opened =
    decision.kind === 'allow' && from !== undefined
      ? sessionRules(asked, 0, nowMs)({ ...question, grantRule: decision.rule.name, clientAddress: from })
      : undefined;
  const refusal = decision.kind === 'deny' ? decision : opened && !opened.ok ? opened.error : undefined;
  return {
    access: refusal ? 'deny' : rule && asksFirst(rule) ? 'approval' : 'allow',
    ...(refusal && { refusal: { reason: refusal.reason, message: refusal.message } }),
    ...(rule && { rule }),
    ...(rule && rule.access !== 'deny' && rule.access.require && { signIn: describeRequired(rule.access.require) }),
    ...(decision.kind === 'allow' && { ttlMs: decision.ttlMs }),
    rules: reached.map((each, index) => ({ ...fitOf(policy, each, question), index, decides: index === at })),
    notReached: policy.rules.slice(reached.length).map((each) => each.name),
  };
}

const asksFirst = ({ access }: Rule): boolean => access !== 'deny' && access.approval !== undefined;

const withoutWindows = (policy: PolicyDocument): PolicyDocument => ({
  ...policy,
  rules: policy.rules.map((rule) =>
    rule.access === 'deny' ? rule : { ...rule, access: { ...rule.access, during: undefined } as typeof rule.access },
  ),
});

function fitOf(policy: PolicyDocument, rule: Rule, { identity, resource }: AccessQuestion) {
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
      return {
        name: each,
        fits: isAbout(policy, { ...rule, resources: {}, who: [each] }, identity, resource),
        ...(groups && { groups }),
      };
    }),
  };
}
