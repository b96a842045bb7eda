// What a connector asks the edge before it lets anybody in: which grants there are for a claim, a secret or a key.

import { createHmac } from 'node:crypto';
import type { FromConnector, FromEdge } from '../../core/control.ts';
import { GRANT_SCRAM_ITERATIONS } from '../../core/grant.ts';
import type { GrantId } from '../../core/ids.ts';
import type { Refusal } from '../../core/refusal.ts';
import { ResourceName } from '../../core/resource.ts';
import { err, ok } from '../../core/result.ts';
import type { Secret } from '../../core/secret.ts';
import type { Claim } from '../door.ts';
import type { Edge } from '../session/edge.ts';
import type { GrantCandidates } from '../session/prove.ts';
import type { LinkConnection } from './link-connection.ts';

interface GrantQuestionsOptions {
  link(): Promise<LinkConnection | undefined>;
  /** Whether the edge that is linked has such a message. */
  understands(kind: FromConnector['kind']): boolean;
  isRevoked(grant: GrantId): boolean;
  /** Keys the salts of claims that the edge is not asked about; the same on every start. */
  readonly saltKey: Secret<Uint8Array>;
}

export const UNREACHABLE: Refusal = {
  reason: 'edge_unreachable',
  message: 'the gateway cannot check your grant now: try again in a minute',
};

const NAMELESS: Refusal = {
  reason: 'not_supported',
  message:
    'The portal is of an earlier release, which finds no grant by its secret alone: say who you are in the user name.',
};

export function createGrantQuestions(options: GrantQuestionsOptions): Pick<Edge, 'lookUp' | 'find' | 'findOfKey'> {
  const candidatesOf = (answer: Extract<FromEdge, { kind: 'grants.found' }>): GrantCandidates => ({
    salt: Buffer.from(answer.salt, 'base64'),
    iterations: answer.iterations,
    candidates: answer.candidates.map((it) => (options.isRevoked(it.id) ? { ...it, revoked: true } : it)),
  });

  /** For claims that no edge could know: looks like any other answer, and does not change. */
  function foundNothing(claim: Claim): GrantCandidates {
    const digest = createHmac('sha256', options.saltKey.reveal()).update(`${claim.email}\n${claim.resource}`).digest();
    return { salt: digest.subarray(0, 16), iterations: GRANT_SCRAM_ITERATIONS, candidates: [] };
  }

  return {
    async lookUp(claim, protocol) {
      const resource = ResourceName.safeParse(claim.resource);
      const email = claim.email.trim().toLowerCase();
      const link = await options.link();
      if (link === undefined) return err(UNREACHABLE);
      if (!resource.success || email.length > 254) return ok(foundNothing(claim));
      const answer = await link.call({ kind: 'grants.look_up', email, resource: resource.data, protocol });
      if (answer?.kind !== 'grants.found') return err(UNREACHABLE);
      return ok(candidatesOf(answer));
    },

    async find(digest, resource, protocol) {
      const link = await options.link();
      if (link === undefined) return err(UNREACHABLE);
      if (!options.understands('grants.find')) return err(NAMELESS);
      const answer = await link.call({ kind: 'grants.find', digest, resource, protocol });
      if (answer?.kind !== 'grants.found') return err(UNREACHABLE);
      return ok({ ...candidatesOf(answer), email: answer.email });
    },

    async findOfKey(key, resource, protocol) {
      const link = await options.link();
      if (link === undefined) return err(UNREACHABLE);
      // An edge of an earlier release has no keys.
      if (!options.understands('grants.of_key')) return ok(undefined);
      const answer = await link.call({ kind: 'grants.of_key', key, resource, protocol });
      if (answer?.kind !== 'grants.found') return err(UNREACHABLE);
      const [grant] = candidatesOf(answer).candidates;
      return ok(grant && { email: answer.email ?? '', grant });
    },
  };
}
