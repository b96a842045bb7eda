import { z } from 'zod';

/** The policy in force, as the API gives it. */
export const StoredPolicy = z.object({
  version: z.number().int(),
  text: z.string(),
  appliedAt: z.iso.datetime(),
  appliedBy: z.string(),
});
export type StoredPolicy = z.infer<typeof StoredPolicy>;
