// Groups of somebody who has more than Entra ID puts into a token (200), from Microsoft Graph: their ids, as in the token, with
// those that they are in by way of others. As the application itself, which takes GroupMember.Read.All or Directory.Read.All.

import { z } from 'zod';
import { err, type Result } from '../../../core/result.ts';
import type { Secret } from '../../../core/secret.ts';
import type { Claims } from '../claims.ts';
import { allPages, AppTokens, type GroupSource, type GroupSourceFault } from './group-source.ts';

const Page = z.object({
  value: z.array(z.object({ id: z.uuid() })),
  '@odata.nextLink': z.url().optional(),
});

export class EntraGroups implements GroupSource {
  readonly #graph: string;
  readonly #clientId: string;
  readonly #clientSecret: Secret<string>;
  readonly #tokens = new AppTokens();

  /** `graph`: its address, of the cloud that the tenant is in. */
  constructor(graph: string, clientId: string, clientSecret: Secret<string>) {
    this.#graph = graph;
    this.#clientId = clientId;
    this.#clientSecret = clientSecret;
  }

  async groupsOf(claims: Claims): Promise<Result<readonly string[], GroupSourceFault>> {
    const oid = z.uuid().safeParse(claims.oid);
    if (!oid.success) return err('groups_unreadable');
    // The tenant's own, also where people of several sign in: the issuer was validated.
    const endpoint = `${claims.iss.replace(/\/v2\.0$/, '')}/oauth2/v2.0/token`;
    const token = await this.#tokens.get(endpoint, async () => ({
      grant_type: 'client_credentials',
      client_id: this.#clientId,
      client_secret: this.#clientSecret.reveal(),
      scope: `${this.#graph}/.default`,
    }));
    if (!token.ok) return token;
    const address = new URL(`${this.#graph}/v1.0/users/${oid.data}/transitiveMemberOf/microsoft.graph.group`);
    address.search = '$select=id&$top=999&$count=true';
    // A cast to groups alone is an advanced query, which takes this header and $count.
    const headers = { authorization: `Bearer ${token.value}`, consistencylevel: 'eventual' };
    return allPages(address, headers, (body) => {
      const page = Page.safeParse(body);
      if (!page.success) return undefined;
      const next = page.data['@odata.nextLink'];
      return { groups: page.data.value.map(({ id }) => id), next: next === undefined ? undefined : new URL(next) };
    });
  }
}
