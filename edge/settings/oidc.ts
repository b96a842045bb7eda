// Settings of OpenID Connect, and what has to come together in those of each provider.

import { z } from 'zod';
import { Email } from '../../core/identity.ts';
import { type Secret, secret } from '../../core/secret.ts';
import { MANY_TENANTS, OIDC_PRESETS, ServiceAccount } from './oidc-terms.ts';
import { emailDomains, providerName, trueOrFalse } from './provider.ts';

const isLoopback = (url: URL): boolean => ['localhost', '127.0.0.1', '[::1]'].includes(url.hostname);

const apiAddress = (otherwise: string) =>
  z
    .url({ protocol: /^https?$/ })
    .refine((text) => text.startsWith('https:') || isLoopback(new URL(text)), 'plain http is for loopback only')
    .default(otherwise)
    .transform((text) => text.replace(/\/+$/, ''));

export const OIDC_SETTINGS = {
  OIDC_PRESET: z.enum(OIDC_PRESETS, { error: `expected one of ${OIDC_PRESETS.join(', ')}` }).default('generic'),
  OIDC_ISSUER: z.url({ protocol: /^https?$/ }).optional(),
  OIDC_CLIENT_ID: z.string().min(1).optional(),
  /** Missing for public clients. */
  OIDC_CLIENT_SECRET: z
    .string()
    .min(1)
    .transform((text): Secret<string> => secret(text))
    .optional(),
  /** Missing: the preset's. */
  OIDC_GROUPS_CLAIM: z.string().min(1).optional(),
  /** `false`: somebody of whom the provider does not say the groups signs in without any. */
  OIDC_GROUPS_REQUIRED: trueOrFalse.default(true),
  OIDC_EMAIL_DOMAINS: emailDomains,
  /** More scopes than `openid email profile`, by blanks: where the provider wants one for groups. Missing: the preset's. */
  OIDC_EXTRA_SCOPES: z.string().optional(),
  PROVIDER_NAME: providerName.optional(),
  /** Entra ID: ids of tenants whose people sign in, where OIDC_ISSUER is of no single one. */
  OIDC_TENANTS: z
    .string()
    .default('')
    .transform((text): readonly string[] =>
      text
        .toLowerCase()
        .split(/[\s,]+/)
        .filter((id) => id !== ''),
    )
    .refine((ids) => ids.every((id) => z.uuid().safeParse(id).success), 'expected ids of tenants (UUIDs)'),
  /** Entra ID: groups of whoever has more than a token holds come from Microsoft Graph. `false`: they are refused. */
  ENTRA_GRAPH: trueOrFalse.default(false),
  ENTRA_GRAPH_URL: apiAddress('https://graph.microsoft.com'),
  /** Google Workspace: the JSON key of the service account that reads groups. */
  GOOGLE_SERVICE_ACCOUNT: z
    .string()
    .transform((text, context): Secret<ServiceAccount> => {
      const parsed = ServiceAccount.safeParse(jsonOf(text));
      const address = parsed.data && new URL(parsed.data.token_uri);
      if (parsed.success && address && (address.protocol === 'https:' || isLoopback(address)))
        return secret(parsed.data);
      context.addIssue({
        code: 'custom',
        message: 'expected the JSON key of a service account, with client_email, private_key and token_uri',
      });
      return z.NEVER;
    })
    .optional(),
  /** Google Workspace: on whose behalf it reads them. */
  GOOGLE_ADMIN: Email.optional(),
  GOOGLE_DIRECTORY_URL: apiAddress('https://admin.googleapis.com'),
};

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const Settings = z.object(OIDC_SETTINGS);

/** Each with the setting that is to be changed. */
export function oidcMistakes(
  settings: z.output<typeof Settings>,
): { readonly name: string; readonly message: string }[] {
  const { OIDC_PRESET: preset, OIDC_ISSUER: issuer, OIDC_TENANTS: tenants } = settings;
  const found: { name: string; message: string }[] = [];
  const wrong = (isWrong: boolean, name: keyof typeof OIDC_SETTINGS, message: string) => {
    if (isWrong) found.push({ name, message });
  };
  const isMany = issuer !== undefined && MANY_TENANTS.test(issuer);
  const isEntra = preset === 'entra';
  const isGoogle = preset === 'google';
  wrong(isMany && !isEntra, 'OIDC_PRESET', 'OIDC_ISSUER is of no single tenant of Entra ID: expected entra');
  wrong(isEntra && isMany && tenants.length === 0, 'OIDC_TENANTS', 'missing (OIDC_ISSUER is of no single tenant)');
  wrong(tenants.length > 0 && !(isEntra && isMany), 'OIDC_TENANTS', 'says nothing: OIDC_ISSUER is of one tenant');
  wrong(
    isEntra && /\/consumers\/v2\.0$/.test(issuer ?? ''),
    'OIDC_ISSUER',
    'is of personal accounts, which anybody has: expected that of a tenant',
  );
  const hasDomains = settings.OIDC_EMAIL_DOMAINS.length > 0;
  wrong(isEntra && isMany && !hasDomains, 'OIDC_EMAIL_DOMAINS', 'missing (people of several tenants sign in)');
  wrong(isGoogle && !hasDomains, 'OIDC_EMAIL_DOMAINS', 'missing (anybody has an account of Google)');
  wrong(settings.ENTRA_GRAPH && !isEntra, 'ENTRA_GRAPH', 'says nothing unless OIDC_PRESET is entra');
  wrong(
    settings.ENTRA_GRAPH && isEntra && settings.OIDC_CLIENT_SECRET === undefined,
    'OIDC_CLIENT_SECRET',
    'missing (ENTRA_GRAPH is set)',
  );
  const hasAccount = settings.GOOGLE_SERVICE_ACCOUNT !== undefined;
  wrong(hasAccount && !isGoogle, 'GOOGLE_SERVICE_ACCOUNT', 'says nothing unless OIDC_PRESET is google');
  wrong(hasAccount && settings.GOOGLE_ADMIN === undefined, 'GOOGLE_ADMIN', 'missing (GOOGLE_SERVICE_ACCOUNT is set)');
  wrong(
    isGoogle && !hasAccount && settings.OIDC_GROUPS_REQUIRED,
    'GOOGLE_SERVICE_ACCOUNT',
    "missing (Google's tokens have no groups; with OIDC_GROUPS_REQUIRED=false people sign in without any)",
  );
  return found;
}
