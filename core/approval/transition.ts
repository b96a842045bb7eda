// What may happen to an approval: pure, with the clock and the policy's word as arguments. That a
// requester never approves, nor a session's own person what is asked of it, is decided here and nowhere else (`mayJudge`).

import {
  type Approval,
  type DecidedVia,
  isOfOwnSession,
  isOfRecording,
  isSamePerson,
  type Person,
  type Voter,
} from './approval.ts';
import type { GrantId } from '../ids.ts';
import { err, ok, type Result, unreachable } from '../result.ts';
import { saysSomething } from '../text/written-text.ts';

/** What the policy in force says about whoever acts. */
export interface ApprovalStanding {
  /** Among those whom the rule names as approvers. */
  readonly isApprover: boolean;
  /** Approvers that the rule asks for now. A policy may have raised it since. */
  readonly needed: number;
}

export type ApprovalEvent =
  | {
      readonly kind: 'approve';
      readonly by: Voter;
      readonly comment: string;
      readonly via: DecidedVia;
      readonly standing: ApprovalStanding;
    }
  | {
      readonly kind: 'deny';
      readonly by: Voter;
      readonly reason: string;
      readonly via: DecidedVia;
      readonly standing: ApprovalStanding;
    }
  /** `reason`: where it was not a person who said so, such as a session's end. */
  /** `onBehalf`: who has it done for the requester, who is gone. */
  | { readonly kind: 'withdraw'; readonly by: Person; readonly reason?: string; readonly onBehalf?: string }
  /** What was approved is used. `grant`: the one it is used for; a statement's is its session's. */
  | { readonly kind: 'claim'; readonly by: Person; readonly grant: GrantId }
  /** A break-glass was looked at afterwards. */
  | { readonly kind: 'review'; readonly by: Voter; readonly comment: string; readonly standing: ApprovalStanding }
  /** The clock went on. */
  | { readonly kind: 'tick' };

export type ApprovalFault =
  | 'own_request'
  | 'own_session'
  | 'not_an_approver'
  | 'not_the_requester'
  | 'reason_required'
  | 'over'
  | 'not_approved'
  | 'nothing_to_review';

export type ApprovalChange =
  | 'voted'
  | 'approved'
  | 'denied'
  | 'withdrawn'
  | 'expired'
  | 'claimed'
  | 'warned'
  | 'reviewed';

interface Transition {
  readonly approval: Approval;
  /** In the order they happened; empty when the event had happened before. */
  readonly changes: readonly ApprovalChange[];
}

const WARN_AT_MOST_MS = 10 * 60_000;

export function transition(approval: Approval, event: ApprovalEvent, nowMs: number): Result<Transition, ApprovalFault> {
  if (event.kind === 'tick') return ok(tick(approval, nowMs));
  if (event.kind === 'review') return review(approval, event, nowMs);
  // What is due has happened, whether or not the clock was heard first; a warning can wait for it.
  const due = tick(approval, nowMs);
  const current = due.changes.includes('expired') ? due.approval : approval;
  switch (event.kind) {
    case 'approve':
      return approve(current, event, nowMs);
    case 'deny':
      return deny(current, event, nowMs);
    case 'withdraw':
      return withdraw(current, event, nowMs);
    case 'claim':
      return claim(current, event, nowMs);
    default:
      return unreachable(event);
  }
}

/** When `tick` has something to do next; undefined: never again. */
export function nextTickMs(approval: Approval): number | undefined {
  if (approval.state === 'approved') return Date.parse(approval.workUntil ?? approval.decideBy);
  if (approval.state !== 'pending') return undefined;
  return approval.warned ? Date.parse(approval.decideBy) : warnAtMs(approval);
}

/** Ten minutes before the end, or when a quarter of the time is left, whichever is later. */
function warnAtMs(approval: Approval): number {
  const end = Date.parse(approval.decideBy);
  return end - Math.min(WARN_AT_MOST_MS, (end - Date.parse(approval.askedAt)) / 4);
}

/** Who may say yes or no to it. The only place that knows. */
function mayJudge(
  approval: Approval,
  by: Pick<Person, 'subject' | 'email'>,
  standing: ApprovalStanding,
): Result<undefined, ApprovalFault> {
  if (isSamePerson(approval.requester, by)) return err('own_request');
  if (isOfOwnSession(approval.subject, by)) return err('own_session');
  return standing.isApprover ? ok(undefined) : err('not_an_approver');
}

/** Whether `approve` or `deny` would be listened to: what decides if buttons are offered. */
export function mayDecide(
  approval: Approval,
  by: Pick<Person, 'subject' | 'email'>,
  standing: ApprovalStanding,
  nowMs: number,
): boolean {
  return tick(approval, nowMs).approval.state === 'pending' && mayJudge(approval, by, standing).ok;
}

/** Whether `review` would be listened to. */
export function mayReview(
  approval: Approval,
  by: Pick<Person, 'subject' | 'email'>,
  standing: ApprovalStanding,
): boolean {
  return (
    approval.breakGlass?.review === undefined &&
    approval.breakGlass !== undefined &&
    mayJudge(approval, by, standing).ok
  );
}

