// The one place where a grant comes into being, with its secret.

import type { IssuedGrant } from '../../core/api.ts';
import { GRANT_SCRAM_ITERATIONS, type Grant, type GrantLabels, secretDigest } from '../../core/grant.ts';
import type { GrantId, RequestId } from '../../core/ids.ts';
import type { Identity } from '../../core/identity.ts';
import { maskedUnder } from '../../core/policy/access-terms.ts';
import type { Rule } from '../../core/policy/document.ts';
import type { Resource } from '../../core/resource.ts';
import { ok } from '../../core/result.ts';
import { deriveScramVerifier, fromBase64 } from '../../core/scram.ts';
import { iso } from '../clock.ts';
import type { Answer } from '../gatehouse.ts';
import { connectLines } from '../grants/connect-lines.ts';
import { newToken } from '../keys.ts';
import { fault, note, type UseCaseDeps } from './deps.ts';
import { hostKeysOf } from './fleet/replicas.ts';
import { endGrant } from './people/end-grant.ts';

const DAY_MS = 86_400_000;

interface GrantTerms {
  readonly id: GrantId;
  readonly request: RequestId;
  readonly resource: Resource;
  readonly reason: string;
  readonly labels: GrantLabels;
  readonly fromMs: number;
  readonly untilMs: number;
  readonly rule: Rule;
  readonly policyVersion: number;
  readonly breakGlass?: boolean;
}

/** For the audit log: why what goes over sessions under the rule is not recorded. */
export const notRecorded = ({ record }: Rule): { notRecorded?: string } =>
  record.exempt === undefined ? {} : { notRecorded: record.exempt };

/** Writes it to the audit log first. The secret is in this answer and nowhere else. */
export async function issueGrant(deps: UseCaseDeps, who: Identity, terms: GrantTerms): Answer<IssuedGrant> {
  const { id, request, resource, rule, policyVersion, breakGlass } = terms;
  const grant: Grant = {
    id,
    request,
    subject: who.subject,
    email: who.email,
    resource: resource.name,
    reason: terms.reason,
    labels: terms.labels,
    from: iso(terms.fromMs),
    until: iso(terms.untilMs),
    rule: rule.name,
    policyVersion,
    obligations: {
      record: {
        retainDays: Math.max(1, Math.ceil(rule.record.retain / DAY_MS)),
        ...(rule.record.exempt !== undefined && { exempt: rule.record.exempt }),
      },
      ...(rule.access !== 'deny' && rule.access.maxSessions !== undefined && { maxSessions: rule.access.maxSessions }),
    },
    ...(breakGlass && { breakGlass: true }),
  };
  const secret = newToken('ght', deps.clock.random);
  const salt = fromBase64(await deps.grantSalt(who.email, resource.name));
  const verifier = await deriveScramVerifier(secret.reveal(), salt, GRANT_SCRAM_ITERATIONS);
  const digest = await secretDigest(secret.reveal());
  await note(deps, {
    kind: 'grant.issued',
    actor: who.email,
    object: grant.id,
    details: {
      request,
      resource: resource.name,
      until: grant.until,
      rule: rule.name,
      policyVersion,
      ...(breakGlass && { breakGlass: true }),
      ...notRecorded(rule),
    },
  });
  const { subject, email, groups, provider, name } = who;
  const hostAuthority = await deps.hostAuthority.publicLine();
  const announced = resource.endpoint.hostKey === undefined ? undefined : await deps.directory.resource(resource.name);
  const hostKeys = hostKeysOf(announced ?? { resource, replicas: [] });
  const issued = await deps.grants.issue(grant, { subject, email, groups, provider, name }, verifier, digest);
  if (!issued.ok) return fault('conflict', 'You hold too many live grants for this resource. Revoke some first.');
  // All that they had may have ended while this was made.
  if (await deps.directory.isCutOff(who.email)) {
    await endGrant({ ...deps, push: deps.links.push }, grant, 'gatehouse', 'access ended');
    return fault('denied', 'Your access was ended just now. Sign in again, and ask again.');
  }
  const masks = maskedUnder(rule, resource.protocol);
  return ok({
    grant: {
      id: grant.id,
      secret: secret.reveal(),
      resource: grant.resource,
      until: grant.until,
      ...(breakGlass && { breakGlass: true }),
      ...(masks.length > 0 && { masks }),
    },
    connect: connectLines(resource, who.email, secret, { publicUrl: deps.publicUrl, hostAuthority, hostKeys }),
  });
}
