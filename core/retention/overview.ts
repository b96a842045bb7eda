// What is kept how long, what holds it, and what comes up: for whoever looks after the archive.

import { z } from 'zod';
import { HoldList } from './purge.ts';

/** Sessions of which a purge is looked at on that day, by when they began: what was stored later, locks and holds may keep them longer. */
export const DueDays = z.object({
  days: z.array(
    z.object({
      /** `2027-02-18`, UTC. */
      day: z.iso.date(),
      sessions: z.number().int(),
      /** There are more than were counted. */
      more: z.boolean(),
    }),
  ),
});
export type DueDays = z.infer<typeof DueDays>;

export const RetentionOverview = z.object({
  policyVersion: z.number().int(),
  /** As the policy in force has it for what is recorded from now on; what is stored keeps what its rule said then. */
  classes: z.array(z.object({ rule: z.string(), retainDays: z.number() })),
  holds: HoldList.shape.holds,
  /** Of the next thirty days, and of those before that are not done with. Missing: the archive does not answer. */
  due: DueDays.shape.days.optional(),
});
export type RetentionOverview = z.infer<typeof RetentionOverview>;
