// Requests for access: how one begins, what is used instead of another, and the grant that comes of it.

import type { IssuedGrant, LiveGrant, PendingRequest } from '../../core/api.ts';
import { type Approval, isOfRecording } from '../../core/approval/approval.ts';
import { approvalOf, namedWithoutGroups, stillSuffices, workMsOf } from '../../core/approval/terms.ts';
import { isRequester } from '../../core/approval/transition.ts';
import { nounOf } from '../../core/approval/held-action.ts';
import { newId, type RequestId } from '../../core/ids.ts';
import type { Identity } from '../../core/identity.ts';
import type { ApprovalPolicy, Rule } from '../../core/policy/document.ts';
import { signInFactsOf } from '../../core/policy/conditions/sign-in.ts';
import { evaluate, isAmong } from '../../core/policy/evaluate.ts';
import type { Resource } from '../../core/resource.ts';
import { ok } from '../../core/result.ts';
import { iso } from '../clock.ts';
import type { Answer, Gatehouse } from '../gatehouse.ts';
import { find, linkOf, refused, SAYS, voterOf } from './approvals.ts';
import { fault, note, noteCounted, type UseCaseDeps } from './deps.ts';
import { standingOf } from './standing.ts';
import { issueGrant, notRecorded } from './issue-grant.ts';
import { stepUpNeeded } from './people/step-up.ts';
import { saysSomething } from '../../core/text/written-text.ts';

const BEGUN_WITHIN_MS = 30_000;
/** A live grant with this much left is used instead of asking for another. */
const WORTH_REUSING_MS = 5 * 60_000;

export const accessRequestUseCases = (deps: UseCaseDeps): Pick<Gatehouse, 'claimRequest'> => ({
  claimRequest: (who, id) => claim(deps, who, id),
});

interface Ask {
  readonly request: RequestId;
  readonly resource: Resource;
  readonly reason: string;
  readonly labels: Approval['subject']['labels'];
  readonly rule: Rule;
  readonly asked: ApprovalPolicy;
  readonly ttlMs: number;
  readonly policyVersion: number;
}

/**
 * A live grant of this person for the resource, instead of another one. One of another rule than decides now may open
 * nothing. Breaking the glass is no use where it is broken; a grant that was approved does not stand in its way.
 */
export async function alreadyHas(
  deps: UseCaseDeps,
  who: Identity,
  { resource, rule, breaking }: Pick<Ask, 'resource' | 'rule'> & { readonly breaking: boolean },
): Promise<LiveGrant | undefined> {
  const now = deps.clock.now();
  const live = (await deps.grants.list(who.email))
    .filter((grant) => grant.resource === resource.name && grant.rule === rule.name && grant.state === 'active')
    .filter(({ breakGlass }) => !breaking || breakGlass === true)
    .filter(({ from, until }) => {
      const left = Date.parse(until) - now;
      return left >= WORTH_REUSING_MS || left * 2 >= Date.parse(until) - Date.parse(from);
    })
    .sort((a, b) => Date.parse(b.until) - Date.parse(a.until))[0];
  if (!live) return undefined;
  const { id, until } = live;
  const lost = `Its secret was shown once; if it is lost, revoke ${id} and ${breaking ? 'break the glass' : 'ask'} again.`;
  return {
    live: { id, resource: live.resource, until, ...(live.breakGlass && { breakGlass: true }) },
    message: breaking
      ? `You have broken the glass for ${resource.name} already, and that grant is live. ${lost}`
      : `You hold a live grant for ${resource.name}, so none was asked for. ${lost}`,
  };
}

export const askForApproval = (deps: UseCaseDeps, who: Identity, ask: Ask): Answer<PendingRequest> =>
  beginRequest(deps, {
    ...beginning(who, ask, deps.clock.now()),
    state: 'pending',
    workMs: workMsOf(ask.asked, ask.ttlMs),
  });

/** Begins a request, or answers with the one that this person has for the same already. The caller has written it to the audit log. */
export async function beginRequest(deps: UseCaseDeps, approval: Approval): Answer<PendingRequest> {
  const before = await deps.directory.reserveRequest(approval);
  if (before) {
    const standing = await deps.approvals(before.id).read();
    if (standing) return ok(pending(deps, standing));
    // Listed and not begun: it is being made at this moment, or whoever made it broke off.
    if (deps.clock.now() - Date.parse(before.askedAt) < BEGUN_WITHIN_MS) return ok(pending(deps, before));
    await deps.directory.dropRequest(before.id);
    return fault('conflict', 'An earlier request of yours was not finished. Ask again.');
  }
  try {
    await deps.approvals(approval.id).open(approval, 'asked');
  } catch (error) {
    await deps.directory.dropRequest(approval.id);
    throw error;
  }
  return ok(pending(deps, approval));
}

