// Approvals of all kinds as people meet them: who sees a request, who decides on it, and the words
// for it. What may happen to one is core/approval, what holds it is objects/approval.ts; here the
// policy in force says who is who.

import type { ApprovalDecision, ListedApproval } from '../../core/api.ts';
import { type Approval, type DecidedVia, isHeld, isOfRecording, type Voter } from '../../core/approval/approval.ts';
import { standingIn } from '../../core/approval/terms.ts';
import { type ApprovalEvent, isRequester, mayDecide, mayReview } from '../../core/approval/transition.ts';
import { statementOf } from '../../core/approval/held-action.ts';
import type { RequestId } from '../../core/ids.ts';
import type { Identity } from '../../core/identity.ts';
import { ok } from '../../core/result.ts';
import type { Answer, Gatehouse, Inbox } from '../gatehouse.ts';
import type { ActFault } from '../ports/approval.ts';
import { AuditUnavailable, fault, noteCounted, noteLook, type UseCaseDeps } from './deps.ts';
import { auditorsAskUnder, type Standing, standingOf } from './standing.ts';

type ApprovalUseCases = Pick<
  Gatehouse,
  'approvals' | 'inbox' | 'approval' | 'decideApproval' | 'reviewBreakGlass' | 'withdrawRequest'
>;

const LISTED_AT_MOST = 200;

const waitsForSomebody = ({ mayDecide, mayReview, yours, state, workUntil }: ListedApproval, now: number): boolean =>
  mayDecide ||
  mayReview ||
  (yours && (state === 'pending' || (state === 'approved' && Date.parse(workUntil ?? '') > now)));

/** What makes looking at the same requests again the same look. */
const statesOf = (page: readonly ListedApproval[]): string =>
  page.map(({ id, state, votes }) => `${id} ${state} ${votes.length}`).join();

export function approvalUseCases(deps: UseCaseDeps): ApprovalUseCases {
  const waiting = (seen: readonly ListedApproval[]): ListedApproval[] => {
    const now = deps.clock.now();
    return seen.filter((approval) => waitsForSomebody(approval, now));
  };
  const visible = async (
    standing: Standing,
    who: Identity,
    which: 'open' | 'all' | 'both',
  ): Promise<ListedApproval[]> => {
    const seen = (await deps.directory.requests(which))
      .filter((approval) => maySee(standing, who, approval))
      .map((approval) => listed(deps, standing, who, approval));
    return which === 'open' ? waiting(seen) : seen;
  };

  return {
    async approvals(who, which): Answer<readonly ListedApproval[]> {
      const standing = await standingOf(deps, who);
      if (!standing.ok) return standing;
      const page = (await visible(standing.value, who, which)).slice(0, LISTED_AT_MOST);
      const details = { which, shown: page.length };
      await noteLook(deps, { kind: 'requests.listed', actor: who.email, object: 'requests', details }, statesOf(page));
      return ok(page);
    },

    async inbox(who, { past: isPastShown }): Answer<Inbox> {
      const standing = await standingOf(deps, who);
      if (!standing.ok) return standing;
      const all = await visible(standing.value, who, isPastShown ? 'both' : 'open');
      const open = waiting(all).slice(0, LISTED_AT_MOST);
      const isOpen = new Set(open.map(({ id }) => id));
      const past = all.filter(({ id }) => !isOpen.has(id)).slice(0, isPastShown ? LISTED_AT_MOST : 0);
      const details = { which: 'page', shown: open.length + past.length };
      const event = { kind: 'requests.listed' as const, actor: who.email, object: 'requests', details };
      await noteLook(deps, event, `page ${statesOf(open)}`);
      return ok({ open, past });
    },

    async approval(who, id) {
      const found = await find(deps, who, id);
      if (!found.ok) return found;
      const { approval, standing } = found.value;
      const { state, subject, votes } = approval;
      const details = { kind: subject.kind, resource: subject.resource, state };
      await noteLook(
        deps,
        { kind: 'request.viewed', actor: who.email, object: id, details },
        `${state} ${votes.length}`,
      );
      return ok(listed(deps, standing, who, approval));
    },

    decideApproval: (who, id, decision, via) => decide(deps, who, id, decision, via),

    async reviewBreakGlass(who, id, comment) {
      return act(deps, who, id, 'review', (standing) => ({ kind: 'review', by: voterOf(who), comment, standing }));
    },

    async withdrawRequest(who, id) {
      return act(deps, who, id, 'withdraw', () => ({ kind: 'withdraw', by: voterOf(who) }));
    },
  };
}

async function decide(
  deps: UseCaseDeps,
  who: Identity,
  id: RequestId,
  { decision, comment }: ApprovalDecision,
  via: DecidedVia,
): Answer<ListedApproval> {
  const by = voterOf(who);
  return act(deps, who, id, decision, (standing) =>
    decision === 'approve'
      ? { kind: 'approve', by, comment, via, standing }
      : { kind: 'deny', by, reason: comment, via, standing },
  );
}

async function act(
  deps: UseCaseDeps,
  who: Identity,
  id: RequestId,
  wanted: ApprovalEvent['kind'],
  eventOf: (standing: ReturnType<typeof standingIn>) => ApprovalEvent,
): Answer<ListedApproval> {
  const found = await find(deps, who, id);
  if (!found.ok) {
    if (found.error.reason === 'not_found')
      await noteCounted(deps, {
        kind: 'decision.refused',
        actor: who.email,
        object: id,
        details: { reason: 'not_found', wanted },
      });
    return found;
  }
  const { approval, standing } = found.value;
  const acted = await deps.approvals(id).act(eventOf(standingIn(standing.policy, approval, who)));
  if (acted.ok) return ok(listed(deps, standing, who, acted.value));
  if (REFUSED_TO.has(acted.error)) {
    await noteCounted(deps, {
      kind: 'decision.refused',
      actor: who.email,
      object: id,
      details: { reason: acted.error, wanted, resource: approval.subject.resource },
    });
  }
  return refused(acted.error, approval);
}

