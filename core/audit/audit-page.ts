// The audit log as the API shows it: entries by page, and how its export stands.

import { z } from 'zod';
import { Digest } from '../recording/segment.ts';
import { AuditEntry } from './audit.ts';

/** How the audit log's export to the object store stands. */
export const AuditExportStanding = z.object({
  /** Sequence of the last entry up to which everything is stored; 0: nothing yet. */
  exportedThrough: z.number().int().min(0),
  /** Entries behind it, and since when the oldest of them waits. */
  waiting: z.number().int().min(0),
  waitingSince: z.iso.datetime().optional(),
  /** It was tried and does not work. `contradiction`: something else is stored under a piece's name. */
  failing: z.object({ since: z.iso.datetime(), reason: z.string().max(100), tries: z.number().int() }).optional(),
  /** Up to where the edge reads from the object store, and the digest of that entry; missing: it has all entries itself. */
  freed: z.object({ through: z.number().int().min(1), head: Digest }).optional(),
  /** A month is over and exported, and its entries stay in the edge: what is stored cannot be confirmed. */
  notFreed: z.object({ since: z.iso.datetime(), reason: z.string().max(100), tries: z.number().int() }).optional(),
});
export type AuditExportStanding = z.infer<typeof AuditExportStanding>;

export const AuditPage = z.object({
  /** As they are in the chain, with pseudonyms for people. */
  entries: z.array(AuditEntry),
  /** Whose pseudonyms these are; one that is not here was erased. */
  names: z.record(z.string(), z.string()).default({}),
  cursor: z.string().optional(),
  export: AuditExportStanding.optional(),
});
export type AuditPage = z.infer<typeof AuditPage>;
