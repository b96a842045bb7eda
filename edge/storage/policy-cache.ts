// The policy in force, kept where it is asked for at every request: the directory is asked each time
// whether it is still that one, and sends it only when it is not.

import { AsyncLocalStorage } from 'node:async_hooks';
import type { Identity } from '../../core/identity.ts';
import type { DirectoryPort, PolicyInForce, AsksBy } from '../ports/directory.ts';
import { tagOf } from './policies.ts';

/** Of one request to the Worker: the policy that it is judged by. */
interface Judged {
  policy: PolicyInForce | undefined;
}

export class PolicyCache {
  readonly #directory: Pick<DirectoryPort, 'policyUnless' | 'visit'>;
  readonly #request = new AsyncLocalStorage<Judged>();
  #kept: PolicyInForce | undefined;

  constructor(directory: Pick<DirectoryPort, 'policyUnless' | 'visit'>) {
    this.#directory = directory;
  }

  /** Within it the policy is asked for once: a request is judged by one policy, that of when it came. */
  within<T>(act: () => T): T {
    return this.#request.run({ policy: undefined }, act);
  }

  /** As `DirectoryPort.visit`. The policy that comes along is that of the request. */
  async visit(by: AsksBy, hash: string): Promise<Identity | undefined> {
    const kept = this.#kept;
    const { identity, policy } = await this.#directory.visit(by, hash, kept && tagOf(kept));
    if (identity) this.#take(policy === 'same' ? kept : policy);
    return identity;
  }

  /**
   * As it is now, never an older one (in a request: than when it came); undefined: none is stored. Callers share the answer and leave it
   * as it is.
   */
  async current(): Promise<PolicyInForce | undefined> {
    const judged = this.#request.getStore()?.policy;
    if (judged) return judged;
    const kept = this.#kept;
    const answer = await this.#directory.policyUnless(kept && tagOf(kept));
    return this.#take(answer === 'same' ? kept : answer);
  }

  #take(policy: PolicyInForce | undefined): PolicyInForce | undefined {
    // Two questions may overlap: the newer answer stays.
    if (!policy || policy.version >= (this.#kept?.version ?? 0)) this.#kept = policy;
    const request = this.#request.getStore();
    if (request) request.policy = policy;
    return policy;
  }
}
