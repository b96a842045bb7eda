// Whether somebody agreed that this person watches a recording now, or is handed its originals. Asked at each look: of the
// request's own object, of the policy in force and of the clock, so that nothing outlives any of them.

import { type Approval, isOfRecording, type RecordingKind } from '../../../core/approval/approval.ts';
import { stillSuffices } from '../../../core/approval/terms.ts';
import { isRequester } from '../../../core/approval/transition.ts';
import type { RequestId, SessionId } from '../../../core/ids.ts';
import type { Identity } from '../../../core/identity.ts';
import type { UseCaseDeps } from '../deps.ts';
import type { Standing } from '../standing.ts';
import { type Owned, ruleNamed } from './viewing.ts';

interface Approved {
  readonly request: RequestId;
  /** Who agreed. */
  readonly by: readonly string[];
  readonly untilMs: number;
}

interface Asked {
  readonly kind: RecordingKind;
  readonly session: SessionId;
  readonly owned: Owned;
  /** How long it lasts under the policy in force. */
  readonly forMs: number;
}

export async function approvedNow(
  deps: UseCaseDeps,
  standing: Standing,
  who: Identity,
  asked: Asked,
): Promise<Approved | undefined> {
  for (const approval of await openRequests(deps, who, asked)) {
    const untilMs = endOf(approval, asked.forMs);
    const good =
      approval.state === 'approved' &&
      deps.clock.now() < untilMs &&
      stillSuffices(standing.policy, ruleNamed(standing, asked.owned.rule), approval);
    if (good) return { request: approval.id, by: approval.votes.map(({ by }) => by.email), untilMs };
  }
  return undefined;
}

/** This person's own for the very same, as their objects have them: the list may be a moment behind. */
export async function openRequests(
  deps: UseCaseDeps,
  who: Identity,
  { kind, session, owned }: Omit<Asked, 'forMs'>,
): Promise<Approval[]> {
  const listed = await deps.directory.openRequestsOf(who.email, kind, owned.resource, session);
  const found = await Promise.all(listed.map(({ id }) => deps.approvals(id).read()));
  return found.filter(
    (approval): approval is Approval =>
      approval !== undefined &&
      isRequester(approval, who) &&
      approval.rule === owned.rule &&
      isOfRecording(approval.subject) &&
      approval.subject.kind === kind &&
      approval.subject.session === session,
  );
}

/** A policy that gives less time now ends it earlier. */
function endOf({ workUntil, workMs }: Approval, forMs: number): number {
  const until = Date.parse(workUntil ?? '');
  return Math.min(until, until - workMs + forMs);
}
