// Links that pass a session on: what is asked for, and what is listed of them. The link itself is shown once.

import { z } from 'zod';
import { Email } from '../identity.ts';
import { SessionId, ShareId } from '../ids.ts';

export const MAX_SHARE_NAMES = 50;

export const MakeShare = z.strictObject({
  /** How long it opens the session; missing: as long as the rule gives. */
  seconds: z.number().int().min(60).max(31_536_000).optional(),
  /** Where the replay begins: seconds since the session's start. */
  moment: z.number().min(0).max(31_536_000).optional(),
  /** Who may open it, as in a policy; missing: whoever signs in and has the link. */
  with: z.array(z.string().min(1).max(320)).min(1).max(MAX_SHARE_NAMES).optional(),
});
export type MakeShare = z.infer<typeof MakeShare>;

export const ListedShare = z.object({
  id: ShareId,
  session: SessionId,
  /** Who made it. */
  by: z.string(),
  with: z.array(z.string()).optional(),
  moment: z.number().optional(),
  madeAt: z.iso.datetime(),
  until: z.iso.datetime(),
  /** open: it opens the session for as long as whoever made it may view that. */
  state: z.enum(['open', 'expired', 'revoked']),
  revoked: z.object({ at: z.iso.datetime(), by: z.string() }).optional(),
  /** People who opened it. */
  opened: z.number().int(),
});
export type ListedShare = z.infer<typeof ListedShare>;

export const MadeShare = z.object({ share: ListedShare, link: z.string() });
export type MadeShare = z.infer<typeof MadeShare>;

export const SharePage = z.object({ shares: z.array(ListedShare), cursor: z.string().optional() });
export type SharePage = z.infer<typeof SharePage>;

/** As a person names somebody: an e-mail address, `group:NAME`, or as in a policy. */
export function shareNameOf(text: string): string {
  const name = text.trim();
  if (name.startsWith('group:')) return name.slice('group:'.length);
  const email = name.includes(':') ? undefined : Email.safeParse(name.toLowerCase()).data;
  return email === undefined ? name : `user:${email}`;
}
