// Facts of what a session's masks changed, and of what its recording does not show.

import { z } from 'zod';

/** Values masked since the last such fact, by rule. */
export const MaskApplied = z.object({
  kind: z.literal('mask.applied'),
  masked: z.array(z.object({ rule: z.string(), count: z.number().int() })),
  /** Where the session keeps originals: how many values were hidden and not kept, by reason (core/recording/originals). */
  notKept: z.array(z.object({ reason: z.string(), count: z.number().int() })).optional(),
});
export type MaskApplied = z.infer<typeof MaskApplied>;

/**
 * Values that the client sent (literals and parameters of statements, fields of COPY) and that are written over in the
 * recording, since the last such fact. `by`: a mask rule as in `mask.applied`, or `secret`, `typed`, `not_certain`, `too_long`.
 */
export const ValuesHidden = z.object({
  kind: z.literal('values.hidden'),
  hidden: z.array(z.object({ by: z.string(), count: z.number().int() })),
});
export type ValuesHidden = z.infer<typeof ValuesHidden>;

/** Something was withheld that no rule named: core/masking/masked.ts says for which reasons. */
export const MaskWithheld = z.object({
  kind: z.literal('mask.withheld'),
  reason: z.string(),
  column: z.number().int().optional(),
  /** Alike and together since the last such fact. */
  count: z.number().int().min(1).default(1),
});
export type MaskWithheld = z.infer<typeof MaskWithheld>;
