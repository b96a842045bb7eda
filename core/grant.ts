// A grant: one person, one resource, a time that ends. Made by the edge after `evaluate` (and
// approval where the policy asks for it), shown by clients as a password or a bearer token.

import { z } from 'zod';
import { GrantId, RequestId } from './ids.ts';
import { ResourceName } from './resource.ts';

/** What whoever carries the session must do. Comes from the policy rule that allowed the grant. */
const Obligations = z.object({
  record: z.object({
    /** Days the recording is kept under Object Lock. */
    retainDays: z.number().int().min(1).max(36500),
    /** Why the policy has what goes over the wire not recorded. That there was a session, its statements' verdicts and its end always are. */
    exempt: z.string().optional(),
    /** Public keys (age1...) to which what masks hide is sealed and kept. Missing: it is not kept. */
    originals: z.array(z.string()).min(1).optional(),
  }),
  /** Sessions of this grant at one time. */
  maxSessions: z.number().int().min(1).max(10_000).optional(),
});

/** The person's own labels, carried into recording and catalogue: a ticket, an agent's trace. */
export const GrantLabels = z.object({
  task: z.string().min(1).max(200).optional(),
  trace: z.string().min(1).max(200).optional(),
});
export type GrantLabels = z.infer<typeof GrantLabels>;

export const Grant = z.object({
  id: GrantId,
  request: RequestId,
  subject: z.string(),
  email: z.string(),
  resource: ResourceName,
  reason: z.string(),
  labels: GrantLabels,
  from: z.iso.datetime(),
  /** Absolute. Connecting again never moves it. */
  until: z.iso.datetime(),
  /** The rule that allowed it, and the policy version it stood in. */
  rule: z.string(),
  policyVersion: z.number().int(),
  obligations: Obligations,
  /** Issued without the approval that the rule asks for; somebody reviews it afterwards. */
  breakGlass: z.boolean().optional(),
  revoked: z.object({ at: z.iso.datetime(), by: z.string(), reason: z.string() }).optional(),
});
export type Grant = z.infer<typeof Grant>;

/**
 * A grant's secret as stored and as handed to connectors: what RFC 5802 section 3 calls StoredKey
 * and ServerKey. From it a secret can be checked (as SCRAM-SHA-256 or as a plain password) but not
 * learned. All base64.
 *
 * Every grant of one person on one resource shares `salt`, since SCRAM's server-first-message must
 * name one salt before it is known which of the grants the client holds.
 */
export const ScramVerifier = z.object({
  storedKey: z.string(),
  serverKey: z.string(),
});
export type ScramVerifier = z.infer<typeof ScramVerifier>;

/** By what the edge finds the grant of a client that shows its secret and names nobody. Hex. */
export const SecretDigest = z.string().regex(/^[0-9a-f]{32}$/);

/**
 * 128 bits of SHA-256: no way back to a secret, which has as many random bits, and no key to anything. It finds a grant;
 * that the client holds it is still proven by its verifier.
 */
export async function secretDigest(secret: string): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(`gatehouse grant\n${secret}`));
  return [...new Uint8Array(digest, 0, 16)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** PBKDF2 rounds of grant secrets. They carry 128 random bits or more, so rounds add nothing; RFC 7677 asks for 4096. */
export const GRANT_SCRAM_ITERATIONS = 4096;
