// Ending what a person has open: what is asked, and what was ended. One act, whoever has it done: an administrator, or the
// directory that says they left.

import { z } from 'zod';
import { EndingReason } from '../api.ts';
import { Email } from '../identity.ts';
import { ConnectorId } from '../ids.ts';

export const EndPerson = z.strictObject({ email: Email, reason: EndingReason });

const count = z.number().int();
export const EndedPerson = z.object({
  email: z.string(),
  /** Browsers signed in at the portal. */
  browsers: count,
  /** API tokens, of command lines. */
  tokens: count,
  grants: count,
  /** On those grants. */
  sessions: count,
  tunnels: count,
  /** For access and views, and statements that waited for an approval. */
  requests: count,
  /** To sessions, that they had passed on. */
  links: count,
  /** Carry sessions of theirs and are not linked: they hear of it when they link again. */
  notTold: z.array(ConnectorId),
});
export type EndedPerson = z.infer<typeof EndedPerson>;
