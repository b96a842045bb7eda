// An approval: something that one person asks for and others must agree to. One machine for all
// kinds: `access` waits before a grant, an action waits in the middle of a session, `view` and `unlock` before a
// recording. What may happen to it is in approval/transition.ts; who may decide comes from the policy in force.
// What was approved of a recording is not claimed: it lasts until `workUntil`, and then it has expired.
//
//   pending ---> approved ---> claimed
//      |            |
//      +-> denied   +-> withdrawn, expired (not claimed in its work window)
//      +-> withdrawn, expired (not decided in time)

import { z } from 'zod';
import { GrantLabels } from '../grant.ts';
import { HeldAction } from './held-action.ts';
import { GrantId, RequestId, SessionId } from '../ids.ts';
import { Email, foldedAddress } from '../identity.ts';
import { ResourceName } from '../resource.ts';

export const ApprovalState = z.enum(['pending', 'approved', 'claimed', 'denied', 'withdrawn', 'expired']);
export type ApprovalState = z.infer<typeof ApprovalState>;

/** Where a decision was made. */
export const DecidedVia = z.enum(['portal', 'api', 'slack']);
export type DecidedVia = z.infer<typeof DecidedVia>;

/** Somebody as far as a decision hangs on it: either of `subject` and `email` says that two are one. */
export const Person = z.object({ subject: z.string().min(1).max(512), email: Email, name: z.string().max(200) });
export type Person = z.infer<typeof Person>;

/** `groups` as the provider gave them: kept with the vote, so that it can be judged again under another policy. */
export const Voter = Person.extend({ groups: z.array(z.string().max(200)).max(1000) });
export type Voter = z.infer<typeof Voter>;

export const MAX_COMMENT_CHARACTERS = 1000;
const Comment = z.string().max(MAX_COMMENT_CHARACTERS);

const AccessSubject = z.object({
  kind: z.literal('access'),
  resource: ResourceName,
  reason: z.string().max(1000),
  labels: GrantLabels,
});

/** An action that waits in a session. */
export const HeldSubject = HeldAction.extend({
  resource: ResourceName,
  reason: z.string().max(1000),
  labels: GrantLabels,
  session: SessionId,
});
export type HeldSubject = z.infer<typeof HeldSubject>;

export const RecordingKind = z.enum(['view', 'unlock']);
export type RecordingKind = z.infer<typeof RecordingKind>;

/** A recording that somebody asks to watch, or to be handed the originals of. */
export const RecordingSubject = z.object({
  kind: RecordingKind,
  resource: ResourceName,
  reason: z.string().max(1000),
  labels: GrantLabels,
  session: SessionId,
  /** Whose session it is. */
  owner: z.string().max(320),
  /** Missing: asked of an earlier release, and then the e-mail alone tells. */
  ownerSubject: z.string().max(512).optional(),
});
export type RecordingSubject = z.infer<typeof RecordingSubject>;

/** Stored approvals of the first release have a statement's tables by that name. */
const renamed = (subject: unknown): unknown =>
  typeof subject === 'object' && subject !== null && 'tables' in subject && !('touches' in subject)
    ? { ...subject, touches: subject.tables }
    : subject;

const ApprovalSubject = z.preprocess(
  renamed,
  z.discriminatedUnion('kind', [AccessSubject, RecordingSubject, HeldSubject]),
);
type ApprovalSubject = z.infer<typeof ApprovalSubject>;

export const isHeld = (subject: ApprovalSubject): subject is HeldSubject =>
  subject.kind !== 'access' && !isOfRecording(subject);

export const isOfRecording = (subject: ApprovalSubject): subject is RecordingSubject =>
  subject.kind === 'view' || subject.kind === 'unlock';

/** They were in the session that is asked about: what becomes of its recording is for others to say. */
export const isOfOwnSession = (subject: ApprovalSubject, by: Pick<Person, 'subject' | 'email'>): boolean =>
  isOfRecording(subject) && isSamePerson({ subject: subject.ownerSubject ?? '', email: subject.owner }, by);

export const Approval = z.object({
  id: RequestId,
  subject: ApprovalSubject,
  requester: Person,
  /** The rule that asked for the approval, and the policy version it stood in. */
  rule: z.string(),
  policyVersion: z.number().int(),
  state: ApprovalState,
  askedAt: z.iso.datetime(),
  /** Undecided by then, it expires. */
  decideBy: z.iso.datetime(),
  /** How long what was approved is good for. Begins with the approval, not with the claim. */
  workMs: z.number().int().min(1),
  /** Set by the approval. */
  workUntil: z.iso.datetime().optional(),
  /** Distinct approvers it takes. */
  needed: z.number().int().min(1),
  votes: z.array(z.object({ by: Voter, at: z.iso.datetime(), comment: Comment, via: DecidedVia })),
  /** Set in denied, withdrawn and expired. `by` is an e-mail or `gatehouse`. */
  ended: z.object({ at: z.iso.datetime(), by: z.string(), reason: z.string() }).optional(),
  claim: z.object({ at: z.iso.datetime(), grant: GrantId }).optional(),
  /** That it is about to expire was said. */
  warned: z.boolean(),
  /** Active without an approval. Somebody else still has to say that it was right. */
  breakGlass: z
    .object({
      /** Whom the rule named when the glass was broken: as in a policy, without groups of the policy's own. Missing: an earlier release. */
      reviewers: z.array(z.string()).optional(),
      review: z.object({ by: Person, at: z.iso.datetime(), comment: Comment }).optional(),
    })
    .optional(),
});
export type Approval = z.infer<typeof Approval>;

/** The two are one human being as far as we can tell, so one cannot approve what the other asked for. */
export function isSamePerson(a: Pick<Person, 'subject' | 'email'>, b: Pick<Person, 'subject' | 'email'>): boolean {
  return a.subject === b.subject || foldedAddress(a.email) === foldedAddress(b.email);
}

/** Nothing changes any more; only a break-glass's review is still written. */
export function isOver(state: ApprovalState): boolean {
  return state !== 'pending' && state !== 'approved';
}
