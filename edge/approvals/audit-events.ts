// An approval's changes as the audit log has them.

import { type Approval, isHeld, isOfRecording } from '../../core/approval/approval.ts';
import type { ApprovalChange, ApprovalEvent } from '../../core/approval/transition.ts';
import type { AuditEvent, AuditKind } from '../../core/audit/audit.ts';

const KINDS = {
  voted: 'request.voted',
  approved: 'request.approved',
  denied: 'request.denied',
  withdrawn: 'request.withdrawn',
  expired: 'request.expired',
  claimed: 'request.claimed',
  warned: 'request.expiring',
  reviewed: 'grant.reviewed',
} as const satisfies Record<ApprovalChange, AuditKind>;

export function auditEventsOf(
  approval: Approval,
  changes: readonly ApprovalChange[],
  event: ApprovalEvent,
): AuditEvent[] {
  const { subject } = approval;
  const common = {
    resource: subject.resource,
    requester: approval.requester.email,
    rule: approval.rule,
    ...(isHeld(subject) && { kind: subject.kind, session: subject.session, digest: subject.digest }),
    ...(isOfRecording(subject) && { kind: subject.kind, session: subject.session, owner: subject.owner }),
  };
  return changes.map((change) => ({
    kind: KINDS[change],
    // An end that the clock brought is nobody's act, whoever noticed it.
    actor:
      event.kind === 'tick'
        ? 'gatehouse'
        : event.kind === 'withdraw'
          ? (event.onBehalf ?? event.by.email)
          : event.by.email,
    object: approval.id,
    details: { ...common, ...detailsOf(approval, change, event) },
  }));
}

function detailsOf(approval: Approval, change: ApprovalChange, event: ApprovalEvent): AuditEvent['details'] {
  switch (change) {
    case 'voted':
      return event.kind === 'approve'
        ? { votes: approval.votes.length, needed: approval.needed, via: event.via, comment: event.comment }
        : {};
    case 'approved':
      return { until: approval.workUntil ?? null };
    case 'denied':
      return event.kind === 'deny' ? { reason: event.reason, via: event.via } : {};
    case 'expired':
      return { reason: approval.ended?.reason ?? null };
    case 'claimed':
      return { grant: approval.claim?.grant ?? null };
    case 'reviewed':
      return event.kind === 'review' ? { comment: event.comment, grant: approval.claim?.grant ?? null } : {};
    case 'withdrawn':
      return approval.ended?.reason ? { reason: approval.ended.reason } : {};
    case 'warned':
      return {};
  }
}
