// Words of the settings of OpenID Connect, which its providers know too.

import { z } from 'zod';

export const OIDC_PRESETS = ['generic', 'okta', 'entra', 'google', 'keycloak'] as const;
export type OidcPreset = (typeof OIDC_PRESETS)[number];

/** Of Entra ID: an issuer's address that is of no single tenant. */
export const MANY_TENANTS = /\/(?:organizations|common)\/v2\.0$/;

/** The JSON key that Google hands out, as far as it is needed. */
export const ServiceAccount = z.object({
  client_email: z.string().min(1),
  private_key: z.string().includes('PRIVATE KEY'),
  token_uri: z.url(),
});
export type ServiceAccount = z.infer<typeof ServiceAccount>;
