// One request, from the asking to its end. What may happen is core/approval; who may do it is asked of
// the policy by the caller.

import { z } from 'zod';
import type { Approval } from '../../core/approval/approval.ts';
import type { ApprovalEvent, ApprovalFault } from '../../core/approval/transition.ts';
import type { Result } from '../../core/result.ts';

export interface ApprovalPort {
  /** Begins it. The caller has written that to the audit log. Again: nothing changes. */
  open(approval: Approval, kind: 'asked' | 'glass_broken'): Promise<void>;
  /** As it stands; what the clock brought meanwhile counts, written or not. undefined: there is no such request. */
  read(): Promise<Approval | undefined>;
  act(event: ApprovalEvent): Promise<Result<Approval, ActFault>>;
  /** Where the message that somebody clicked can be changed. One that a bot posted is changed by the bot. */
  clickedInSlack(place: ResponsePlace): Promise<void>;
}

/** `unwritten`: the audit log could not be written, so it did not happen. */
export type ActFault = ApprovalFault | 'unknown' | 'unwritten';

/** A click's `response_url` (approvals/slack-response.ts). Anybody who has the address can write there: never logged. */
export const ResponsePlace = z.object({ responseUrl: z.url().max(1000), untilMs: z.number(), uses: z.number().int() });
export type ResponsePlace = z.infer<typeof ResponsePlace>;
