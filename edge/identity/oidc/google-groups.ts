// Groups of Google Workspace, which puts none into tokens, from the Directory API: their addresses. Those that somebody is in
// themselves: of groups within groups the API says nothing here. By a service account with domain-wide delegation, on behalf
// of an administrator who may read groups.

import { importPKCS8, SignJWT } from 'jose';
import { z } from 'zod';
import { err, type Result } from '../../../core/result.ts';
import type { Secret } from '../../../core/secret.ts';
import type { ServiceAccount } from '../../settings/oidc-terms.ts';
import type { Claims } from '../claims.ts';
import { allPages, AppTokens, type GroupSource, type GroupSourceFault } from './group-source.ts';

const SCOPE = 'https://www.googleapis.com/auth/admin.directory.group.readonly';
const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer';

const Page = z.object({
  /** Missing: they are in none. */
  groups: z.array(z.object({ email: z.string().min(1) })).optional(),
  nextPageToken: z.string().optional(),
});

export class GoogleGroups implements GroupSource {
  readonly #directory: string;
  readonly #account: Secret<ServiceAccount>;
  readonly #administrator: string;
  readonly #tokens = new AppTokens();

  /** `directory`: the API's address. `administrator`: on whose behalf. */
  constructor(directory: string, account: Secret<ServiceAccount>, administrator: string) {
    this.#directory = directory;
    this.#account = account;
    this.#administrator = administrator;
  }

  async groupsOf(claims: Claims): Promise<Result<readonly string[], GroupSourceFault>> {
    const { token_uri: endpoint } = this.#account.reveal();
    const token = await this.#tokens
      .get(endpoint, async () => ({ grant_type: JWT_BEARER, assertion: await this.#assertion(endpoint) }))
      // A key that is none.
      .catch(() => err<GroupSourceFault>('groups_refused'));
    if (!token.ok) return token;
    const address = new URL(`${this.#directory}/admin/directory/v1/groups`);
    // By their id at Google, which an address that was given to somebody else is not.
    address.search = new URLSearchParams({ userKey: claims.sub, maxResults: '200' }).toString();
    return allPages(address, { authorization: `Bearer ${token.value}` }, (body) => {
      const page = Page.safeParse(body);
      if (!page.success) return undefined;
      const { groups = [], nextPageToken } = page.data;
      const next = nextPageToken === undefined ? undefined : new URL(address);
      if (nextPageToken !== undefined) next?.searchParams.set('pageToken', nextPageToken);
      return { groups: groups.map(({ email }) => email.toLowerCase()), next };
    });
  }

  async #assertion(endpoint: string): Promise<string> {
    const { client_email: issuer, private_key: key } = this.#account.reveal();
    return new SignJWT({ scope: SCOPE })
      .setProtectedHeader({ alg: 'RS256', typ: 'JWT' })
      .setIssuer(issuer)
      .setSubject(this.#administrator)
      .setAudience(endpoint)
      .setIssuedAt()
      .setExpirationTime('10m')
      .sign(await importPKCS8(key, 'RS256'));
  }
}
