// The Worker's settings, parsed once from its bindings. Nothing else reads the environment.

import '../core/text/schema-words.ts';
import { z } from 'zod';
import { Email } from '../core/identity.ts';
import { type Secret, secret } from '../core/secret.ts';
import { connectorIamRoles } from './settings/connector-roles.ts';
import { OIDC_SETTINGS, oidcMistakes } from './settings/oidc.ts';
import { trueOrFalse } from './settings/provider.ts';
import { SAML_SETTINGS } from './settings/saml.ts';
import { workloadIssuers } from './settings/workload-issuers.ts';

const secretText = (schema: z.ZodType<string>) => schema.transform((value): Secret<string> => secret(value));

/** An address that notices go to. It may hold a token, so it is a secret; plain http for loopback only. */
const noticeUrl = secretText(
  z.url({ protocol: /^https?$/ }).refine((text) => isCarried(new URL(text)), 'plain http is for loopback only'),
);

const origin = z.url({ protocol: /^https?$/ }).refine((text) => new URL(text).origin === text.replace(/\/$/, ''), {
  error: 'expected an origin such as https://gatehouse.example.com, without a path',
});

export const EdgeSettings = z
  .object({
    /** Where people and connectors reach this Worker. */
    PUBLIC_URL: origin.transform((text) => new URL(text).origin),
    ...OIDC_SETTINGS,
    ...SAML_SETTINGS,
    /** `true`: nobody signs in of whom the directory did not tell over SCIM (docs/scim.md). */
    SCIM_REQUIRED: trueOrFalse.default(false),
    /** Whose tokens programs exchange for grants, in JSON (docs/workloads.md). */
    WORKLOAD_ISSUERS: workloadIssuers((url) => isCarried(url)),
    /** 32 random bytes or more, base64. Salts, cookies and the authority's key hang on it: keep it for ever. */
    EDGE_SECRET: z
      .base64({ abort: true })
      .refine((text) => atob(text).length >= 32, 'expected at least 32 bytes in base64')
      .transform(
        (text): Secret<Uint8Array<ArrayBuffer>> =>
          secret(Uint8Array.from(atob(text), (character) => character.charCodeAt(0))),
      ),
    /** YAML. Becomes version 1 when no policy is stored yet; never read again. */
    POLICY: z.string().optional(),
    FUNCTIONS_URL: z.url({ protocol: /^https?$/ }).transform((text) => text.replace(/\/+$/, '')),
    FUNCTIONS_TOKEN: secretText(z.string().min(16)).optional(),
    AWS_ACCESS_KEY_ID: z.string().min(1).optional(),
    AWS_SECRET_ACCESS_KEY: secretText(z.string().min(1)).optional(),
    AWS_REGION: z.string().min(1).optional(),
    /** A one-time join token chosen by whoever deploys, so that a first connector joins without a person. */
    CONNECTOR_JOIN_TOKEN: secretText(z.string().min(24).max(200)).optional(),
    /** A Slack app's token (`xoxb-...`): messages with buttons, updated in place. docs/approvals.md lists its scopes. */
    SLACK_BOT_TOKEN: secretText(z.string().min(1)).optional(),
    /** Checks what comes to POST /slack/interactions. Without it messages have a link and no buttons. */
    SLACK_SIGNING_SECRET: secretText(z.string().min(1)).optional(),
    SLACK_CHANNEL: z.string().min(1).max(100).default('#gatehouse-approvals'),
    SLACK_API_URL: z
      .url({ protocol: /^https?$/ })
      .refine((text) => isCarried(new URL(text)), 'plain http is for loopback only')
      .transform((text) => text.replace(/\/+$/, ''))
      .default('https://slack.com/api'),
    /** An incoming webhook, alone or as the way out when the bot cannot post. Link-only without SLACK_SIGNING_SECRET. */
    SLACK_WEBHOOK_URL: noticeUrl.optional(),
    /** Who is who where there is a webhook and no bot to ask: `U0123ABCD=bob@example.com, ...`. */
    SLACK_MEMBERS: z
      .string()
      .default('')
      .transform((text, context) => {
        const pairs = text.split(',').flatMap((pair) => (pair.trim() === '' ? [] : [pair.trim().split('=')]));
        const members = new Map<string, string>();
        for (const [user = '', email = '', ...rest] of pairs) {
          const parsed = Email.safeParse(email.trim());
          if (
            !/^[UW][A-Z0-9]{2,49}$/.test(user.trim()) ||
            !parsed.success ||
            rest.length > 0 ||
            members.has(user.trim())
          ) {
            context.addIssue({ code: 'custom', message: 'expected U0123ABCD=bob@example.com, each user once' });
            return z.NEVER;
          }
          members.set(user.trim(), parsed.data);
        }
        return members as ReadonlyMap<string, string>;
      }),
    /** Witnesses who cosign the log of sessions: `NAME+ID+KEY https://...`, a comma between (c2sp.org/tlog-witness). */
    TLOG_WITNESSES: z
      .string()
      .default('')
      .transform((text, context) => {
        const all = text.split(',').flatMap((one) => (one.trim() === '' ? [] : [one.trim().split(/\s+/)]));
        const witnesses: { readonly key: string; readonly url: string }[] = [];
        for (const [key = '', url = '', ...rest] of all) {
          const isKey = /^[^\s+]+\+[0-9a-f]{8}\+[A-Za-z0-9+/]+={0,2}$/.test(key);
          if (!isKey || !URL.canParse(url) || !isCarried(new URL(url)) || rest.length > 0) {
            context.addIssue({ code: 'custom', message: 'expected NAME+ID+KEY https://ITS-ADDRESS, a comma between' });
            return z.NEVER;
          }
          witnesses.push({ key, url: url.replace(/\/+$/, '') });
        }
        return witnesses as readonly { readonly key: string; readonly url: string }[];
      }),
    /** From this size of one of its objects on, the witness exports heads without waiting, and frees whatever is stored. */
    WITNESS_OBJECT_BYTES: z
      .string()
      .regex(/^[1-9]\d{4,9}$/, 'expected a number of bytes, 10000 to 9999999999')
      .default('4000000000')
      .transform(Number),
    CONNECTOR_IAM_ROLES: connectorIamRoles,
    /** Entries of the audit log that the edge keeps of a month before it begins the month's next part (docs/audit.md). */
    AUDIT_MONTH_ENTRIES: z
      .string()
      .regex(/^[1-9]\d{0,6}$/, 'expected a number from 1 to 9999999')
      .default('1000000')
      .transform(Number),
    TEAMS_WEBHOOK_URL: noticeUrl.optional(),
    WEBHOOK_URL: noticeUrl.optional(),
    /** Signs what goes to WEBHOOK_URL: `whsec_` and base64, or any text. */
    WEBHOOK_SECRET: secretText(
      z
        .string()
        .min(16)
        .regex(/^(?!whsec_)|^whsec_(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/, {
          error: 'expected base64 behind whsec_',
        }),
    ).optional(),
  })
  .superRefine((settings, context) => {
    for (const name of ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_REGION'] as const) {
      if (!settings.FUNCTIONS_TOKEN && !settings[name]) {
        context.addIssue({ code: 'custom', path: [name], message: 'missing (or set FUNCTIONS_TOKEN)' });
      }
    }
    for (const { name, message } of oidcMistakes(settings)) context.addIssue({ code: 'custom', path: [name], message });
    if (settings.WEBHOOK_URL && !settings.WEBHOOK_SECRET) {
      context.addIssue({ code: 'custom', path: ['WEBHOOK_SECRET'], message: 'missing (WEBHOOK_URL is set)' });
    }
    for (const name of ['OIDC_ISSUER', 'SAML_IDP_METADATA_URL'] as const) {
      if (settings[name] !== undefined && !isCarried(new URL(settings[name]))) {
        context.addIssue({ code: 'custom', path: [name], message: 'plain http is for loopback only' });
      }
    }
    if (settings.OIDC_ISSUER === undefined || settings.SAML_PROVIDER_NAME === undefined) return;
    if (settings.SAML_PROVIDER_NAME === settings.PROVIDER_NAME) {
      context.addIssue({
        code: 'custom',
        path: ['SAML_PROVIDER_NAME'],
        message: 'is PROVIDER_NAME, of another provider',
      });
    }
    // An address is a person. Two providers that may both speak of the same one could each make somebody be the other's.
    const shared = settings.SAML_EMAIL_DOMAINS.filter((domain) => settings.OIDC_EMAIL_DOMAINS.includes(domain));
    for (const name of ['OIDC_EMAIL_DOMAINS', 'SAML_EMAIL_DOMAINS'] as const) {
      if (settings[name].length === 0) {
        context.addIssue({
          code: 'custom',
          path: [name],
          message: 'missing (with two providers, each says whose addresses it has)',
        });
      }
    }
    if (shared.length > 0) {
      context.addIssue({ code: 'custom', path: ['SAML_EMAIL_DOMAINS'], message: 'has a domain of OIDC_EMAIL_DOMAINS' });
    }
  });
export type EdgeSettings = z.output<typeof EdgeSettings>;
/** As the bindings carry them: all text. */
export type EdgeSettingsInput = z.input<typeof EdgeSettings>;

/** A setting is missing or wrong. The message names it and never shows a value. */
export class SettingsError extends Error {}

export function parseSettings(bindings: object): EdgeSettings {
  const parsed = EdgeSettings.safeParse(bindings);
  const lacking = lackingOfProviders(bindings);
  if (parsed.success && lacking.length === 0) return parsed.data;
  const lines = (parsed.error?.issues ?? []).map((issue) => {
    const name = String(issue.path[0] ?? 'settings');
    return `${name}: ${!isSet(bindings, name) && issue.code === 'invalid_type' ? 'missing' : issue.message}`;
  });
  throw new SettingsError(`The edge's settings are not complete. ${[...new Set([...lacking, ...lines])].join('; ')}`);
}

/** There is one of OpenID Connect, one of SAML, or both, and whichever there is has all that it needs. */
function lackingOfProviders(bindings: object): readonly string[] {
  const hasSaml = ['SAML_IDP_METADATA', 'SAML_IDP_METADATA_URL'].some((name) => isSet(bindings, name));
  const hasOidc = ['OIDC_ISSUER', 'OIDC_CLIENT_ID', 'PROVIDER_NAME'].some((name) => isSet(bindings, name));
  const needed = [
    ...(hasOidc || !hasSaml ? ['OIDC_ISSUER', 'OIDC_CLIENT_ID', 'PROVIDER_NAME'] : []),
    ...(hasSaml ? ['SAML_PROVIDER_NAME'] : []),
    ...(isSet(bindings, 'SAML_IDP_METADATA_URL') ? ['SAML_IDP_ENTITY_ID'] : []),
  ];
  return [...needed.filter((name) => !isSet(bindings, name)).map((name) => `${name}: missing`), ...pairsIn(bindings)];
}

function pairsIn(bindings: object): readonly string[] {
  const lines: string[] = [];
  if (isSet(bindings, 'SAML_IDP_METADATA') && isSet(bindings, 'SAML_IDP_METADATA_URL'))
    lines.push('SAML_IDP_METADATA_URL: set beside SAML_IDP_METADATA; one of them is the metadata');
  for (const [one, other] of [
    ['SAML_PRIVATE_KEY', 'SAML_CERTIFICATE'],
    ['SAML_CERTIFICATE', 'SAML_PRIVATE_KEY'],
  ] as const)
    if (isSet(bindings, one) && !isSet(bindings, other)) lines.push(`${other}: missing (${one} is set)`);
  return lines;
}

const isSet = (bindings: object, name: string): boolean => Reflect.get(bindings, name) !== undefined;

export const isCarried = (url: URL): boolean => url.protocol === 'https:' || isLoopbackHost(url.hostname);

export function isLoopbackHost(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || hostname === '::1' || /^127(\.\d{1,3}){3}$/.test(hostname);
}
