// What the relay of a tunnel tells its ends, one JSON text message each, and by which codes it and they close. All else
// that goes through it are the ends' own messages (channel-messages.ts), in binary.

import { z } from 'zod';

export const RelayNotice = z.discriminatedUnion('kind', [
  /** Both ends are connected now, for the first time or again: whatever was under way before may be lost. */
  z.object({
    kind: z.literal('attached'),
    /** For the connector: where the other end is, as the edge sees it. */
    address: z.string().max(64).optional(),
  }),
  /** The other end's connection is lost. It has RESUME_WITHIN_MS to come back. */
  z.object({ kind: z.literal('detached') }),
]);
export type RelayNotice = z.infer<typeof RelayNotice>;

/** How long an end waits for the other to come back, and the relay for either. */
export const RESUME_WITHIN_MS = 30_000;

/** By the relay: a newer connection of the same end took over. */
export const CLOSE_REPLACED = 4409;
/** By the relay: the other end left for good, or did not come back. */
export const CLOSE_OVER = 4410;
/** By the relay: the other end is done, and so has everything from this one. */
export const CLOSE_DONE = 4411;
/** By the connector: it takes no such tunnel, and the reason says why. The relay closes the other end with the same. */
export const CLOSE_TUNNEL_REFUSED = 4412;
/** By an end: it leaves for good, whatever is under way. 1000: it is done, and so is the other. */
export const CLOSE_ABANDONED = 4499;
