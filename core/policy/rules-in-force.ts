// Which rule a session stands under now, and what it means for it. Asked when a session is opened, and
// again for every live one when a policy is applied.

import { encode } from 'zod';
import type { Identity } from '../identity.ts';
import type { RefusalReason } from '../refusal.ts';
import type { Resource } from '../resource.ts';
import { err, ok, type Result } from '../result.ts';
import type { Access, PolicyDocument, Rule } from './document.ts';
import { closedNow, isAbout } from './evaluate.ts';
import { isWithin } from './conditions/networks.ts';
import type { Sections } from './sections/sections.ts';
import { SessionRules } from './session-rules.ts';
import { type WindowState, windowStateAt } from './conditions/time-windows.ts';

/** Of one rule as a message carries it: leaves as much again for what stands beside it. */
export const MAX_SESSION_RULES_BYTES = 128 * 1024;

export interface SessionFacts {
  /** As stored with the grant. */
  readonly identity: Pick<Identity, 'email' | 'groups'>;
  readonly resource: Pick<Resource, 'name' | 'protocol' | 'labels'>;
  /** The rule that gave the grant. */
  readonly grantRule: string;
  /** The native client's, as its connector saw it. */
  readonly clientAddress: string;
}

export interface RuleInForce {
  readonly rule: Rule & { readonly access: Access };
  /** One object for all sessions under the same rule. */
  readonly rules: SessionRules;
}

export interface NoRuleInForce {
  readonly reason: Extract<RefusalReason, 'policy_denied' | 'network_not_allowed' | 'outside_time_window'>;
  /** For the person, with the way out. */
  readonly message: string;
  readonly rule?: string;
  /** For a session that is open already when its window is closed: the same rules, over at this moment. */
  readonly ending?: SessionRules;
}

/** Answers for any number of sessions at one moment under one policy. */
export function sessionRules(
  policy: PolicyDocument,
  version: number,
  nowMs: number,
): (facts: SessionFacts) => Result<RuleInForce, NoRuleInForce> {
  const made = new Map<Rule, { readonly window: WindowState; readonly rules: SessionRules }>();
  const meaning = (rule: RuleInForce['rule']) => {
    const known = made.get(rule);
    if (known) return known;
    const window: WindowState = rule.access.during
      ? windowStateAt(rule.access.during, nowMs)
      : { open: true, untilMs: undefined };
    const fresh = { window, rules: rulesOf(rule, version, window.open ? window.untilMs : nowMs) };
    made.set(rule, fresh);
    return fresh;
  };
  return (facts) => {
    const rule = ruleFor(policy, facts);
    if (!rule) {
      const message = `The policy in force gives you no access to ${facts.resource.name} any more by this grant. Ask for access again in the portal.`;
      return err({ reason: 'policy_denied', message });
    }
    const { name, access } = rule;
    if (access.networks && !isWithin(access.networks, facts.clientAddress)) {
      const message = `Rule ${name} does not let you in from ${facts.clientAddress}. Connect from one of its networks.`;
      return err({ reason: 'network_not_allowed', rule: name, message });
    }
    const { window, rules } = meaning(rule);
    if (!window.open) {
      const message = closedNow(name, access, window.opensMs);
      return err({ reason: 'outside_time_window', rule: name, message, ending: rules });
    }
    return ok({ rule, rules });
  };
}

/**
 * The grant's own rule where it still gives access, else the first that does. A `deny` ends the search, as in
 * `evaluate`; and nobody agreed to access under another rule that asks for an approval, or signed in for one that asks how.
 */
export function ruleFor(
  policy: PolicyDocument,
  { identity, resource, grantRule }: Pick<SessionFacts, 'identity' | 'resource' | 'grantRule'>,
): RuleInForce['rule'] | undefined {
  let first: RuleInForce['rule'] | undefined;
  for (const rule of policy.rules) {
    if (!isAbout(policy, rule, identity, resource)) continue;
    if (!givesAccess(rule)) break;
    if (rule.name === grantRule) return rule;
    first ??= rule;
  }
  return first?.access.approval || first?.access.require ? undefined : first;
}

const givesAccess = (rule: Rule): rule is RuleInForce['rule'] => rule.access !== 'deny';

/** UTF-8 bytes that the rule takes in a message. */
export function sessionRulesBytes(rule: Rule): number {
  if (!givesAccess(rule)) return 0;
  // The longest of what is not the author's: a version and an end.
  const rules = rulesOf(rule, Number.MAX_SAFE_INTEGER, 0);
  return new TextEncoder().encode(JSON.stringify(encode(SessionRules, rules))).length;
}

function sectionsOf({ statements, commands, requests, forwards, unparsable, interactiveShell }: Rule): Sections {
  return {
    ...(statements && { statements }),
    ...(commands && { commands }),
    ...(requests && { requests }),
    ...(forwards && { forwards }),
    ...(unparsable && { unparsable }),
    ...(interactiveShell && { interactiveShell }),
  };
}

function rulesOf(rule: RuleInForce['rule'], version: number, endsMs: number | undefined): SessionRules {
  const { idle, sessionLength, statementsPerMinute, rowsOut } = rule.access;
  return {
    policyVersion: version,
    rule: rule.name,
    ...sectionsOf(rule),
    ...(rule.mask && { mask: rule.mask }),
    ...(rule.record.files && { files: rule.record.files }),
    limits: {
      ...(idle !== undefined && { idle }),
      ...(sessionLength !== undefined && { sessionLength }),
      ...(statementsPerMinute !== undefined && { statementsPerMinute }),
      ...(rowsOut !== undefined && { rowsOut }),
      ...(endsMs !== undefined && { endsAt: new Date(endsMs).toISOString() }),
    },
  };
}
