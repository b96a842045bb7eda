// Facts of what a policy made of an action, whatever its protocol.

import { z } from 'zod';
import { RequestId } from '../../ids.ts';
import { Digest } from '../segment.ts';

/**
 * What somebody did, by number: a statement, a command, an exchange. Counted from 1 over the whole session,
 * whatever the lane, in the order in which they began (of files: in which the target answered). Facts of gate and protocol with the same number are about the same action.
 * On a gate's fact it is missing where what was refused got no number.
 */
export const ActionNumber = z.number().int().min(1);

/** Why an action did not go on. `reason`: blocked, hold_denied, hold_expired, hold_withdrawn, hold_failed, too_many_statements... */
export const ActionRefused = z.object({
  kind: z.literal('action.refused'),
  action: ActionNumber.optional(),
  reason: z.string(),
  message: z.string(),
  /** Of the policy rule that decided, and what of it fitted. */
  rule: z.string().optional(),
  pattern: z.string().optional(),
  policyVersion: z.number().int().optional(),
});

/** It went on, and the person was told. */
export const ActionWarned = z.object({
  kind: z.literal('action.warned'),
  action: ActionNumber.optional(),
  message: z.string(),
  rule: z.string(),
  pattern: z.string().optional(),
  policyVersion: z.number().int(),
});

/** It waits for an approval. What becomes of it is a later `hold.resolved` with the same request. */
export const ActionHeld = z.object({
  kind: z.literal('action.held'),
  action: ActionNumber.optional(),
  request: RequestId,
  /** Over what will be forwarded if it is approved. */
  digest: Digest,
  rule: z.string(),
  pattern: z.string().optional(),
  policyVersion: z.number().int(),
});

export const HoldResolved = z.object({
  kind: z.literal('hold.resolved'),
  action: ActionNumber.optional(),
  request: RequestId,
  outcome: z.enum(['approved', 'denied', 'expired', 'withdrawn', 'failed']),
  /** E-mails of who decided. */
  by: z.array(z.string()),
  comment: z.string(),
});
