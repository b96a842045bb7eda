// The policy document, version 1, as its author writes it (docs/policy.md). Parsed from YAML at the
// edge; unknown keys are errors, since a misspelt rule must not become a missing rule (law 4).

import { z } from 'zod';
import { AgeRecipient } from './age-recipient.ts';
import { PolicyCase } from './cases.ts';
import { Duration, UNIT_MS } from './duration.ts';
import { MaskEntry } from '../masking/mask-entry.ts';
import { Cidr } from './conditions/networks.ts';
import { FilesRecorded, SessionLimits } from './session-rules.ts';
import { Sections } from './sections/sections.ts';
import { SignInRequired } from './conditions/sign-in.ts';
import { TimeWindow } from './conditions/time-windows.ts';
import { Sharing, UnlockApproval, ViewApproval } from './viewing-terms.ts';

export { Duration, parseDuration } from './duration.ts';

const oneOrMany = <T extends z.ZodType>(item: T) => z.union([item, z.array(item).min(1)]);

/** Label -> value or values. `name` and `protocol` stand for the resource's own; `*` matches any value. */
export const ResourceSelector = z.record(z.string().min(1), oneOrMany(z.string().min(1)));
export type ResourceSelector = z.infer<typeof ResourceSelector>;

/** Who must agree before access is given (docs/approvals.md). */
export const ApprovalPolicy = z.strictObject({
  /** As in `who`. Whoever asks is never one of them. */
  from: z.array(z.string().min(1)).min(1),
  /** Distinct people it takes. */
  count: z.number().int().min(1).max(10).default(1),
  /** Undecided for this long, a request expires. */
  claimWithin: Duration.default(UNIT_MS.h),
  /** Longest access, from the approval on; `access.ttl` when missing or longer. */
  workWindow: Duration.optional(),
  /** Who may go in at once without an approval, loudly and for at most `ttl`; somebody of `from` reviews it afterwards. */
  breakGlass: z.strictObject({ who: z.array(z.string().min(1)).min(1), ttl: Duration.default(UNIT_MS.h) }).optional(),
});
export type ApprovalPolicy = z.infer<typeof ApprovalPolicy>;

export const Access = z.strictObject({
  /** Longest grant. */
  ttl: Duration,
  reason: z.enum(['required', 'optional']).default('optional'),
  maxSessions: z.number().int().min(1).max(10_000).optional(),
  /** Where native clients may come from: any of these, by the address that the connector sees. Missing: anywhere. */
  networks: z.array(Cidr).min(1).max(200).optional(),
  /** When access may be asked for and sessions may be open: in any of these. A session ends with its window. Missing: always. */
  during: z.array(TimeWindow).min(1).max(20).optional(),
  idle: SessionLimits.shape.idle,
  sessionLength: SessionLimits.shape.sessionLength,
  statementsPerMinute: SessionLimits.shape.statementsPerMinute,
  rowsOut: SessionLimits.shape.rowsOut,
  approval: ApprovalPolicy.optional(),
  /** How whoever asks has to have signed in. Asked when access is, and again when an approved request is fetched. */
  require: SignInRequired.optional(),
});
export type Access = z.infer<typeof Access>;

export const Rule = z.strictObject({
  name: z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'expected lower-case letters, digits and dashes'),
  resources: ResourceSelector,
  /** Group names, `PROVIDER:GROUP`, `user:EMAIL`, `everyone` or `workload:PROVIDER:NAME`; what means nobody is a mistake (names.ts). */
  who: z.array(z.string().min(1)).min(1),
  /** `deny` turns away whoever the rule matches, whatever later rules say. */
  access: z.union([z.literal('deny'), Access]),
  task: z.enum(['required', 'optional']).default('optional'),
  /** What may be done in a session (docs/policy.md). */
  ...Sections.shape,
  /** What is hidden in results and recordings, see masking/mask-entry.ts. */
  mask: z.array(MaskEntry).max(100).optional(),
  record: z
    .strictObject({
      retain: Duration.default(90 * UNIT_MS.d),
      /** Groups that may view these sessions. */
      view: z.array(z.string()).default([]),
      viewOwn: z.boolean().default(true),
      /** Missing: whom `view` names may watch at once. */
      viewApproval: ViewApproval.optional(),
      /** Who may open a link that somebody passes on: see sharingOf. */
      share: Sharing.optional(),
      /** Longest life of such a link. Missing: 7 days. */
      shareFor: Duration.optional(),
      /** Who agrees before originals are handed out. Missing: two auditors. */
      unlock: UnlockApproval.optional(),
      /** Why what goes over the wire is not recorded. Only where `who` names single people and programs. */
      exempt: z.string().trim().min(1).max(500).optional(),
      /** What of files that go over is recorded (ADR 38). Missing: content. */
      files: FilesRecorded.optional(),
      /** To whom what masks hide is sealed and kept beside the recording (ADR 52). Missing: it is not kept. */
      originals: z.strictObject({ to: z.array(AgeRecipient).min(1).max(20) }).optional(),
    })
    .default({ retain: 90 * UNIT_MS.d, view: [], viewOwn: true }),
});
export type Rule = z.infer<typeof Rule>;

export const PolicyDocument = z.strictObject({
  version: z.literal(1).default(1),
  /** Names over the provider's groups, each as `PROVIDER:GROUP`. */
  groups: z.record(z.string(), z.array(z.string()).min(1)).default({}),
  /** Groups whose members administer Gatehouse: join tokens, revoking others' grants, policy. */
  administrators: z.array(z.string().min(1)).min(1),
  /** Groups whose members read the audit log and view every session. */
  auditors: z.array(z.string()).default([]),
  rules: z.array(Rule),
  /** What the author expects of it. No decision looks at them. */
  tests: z.array(PolicyCase).max(1_000).optional(),
});
export type PolicyDocument = z.infer<typeof PolicyDocument>;
