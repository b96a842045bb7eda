// Who may reach what: resources, requests, grants.

import type { AccessAnswer, AccessRequest, ListedGrant, ListedResource, Me } from '../../core/api.ts';
import type { AuditEvent } from '../../core/audit/audit.ts';
import { approvalFor, approvalOf } from '../../core/approval/terms.ts';
import { type GrantId, newId } from '../../core/ids.ts';
import type { Identity } from '../../core/identity.ts';
import { accessTerms } from '../../core/policy/access-terms.ts';
import { signInFactsOf } from '../../core/policy/conditions/sign-in.ts';
import { evaluate, mayAsk } from '../../core/policy/evaluate.ts';
import { ok } from '../../core/result.ts';
import type { Answer, Gatehouse } from '../gatehouse.ts';
import { alreadyHas, askForApproval, breakGlass } from './access-requests.ts';
import { fault, note, noteCounted, type UseCaseDeps } from './deps.ts';
import { standingOf } from './standing.ts';
import { issueGrant, notRecorded } from './issue-grant.ts';
import { stepUpNeeded } from './people/step-up.ts';
import { endGrant } from './people/end-grant.ts';
import { byHealth, standingsOf } from './fleet/replicas.ts';

export function accessUseCases(
  deps: UseCaseDeps,
): Pick<Gatehouse, 'me' | 'resources' | 'requestAccess' | 'grants' | 'revokeGrant'> {
  return {
    async me(who): Answer<Me> {
      const standing = await standingOf(deps, who);
      if (!standing.ok) return standing;
      const { administrator, auditor } = standing.value;
      return ok({ identity: who, administrator, auditor });
    },

    async resources(who): Answer<readonly ListedResource[]> {
      const standing = await standingOf(deps, who);
      if (!standing.ok) return standing;
      const announced = await deps.directory.resources();
      const standings = await standingsOf(
        deps,
        announced.flatMap(({ replicas }) => replicas.map(({ id }) => id)),
      );
      return ok(
        announced.map(({ resource, connector: first, replicas, target }) => {
          const [best] = byHealth(replicas, standings, deps.clock.now());
          const { id, name, site } = best ?? first;
          const approval = approvalFor(standing.value.policy, who, resource);
          const terms = accessTerms(standing.value.policy, who, resource);
          return {
            ...resource,
            connector: {
              id,
              name,
              ...(site !== undefined && { site }),
              online: best !== undefined,
              ...(best?.standing.draining && { draining: true }),
            },
            ...(target && { target }),
            mayAsk: mayAsk(standing.value.policy, who, resource),
            ...(approval && { approval }),
            ...(terms && { terms }),
          };
        }),
      );
    },

    requestAccess: (who, request) => requestAccess(deps, who, request),

    async grants(who): Answer<readonly ListedGrant[]> {
      const standing = await standingOf(deps, who);
      if (!standing.ok) return standing;
      const all = standing.value.administrator || standing.value.auditor;
      return ok(await deps.grants.list(all ? undefined : who.email));
    },

    revokeGrant: (who, grant, reason) => revokeGrant(deps, who, grant, reason),
  };
}

/** `seen`: for the audit log, of a program: what its provider says of it. */
export async function requestAccess(
  deps: UseCaseDeps,
  who: Identity,
  request: AccessRequest,
  seen: AuditEvent['details'] = {},
): Answer<AccessAnswer> {
  // Each is written down, whatever becomes of it.
  if (!(await deps.directory.allow('request', who.email)))
    return fault('rate_limited', 'You have asked for access too often. Wait a minute.');
  const standing = await standingOf(deps, who);
  if (!standing.ok) return standing;
  const { policy, version } = standing.value;
  const announced = await deps.directory.resource(request.resource);
  if (!announced)
    return fault('not_found', `There is no resource called ${request.resource}. See the list of resources.`);
  const { resource } = announced;

  const decision = evaluate(policy, {
    identity: who,
    resource,
    reason: request.reason,
    task: request.task,
    forMs: request.seconds === undefined ? undefined : request.seconds * 1000,
    nowMs: deps.clock.now(),
    signIn: signInFactsOf(who, deps.clock.now()),
  });
  const requestId = newId('req', deps.clock);
  await note(deps, {
    kind: 'request.made',
    actor: who.email,
    object: resource.name,
    details: {
      request: requestId,
      reason: request.reason,
      ...(request.task && { task: request.task }),
      ...seen,
      ...(decision.kind === 'allow' && notRecorded(decision.rule)),
    },
  });
  if (decision.kind === 'deny') {
    await note(deps, {
      kind: 'request.denied',
      actor: who.email,
      object: resource.name,
      details: {
        request: requestId,
        reason: decision.reason,
        policyVersion: version,
        ...(decision.rule && { rule: decision.rule }),
      },
    });
    return decision.reason === 'step_up_needed' && decision.rule !== undefined
      ? stepUpNeeded(deps, decision.rule, decision.message)
      : fault('denied', decision.message);
  }

  const { rule, ttlMs } = decision;
  const labels = { ...(request.task && { task: request.task }), ...(request.trace && { trace: request.trace }) };
  const asked = approvalOf(rule);
  if (asked) {
    const ask = {
      request: requestId,
      resource,
      reason: request.reason,
      labels,
      rule,
      asked,
      ttlMs,
      policyVersion: version,
    };
    const breaking = request.breakGlass === true;
    const live = await alreadyHas(deps, who, { ...ask, breaking });
    if (live) return ok(live);
    return breaking ? breakGlass(deps, who, ask) : askForApproval(deps, who, ask);
  }
  const now = deps.clock.now();
  return issueGrant(deps, who, {
    id: newId('grt', deps.clock),
    request: requestId,
    resource,
    reason: request.reason,
    labels,
    fromMs: now,
    untilMs: now + ttlMs,
    rule,
    policyVersion: version,
  });
}

async function revokeGrant(deps: UseCaseDeps, who: Identity, id: GrantId, reason: string): Answer<ListedGrant> {
  const standing = await standingOf(deps, who);
  if (!standing.ok) return standing;
  const stored = await deps.grants.find(id);
  const own = stored?.grant.email === who.email;
  // Others' grants are not told apart from none.
  if (!stored || (!own && !standing.value.administrator)) {
    await noteCounted(deps, {
      kind: 'revocation.refused',
      actor: who.email,
      object: id,
      details: { reason: stored ? 'not_the_holder' : 'unknown_grant' },
    });
    return fault('not_found', 'There is no such grant among yours.');
  }
  const ended = await endGrant({ ...deps, push: deps.links.push }, stored.grant, who.email, reason);
  return ended ? ok(ended.listed) : fault('not_found', 'There is no such grant among yours.');
}
