// Where identity providers differ: what they call groups, and what they say of addresses. Everything else is OpenID Connect.

import { MANY_TENANTS, type OidcPreset } from '../../settings/oidc-terms.ts';
import type { ClaimFault, Claims } from '../claims.ts';

interface PresetTraits {
  readonly groupsClaim: string;
  readonly extraScopes: string;
  /** Whether it has people show their credentials again by `prompt=login`. */
  readonly promptsLogin: boolean;
}

export const PRESET_TRAITS: Readonly<Record<OidcPreset, PresetTraits>> = {
  generic: { groupsClaim: 'groups', extraScopes: '', promptsLogin: true },
  okta: { groupsClaim: 'groups', extraScopes: 'groups', promptsLogin: true },
  entra: { groupsClaim: 'groups', extraScopes: '', promptsLogin: true },
  // It refuses requests with a prompt that it does not know.
  google: { groupsClaim: 'groups', extraScopes: '', promptsLogin: false },
  keycloak: { groupsClaim: 'realm_access.roles', extraScopes: '', promptsLogin: true },
};

export interface PresetTerms {
  readonly preset: OidcPreset;
  readonly emailDomains: readonly string[];
  /** Of Entra ID, where people of several sign in. */
  readonly tenants: readonly string[];
}

/** `{tenantid}` stands there for the tenant of whoever signs in. undefined: it is that of one provider. */
export const issuerTemplateOf = (issuer: string): string | undefined =>
  MANY_TENANTS.test(issuer) ? issuer.replace(MANY_TENANTS, '/{tenantid}/v2.0') : undefined;

/** What only this provider tells of somebody, and has to be right; undefined: nothing is wrong. */
export function presetFault(claims: Claims, { preset, emailDomains, tenants }: PresetTerms): ClaimFault | undefined {
  switch (preset) {
    case 'entra': {
      // Anybody can make a tenant, and write any address into it.
      const { tid, xms_edov: verified } = claims;
      if (tenants.length === 0) return undefined;
      if (typeof tid !== 'string' || !tenants.includes(tid)) return 'tenant_not_allowed';
      return verified === true || verified === 'true' || verified === 1 || verified === '1'
        ? undefined
        : 'email_unverified';
    }
    case 'google': {
      // Of an account with this address that is no account of the domain: there is no `hd`.
      const { hd, email_verified: verified } = claims;
      if (typeof hd !== 'string' || !emailDomains.includes(hd.toLowerCase())) return 'hosted_domain_wrong';
      return verified === true || verified === 'true' ? undefined : 'email_unverified';
    }
    default:
      return undefined;
  }
}
