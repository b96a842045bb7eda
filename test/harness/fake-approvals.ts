// The part of the fake Gatehouse that waits for people: the real machine of core/approval over a map.
// bob and carol approve.

import type { IssuedGrant, ListedApproval } from '../../core/api.ts';
import { type Approval, isHeld, isOfRecording } from '../../core/approval/approval.ts';
import { type ApprovalEvent, mayDecide, mayReview, transition } from '../../core/approval/transition.ts';
import { type IdSource, newId, type RequestId } from '../../core/ids.ts';
import type { Identity } from '../../core/identity.ts';
import type { ResourceName } from '../../core/resource.ts';
import { err, ok, type Result } from '../../core/result.ts';
import type { Gatehouse, UseCaseFault } from '../../edge/gatehouse.ts';

type Part = Pick<
  Gatehouse,
  'approvals' | 'inbox' | 'approval' | 'decideApproval' | 'reviewBreakGlass' | 'withdrawRequest' | 'claimRequest'
>;

export interface FakeApprovals extends Part {
  readonly requests: Map<RequestId, Approval>;
  ask(who: Identity, resource: ResourceName, reason: string, changes?: Partial<Approval>): Approval;
}

const HOUR_MS = 3_600_000;
const isApprover = (who: Identity) => !who.groups.includes('demo:developers');

export function fakeApprovals(
  now: () => number,
  ids: IdSource,
  note: (method: string, who: Identity, object: string) => void,
  issue: (who: Identity, approval: Approval) => IssuedGrant,
): FakeApprovals {
  const requests = new Map<RequestId, Approval>();
  const iso = (ms: number) => new Date(ms).toISOString();
  const standingOf = (who: Identity, approval: Approval) => ({
    isApprover: isApprover(who),
    needed: approval.needed,
  });
  const UNKNOWN: UseCaseFault = { reason: 'not_found', message: 'There is no such request among those you may see.' };

  function find(who: Identity, id: RequestId): Result<Approval, UseCaseFault> {
    const approval = requests.get(id);
    if (!approval || (approval.requester.email !== who.email && !isApprover(who))) return err(UNKNOWN);
    const due = transition(approval, { kind: 'tick' }, now());
    if (due.ok) requests.set(id, due.value.approval);
    return ok(requests.get(id) ?? approval);
  }

  function act(who: Identity, id: RequestId, event: (approval: Approval) => ApprovalEvent) {
    const found = find(who, id);
    if (!found.ok) return found;
    const acted = transition(found.value, event(found.value), now());
    if (!acted.ok) {
      const reason =
        acted.error === 'reason_required' ? 'bad_request' : acted.error === 'over' ? 'conflict' : 'forbidden';
      return err({ reason, message: `Refused: ${acted.error}.` } as const);
    }
    requests.set(id, acted.value.approval);
    return ok(listed(who, acted.value.approval));
  }

  const visible = (who: Identity): ListedApproval[] =>
    [...requests.keys()].reverse().flatMap((id) => {
      const found = find(who, id);
      return found.ok ? [listed(who, found.value)] : [];
    });
  const isOpen = (each: ListedApproval): boolean =>
    each.mayDecide || each.mayReview || (each.yours && /^(pending|approved)$/.test(each.state));

  function listed(who: Identity, approval: Approval): ListedApproval {
    const { subject, requester, votes, ended, claim, breakGlass, workMs, workUntil, warned, policyVersion, ...rest } =
      approval;
    const review = breakGlass?.review;
    return {
      ...rest,
      kind: subject.kind,
      requester: { email: requester.email, name: requester.name },
      resource: subject.resource,
      reason: subject.reason,
      labels: subject.labels,
      workSeconds: workMs / 1000,
      ...(workUntil ? { workUntil } : {}),
      votes: votes.map(({ by, at, comment, via }) => ({ email: by.email, at, comment, via })),
      ...(ended ? { ended } : {}),
      ...(claim ? { claim } : {}),
      ...(breakGlass
        ? { breakGlass: review ? { review: { email: review.by.email, at: review.at, comment: review.comment } } : {} }
        : {}),
      ...(isHeld(subject) && { held: subject }),
      ...(isOfRecording(subject) && { recording: { session: subject.session, owner: subject.owner } }),
      link: `/requests/${approval.id}`,
      yours: requester.email === who.email,
      mayDecide: mayDecide(approval, who, standingOf(who, approval), now()),
      mayReview: mayReview(approval, who, standingOf(who, approval)),
    };
  }

  return {
    requests,
    ask(who, resource, reason, changes = {}) {
      const { subject, email, name } = who;
      const approval: Approval = {
        id: newId('req', ids),
        subject: { kind: 'access', resource, reason, labels: {} },
        requester: { subject, email, name },
        rule: 'demo-guarded',
        policyVersion: 1,
        state: 'pending',
        askedAt: iso(now()),
        decideBy: iso(now() + HOUR_MS),
        workMs: HOUR_MS,
        needed: 1,
        votes: [],
        warned: false,
        ...changes,
      };
      requests.set(approval.id, approval);
      return approval;
    },
    async approvals(who, which) {
      note('approvals', who, which);
      const all = visible(who);
      return ok(which === 'all' ? all : all.filter(isOpen));
    },
    async inbox(who, { past }) {
      note('inbox', who, past ? 'all' : 'open');
      const all = visible(who);
      return ok({ open: all.filter(isOpen), past: past ? all.filter((each) => !isOpen(each)) : [] });
    },
    async approval(who, id) {
      note('approval', who, id);
      const found = find(who, id);
      return found.ok ? ok(listed(who, found.value)) : found;
    },
    async decideApproval(who, id, { decision, comment }, via) {
      note('decideApproval', who, id);
      return act(who, id, (approval) =>
        decision === 'approve'
          ? { kind: 'approve', by: who, comment, via, standing: standingOf(who, approval) }
          : { kind: 'deny', by: who, reason: comment, via, standing: standingOf(who, approval) },
      );
    },
    async reviewBreakGlass(who, id, comment) {
      note('reviewBreakGlass', who, id);
      return act(who, id, (approval) => ({ kind: 'review', by: who, comment, standing: standingOf(who, approval) }));
    },
    async withdrawRequest(who, id) {
      note('withdrawRequest', who, id);
      return act(who, id, () => ({ kind: 'withdraw', by: who }));
    },
    async claimRequest(who, id) {
      note('claimRequest', who, id);
      const found = find(who, id);
      if (!found.ok) return found;
      const grant = newId('grt', ids);
      const claimed = act(who, id, () => ({ kind: 'claim', by: who, grant }));
      return claimed.ok ? ok(issue(who, found.value)) : claimed;
    },
  };
}
