// What somebody is told who has to sign in again before a rule gives them access.

import { SIGN_IN_PATH } from '../../paths.ts';
import { fault, type UseCaseDeps } from '../deps.ts';

/** `message`: the decision's. */
export function stepUpNeeded({ publicUrl }: Pick<UseCaseDeps, 'publicUrl'>, rule: string, message: string) {
  const link = `${publicUrl}${SIGN_IN_PATH}?${new URLSearchParams({ step_up: rule })}`;
  return fault('step_up_needed', message, { signInAgain: { rule, link } });
}
