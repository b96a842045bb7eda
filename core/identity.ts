// Who somebody is, as the identity provider said at sign-in.

import { z } from 'zod';

export const Email = z
  .string()
  .trim()
  .toLowerCase()
  .max(254)
  .regex(/^[^\s@"<>]+@[^\s@"<>]+$/, 'expected an e-mail address');

/** As a reader would take an address: whatever its case and Unicode form, and without characters that nobody sees. For comparing alone. */
export const foldedAddress = (address: string): string =>
  address
    .replace(/\p{Default_Ignorable_Code_Point}/gu, '')
    .normalize('NFKC')
    .toUpperCase()
    .toLowerCase()
    .normalize('NFKC')
    .trim();

/** Of a group, with the provider's name before it. */
export const MAX_GROUP_CHARACTERS = 200;

/** Before each name that a program has: in its `groups`, and in a policy. No provider of people is called so. */
export const WORKLOAD_PREFIX = 'workload:';
/** Of the address by which a program's grants are kept: nobody has mail there (RFC 2606), so it is no person's. */
export const WORKLOAD_DOMAIN = 'workload.invalid';

/** Whether it is a program, by the names it has. */
export const isWorkload = ({ groups }: { readonly groups: readonly string[] }): boolean =>
  groups.some((group) => group.startsWith(WORKLOAD_PREFIX));

export const isWorkloadAddress = (email: string): boolean =>
  email.toLowerCase().endsWith(`.${WORKLOAD_DOMAIN}`) || email.toLowerCase().endsWith(`@${WORKLOAD_DOMAIN}`);

export const Identity = z.object({
  /** Issuer and subject, `https://idp.example#00u1`: stable even when the e-mail changes. */
  subject: z.string().min(1).max(512),
  email: Email,
  name: z.string().max(200),
  /**
   * Group names as the provider gave them, prefixed by the provider's name: `okta:dba`. Of a program every name that a
   * policy may call it by, `workload:github:acme/shop:ref:refs/heads/main`, and nothing else.
   */
  groups: z.array(z.string().max(MAX_GROUP_CHARACTERS)).max(1000),
  /** The provider's name in the edge's settings. */
  provider: z.string().min(1).max(64),
  /** When the person showed their credentials to the provider, ISO 8601 UTC. */
  authenticatedAt: z.iso.datetime(),
  /** The provider did not say when: `authenticatedAt` is when it vouched for them, which may be much later. */
  authTimeAssumed: z.literal(true).optional(),
  /** How they showed them, in the provider's words: OpenID Connect's `acr`, SAML's AuthnContextClassRef. */
  acr: z.string().max(256).optional(),
  /** By what means, as OpenID Connect's `amr` lists them (RFC 8176): `pwd`, `otp`, `mfa`. SAML says none. */
  amr: z.array(z.string().min(1).max(64)).max(20).optional(),
  /** When the provider wants them to sign in again: SAML's SessionNotOnOrAfter. */
  signedInUntil: z.iso.datetime().optional(),
});
export type Identity = z.infer<typeof Identity>;
