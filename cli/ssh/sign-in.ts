// A live grant of one's own for an SSH resource, and a key certified for it.

import { type IssuedSshCertificate as Issued, GrantList, IssuedSshCertificate, Me } from '../../core/api.ts';
import type { GrantId } from '../../core/ids.ts';
import type { ResourceName } from '../../core/resource.ts';
import { type AccessOptions, askAccess } from '../access/ask-access.ts';
import type { ApiClient } from '../api-client.ts';
import { Failure } from '../failure.ts';
import { line } from '../terminal-text.ts';

/** Of this person's grants for the resource those that are live, the one that lasts longest first. */
export async function liveGrants(client: ApiClient, resource: ResourceName): Promise<readonly GrantId[]> {
  const [{ identity }, { grants }] = await Promise.all([client.get('/me', Me), client.get('/grants', GrantList)]);
  return grants
    .filter((grant) => grant.resource === resource && grant.state === 'active' && grant.email === identity.email)
    .sort((a, b) => Date.parse(b.until) - Date.parse(a.until))
    .map(({ id }) => id);
}

/** Asks for one where there is none. A request that still waits is a failure: there is nothing to sign in with. */
export async function askGrant(client: ApiClient, resource: ResourceName, options: AccessOptions): Promise<GrantId> {
  const answer = await askAccess(client, resource, options).catch((error: unknown) => {
    if (!(error instanceof Failure) || error.reason !== 'denied' || options.reason !== undefined) throw error;
    const { message, details } = error;
    throw new Failure(1, 'denied', `${message} (--reason TEXT says why)`, details);
  });
  if ('live' in answer) return answer.live.id;
  if ('grant' in answer) return answer.grant.id;
  const { id, link } = answer.request;
  throw new Failure(
    1,
    'pending',
    `the request ${id} waits for approval: ${line(link)} (--wait SECONDS waits for it, and so does the same command later)`,
  );
}

export const certify = (client: ApiClient, grant: GrantId, publicKey: string): Promise<Issued> =>
  client.post(`/grants/${grant}/ssh-certificate`, { publicKey }, IssuedSshCertificate);