/** Where it is who they are that refuses it. */
const REFUSED_TO: ReadonlySet<ActFault> = new Set(['own_request', 'own_session', 'not_an_approver']);

export const SAYS: Readonly<Record<Approval['state'], string>> = {
  pending: 'Nobody has approved it yet.',
  approved: 'It is approved already.',
  claimed:
    'Its grant was fetched already, and the secret is shown once. If it is lost, revoke the grant and ask again.',
  denied: 'It was denied.',
  withdrawn: 'It was withdrawn.',
  expired: 'It has expired. Ask again.',
};

export function refused(reason: ActFault, approval: Approval) {
  switch (reason) {
    case 'own_request':
      return fault('forbidden', 'Nobody decides on what they asked for themselves.');
    case 'own_session':
      return fault('forbidden', 'Nobody decides on what is asked of a session of their own.');
    case 'not_an_approver':
      return fault('forbidden', `Rule ${approval.rule} does not name you as an approver.`);
    case 'not_the_requester':
      return fault('forbidden', 'Only whoever asked can do this.');
    case 'reason_required':
      return fault('bad_request', 'Say why: the person who asked reads it.');
    case 'over':
      return fault('conflict', 'This request is decided or over already.');
    case 'not_approved':
      return fault('conflict', SAYS.pending);
    case 'nothing_to_review':
      return fault('conflict', 'There is nothing to review: the glass was not broken for it.');
    case 'unknown':
      return fault('not_found', 'There is no such request among those you may see.');
    case 'unwritten':
      throw new AuditUnavailable('the audit log could not be written');
  }
}

/** For whoever may see it. */
export async function find(
  deps: UseCaseDeps,
  who: Identity,
  id: RequestId,
): Answer<{ approval: Approval; standing: Standing }> {
  const standing = await standingOf(deps, who);
  if (!standing.ok) return standing;
  const approval = await deps.approvals(id).read();
  // Others' requests are not told apart from none.
  if (!approval || !maySee(standing.value, who, approval)) {
    return fault('not_found', 'There is no such request among those you may see.');
  }
  return ok({ approval, standing: standing.value });
}

function maySee(standing: Standing, who: Identity, approval: Approval): boolean {
  return (
    standing.administrator ||
    standing.auditor ||
    isOwn(approval, who) ||
    standingIn(standing.policy, approval, who).isApprover
  );
}

/**
 * What waits is a piece of its session. An auditor who has to ask before they watch sees that it waits, and not what, unless it is
 * theirs to decide on; administrators answer for what is held up.
 */
const maySeeHeld = (standing: Standing, who: Identity, approval: Approval, isApprover: boolean): boolean =>
  !isHeld(approval.subject) ||
  standing.administrator ||
  isApprover ||
  isOwn(approval, who) ||
  !auditorsAskUnder(standing, approval.rule);

/** To see is not to decide: an e-mail that only looks the same shows nothing. */
const isOwn = ({ requester }: Approval, who: Identity): boolean =>
  requester.subject === who.subject || requester.email === who.email;

export const voterOf = ({ subject, email, name, groups }: Identity): Voter => ({ subject, email, name, groups });

/** The request's page in the portal. */
export const linkOf = (deps: Pick<UseCaseDeps, 'publicUrl'>, id: RequestId): string =>
  `${deps.publicUrl}/requests/${id}`;

function listed(deps: UseCaseDeps, standing: Standing, who: Identity, approval: Approval): ListedApproval {
  const { id, subject, requester, state, rule, askedAt, decideBy, workMs, workUntil, needed, votes } = approval;
  const mine = standingIn(standing.policy, approval, who);
  const review = approval.breakGlass?.review;
  return {
    id,
    kind: subject.kind,
    state,
    requester: { email: requester.email, name: requester.name },
    resource: subject.resource,
    reason: subject.reason,
    labels: subject.labels,
    rule,
    askedAt,
    decideBy,
    workSeconds: Math.round(workMs / 1000),
    ...(workUntil !== undefined && { workUntil }),
    needed: Math.max(needed, state === 'pending' ? mine.needed : 0),
    votes: votes.map(({ by, at, comment, via }) => ({ email: by.email, at, comment, via })),
    ...(approval.ended && { ended: approval.ended }),
    ...(approval.claim && { claim: approval.claim }),
    ...(approval.breakGlass && {
      breakGlass: review ? { review: { email: review.by.email, at: review.at, comment: review.comment } } : {},
    }),
    ...(maySeeHeld(standing, who, approval, mine.isApprover) && heldOf(subject)),
    link: linkOf(deps, id),
    yours: isRequester(approval, who),
    mayDecide: mayDecide(approval, who, mine, deps.clock.now()),
    mayReview: mayReview(approval, who, mine),
  };
}

function heldOf(subject: Approval['subject']): Pick<ListedApproval, 'held' | 'statement' | 'recording'> {
  if (isOfRecording(subject)) return { recording: { session: subject.session, owner: subject.owner } };
  if (subject.kind === 'access') return {};
  const { resource: _resource, reason: _reason, labels: _labels, ...held } = subject;
  const statement = statementOf(held);
  return { held, ...(statement && { statement }) };
}
