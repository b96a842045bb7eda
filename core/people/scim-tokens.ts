// Tokens by which a directory of people speaks SCIM to the edge, as administrators list them. The token itself is shown once.

import { z } from 'zod';
import { ScimTokenId } from '../ids.ts';

export const MakeScimToken = z.strictObject({
  /** Whose it is: okta, entra. For the audit log and the list. */
  name: z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'expected lower-case letters, digits and dashes'),
});

export const ListedScimToken = z.object({
  id: ScimTokenId,
  name: z.string(),
  madeBy: z.string(),
  madeAt: z.iso.datetime(),
  /** To the minute. */
  usedAt: z.iso.datetime().optional(),
});
export type ListedScimToken = z.infer<typeof ListedScimToken>;

export const MadeScimToken = z.object({ token: z.string(), made: ListedScimToken, endpoint: z.string() });
export type MadeScimToken = z.infer<typeof MadeScimToken>;

export const ScimStanding = z.object({
  endpoint: z.string(),
  tokens: z.array(ListedScimToken),
  users: z.number().int(),
  inactive: z.number().int(),
  groups: z.number().int(),
});
export type ScimStanding = z.infer<typeof ScimStanding>;
