// The cookies. `__Host-` makes browsers insist on Secure, Path=/ and no Domain, so that no
// neighbouring host can set them. (Browsers treat http://localhost as secure.)

import { EncryptJWT, jwtDecrypt } from 'jose';
import { z } from 'zod';
import type { LoginAttempt } from './oidc.ts';
import { StepUp } from './step-up.ts';

export const SESSION_COOKIE = '__Host-gatehouse';
export const LOGIN_COOKIE = '__Host-gatehouse-login';
export const LOGIN_COOKIE_SECONDS = 600;

export const COOKIE_ATTRIBUTES = { path: '/', secure: true, httpOnly: true, sameSite: 'Lax' } as const;

/** Of an attempt with a SAML provider, which posts its answer from its own site: with SameSite=Lax it would not come along. */
export const SAML_COOKIE = '__Host-gatehouse-saml';
export const SAML_COOKIE_ATTRIBUTES = { ...COOKIE_ATTRIBUTES, sameSite: 'None' } as const;

export const OidcAttempt: z.ZodType<LoginAttempt> = z.object({
  state: z.string().min(1),
  nonce: z.string().min(1),
  codeVerifier: z.string().min(1),
  returnTo: z.string().startsWith('/'),
  stepUp: StepUp.optional(),
});

/** Encrypted and authenticated (A256GCM), so that the PKCE verifier stays with us. */
export function sealAttempt(attempt: object, key: Uint8Array, now: number): Promise<string> {
  return new EncryptJWT({ ...attempt })
    .setProtectedHeader({ alg: 'dir', enc: 'A256GCM' })
    .setIssuedAt(Math.floor(now / 1000))
    .setExpirationTime(Math.floor(now / 1000) + LOGIN_COOKIE_SECONDS)
    .encrypt(key);
}

/** undefined: absent, forged, too old, or another kind. */
export async function openAttempt<T>(
  sealed: string | undefined,
  kind: z.ZodType<T>,
  key: Uint8Array,
  now: number,
): Promise<T | undefined> {
  if (!sealed || sealed.length > 4096) return undefined;
  try {
    const { payload } = await jwtDecrypt(sealed, key, {
      keyManagementAlgorithms: ['dir'],
      contentEncryptionAlgorithms: ['A256GCM'],
      currentDate: new Date(now),
    });
    return kind.safeParse(payload).data;
  } catch {
    return undefined;
  }
}
