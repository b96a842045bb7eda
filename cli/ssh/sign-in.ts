// A live grant of one's own for an SSH resource, and a key certified for it.

import { type IssuedSshCertificate as Issued, IssuedSshCertificate } from '../../core/api.ts';
import type { GrantId } from '../../core/ids.ts';
import type { ResourceName } from '../../core/resource.ts';
import { type AccessOptions, askForGrant } from '../access/ask-access.ts';
import type { ApiClient } from '../api-client.ts';

/** Asks for one where there is none. */
export async function askGrant(client: ApiClient, resource: ResourceName, options: AccessOptions): Promise<GrantId> {
  const answer = await askForGrant(client, resource, options);
  return 'live' in answer ? answer.live.id : answer.grant.id;
}

export const certify = (client: ApiClient, grant: GrantId, publicKey: string): Promise<Issued> =>
  client.post(`/grants/${grant}/ssh-certificate`, { publicKey }, IssuedSshCertificate);
