// A certificate for a grant: what the edge says in it, and what a connector reads there. It finds the grant, and takes the place
// of its secret; whether the grant is live the edge says, when the session is opened.

import { Email } from '../identity.ts';
import { GrantId } from '../ids.ts';
import type { ResourceName } from '../resource.ts';
import type { CertificateTerms } from './certificate.ts';

/**
 * It is shown at sign-in alone: sessions go on until the grant's end. Long enough for what a script or an editor begins in
 * one go, short enough for a file that was copied; never beyond the grant.
 */
const LIFETIME_MS = 5 * 60_000;
/** For clocks that run behind. */
const BACKDATED_MS = 5 * 60_000;
/** What OpenSSH's own server would let such a session do. The gateway goes by the policy. */
const EXTENSIONS = ['permit-port-forwarding', 'permit-pty'];

interface CertifiedGrantFacts {
  readonly id: GrantId;
  readonly email: string;
  readonly resource: ResourceName;
  readonly untilMs: number;
}

/** `now`: milliseconds since the epoch, before the grant's end. */
export function grantCertificateTerms(
  { id, email, resource, untilMs }: CertifiedGrantFacts,
  serial: bigint,
  now: number,
): CertificateTerms {
  const seconds = (ms: number) => BigInt(Math.floor(ms / 1000));
  return {
    serial,
    type: 'user',
    keyId: `${id} ${email}`,
    principals: [resource],
    validAfter: seconds(now - BACKDATED_MS),
    validBefore: seconds(Math.min(now + LIFETIME_MS, untilMs)),
    criticalOptions: new Map(),
    extensions: new Map(EXTENSIONS.map((name) => [name, new Uint8Array()])),
  };
}

/** Of a certificate that holds. Undefined: it is for no grant. */
export function grantOf({ keyId }: Pick<CertificateTerms, 'keyId'>): { id: GrantId; email: string } | undefined {
  const [id, email, ...more] = keyId.split(' ');
  const grant = GrantId.safeParse(id);
  const holder = Email.safeParse(email);
  return grant.success && holder.success && more.length === 0 ? { id: grant.data, email: holder.data } : undefined;
}
