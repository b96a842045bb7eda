// The Worker's settings, parsed once from its bindings. Nothing else reads the environment.

import '../core/text/schema-words.ts';
import { z } from 'zod';
import { Email } from '../core/identity.ts';
import { type Secret, secret } from '../core/secret.ts';

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
    OIDC_ISSUER: z.url({ protocol: /^https?$/ }),
    OIDC_CLIENT_ID: z.string().min(1),
    /** Missing for public clients. */
    OIDC_CLIENT_SECRET: secretText(z.string().min(1)).optional(),
    OIDC_GROUPS_CLAIM: z.string().min(1).default('groups'),
    /** `false`: somebody of whom the provider does not say the groups signs in without any. */
    OIDC_GROUPS_REQUIRED: z
      .enum(['true', 'false'])
      .default('true')
      .transform((text) => text === 'true'),
    /** `example.com, example.org`: nobody else signs in. Empty: whoever the provider lets in. */
    OIDC_EMAIL_DOMAINS: z
      .string()
      .default('')
      .transform((text) =>
        text
          .toLowerCase()
          .split(/[\s,]+/)
          .filter((domain) => domain !== ''),
      )
      .refine((domains) => domains.every((domain) => /^[a-z0-9.-]+\.[a-z0-9-]+$/.test(domain)), {
        error: 'expected domains such as example.com, a comma between',
      }),
    /** More scopes than `openid email profile`, by blanks: where the provider wants one for groups. */
    OIDC_EXTRA_SCOPES: z.string().default(''),
    PROVIDER_NAME: z.string().regex(/^[a-z0-9][a-z0-9-]{0,63}$/, 'expected lower-case letters, digits and dashes'),
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
    if (settings.WEBHOOK_URL && !settings.WEBHOOK_SECRET) {
      context.addIssue({ code: 'custom', path: ['WEBHOOK_SECRET'], message: 'missing (WEBHOOK_URL is set)' });
    }
    if (new URL(settings.OIDC_ISSUER).protocol === 'http:' && !isLoopbackHost(new URL(settings.OIDC_ISSUER).hostname)) {
      context.addIssue({ code: 'custom', path: ['OIDC_ISSUER'], message: 'plain http is for loopback only' });
    }
  });
export type EdgeSettings = z.output<typeof EdgeSettings>;
/** As the bindings carry them: all text. */
export type EdgeSettingsInput = z.input<typeof EdgeSettings>;

/** A setting is missing or wrong. The message names it and never shows a value. */
export class SettingsError extends Error {}

export function parseSettings(bindings: object): EdgeSettings {
  const parsed = EdgeSettings.safeParse(bindings);
  if (parsed.success) return parsed.data;
  const lines = parsed.error.issues.map((issue) => {
    const name = String(issue.path[0] ?? 'settings');
    const absent = !(name in bindings) || Reflect.get(bindings, name) === undefined;
    return `${name}: ${absent && issue.code === 'invalid_type' ? 'missing' : issue.message}`;
  });
  throw new SettingsError(`The edge's settings are not complete. ${[...new Set(lines)].join('; ')}`);
}

const isCarried = (url: URL): boolean => url.protocol === 'https:' || isLoopbackHost(url.hostname);

export function isLoopbackHost(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || hostname === '::1' || /^127(\.\d{1,3}){3}$/.test(hostname);
}
