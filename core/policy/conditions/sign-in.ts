// `access.require`: how whoever asks has to have signed in, and how lately. What a provider did not say counts as not done.

import { z } from 'zod';
import type { Identity } from '../../identity.ts';
import { span } from '../../text/amounts.ts';
import { Duration } from '../duration.ts';

export const SignInRequired = z
  .strictObject({
    /** Any of these: OpenID Connect's `acr`, SAML's AuthnContextClassRef. Asked of the provider where a sign-in lacks it. */
    acr: z
      .array(z.string().regex(/^[!-~]{1,256}$/, 'expected a value without blanks'))
      .min(1)
      .max(20)
      .optional(),
    /** All of these (RFC 8176). */
    amr: z
      .array(z.string().regex(/^[!-~]{1,64}$/, 'expected a value without blanks'))
      .min(1)
      .max(20)
      .optional(),
    /** Since they showed their credentials. */
    maxAge: Duration.optional(),
  })
  .refine((required) => Object.keys(required).length > 0, 'asks for nothing: name acr, amr or maxAge');
export type SignInRequired = z.infer<typeof SignInRequired>;

/** How somebody signed in. What is missing is not known. */
export interface SignInFacts {
  readonly acr?: string | undefined;
  readonly amr?: readonly string[] | undefined;
  readonly ageMs?: number | undefined;
}

export function signInFactsOf(
  { acr, amr, authenticatedAt, authTimeAssumed }: Pick<Identity, 'acr' | 'amr' | 'authenticatedAt' | 'authTimeAssumed'>,
  nowMs: number,
): SignInFacts {
  return { acr, amr, ageMs: authTimeAssumed ? undefined : nowMs - Date.parse(authenticatedAt) };
}

/** What of it does not hold; empty: all does. */
export function lackingIn({ acr, amr, maxAge }: SignInRequired, facts: SignInFacts): (keyof SignInRequired)[] {
  const { ageMs } = facts;
  return [
    ...(acr && !(facts.acr !== undefined && acr.includes(facts.acr)) ? ['acr' as const] : []),
    ...(amr && !amr.every((method) => facts.amr?.includes(method)) ? ['amr' as const] : []),
    // One from the future is a wrong clock, or a lie.
    ...(maxAge !== undefined && !(ageMs !== undefined && ageMs <= maxAge && ageMs > -CLOCKS_DIFFER_MS)
      ? ['maxAge' as const]
      : []),
  ];
}

const CLOCKS_DIFFER_MS = 90_000;

/** `a sign-in with mfa, at most 15 min ago`. */
export function describeRequired({ acr, amr, maxAge }: SignInRequired): string {
  const parts = [
    ...(amr ? [`with ${amr.join(' and ')}`] : []),
    ...(acr ? [`at the level ${acr.join(' or ')}`] : []),
    ...(maxAge === undefined ? [] : [`at most ${span(maxAge)} ago`]),
  ];
  return `a sign-in ${parts.join(', ')}`;
}
