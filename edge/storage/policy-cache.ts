// The policy in force, kept where it is asked for at every request: the directory is asked each time
// whether it is still that one, and sends it only when it is not.

import type { DirectoryPort, PolicyInForce } from '../ports/directory.ts';
import { tagOf } from './policies.ts';

export class PolicyCache {
  readonly #directory: Pick<DirectoryPort, 'policyUnless'>;
  #kept: PolicyInForce | undefined;

  constructor(directory: Pick<DirectoryPort, 'policyUnless'>) {
    this.#directory = directory;
  }

  /** As it is now, never an older one; undefined: none is stored. Callers share the answer and leave it as it is. */
  async current(): Promise<PolicyInForce | undefined> {
    const kept = this.#kept;
    const answer = await this.#directory.policyUnless(kept && tagOf(kept));
    if (answer === 'same') return kept;
    // Two questions may overlap: the newer answer stays.
    if (!answer || answer.version >= (this.#kept?.version ?? 0)) this.#kept = answer;
    return answer;
  }
}
