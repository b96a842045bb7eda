// Settings of SAML sign-in, as they stand beside the edge's others (edge/settings.ts puts them together).

import { z } from 'zod';
import { type Secret, secret } from '../../core/secret.ts';
import { emailDomains, providerName, trueOrFalse } from './provider.ts';

const PRIVATE_KEY = /-----BEGIN PRIVATE KEY-----([A-Za-z0-9+/=\s]+)-----END PRIVATE KEY-----/g;
const CERTIFICATE = /-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----/g;

const pemBlocks = (text: string, block: RegExp): readonly Uint8Array<ArrayBuffer>[] | undefined => {
  const blocks = [...text.matchAll(block)].map(([, base64 = '']) => base64.replace(/\s+/g, ''));
  if (blocks.length === 0 || text.replace(block, '').trim() !== '') return undefined;
  try {
    return blocks.map((base64) => Uint8Array.from(atob(base64), (character) => character.charCodeAt(0)));
  } catch {
    return undefined;
  }
};

const attribute = z.string().min(1).max(200);

export const SAML_SETTINGS = {
  /** The identity provider's metadata, as XML; or where it is fetched, with its entity id beside. */
  SAML_IDP_METADATA: z.string().startsWith('<', 'expected XML').optional(),
  SAML_IDP_METADATA_URL: z.url({ protocol: /^https?$/ }).optional(),
  SAML_IDP_ENTITY_ID: z.string().min(1).max(400).optional(),
  /** Ours. Default: the address of our metadata. */
  SAML_ENTITY_ID: z.string().min(1).max(400).optional(),
  SAML_PROVIDER_NAME: providerName.optional(),
  /** PEM, PKCS #8, RSA: the first signs requests, all of them open what was encrypted for us. */
  SAML_PRIVATE_KEY: z
    .string()
    .transform((text, context): Secret<readonly Uint8Array<ArrayBuffer>[]> => {
      const keys = pemBlocks(text, PRIVATE_KEY);
      if (keys) return secret(keys);
      context.addIssue({
        code: 'custom',
        message: 'expected PEM: -----BEGIN PRIVATE KEY----- (PKCS #8, not encrypted)',
      });
      return z.NEVER;
    })
    .optional(),
  /** PEM, in the order of the keys. */
  SAML_CERTIFICATE: z
    .string()
    .transform((text, context): readonly Uint8Array<ArrayBuffer>[] => {
      const certificates = pemBlocks(text, CERTIFICATE);
      if (certificates) return certificates;
      context.addIssue({ code: 'custom', message: 'expected PEM: -----BEGIN CERTIFICATE-----' });
      return z.NEVER;
    })
    .optional(),
  SAML_SIGNED: z.enum(['assertion', 'response', 'both']).default('assertion'),
  SAML_NAME_ID_FORMAT: z.enum(['any', 'email', 'persistent', 'transient']).default('any'),
  /** Instead of the NameID, where that is not the same at every sign-in. */
  SAML_SUBJECT_ATTRIBUTE: attribute.optional(),
  /** `NameID`: the NameID, which has to be of the format emailAddress then. */
  SAML_EMAIL_ATTRIBUTE: attribute.default('email'),
  SAML_NAME_ATTRIBUTE: attribute.default('displayName'),
  SAML_GROUPS_ATTRIBUTE: attribute.default('groups'),
  SAML_GROUPS_REQUIRED: trueOrFalse.default(true),
  SAML_EMAIL_DOMAINS: emailDomains,
  /** People show their credentials at each sign-in, whatever session they have at the provider. */
  SAML_FORCE_AUTHN: trueOrFalse.default(false),
  /** AuthnContextClassRef, by blanks: one of them, exactly. */
  SAML_AUTHN_CONTEXT: z
    .string()
    .default('')
    .transform((text): readonly string[] => text.split(/\s+/).filter((context) => context !== '')),
  /** Also sign-ins that nobody began here. docs/identity.md says what that costs. */
  SAML_IDP_INITIATED: trueOrFalse.default(false),
};
