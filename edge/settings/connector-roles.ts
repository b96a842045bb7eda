// CONNECTOR_IAM_ROLES: AWS roles whose tasks may join as connectors.

import { z } from 'zod';
import { IamJoinRequest } from '../../core/connectors/iam-join.ts';
import { IamRole, type RoleName } from '../../core/connectors/iam-role.ts';
import { SiteName } from '../../core/fleet/site.ts';

/** A role, the one name that its connectors have (undefined: any), and the site whose replicas they are (undefined: of none). */
export interface AllowedRole {
  readonly role: RoleName;
  readonly name: string | undefined;
  readonly site: SiteName | undefined;
}

const WAY_OUT =
  'expected arn:aws:iam::ACCOUNT:role/NAME, without a path and without *, behind it the name of its connectors and site=SITE where they have one; a comma between roles, each role and name once';
const SITE = 'site=';

/** `arn:aws:iam::123456789012:role/NAME [name-of-its-connectors] [site=SITE], ...`. */
export const connectorIamRoles = z
  .string()
  .default('')
  .transform((text, context): readonly AllowedRole[] => {
    const all = text.split(',').flatMap((one) => (one.trim() === '' ? [] : [one.trim().split(/\s+/)]));
    const roles = all.map(readRole);
    const read = roles.flatMap((one) => one ?? []);
    const isTwice = new Set(read.map(({ role, name }) => JSON.stringify([role, name]))).size < read.length;
    if (read.length === roles.length && !isTwice) return read;
    context.addIssue({ code: 'custom', message: WAY_OUT });
    return z.NEVER;
  });

function readRole([arn = '', ...words]: readonly string[]): AllowedRole | undefined {
  const role = IamRole.safeParse(arn);
  const sites = words
    .filter((word) => word.startsWith(SITE))
    .map((word) => SiteName.safeParse(word.slice(SITE.length)));
  const [name, ...rest] = words.filter((word) => !word.startsWith(SITE));
  const isName = name === undefined || IamJoinRequest.shape.name.safeParse(name).success;
  if (!role.success || !isName || rest.length > 0 || sites.length > 1 || sites[0]?.success === false) return undefined;
  return { role: role.data, name, site: sites[0]?.data };
}
