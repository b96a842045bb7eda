// Has a client prove that it holds a grant. The one place that makes a ProvenGrant: a protocol sees no candidate,
// so it cannot hand on one that nobody proved.

import { randomBytes } from 'node:crypto';
import type { GrantCandidate } from '../../core/control.ts';
import { ok } from '../../core/result.ts';
import type { Claim, GrantLookup, ProvenGrant } from '../door.ts';
import { findCandidate, sameKey, ScramServer, storedKeyOf } from '../sasl/scram.ts';

/** What the edge answers about a claim; alike for claims that cannot be true. */
export interface GrantCandidates {
  readonly salt: Uint8Array;
  readonly iterations: number;
  readonly candidates: readonly GrantCandidate[];
}

/** What was proved, for session/ alone. */
export interface Proof extends ProvenGrant {
  readonly grant: GrantCandidate;
}

/** `onProof`: told of each that is made. */
export function grantLookup(claim: Claim, known: GrantCandidates, onProof: (proof: ProvenGrant) => void): GrantLookup {
  const { salt, iterations, candidates } = known;
  const prove = (grant: GrantCandidate, how: ProvenGrant['how']): Proof => {
    const proof = { claim, grant, how } as unknown as Proof;
    onProof(proof);
    return proof;
  };
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
