// Who somebody is, as the identity provider said at sign-in.

import { z } from 'zod';

export const Email = z
  .string()
  .trim()
  .toLowerCase()
  .max(254)
  .regex(/^[^\s@"<>]+@[^\s@"<>]+$/, 'expected an e-mail address');

/** Of a group, with the provider's name before it. */
export const MAX_GROUP_CHARACTERS = 200;

export const Identity = z.object({
  /** Issuer and subject, `https://idp.example#00u1`: stable even when the e-mail changes. */
  subject: z.string().min(1).max(512),
  email: Email,
  name: z.string().max(200),
  /** Group names as the provider gave them, prefixed by the provider's name: `okta:dba`. */
  groups: z.array(z.string().max(MAX_GROUP_CHARACTERS)).max(1000),
  /** The provider's name in the edge's settings. */
  provider: z.string().min(1).max(64),
  /** When the person showed their credentials to the provider, ISO 8601 UTC. */
  authenticatedAt: z.iso.datetime(),
  /** How they showed them, in the provider's words: OpenID Connect's `acr`, SAML's AuthnContextClassRef. */
  acr: z.string().max(256).optional(),
  /** When the provider wants them to sign in again: SAML's SessionNotOnOrAfter. */
  signedInUntil: z.iso.datetime().optional(),
});
export type Identity = z.infer<typeof Identity>;
