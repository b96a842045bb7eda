// What a rule means for somebody who is about to ask: told before, in the form and in lists, so that nobody learns it
// from a refusal.

import { z } from 'zod';
import type { Identity } from '../identity.ts';
import { PROTOCOLS, type ProtocolName } from '../protocols.ts';
import type { Resource } from '../resource.ts';
import type { PolicyDocument, Rule } from './document.ts';
import { describeRequired, type SignInRequired } from './conditions/sign-in.ts';
import { decidingRule } from './evaluate.ts';
import { entriesFor } from './sections/sections.ts';

const SignInTerms = z.object({
  acr: z.array(z.string()).optional(),
  amr: z.array(z.string()).optional(),
  /** Seconds. */
  maxAge: z.number().int().optional(),
  /** For a person: `a sign-in with mfa, at most 15 min ago`. */
  words: z.string(),
});

export const AccessTerms = z.object({
  rule: z.string(),
  /** Longest access, in seconds. */
  longestSeconds: z.number().int(),
  reasonRequired: z.boolean(),
  taskRequired: z.boolean(),
  /** How one has to have signed in; missing: in any way. */
  signIn: SignInTerms.optional(),
  /** Who decides, as the policy names them; empty: nobody has to. */
  approvers: z.array(z.string()),
  /** The rule names this person alone to decide, and nobody approves what they asked for themselves. */
  nobodyElseApproves: z.boolean(),
  record: z.object({
    retainSeconds: z.number().int(),
    /** Who may view the recordings, beside auditors, as the policy names them. */
    viewers: z.array(z.string()),
    viewOwn: z.boolean(),
    /** Why what goes over the wire is not recorded. */
    exempt: z.string().optional(),
    /** How many keys can open what masks hide, which is kept sealed; missing: it is not kept. */
    originalsTo: z.number().int().optional(),
  }),
  /** Columns, fields and detectors that are masked. */
  masks: z.array(z.string()),
  /** Patterns of what is blocked in its sessions, and of what waits for an approval. */
  blocks: z.array(z.string()),
  holds: z.array(z.string()),
});
export type AccessTerms = z.infer<typeof AccessTerms>;

/** The terms of the rule that decides for this person and resource; undefined where none does, or it denies. */
export function accessTerms(
  policy: PolicyDocument,
  who: Pick<Identity, 'email' | 'groups'>,
  resource: Pick<Resource, 'name' | 'protocol' | 'labels'>,
): AccessTerms | undefined {
  const rule = decidingRule(policy, who, resource);
  return rule && termsOf(rule, who, resource.protocol);
}

function termsOf(rule: Rule, who: Pick<Identity, 'email'>, protocol: ProtocolName): AccessTerms | undefined {
  const entries = entriesFor(rule, protocol);
  const { access, record } = rule;
  if (access === 'deny') return undefined;
  const approvers = access.approval?.from ?? [];
  const longestMs = Math.min(access.ttl, access.approval?.workWindow ?? access.ttl);
  return {
    rule: rule.name,
    longestSeconds: Math.floor(longestMs / 1_000),
    reasonRequired: access.reason === 'required',
    taskRequired: rule.task === 'required',
    ...(access.require && { signIn: signInTerms(access.require) }),
    approvers,
    nobodyElseApproves: approvers.length > 0 && approvers.every((name) => name.toLowerCase() === `user:${who.email}`),
    record: {
      retainSeconds: Math.floor(record.retain / 1_000),
      viewers: record.view,
      viewOwn: record.viewOwn,
      ...(record.exempt !== undefined && { exempt: record.exempt }),
      ...(record.originals && { originalsTo: record.originals.to.length }),
    },
    masks: maskedUnder(rule, protocol),
    blocks: entries.flatMap(({ entry }) => entry.block ?? []),
    holds: entries.flatMap(({ entry }) => entry.hold ?? []),
  };
}

const signInTerms = (require: SignInRequired): z.infer<typeof SignInTerms> => ({
  ...(require.acr && { acr: require.acr }),
  ...(require.amr && { amr: require.amr }),
  ...(require.maxAge !== undefined && { maxAge: Math.floor(require.maxAge / 1_000) }),
  words: describeRequired(require),
});

/** Columns, fields and detectors that a rule masks in sessions of a protocol. */
export const maskedUnder = ({ mask = [] }: Pick<Rule, 'mask'>, protocol: ProtocolName): string[] =>
  mask.flatMap((entry) => [
    ...PROTOCOLS[protocol].masks.flatMap((part) => entry[part] ?? []),
    ...(entry.detect ?? []).map((detector) => (typeof detector === 'string' ? detector : detector.name)),
  ]);