function tick(approval: Approval, nowMs: number): Transition {
  const { state } = approval;
  if (state === 'pending' && nowMs >= Date.parse(approval.decideBy)) {
    return end(approval, 'expired', nowMs, 'gatehouse', 'nobody decided in time');
  }
  if (state === 'approved' && approval.workUntil !== undefined && nowMs >= Date.parse(approval.workUntil)) {
    const over = isOfRecording(approval.subject) ? 'the time that was given is over' : 'approved, but not used in time';
    return end(approval, 'expired', nowMs, 'gatehouse', over);
  }
  if (state === 'pending' && !approval.warned && nowMs >= warnAtMs(approval)) {
    return { approval: { ...approval, warned: true }, changes: ['warned'] };
  }
  return { approval, changes: [] };
}

function approve(
  approval: Approval,
  event: Extract<ApprovalEvent, { kind: 'approve' }>,
  nowMs: number,
): Result<Transition, ApprovalFault> {
  const may = mayJudge(approval, event.by, event.standing);
  if (!may.ok) return may;
  const voted = approval.votes.some((vote) => isSamePerson(vote.by, event.by));
  if (approval.state !== 'pending') {
    const said = voted && (approval.state === 'approved' || approval.state === 'claimed');
    return said ? ok({ approval, changes: [] }) : err('over');
  }
  const { by, comment, via } = event;
  const at = new Date(nowMs).toISOString();
  const votes = voted ? approval.votes : [...approval.votes, { by, at, comment, via }];
  const changes: ApprovalChange[] = voted ? [] : ['voted'];
  const counted: Approval = { ...approval, votes };
  if (distinctVoters(votes.map((vote) => vote.by)) < Math.max(approval.needed, event.standing.needed)) {
    return ok({ approval: counted, changes });
  }
  const workUntil = new Date(nowMs + approval.workMs).toISOString();
  return ok({ approval: { ...counted, state: 'approved', workUntil }, changes: [...changes, 'approved'] });
}

function deny(
  approval: Approval,
  event: Extract<ApprovalEvent, { kind: 'deny' }>,
  nowMs: number,
): Result<Transition, ApprovalFault> {
  const may = mayJudge(approval, event.by, event.standing);
  if (!may.ok) return may;
  if (approval.state === 'denied' && approval.ended?.by === event.by.email) return ok({ approval, changes: [] });
  if (approval.state !== 'pending') return err('over');
  if (!saysSomething(event.reason)) return err('reason_required');
  return ok(end(approval, 'denied', nowMs, event.by.email, event.reason));
}

function withdraw(
  approval: Approval,
  event: Extract<ApprovalEvent, { kind: 'withdraw' }>,
  nowMs: number,
): Result<Transition, ApprovalFault> {
  if (!isRequester(approval, event.by)) return err('not_the_requester');
  if (approval.state === 'withdrawn') return ok({ approval, changes: [] });
  if (approval.state !== 'pending' && approval.state !== 'approved') return err('over');
  return ok(end(approval, 'withdrawn', nowMs, event.onBehalf ?? event.by.email, event.reason ?? ''));
}

/** Not idempotent on purpose: what is handed out at a claim is handed out once. */
function claim(
  approval: Approval,
  event: Extract<ApprovalEvent, { kind: 'claim' }>,
  nowMs: number,
): Result<Transition, ApprovalFault> {
  if (!isRequester(approval, event.by)) return err('not_the_requester');
  if (approval.state === 'pending') return err('not_approved');
  if (approval.state !== 'approved') return err('over');
  const at = new Date(nowMs).toISOString();
  return ok({
    approval: { ...approval, state: 'claimed', claim: { at, grant: event.grant } },
    changes: ['claimed'],
  });
}

function review(
  approval: Approval,
  event: Extract<ApprovalEvent, { kind: 'review' }>,
  nowMs: number,
): Result<Transition, ApprovalFault> {
  if (!approval.breakGlass) return err('nothing_to_review');
  const may = mayJudge(approval, event.by, event.standing);
  if (!may.ok) return may;
  if (approval.breakGlass.review) {
    return isSamePerson(approval.breakGlass.review.by, event.by) ? ok({ approval, changes: [] }) : err('over');
  }
  if (!saysSomething(event.comment)) return err('reason_required');
  const { subject, email, name } = event.by;
  const done = { by: { subject, email, name }, at: new Date(nowMs).toISOString(), comment: event.comment };
  return ok({ approval: { ...approval, breakGlass: { ...approval.breakGlass, review: done } }, changes: ['reviewed'] });
}

/** Stricter than `isSamePerson`: to act as the requester both must fit, to be turned away as one either does. */
export function isRequester(approval: Approval, by: Pick<Person, 'subject' | 'email'>): boolean {
  return approval.requester.subject === by.subject && approval.requester.email === by.email;
}

/** People of whom no two are one. */
export function distinctVoters(voters: readonly Pick<Person, 'subject' | 'email'>[]): number {
  const distinct: Pick<Person, 'subject' | 'email'>[] = [];
  for (const voter of voters) if (!distinct.some((other) => isSamePerson(other, voter))) distinct.push(voter);
  return distinct.length;
}

function end(
  approval: Approval,
  state: 'denied' | 'withdrawn' | 'expired',
  nowMs: number,
  by: string,
  reason: string,
): Transition {
  const ended = { at: new Date(nowMs).toISOString(), by, reason };
  return { approval: { ...approval, state, ended }, changes: [state] };
}
