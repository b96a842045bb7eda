// How a connector says that it stands: for the portal, and for the edge's choice among replicas. Numbers and times alone.

import { z } from 'zod';

const count = z.number().int().min(0);

export const ConnectorStatus = z.object({
  /** Whether its log takes a session now. */
  accepting: z.boolean(),
  /** It was told to stop; sessions that run may go on until then. */
  draining: z.object({ until: z.iso.datetime() }).optional(),
  sessions: count,
  /** From a ping over the link to its answer, milliseconds. Missing: none was answered yet. */
  lagMs: count.optional(),
  /** On the disk of the write-ahead log, bytes. */
  logFree: count,
  /** Objects that are made and not stored yet; `oldest`: when the first of them was made. */
  backlog: z.object({ bytes: count, objects: count, oldest: z.iso.datetime().optional() }),
});
export type ConnectorStatus = z.infer<typeof ConnectorStatus>;
