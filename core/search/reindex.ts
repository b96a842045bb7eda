// The rebuilding of catalogue and search index from the object store, as the functions, the API and the command line speak of it.

import { z } from 'zod';

const ReindexStep = z.enum([
  /** Rows and search segments are taken away. */
  'dropping',
  /** Stored objects are indexed, in the order of their keys. */
  'indexing',
  /** What was indexed is folded into search segments, and those from before are taken away. */
  'folding',
  'done',
]);

const count = z.number().int().min(0);

export const Reindex = z.object({
  /** Whether what was there is taken away first. */
  drop: z.boolean(),
  step: ReindexStep,
  startedAt: z.iso.datetime(),
  /** When it last got on, or was done. */
  at: z.iso.datetime(),
  /** Rows that were taken away. */
  dropped: count,
  sessions: count,
  objects: count,
  /** Objects that could not be indexed, and the keys of the first of them. */
  failed: count,
  failures: z.array(z.string().max(1024)).max(20),
});
export type Reindex = z.infer<typeof Reindex>;

export const OrderReindex = z.strictObject({ drop: z.boolean().default(false) });
/** The last one, or the one under way; missing: there never was one. */
export const ReindexStanding = z.object({ reindex: Reindex.optional() });
export type ReindexStanding = z.infer<typeof ReindexStanding>;
