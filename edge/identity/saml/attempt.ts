// What a browser has to show again when it comes back from a SAML provider. Apart from the provider itself, so that opening
// a cookie loads no XML parser.

import { z } from 'zod';
import { StepUp } from '../step-up.ts';

export const SamlAttempt = z.object({
  /** Of the AuthnRequest. */
  id: z.string().min(1),
  /** When it was sent, milliseconds since the epoch. */
  at: z.number(),
  returnTo: z.string().startsWith('/'),
  stepUp: StepUp.optional(),
});
export type SamlAttempt = z.infer<typeof SamlAttempt>;
