// Who may reach what: resources, requests, grants.

import type { AccessAnswer, AccessRequest, ListedGrant, ListedResource, Me } from '../../core/api.ts';
import { GRANT_SCRAM_ITERATIONS, type Grant } from '../../core/grant.ts';
import { type ConnectorId, type GrantId, newId } from '../../core/ids.ts';
import type { Identity } from '../../core/identity.ts';
import { evaluate, mayAsk } from '../../core/policy/evaluate.ts';
import { ok } from '../../core/result.ts';
import { deriveScramVerifier, fromBase64 } from '../../core/scram.ts';
import type { Answer, Gatehouse } from '../gatehouse.ts';
import { iso } from '../clock.ts';
import { connectLines } from '../grants/connect-lines.ts';
import { newToken } from '../keys.ts';
import { fault, note, standingOf, type UseCaseDeps } from './deps.ts';

const DAY_MS = 86_400_000;

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
      const online = await onlineAmong(deps, new Set(announced.map(({ connector }) => connector.id)));
      return ok(
        announced.map(({ resource, connector }) => ({
          ...resource,
          connector: { ...connector, online: online.has(connector.id) },
          mayAsk: mayAsk(standing.value.policy, who, resource),
        })),
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

async function requestAccess(deps: UseCaseDeps, who: Identity, request: AccessRequest): Answer<AccessAnswer> {
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
  });
  const requestId = newId('req', deps.clock);
  await note(deps, {
    kind: 'request.made',
    actor: who.email,
    object: resource.name,
    details: { request: requestId, reason: request.reason, ...(request.task && { task: request.task }) },
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
    return fault('denied', decision.message);
  }

  const { rule, ttlMs } = decision;
  const now = deps.clock.now();
  const grant: Grant = {
    id: newId('grt', deps.clock),
    request: requestId,
    subject: who.subject,
    email: who.email,
    resource: resource.name,
    reason: request.reason,
    labels: { ...(request.task && { task: request.task }), ...(request.trace && { trace: request.trace }) },
    from: iso(now),
    until: iso(now + ttlMs),
    rule: rule.name,
    policyVersion: version,
    obligations: {
      record: { retainDays: Math.max(1, Math.ceil(rule.record.retain / DAY_MS)) },
      ...(rule.access !== 'deny' && rule.access.maxSessions !== undefined && { maxSessions: rule.access.maxSessions }),
    },
  };
  const secret = newToken('ght', deps.clock.random);
  const salt = fromBase64(await deps.grantSalt(who.email, resource.name));
  const verifier = await deriveScramVerifier(secret.reveal(), salt, GRANT_SCRAM_ITERATIONS);
  await note(deps, {
    kind: 'grant.issued',
    actor: who.email,
    object: grant.id,
    details: {
      request: requestId,
      resource: resource.name,
      until: grant.until,
      rule: rule.name,
      policyVersion: version,
    },
  });
  const { subject, email, groups, provider, name } = who;
  const issued = await deps.grants.issue(grant, { subject, email, groups, provider, name }, verifier);
  if (!issued.ok) return fault('conflict', 'You hold too many live grants for this resource. Revoke some first.');
  return ok({
    grant: { id: grant.id, secret: secret.reveal(), resource: grant.resource, until: grant.until },
    connect: connectLines(resource, who.email, secret),
  });
}

async function revokeGrant(deps: UseCaseDeps, who: Identity, id: GrantId, reason: string): Answer<ListedGrant> {
  const standing = await standingOf(deps, who);
  if (!standing.ok) return standing;
  const stored = await deps.grants.find(id);
  const own = stored?.grant.email === who.email;
  // Others' grants are not told apart from none.
  if (!stored || (!own && !standing.value.administrator))
    return fault('not_found', 'There is no such grant among yours.');
  await note(deps, {
    kind: 'grant.revoked',
    actor: who.email,
    object: id,
    details: { reason, resource: stored.grant.resource, holder: stored.grant.email },
  });
  const revoked = await deps.grants.revoke(id, who.email, reason);
  if (!revoked) return fault('not_found', 'There is no such grant among yours.');
  const serving = await deps.directory.resource(stored.grant.resource);
  const tell = new Set<ConnectorId>([...revoked.connectors, ...(serving ? [serving.connector.id] : [])]);
  // One that is away hears of it when it links again (Grants.resume).
  await Promise.allSettled(
    [...tell].map((connector) => deps.links.push(connector, { kind: 'grant.revoked', grant: id, reason })),
  );
  return ok(revoked.listed);
}

export async function onlineAmong(
  deps: Pick<UseCaseDeps, 'links'>,
  ids: ReadonlySet<ConnectorId>,
): Promise<Set<ConnectorId>> {
  const asked = await Promise.all([...ids].map(async (id) => ((await deps.links.isLinked(id)) ? id : undefined)));
  return new Set(asked.filter((id) => id !== undefined));
}
