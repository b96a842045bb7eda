// Whose tokens programs exchange for grants: the setting WORKLOAD_ISSUERS, a list in JSON.
//
//   [{ "preset": "github-actions", "claims": { "repository_owner_id": "1234" } },
//    { "name": "k8s", "issuer": "https://oidc.example.com/cluster", "audience": "https://gatehouse.example.com" }]
//
// A preset knows its issuer, how its tokens are signed and what their claims say (../identity/workload/claims.ts). Anybody may have a token of a
// public issuer for any audience, so `claims` is what keeps strangers out before a policy is asked.

import { z } from 'zod';
import { PRESET_NAMES, type NamedIssuer } from '../../core/policy/workload-names.ts';

/** Signatures by a key pair. No `none`, and no HMAC: a public key must not pass for a shared secret. */
const GENERIC_ALGORITHMS = ['RS256', 'PS256', 'ES256', 'ES384', 'EdDSA', 'Ed25519'];

const PRESETS = {
  'github-actions': { issuer: 'https://token.actions.githubusercontent.com', algorithms: ['RS256'] },
  gitlab: { issuer: 'https://gitlab.com', algorithms: ['RS256'] },
  buildkite: { issuer: 'https://agent.buildkite.com', algorithms: ['RS256'] },
  gcp: { issuer: 'https://accounts.google.com', algorithms: ['RS256'] },
} as const;

const MAX_ISSUERS = 20;

const claimValue = z.string().min(1).max(500);

const Issuer = z.strictObject({
  preset: z.enum(['github-actions', 'gitlab', 'buildkite', 'gcp']).optional(),
  /** Stands behind `workload:` in policies. */
  name: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]{0,30}$/, 'expected lower-case letters, digits and dashes, at most 31')
    .optional(),
  issuer: z.url({ protocol: /^https?$/ }).optional(),
  /** The very one that tokens are asked for; missing: PUBLIC_URL. */
  audience: z.string().min(1).max(500).optional(),
  /** Claims that a token must have, each with one of these values. */
  claims: z.record(z.string().min(1).max(100), z.union([claimValue, z.array(claimValue).min(1).max(100)])).optional(),
});

export interface WorkloadIssuer extends NamedIssuer {
  readonly issuer: string;
  /** undefined: PUBLIC_URL. */
  readonly audience: string | undefined;
  readonly algorithms: readonly string[];
  readonly claims: Readonly<Record<string, readonly string[]>>;
}

/** `isCarried`: whether an address is one that tokens' keys may be fetched from. */
export const workloadIssuers = (isCarried: (url: URL) => boolean) =>
  z
    .string()
    .default('')
    .transform((text, context): readonly WorkloadIssuer[] => {
      const fail = (message: string) => {
        context.addIssue({ code: 'custom', message });
        return z.NEVER;
      };
      if (text.trim() === '') return [];
      let value: unknown;
      try {
        value = JSON.parse(text);
      } catch {
        return fail('expected a list in JSON (docs/workloads.md)');
      }
      const parsed = z.array(Issuer).max(MAX_ISSUERS).safeParse(value);
      if (!parsed.success) {
        const [issue] = parsed.error.issues;
        return fail(`${issue?.path.join('.') || 'the list'}: ${issue?.message ?? 'not understood'}`);
      }
      const issuers = parsed.data.map((each): WorkloadIssuer | string => {
        const preset = each.preset && PRESETS[each.preset];
        const name = each.name ?? (each.preset && PRESET_NAMES[each.preset]);
        const issuer = each.issuer ?? preset?.issuer;
        if (name === undefined || issuer === undefined) return 'an issuer has a preset, or a name and an issuer';
        if (!isCarried(new URL(issuer))) return `${name}: plain http is for loopback only`;
        return {
          kind: each.preset ?? 'oidc',
          name,
          // As tokens have it: to the letter (OpenID Connect Core, 3.1.3.7).
          issuer,
          audience: each.audience,
          algorithms: preset?.algorithms ?? GENERIC_ALGORITHMS,
          claims: Object.fromEntries(
            Object.entries(each.claims ?? {}).map(([claim, values]) => [claim, [values].flat()]),
          ),
        };
      });
      const wrong = issuers.find((each) => typeof each === 'string');
      if (wrong !== undefined) return fail(wrong);
      const whole = issuers.filter((each) => typeof each !== 'string');
      for (const key of ['name', 'issuer'] as const) {
        const twice = whole.find((each, at) => whole.findIndex((other) => other[key] === each[key]) < at);
        if (twice) return fail(`two issuers have the ${key} ${twice[key]}`);
      }
      return whole;
    });
