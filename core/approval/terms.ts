// What the policy asks of an approval: the terms under which one begins, who may decide it now, and
// whether what was decided still suffices under the policy of now.

import { type Approval, isOfOwnSession, isOfRecording } from './approval.ts';
import { HELD } from './held-action.ts';
import type { Identity } from '../identity.ts';
import type { ApprovalPolicy, PolicyDocument, Rule } from '../policy/document.ts';
import type { SectionName } from '../protocols.ts';
import type { Resource } from '../resource.ts';
import { decidingRule, isAmong } from '../policy/evaluate.ts';
import type { HoldApproval } from '../policy/sections/entries.ts';
import { goneTermsOf, unlockTermsOf } from '../policy/viewing-terms.ts';
import { type ApprovalStanding, distinctVoters } from './transition.ts';

/** undefined: the rule gives access at once. */
export function approvalOf(rule: Rule): ApprovalPolicy | undefined {
  return rule.access === 'deny' ? undefined : rule.access.approval;
}

/** What asking for the resource would mean for this person; undefined: access at once, or none. */
export function approvalFor(
  policy: PolicyDocument,
  who: Pick<Identity, 'email' | 'groups'>,
  resource: Pick<Resource, 'name' | 'protocol' | 'labels'>,
): { count: number; decideWithinSeconds: number; breakGlass: boolean } | undefined {
  const rule = decidingRule(policy, who, resource);
  const asked = rule && approvalOf(rule);
  if (!asked) return undefined;
  const breakGlass = asked.breakGlass !== undefined && isAmong(policy, asked.breakGlass.who, who);
  return { count: asked.count, decideWithinSeconds: Math.round(asked.claimWithin / 1000), breakGlass };
}

/** How long access lasts once approved: what was asked for, within the rule's work window. */
export function workMsOf(approval: ApprovalPolicy, ttlMs: number): number {
  return approval.workWindow === undefined ? ttlMs : Math.min(ttlMs, approval.workWindow);
}

/**
 * Who decides on an action that `pattern` of a section of the rule holds: whom the hold entry names that has it,
 * or for one held as unreadable the section's first hold entry. undefined: the rule holds no such action.
 */
export function holdTerms(
  rule: Pick<Rule, SectionName>,
  section: SectionName,
  pattern: string | undefined,
): HoldApproval | undefined {
  const holding = (rule[section] ?? []).filter((entry) => entry.hold !== undefined);
  return holding.find((entry) => pattern === undefined || entry.hold?.includes(pattern))?.approval;
}

type Asked = Pick<Approval, 'rule' | 'needed' | 'subject' | 'breakGlass'>;

/** Whom the policy names for this approval, and how many of them it takes. undefined: it asks for none such. */
function askedBy(
  policy: Pick<PolicyDocument, 'auditors'>,
  rule: Rule | undefined,
  { subject }: Pick<Approval, 'subject'>,
): { from: string[]; count: number } | undefined {
  if (isOfRecording(subject))
    return subject.kind === 'unlock'
      ? unlockTermsOf(rule?.record, policy.auditors)
      : rule
        ? rule.record.viewApproval
        : goneTermsOf(policy.auditors);
  if (!rule || rule.access === 'deny') return undefined;
  return subject.kind === 'access'
    ? rule.access.approval
    : holdTerms(rule, HELD[subject.kind].section, subject.pattern);
}

/**
 * What the policy in force says about `who` and this approval. A rule that is gone, or that asks
 * for no approval any more, leaves nobody to decide (on a recording, auditors where it is gone): it has to be asked again. What was used without an
 * approval has happened all the same: it is reviewed by whom the rule named then, or by administrators.
 */
export function standingIn(
  policy: PolicyDocument,
  approval: Asked,
  who: Pick<Identity, 'email' | 'groups'>,
): ApprovalStanding {
  const rule = policy.rules.find((candidate) => candidate.name === approval.rule);
  const asked = askedBy(policy, rule, approval);
  if (approval.breakGlass) {
    const isApprover =
      isAmong({ groups: {} }, approval.breakGlass.reviewers ?? [], who) ||
      isAmong(policy, asked?.from ?? policy.administrators, who);
    return { isApprover, needed: approval.needed };
  }
  if (!asked) return { isApprover: false, needed: approval.needed };
  return { isApprover: isAmong(policy, asked.from, who), needed: Math.max(approval.needed, asked.count) };
}

/** Whom a rule's approval names, for a time at which the policy may have other groups, or no such rule. */
export const namedWithoutGroups = (policy: Pick<PolicyDocument, 'groups'>, { from }: ApprovalPolicy): string[] =>
  from.flatMap((name) => (Object.hasOwn(policy.groups, name) ? (policy.groups[name] ?? []) : [name]));

/** Whether the votes suffice for `rule` of the policy in force (undefined: it is gone): as many as it asks for, of people it still names. */
export function stillSuffices(
  policy: PolicyDocument,
  rule: Rule | undefined,
  approval: Pick<Approval, 'votes' | 'subject'>,
): boolean {
  const asked = askedBy(policy, rule, approval);
  // Access that needs no approval any more is given; an action that the rule no longer holds must be judged anew.
  if (!asked) return approval.subject.kind === 'access' && rule !== undefined && rule.access !== 'deny';
  const valid = approval.votes
    .map((vote) => vote.by)
    .filter((voter) => isAmong(policy, asked.from, voter) && !isOfOwnSession(approval.subject, voter));
  return distinctVoters(valid) >= asked.count;
}
