// Of the two people that an act takes: whether the first may still, when the second agrees.

import type { WaitingAct } from '../../ports/retention.ts';
import type { UseCaseDeps } from '../deps.ts';
import { standingOf } from '../standing.ts';

/** By the policy of now and what they last signed in with. Nobody knows of whoever has not for a month, or was erased. */
export async function stillMayKeep(deps: UseCaseDeps, email: string): Promise<boolean> {
  const asker = await deps.directory.personByEmail(email);
  const standing = asker && (await standingOf(deps, asker));
  return standing?.ok === true && (standing.value.auditor || standing.value.administrator);
}

/** undefined: nobody asked for it who may. Whoever asks now is the first. */
export async function standingAct(deps: UseCaseDeps, act: string): Promise<WaitingAct | undefined> {
  const waiting = await deps.retention.waiting(act);
  return waiting && (await stillMayKeep(deps, waiting.by)) ? waiting : undefined;
}