/** Access at once, told to everybody: the request is there for its review and its notices. */
export async function breakGlass(deps: UseCaseDeps, who: Identity, ask: Ask): Answer<IssuedGrant> {
  const { asked, resource, rule } = ask;
  const allowed = asked.breakGlass;
  const refuse = async (reason: string, message: string) => {
    await note(deps, {
      kind: 'request.denied',
      actor: who.email,
      object: resource.name,
      details: { request: ask.request, reason, rule: rule.name, policyVersion: ask.policyVersion },
    });
    return fault('denied', message);
  };
  const standing = await standingOf(deps, who);
  if (!standing.ok) return standing;
  if (!allowed || !isAmong(standing.value.policy, allowed.who, who)) {
    return refuse('no_break_glass', `Rule ${rule.name} does not let you break the glass. Ask for an approval.`);
  }
  if (!saysSomething(ask.reason)) return refuse('reason_required', 'Breaking the glass takes a reason. Say why.');
  const now = deps.clock.now();
  const workMs = Math.min(ask.ttlMs, allowed.ttl);
  const grant = newId('grt', deps.clock);
  const approval: Approval = {
    ...beginning(who, ask, now),
    state: 'claimed',
    workMs,
    workUntil: iso(now + workMs),
    claim: { at: iso(now), grant },
    breakGlass: { reviewers: namedWithoutGroups(standing.value.policy, asked) },
  };
  await note(deps, {
    kind: 'grant.glass_broken',
    actor: who.email,
    object: approval.id,
    details: {
      resource: resource.name,
      grant,
      reason: ask.reason,
      rule: rule.name,
      until: iso(now + workMs),
      reviewers: (approval.breakGlass?.reviewers ?? []).join(', '),
      ...notRecorded(rule),
    },
  });
  // Its notices stand before the grant does: nobody is in without them.
  await deps.approvals(approval.id).open(approval, 'glass_broken');
  await deps.directory.listRequest(approval);
  return issueGrant(deps, who, {
    id: grant,
    request: approval.id,
    resource,
    reason: ask.reason,
    labels: ask.labels,
    fromMs: now,
    untilMs: now + workMs,
    rule,
    policyVersion: ask.policyVersion,
    breakGlass: true,
  });
}

/** The policy may have changed since, so it is asked again; the votes must suffice under the one in force. */
async function claim(deps: UseCaseDeps, who: Identity, id: RequestId): Answer<IssuedGrant> {
  const found = await find(deps, who, id);
  if (!found.ok) return found;
  const { approval, standing } = found.value;
  if (!isRequester(approval, who)) return fault('forbidden', 'Only whoever asked gets the grant.');
  const { subject, workMs } = approval;
  // What waits in a session goes on there, and gives no access.
  if (isOfRecording(subject))
    return fault('conflict', 'There is no grant to fetch: once it is approved, open the session.');
  if (subject.kind !== 'access')
    return fault('conflict', `A held ${nounOf(subject.kind).one} goes on by itself once it is approved.`);
  if (approval.state !== 'approved' || approval.workUntil === undefined) {
    return fault('conflict', SAYS[approval.state]);
  }
  const announced = await deps.directory.resource(subject.resource);
  if (!announced) return fault('not_found', `There is no resource called ${subject.resource} any more.`);
  const { resource } = announced;
  const { reason, labels } = subject;
  const decision = evaluate(standing.policy, {
    identity: who,
    resource,
    reason,
    task: labels.task,
    nowMs: deps.clock.now(),
    signIn: signInFactsOf(who, deps.clock.now()),
  });
  const refuse = async (why: string, message: string) => {
    await noteCounted(deps, {
      kind: 'request.denied',
      actor: who.email,
      object: id,
      details: { resource: resource.name, reason: why, policyVersion: standing.version },
    });
    return fault('denied', message);
  };
  if (decision.kind === 'deny') {
    const refused = await refuse(decision.reason, decision.message);
    const again = decision.reason === 'step_up_needed' ? decision.rule : undefined;
    return again === undefined ? refused : stepUpNeeded(deps, again, decision.message);
  }
  const { rule, ttlMs } = decision;
  if (!stillSuffices(standing.policy, rule, approval)) {
    return refuse('policy_changed', 'The policy has changed since, and the approvals no longer suffice. Ask again.');
  }
  const asked = approvalOf(rule);
  const fromMs = Date.parse(approval.workUntil) - workMs;
  const untilMs = fromMs + Math.min(workMs, asked ? workMsOf(asked, ttlMs) : ttlMs);
  if (untilMs <= deps.clock.now()) return refuse('policy_changed', 'The policy gives less time now. Ask again.');

  const grant = newId('grt', deps.clock);
  const claimed = await deps.approvals(id).act({ kind: 'claim', by: voterOf(who), grant });
  if (!claimed.ok) return refused(claimed.error, approval);
  return issueGrant(deps, who, {
    id: grant,
    request: id,
    resource,
    reason,
    labels,
    fromMs,
    untilMs,
    rule,
    policyVersion: standing.version,
  });
}

function beginning(who: Identity, ask: Ask, now: number) {
  const { subject, email, name } = who;
  return {
    id: ask.request,
    subject: { kind: 'access' as const, resource: ask.resource.name, reason: ask.reason, labels: ask.labels },
    requester: { subject, email, name },
    rule: ask.rule.name,
    policyVersion: ask.policyVersion,
    askedAt: iso(now),
    decideBy: iso(now + ask.asked.claimWithin),
    needed: ask.asked.count,
    votes: [],
    warned: false,
  };
}

const pending = (deps: UseCaseDeps, { id, state }: Approval): PendingRequest => ({
  request: { id, state, link: linkOf(deps, id) },
});
