// A login at a target with a credential that may not last: for each dial the one of that moment, and once more with a
// newer one where the target refuses what was kept (a rotated password, a token that has ended).

import type { TargetLogin } from '../credentials/credential.ts';
import type { UpstreamTarget } from './dial.ts';

/** To clients. What is wrong in detail was told to the operator: it names files and variables. */
export const NO_CREDENTIAL = 'The gateway could not get its credential for this target. Tell an administrator.';

/**
 * What `attempt` gives. `isRefused`: of what it rejects with, that the target did not take the credential. Rejects as `attempt`
 * does, or with what `unavailable` makes of why there is no credential.
 */
export async function withLogin<T>(
  target: UpstreamTarget,
  attempt: (target: UpstreamTarget) => Promise<T>,
  isRefused: (error: unknown) => boolean,
  unavailable: (forOperators: string) => Error,
): Promise<T> {
  const { keeper } = target;
  if (!keeper) return attempt(target);
  const first = await keeper.next();
  if (!first.ok) throw unavailable(first.error.message);
  try {
    return await attempt({ ...target, ...first.value });
  } catch (error) {
    if (!isRefused(error)) throw error;
    const newer = await keeper.next(first.value);
    if (!newer.ok || isSame(first.value, newer.value)) throw error;
    return attempt({ ...target, ...newer.value });
  }
}

const isSame = (one: TargetLogin, other: TargetLogin): boolean =>
  one.user === other.user && one.password?.reveal() === other.password?.reveal();
