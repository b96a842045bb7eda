// The policy's decision on access: pure, so that every question about it is a table of facts and
// answers. Rules are read in order; a `deny` that matches ends it, the first other match decides.

import { type Identity, isWorkload } from '../identity.ts';
import type { Resource } from '../resource.ts';
import type { Access, PolicyDocument, ResourceSelector, Rule } from './document.ts';
import { describeOpening, windowStateAt } from './conditions/time-windows.ts';
import { describeRequired, lackingIn, type SignInFacts } from './conditions/sign-in.ts';
import { span } from '../text/amounts.ts';
import { saysSomething } from '../text/written-text.ts';
import { namesWorkload } from './workload-names.ts';

export interface AccessFacts {
  readonly identity: Pick<Identity, 'email' | 'groups'>;
  readonly resource: Pick<Resource, 'name' | 'protocol' | 'labels'>;
  readonly reason: string;
  readonly task?: string | undefined;
  /** Milliseconds asked for; undefined: as long as the rule gives. */
  readonly forMs?: number | undefined;
  /** Milliseconds since the Unix epoch. */
  readonly nowMs: number;
  /** Missing: nothing is known of how they signed in. `any`: however a rule may ask for. */
  readonly signIn?: SignInFacts | 'any' | undefined;
}

export type AccessDecision =
  | { readonly kind: 'allow'; readonly rule: Rule; readonly ttlMs: number }
  | {
      readonly kind: 'deny';
      readonly reason:
        | 'no_rule'
        | 'denied_by_rule'
        | 'reason_required'
        | 'task_required'
        | 'ttl_too_long'
        | 'outside_time_window'
        /** All else fits: they have to sign in again, as the rule asks. */
        | 'step_up_needed';
      /** For the person, with the way out. */
      readonly message: string;
      readonly rule?: string;
    };

export function evaluate(policy: PolicyDocument, facts: AccessFacts): AccessDecision {
  const { resource } = facts;
  for (const rule of policy.rules) {
    if (!isAbout(policy, rule, facts.identity, resource)) continue;
    if (rule.access === 'deny') {
      return {
        kind: 'deny',
        reason: 'denied_by_rule',
        rule: rule.name,
        message: `Rule ${rule.name} denies access to ${resource.name}.`,
      };
    }
    if (rule.access.reason === 'required' && !saysSomething(facts.reason)) {
      return {
        kind: 'deny',
        reason: 'reason_required',
        rule: rule.name,
        message: `Rule ${rule.name} asks for a reason. Say why you need ${resource.name}.`,
      };
    }
    if (rule.task === 'required' && !facts.task) {
      return {
        kind: 'deny',
        reason: 'task_required',
        rule: rule.name,
        message: `Rule ${rule.name} asks for a task. Name the ticket or job this is for.`,
      };
    }
    if (facts.forMs !== undefined && facts.forMs > rule.access.ttl) {
      return {
        kind: 'deny',
        reason: 'ttl_too_long',
        rule: rule.name,
        message: `Rule ${rule.name} gives at most ${span(rule.access.ttl)}. Ask for less.`,
      };
    }
    const window = rule.access.during && windowStateAt(rule.access.during, facts.nowMs);
    if (window && !window.open) {
      const message = closedNow(rule.name, rule.access, window.opensMs);
      return { kind: 'deny', reason: 'outside_time_window', rule: rule.name, message };
    }
    const lacking = stepUpFor(rule.name, rule.access, facts.signIn);
    if (lacking !== undefined) return { kind: 'deny', reason: 'step_up_needed', rule: rule.name, message: lacking };
    return { kind: 'allow', rule, ttlMs: facts.forMs ?? rule.access.ttl };
  }
  return {
    kind: 'deny',
    reason: 'no_rule',
    message: `No rule gives you access to ${resource.name}. Ask an administrator to add one.`,
  };
}

/** undefined: they signed in as the rule asks. */
function stepUpFor(rule: string, { require }: Access, signIn: AccessFacts['signIn'] = {}): string | undefined {
  if (!require || signIn === 'any' || lackingIn(require, signIn).length === 0) return undefined;
  return `Rule ${rule} asks for ${describeRequired(require)}, and yours was not. Sign in again, then ask again.`;
}

/** For whoever comes while the rule's windows are closed; `opensMs` undefined: not for as long as one can see. */
export function closedNow(rule: string, access: Access, opensMs: number | undefined): string {
  const opens =
    opensMs === undefined ? 'Ask an administrator.' : `It opens on ${describeOpening(access.during ?? [], opensMs)}.`;
  return `Rule ${rule} gives no access at this time. ${opens}`;
}

/** Whether any rule could let this person ask for the resource: what the portal lists. */
export function mayAsk(
  policy: PolicyDocument,
  identity: AccessFacts['identity'],
  resource: AccessFacts['resource'],
): boolean {
  const rule = decidingRule(policy, identity, resource);
  return rule !== undefined && rule.access !== 'deny';
}

/**
 * Whether the person is in one of `names`: a group of the policy, of the provider, `user:EMAIL` or `everyone`. A program is
 * in those alone that name it: anybody can have one that some provider signs a token for, so `everyone` is everybody who signs in.
 */
export function isAmong(
  policy: Pick<PolicyDocument, 'groups'>,
  names: readonly string[],
  identity: AccessFacts['identity'],
): boolean {
  if (isWorkload(identity)) return names.some((name) => namesWorkload(name, identity.groups));
  return names.some((name) => {
    if (name === 'everyone') return true;
    if (name.startsWith('user:')) return name.slice('user:'.length).toLowerCase() === identity.email;
    const members = Object.hasOwn(policy.groups, name) ? policy.groups[name] : undefined;
    return members ? members.some((group) => identity.groups.includes(group)) : identity.groups.includes(name);
  });
}

/** The first rule that is about this person and resource: it decides on access, a `deny` too. */
export const decidingRule = (
  policy: PolicyDocument,
  who: AccessFacts['identity'],
  resource: AccessFacts['resource'],
): Rule | undefined => policy.rules.find((rule) => isAbout(policy, rule, who, resource));

/** A `deny` for everyone turns programs away too (law 4). */
export const isAbout = (
  policy: Pick<PolicyDocument, 'groups'>,
  rule: Pick<Rule, 'resources' | 'who' | 'access'>,
  who: AccessFacts['identity'],
  resource: AccessFacts['resource'],
): boolean =>
  selects(rule.resources, resource) &&
  (isAmong(policy, rule.who, who) || (rule.access === 'deny' && rule.who.includes('everyone')));

export function selects(selector: ResourceSelector, resource: AccessFacts['resource']): boolean {
  return Object.entries(selector).every(([label, wanted]) => {
    const actual = label === 'name' ? resource.name : label === 'protocol' ? resource.protocol : resource.labels[label];
    if (actual === undefined) return false;
    return (Array.isArray(wanted) ? wanted : [wanted]).some((value) => value === '*' || value === actual);
  });
}
