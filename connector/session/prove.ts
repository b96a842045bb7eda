// Has a client prove that it holds a grant. The one place that makes a ProvenGrant: a protocol sees no candidate,
// so it cannot hand on one that nobody proved.

import { randomBytes } from 'node:crypto';
import type { GrantCandidate } from '../../core/control.ts';
import { err, ok, type Result } from '../../core/result.ts';
import type { Refusal } from '../../core/refusal.ts';
import { readCertificate, type SshCertificate } from '../../core/ssh/certificate.ts';
import {
  certificateFault,
  type ExpectedOfCertificate,
  type SshCertificateFault,
} from '../../core/ssh/certificate-check.ts';
import { grantOf } from '../../core/ssh/grant-certificate.ts';
import { isSignature, type SshPublicKey } from '../../core/ssh/public-key.ts';
import type { CertifiedGrant, Claim, GrantLookup, ProvenGrant, RegisteredKeyOfGrant } from '../door.ts';
import { findCandidate, sameKey, ScramServer, storedKeyOf } from '../sasl/scram.ts';

/** What the edge answers about a claim; alike for claims that cannot be true. */
export interface GrantCandidates {
  readonly salt: Uint8Array;
  readonly iterations: number;
  readonly candidates: readonly GrantCandidate[];
}

/** What was proved, for session/ alone. */
export interface Proof extends ProvenGrant {
  readonly grant: ProvedGrant;
}

/** Of one that a certificate names the edge alone knows how it stands, and says so when the session is opened. */
type ProvedGrant = Pick<GrantCandidate, 'id'> & Partial<Pick<GrantCandidate, 'until' | 'revoked'>>;

/** `onProof`: told of each that is made. */
export function grantLookup(claim: Claim, known: GrantCandidates, onProof: (proof: ProvenGrant) => void): GrantLookup {
  const { salt, iterations, candidates } = known;
  const prove = (grant: GrantCandidate, how: ProvenGrant['how']) => proofOf(claim, grant, how, onProof);
  return {
    async proveSecret(secret) {
      const key = await storedKeyOf(secret, salt, iterations);
      const grant = findCandidate(candidates, (storedKey) => sameKey(key, storedKey));
      return grant && prove(grant, 'secret');
    },
    scram(mechanism, binding) {
      const nonce = randomBytes(18).toString('base64');
      const server = new ScramServer({ mechanism, binding, salt, iterations, candidates, nonce });
      return {
        first: (message) => server.first(message),
        final(message) {
          const answer = server.final(message);
          if (!answer.ok) return answer;
          const { grant, reply } = answer.value;
          return ok({ proof: prove(grant, 'scram'), reply });
        },
      };
    },
  };
}

function proofOf(
  claim: Claim,
  grant: ProvedGrant,
  how: ProvenGrant['how'],
  onProof: (proof: ProvenGrant) => void,
): Proof {
  const proof = { claim, grant, how } as unknown as Proof;
  onProof(proof);
  return proof;
}

/** Undefined: it is none of the authority's, whatever it says. */
export async function certifiedGrant(
  bytes: Uint8Array,
  { principal, ...expected }: Omit<ExpectedOfCertificate, 'type'>,
  onProof: (proof: ProvenGrant) => void,
): Promise<Result<CertifiedGrant | undefined, Refusal>> {
  const certificate = readCertificate(bytes);
  if (!certificate) return ok(undefined);
  const fault = await certificateFault(certificate, { ...expected, principal, type: 'user' });
  if (fault?.reason === 'other_authority') return ok(undefined);
  if (fault) return err({ reason: 'credentials_wrong', message: wordsFor(fault, certificate) });
  const named = grantOf(certificate);
  if (!named) return err({ reason: 'credentials_wrong', message: 'This certificate is for no grant.' });
  const { id, email } = named;
  return ok({
    serial: String(certificate.serial),
    async prove(algorithm, data, signature) {
      if (!(await isSignature(certificate.key, algorithm, data, signature))) return undefined;
      return proofOf({ email, resource: principal }, { id }, 'certificate', onProof);
    },
  });
}

/** The edge says whose grant it is: its holder said in their browser that this client is theirs. */
export const signedInGrant = (claim: Claim, grant: ProvedGrant, onProof: (proof: ProvenGrant) => void): ProvenGrant =>
  proofOf(claim, grant, 'browser', onProof);

/** A key that the edge knows, and the grant that its person has. */
export function registeredKey(
  claim: Claim,
  { key, fingerprint, grant }: { key: SshPublicKey; fingerprint: string; grant: ProvedGrant },
  onProof: (proof: ProvenGrant) => void,
): RegisteredKeyOfGrant {
  return {
    fingerprint,
    async prove(algorithm, data, signature) {
      if (!(await isSignature(key, algorithm, data, signature))) return undefined;
      return proofOf(claim, grant, 'key', onProof);
    },
  };
}

/** For whoever shows it: all of this stands in the certificate. */
function wordsFor(
  fault: Exclude<SshCertificateFault, { reason: 'other_authority' }>,
  { principals, validAfter, validBefore }: SshCertificate,
): string {
  const another = 'gatehouse ssh RESOURCE has another one made.';
  const at = (seconds: bigint) => new Date(Number(seconds) * 1000).toISOString();
  switch (fault.reason) {
    case 'wrong_type':
      return 'This certificate is for a host, not for a person.';
    case 'not_yet_valid':
      return `This certificate is not valid before ${at(validAfter)}: the clock of the gateway, or of whoever made it, is wrong.`;
    case 'expired':
      return `This certificate was valid until ${at(validBefore)}: ${another}`;
    case 'other_principal':
      return `This certificate is for ${principals.join(', ') || 'no resource'}, not for the one in the user name: ${another}`;
    case 'other_address':
      return 'This certificate may not be used from this address.';
    case 'critical_option':
      return `This certificate has a condition that the gateway does not take (${fault.name}): ${another}`;
  }
}
