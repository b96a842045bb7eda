// Ending one live session. Its own person may, administrators (who may revoke any grant, which is more) and
// auditors (who see every session, and so are the ones who see what should not go on). Whoever may approve may not: an
// approver decides on what was asked of them, before it begins. The grant stays, so its person can connect again.

import type { EndedSession } from '../../core/api.ts';
import type { ConnectorId, GrantId, SessionId } from '../../core/ids.ts';
import type { Identity } from '../../core/identity.ts';
import type { ResourceName } from '../../core/resource.ts';
import { ok, unreachable } from '../../core/result.ts';
import type { Answer, Gatehouse } from '../gatehouse.ts';
import type { EndAnswer } from '../ports/connector-link.ts';
import { fault, note, noteCounted, noteLook, type UseCaseDeps } from './deps.ts';
import { standingOf } from './standing.ts';
import { ownerByRecord, viewRight } from './views/viewing.ts';

export function endSessionUseCases(deps: UseCaseDeps): Pick<Gatehouse, 'sessionToEnd' | 'endSession'> {
  return {
    async sessionToEnd(who, id) {
      const found = await findSession(deps, who, id);
      if (!found.ok) return found;
      const { email, resource, grant, carriedBy } = found.value;
      return ok({ session: id, email, resource, grant, running: carriedBy !== undefined });
    },
    endSession: (who, id, reason) => endSession(deps, who, id, reason),
  };
}

interface Found {
  readonly email: string;
  readonly resource: ResourceName;
  readonly grant: GrantId;
  /** undefined: it is over. */
  readonly carriedBy: ConnectorId | undefined;
}

/** By what the edge itself knows; the archive is not asked. Others' sessions are not told apart from none. */
async function findSession(deps: UseCaseDeps, who: Identity, id: SessionId): Answer<Found> {
  const [standing, running, [admission]] = await Promise.all([
    standingOf(deps, who),
    deps.grants.runningSession(id),
    deps.witness.admissions([id]),
  ]);
  if (!standing.ok) return standing;
  const subject = running?.identity.subject ?? admission?.admitted?.subject;
  const own = subject === who.subject;
  const may = standing.value.administrator || standing.value.auditor || own;
  if (may && running)
    return ok({
      email: running.grant.email,
      resource: running.grant.resource,
      grant: running.grant.id,
      carriedBy: running.connector,
    });
  // Of one that is over there is nothing to end: what it was is for whoever may view it.
  if (admission?.admitted && (own || viewRight(standing.value, who, ownerByRecord(admission)).kind === 'now')) {
    const event = { kind: 'session.viewed' as const, actor: who.email, object: id, details: { part: 'detail' } };
    if (!own) await noteLook(deps, event, 'detail');
    return ok({ ...admission.admitted, carriedBy: undefined });
  }
  const details = {
    reason: running || admission ? 'policy_denied' : 'unknown_session',
    wanted: 'session.end_requested',
  };
  await noteCounted(deps, { kind: 'attempt.refused', actor: who.email, object: id, details });
  return fault(
    'not_found',
    'No such session runs among those you may end: your own, or any for administrators and auditors.',
  );
}

async function endSession(deps: UseCaseDeps, who: Identity, id: SessionId, reason: string): Answer<EndedSession> {
  const found = await findSession(deps, who, id);
  if (!found.ok) return found;
  const { email, resource, grant, carriedBy } = found.value;
  if (carriedBy === undefined) return ok({ session: id, email, resource, state: 'over' });
  const event = {
    kind: 'session.end_requested' as const,
    actor: who.email,
    object: id,
    details: { reason, resource, holder: email, grant, connector: carriedBy },
  };
  await note(deps, event);
  const answer = await deps.links.endSession(carriedBy, { kind: 'session.end', session: id, by: who.email, reason });
  if (answer === 'told') return ok({ session: id, email, resource, state: 'ending' });
  // What the entry above says did not happen.
  await note(deps, { ...event, details: { ...event.details, undelivered: answer } });
  return notEnded(answer, grant);
}

function notEnded(answer: Exclude<EndAnswer, 'told'>, grant: GrantId) {
  switch (answer) {
    case 'not_linked':
      return fault(
        'unavailable',
        `The session goes on: its connector is not linked to Gatehouse now and heard nothing. Revoke the grant ${grant} instead: no session begins on it any more, and the connector ends this one as soon as it is back.`,
      );
    case 'too_old':
      return fault(
        'conflict',
        `The session goes on: its connector is of an earlier release, which cannot end one session alone. Revoke the grant ${grant} instead: that ends all sessions on it.`,
      );
    default:
      return unreachable(answer);
  }
}
