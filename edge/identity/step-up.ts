// Signing in again, as a rule asks for it (core/policy/conditions/sign-in.ts): what is asked of the provider, and what has to have come of it.

import { z } from 'zod';
import type { Identity } from '../../core/identity.ts';
import { lackingIn, signInFactsOf } from '../../core/policy/conditions/sign-in.ts';

export const StepUp = z.object({
  /** As in the policy, read already. `maxAge` in milliseconds. */
  require: z.object({
    acr: z.array(z.string()).optional(),
    amr: z.array(z.string()).optional(),
    maxAge: z.number().optional(),
  }),
  /** Who is signed in; nobody else may come back. Missing: nobody is. */
  subject: z.string().optional(),
});
export type StepUp = z.infer<typeof StepUp>;

export type StepUpFault = 'step_up_other_person' | 'step_up_acr' | 'step_up_amr' | 'step_up_time';

/** undefined: they came back as was asked. */
export function stepUpFaultOf({ require, subject }: StepUp, who: Identity, now: number): StepUpFault | undefined {
  if (subject !== undefined && subject !== who.subject) return 'step_up_other_person';
  const [lacking] = lackingIn(require, signInFactsOf(who, now));
  if (lacking === undefined) return undefined;
  return lacking === 'maxAge' ? 'step_up_time' : `step_up_${lacking}`;
}

/** For the person, with the way out. */
export const stepUpFaultWords = (fault: string): string | undefined =>
  Object.hasOwn(WORDS, fault) ? WORDS[fault as StepUpFault] : undefined;

const TELL =
  'Tell whoever runs Gatehouse: the identity provider has to be set up for it, or the rule asks for what it does not have.';
const WORDS: Readonly<Record<StepUpFault, string>> = {
  step_up_other_person:
    'You came back as somebody else than you were here. Sign out first to change the account, or sign in again as yourself.',
  step_up_acr: `The identity provider did not sign you in at the level that the rule asks for (acr). ${TELL}`,
  step_up_amr: `The identity provider did not say that you signed in by the means that the rule asks for (amr). ${TELL}`,
  step_up_time: `The identity provider did not have you show your credentials again, or does not say when you did (auth_time). ${TELL}`,
};
