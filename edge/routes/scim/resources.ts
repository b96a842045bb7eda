// Users, groups, lists and errors as SCIM has them on the wire (RFC 7643, RFC 7644).

import type { StoredGroup, StoredUser } from '../../ports/provisioning.ts';
import type { ScimFault } from '../../scim/fault.ts';

export const USER_SCHEMA = 'urn:ietf:params:scim:schemas:core:2.0:User';
export const GROUP_SCHEMA = 'urn:ietf:params:scim:schemas:core:2.0:Group';
const LIST_SCHEMA = 'urn:ietf:params:scim:api:messages:2.0:ListResponse';
const ERROR_SCHEMA = 'urn:ietf:params:scim:api:messages:2.0:Error';

export type ScimResource = Readonly<Record<string, unknown>>;

/** Weak: it is of what is stored, and not of these bytes. */
export const etagOf = (version: number): string => `W/"${version}"`;

const meta = (resourceType: 'User' | 'Group', stored: StoredUser | StoredGroup, base: string) => ({
  resourceType,
  created: new Date(stored.createdMs).toISOString(),
  lastModified: new Date(stored.changedMs).toISOString(),
  location: `${base}/${resourceType}s/${stored.id}`,
  version: etagOf(stored.version),
});

/** `base`: the endpoint's address. */
export const userResource = (user: StoredUser, base: string): ScimResource => ({
  schemas: [USER_SCHEMA],
  id: user.id,
  ...(user.externalId !== undefined && { externalId: user.externalId }),
  userName: user.userName,
  ...(user.displayName !== undefined && { displayName: user.displayName }),
  ...(user.name && { name: user.name }),
  emails: user.emails,
  active: user.active,
  groups: user.groups.map(({ id, displayName }) => ({
    value: id,
    $ref: `${base}/Groups/${id}`,
    display: displayName,
  })),
  meta: meta('User', user, base),
});

export const groupResource = (group: StoredGroup, base: string): ScimResource => ({
  schemas: [GROUP_SCHEMA],
  id: group.id,
  ...(group.externalId !== undefined && { externalId: group.externalId }),
  displayName: group.displayName,
  ...(group.members && {
    members: group.members.map(({ id, userName }) => ({ value: id, $ref: `${base}/Users/${id}`, display: userName })),
  }),
  meta: meta('Group', group, base),
});

/** `schemas`, `id` and `meta` always: nobody could tell what it is without. */
export function onlyWanted(
  resource: ScimResource,
  wanted: readonly string[],
  unwanted: readonly string[],
): ScimResource {
  const top = (names: readonly string[]) => names.map((name) => name.split('.')[0]?.toLowerCase() ?? '');
  const [shown, hidden] = [top(wanted), top(unwanted)];
  const always = ['schemas', 'id', 'meta'];
  return Object.fromEntries(
    Object.entries(resource).filter(([name]) => {
      const key = name.toLowerCase();
      return always.includes(key) || (shown.length > 0 ? shown.includes(key) : !hidden.includes(key));
    }),
  );
}

export const listResource = (total: number, startIndex: number, resources: readonly ScimResource[]): ScimResource => ({
  schemas: [LIST_SCHEMA],
  totalResults: total,
  startIndex,
  itemsPerPage: resources.length,
  Resources: resources,
});

export const errorResource = ({ status, scimType, detail }: ScimFault): ScimResource => ({
  schemas: [ERROR_SCHEMA],
  status: String(status),
  ...(scimType && { scimType }),
  detail,
});
