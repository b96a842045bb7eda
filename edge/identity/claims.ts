// From what the provider says of somebody to an Identity, or to the reason why it is nobody. Groups
// that the provider left out must not pass for no groups: a rule that denies by one would not fit.

import { Identity, isWorkloadAddress } from '../../core/identity.ts';
import { err, ok, type Result } from '../../core/result.ts';

export interface ClaimSettings {
  /** Name of the claim, or its path: `realm_access.roles`. */
  readonly groupsClaim: string;
  /** Whether somebody without the claim is refused. */
  readonly groupsRequired: boolean;
  /** Whoever else is refused; empty: any. */
  readonly emailDomains: readonly string[];
  /** Prefix of group names, and `Identity.provider`. */
  readonly providerName: string;
}

export type ClaimFault =
  | 'email_missing'
  | 'email_unverified'
  | 'email_domain_not_allowed'
  | 'tenant_not_allowed'
  | 'hosted_domain_wrong'
  | 'groups_left_out'
  | 'groups_missing'
  | 'groups_unreadable'
  | 'response_wrong';

export type Claims = Readonly<Record<string, unknown>> & {
  readonly iss: string;
  readonly sub: string;
  readonly iat: number;
  readonly auth_time?: number | undefined;
};

/** `saysVerified`: the provider declares that it says of addresses whether they are verified (`claims_supported`). */
export function identityOf(
  claims: Claims,
  settings: ClaimSettings,
  saysVerified: boolean,
): Result<Identity, ClaimFault> {
  const { email_verified: verified } = claims;
  const isVerified = verified === true || verified === 'true' || (verified === undefined && !saysVerified);
  if (typeof claims.email !== 'string' || claims.email === '') return err('email_missing');
  if (!isVerified) return err('email_unverified');
  const groups = groupsIn(claims, settings);
  if (!groups.ok) return groups;
  const identity = Identity.safeParse({
    subject: `${claims.iss}#${claims.sub}`,
    email: claims.email,
    name: typeof claims.name === 'string' ? claims.name.slice(0, 200) : claims.email.slice(0, 200),
    groups: groups.value.map((group) => `${settings.providerName}:${group}`),
    provider: settings.providerName,
    authenticatedAt: new Date((claims.auth_time ?? claims.iat) * 1000).toISOString(),
    ...(claims.auth_time === undefined && { authTimeAssumed: true }),
    ...amrOf(claims.amr),
    ...(typeof claims.acr === 'string' && claims.acr.length <= 256 && { acr: claims.acr }),
  });
  if (!identity.success) {
    const at = identity.error.issues[0]?.path[0];
    return err(at === 'email' ? 'email_missing' : at === 'groups' ? 'groups_unreadable' : 'response_wrong');
  }
  const domain = identity.data.email.slice(identity.data.email.lastIndexOf('@') + 1);
  // An address that only programs have.
  if (isWorkloadAddress(identity.data.email)) return err('email_domain_not_allowed');
  const allowed = settings.emailDomains.length === 0 || settings.emailDomains.includes(domain);
  return allowed ? ok(identity.data) : err('email_domain_not_allowed');
}

/** A list that cannot be kept as it is proves nothing. */
function amrOf(listed: unknown): Pick<Identity, 'amr'> {
  const methods = Identity.shape.amr.safeParse(listed);
  return methods.success && methods.data && methods.data.length > 0 ? { amr: methods.data } : {};
}

function groupsIn(
  claims: Claims,
  { groupsClaim, groupsRequired }: ClaimSettings,
): Result<readonly string[], ClaimFault> {
  const listed = claimAt(claims, groupsClaim);
  if (listed === undefined || listed === null) {
    if (leavesOut(claims, groupsClaim)) return err('groups_left_out');
    return groupsRequired ? err('groups_missing') : ok([]);
  }
  const groups: readonly unknown[] = Array.isArray(listed) ? listed : [listed];
  return groups.every((group) => typeof group === 'string' && group !== '')
    ? ok(groups as readonly string[])
    : err('groups_unreadable');
}

/** A claim of the very name goes first: some names are addresses, with dots in them. */
export function claimAt(claims: Readonly<Record<string, unknown>>, name: string): unknown {
  if (Object.hasOwn(claims, name)) return claims[name];
  // Clients of Keycloak may have dots in their names: the longest name that is there.
  const parts = name.split('.');
  for (let length = parts.length - 1; length > 0; length--) {
    const first = parts.slice(0, length).join('.');
    const inside: unknown = Object.hasOwn(claims, first) ? claims[first] : undefined;
    if (typeof inside === 'object' && inside !== null && !Array.isArray(inside))
      return claimAt(inside as Readonly<Record<string, unknown>>, parts.slice(length).join('.'));
  }
  return undefined;
}

/**
 * Aggregated and distributed claims (OIDC Core 5.6.2): `_claim_names` names what has to be fetched elsewhere. Entra does so beyond
 * 200 groups, and says `hasgroups` where even that does not fit.
 */
export function leavesOut(claims: Claims, groupsClaim: string): boolean {
  const { _claim_names: elsewhere, hasgroups } = claims;
  if (hasgroups === true || hasgroups === 'true') return true;
  const first = groupsClaim.split('.')[0] ?? groupsClaim;
  return (
    typeof elsewhere === 'object' &&
    elsewhere !== null &&
    [groupsClaim, first, 'groups'].some((name) => Object.hasOwn(elsewhere, name))
  );
}

/** For the person, with the way out; undefined: nothing that would help them. */
export function claimFaultWords(fault: string): string | undefined {
  return Object.hasOwn(WORDS, fault) ? WORDS[fault as ClaimFault] : undefined;
}

const TELL = 'Tell whoever runs Gatehouse.';
const WORDS: Readonly<Record<ClaimFault, string | undefined>> = {
  email_missing: `The identity provider gave no e-mail address for you. ${TELL}`,
  email_unverified:
    'Your e-mail address is not verified at the identity provider. Verify it there, then sign in again.',
  tenant_not_allowed: 'People of your organisation may not sign in here. Use the account of your work.',
  hosted_domain_wrong:
    'This is no account of a company that may sign in here. Use the account of your work, and no personal one.',
  email_domain_not_allowed: 'Addresses of your domain may not sign in here. Use the account of your work.',
  groups_left_out: `You are in more groups than the identity provider puts into a sign-in, so nobody can tell which rules are for you. ${TELL} The provider can be set to send only the groups of this application, or application roles.`,
  groups_missing: `The identity provider did not say which groups you are in, so nobody can tell which rules are for you. ${TELL} The claim is named by OIDC_GROUPS_CLAIM (SAML: SAML_GROUPS_ATTRIBUTE); with OIDC_GROUPS_REQUIRED=false (SAML_GROUPS_REQUIRED=false) people without it sign in without groups.`,
  groups_unreadable: `The identity provider lists your groups in a form that is not understood. ${TELL}`,
  response_wrong: undefined,
};
