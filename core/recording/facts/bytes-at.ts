// Where in a recording the bytes of a fact are: the bytes are the authority, a fact points at them.

import { z } from 'zod';

/** Characters of a statement, parameter, command or URL kept in a fact; the rest is in the bytes it points at. */
export const MAX_FACT_TEXT = 16 * 1024;

/**
 * Where the bytes of a fact are: `length` bytes from `offset` in the concatenation of all recorded
 * bytes of that direction on that lane since the session's start.
 */
export const BytesAt = z.object({
  direction: z.enum(['client', 'target', 'gateway']),
  lane: z.number().int(),
  offset: z.number().int(),
  length: z.number().int(),
});
