// What a policy's rule means for a session: what may be done in it, masks and limits. The edge takes it out of
// the policy in force and sends it with the admission, and again whenever a policy is applied: it
// counts from the session's next action on.

import { z } from 'zod';
import { Duration } from './duration.ts';
import { MaskEntry } from '../masking/mask-entry.ts';
import { Sections } from './sections/sections.ts';

/** Limits of one session, from `access` of its rule. */
export const SessionLimits = z.object({
  /** Ends a session over which nothing went for so long. */
  idle: Duration.optional(),
  /** Ends a session that long after it was opened. */
  sessionLength: Duration.optional(),
  /** Statements in any minute; one beyond is refused. */
  statementsPerMinute: z.number().int().min(1).max(1_000_000).optional(),
  /** Rows sent to the client in one session; the session ends with the statement that goes beyond. */
  rowsOut: z.number().int().min(1).max(Number.MAX_SAFE_INTEGER).optional(),
  /** When the time window ends in which the session may be open. */
  endsAt: z.iso.datetime().optional(),
});
export type SessionLimits = z.infer<typeof SessionLimits>;

/** content: all of it. digests: its size and SHA-256 alone, with what stands around it. */
export const FilesRecorded = z.enum(['content', 'digests']);
export type FilesRecorded = z.infer<typeof FilesRecorded>;

export const SessionRules = z.object({
  policyVersion: z.number().int(),
  /** The rule's name. */
  rule: z.string(),
  ...Sections.shape,
  mask: z.array(MaskEntry).optional(),
  /** Of files that go over. Missing: content. */
  files: FilesRecorded.optional(),
  limits: SessionLimits.default({}),
});
/** Durations in milliseconds. On the wire as an author writes them: `z.encode` and `parse` go between. */
export type SessionRules = z.infer<typeof SessionRules>;
