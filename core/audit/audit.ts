// The audit log: what was done to Gatehouse and with it, append-only and hash-chained. Written
// before the thing itself happens (law 7).

import { z } from 'zod';
import { toHex } from '../recording/segment.ts';

export const AuditKind = z.enum([
  'identity.signed_in',
  'identity.sign_in_failed',
  'identity.signed_out',
  'sign_in.approved',
  'sign_in.denied',
  'token.approved',
  'token.denied',
  'token.issued',
  'token.revoked',
  'exchange.refused',
  'key.added',
  'key.removed',
  'request.made',
  'request.denied',
  'request.voted',
  'request.approved',
  'request.withdrawn',
  'request.expired',
  'request.expiring',
  'request.claimed',
  'grant.issued',
  'grant.certified',
  'grant.revoked',
  'grant.glass_broken',
  'grant.reviewed',
  'notice.failed',
  'decision.refused',
  'revocation.refused',
  'requests.listed',
  'request.viewed',
  'session.opened',
  'session.end_requested',
  'tunnel.opened',
  'session.ended',
  'attempt.refused',
  'sessions.listed',
  'session.viewed',
  'session.exported',
  'session.verified',
  'archive.searched',
  'original.opened',
  'share.made',
  'share.opened',
  'share.revoked',
  'shares.listed',
  'catalogue.contradicted',
  'catalogue.reindexed',
  'hold.placed',
  'hold.lift_asked',
  'hold.lifted',
  'retention.viewed',
  'purge.asked',
  'purge.ordered',
  'purge.refused',
  'purge.done',
  'person.ended',
  'person.erase_asked',
  'person.erased',
  'audit.viewed',
  'audit.export_failed',
  'audit.export_resumed',
  'audit.month_closed',
  'audit.month_freed',
  'audit.free_failed',
  'audit.free_resumed',
  'log.export_failed',
  'log.export_resumed',
  'log.witness_failed',
  'log.witness_resumed',
  'connector.invited',
  'connector.joined',
  'connector.certified',
  'connector.site_set',
  'connector.revoked',
  'connector.rotation_asked',
  'connector.key_rotated',
  'connector.retired',
  'connector.linked',
  'connector.draining',
  'connector.unlinked',
  'connector.fault',
  'policy.applied',
  'scim.token_made',
  'scim.token_revoked',
  'scim.refused',
  'scim.user_added',
  'scim.user_changed',
  'scim.user_deactivated',
  'scim.user_reactivated',
  'scim.user_deleted',
  'scim.group_changed',
  'scim.group_deleted',
  'scim.member_added',
  'scim.member_removed',
]);
export type AuditKind = z.infer<typeof AuditKind>;

export const AuditEntry = z.object({
  /** From 1, without a gap. */
  sequence: z.number().int().min(1),
  at: z.iso.datetime(),
  kind: AuditKind,
  /** The person's pseudonym (names.ts; of an earlier release their e-mail), `connector:ID`, or `gatehouse`. */
  actor: z.string(),
  /** What it was done to: a session, grant, resource, connector id or name. */
  object: z.string(),
  /** Never a secret, SQL or data; of a search what was asked, as it was typed. */
  details: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])),
  /** Hex SHA-256 of the entry before; 64 zeros for the first. */
  previous: z.string(),
  /** Hex SHA-256 over the UTF-8 JSON of `auditPreimage`. */
  digest: z.string(),
});
export type AuditEntry = z.infer<typeof AuditEntry>;

export type AuditEvent = Pick<AuditEntry, 'kind' | 'actor' | 'object' | 'details'>;

export const AUDIT_GENESIS = '0'.repeat(64);

/** An entry before it has its digest; of any build, so of any kind. */
type UndigestedEntry = Omit<AuditEntry, 'digest' | 'kind'> & { readonly kind: string };

/** The text whose hash is the entry's digest: a JSON array in this order, details sorted by key. */
export function auditPreimage(entry: UndigestedEntry): string {
  const details = Object.entries(entry.details).sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([entry.previous, entry.sequence, entry.at, entry.kind, entry.actor, entry.object, details]);
}

/** Hex SHA-256 of the entry's preimage. */
export async function auditDigest(entry: UndigestedEntry): Promise<string> {
  const hash = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(auditPreimage(entry)));
  return toHex(new Uint8Array(hash));
}

/** The event as the entry behind `head` (undefined: as the log's first), linked and hashed. */
export async function chainAuditEntry(
  head: Pick<AuditEntry, 'sequence' | 'digest'> | undefined,
  event: AuditEvent,
  at: string,
): Promise<AuditEntry> {
  const entry = {
    sequence: (head?.sequence ?? 0) + 1,
    at,
    kind: event.kind,
    // A lone surrogate would be another character once it was stored, and the digest would not hold.
    actor: event.actor.toWellFormed(),
    object: event.object.toWellFormed(),
    details: event.details,
    previous: head?.digest ?? AUDIT_GENESIS,
  };
  return { ...entry, digest: await auditDigest(entry) };
}

export type AuditChainReport =
  | { readonly whole: true; readonly entries: number; readonly head: string }
  /** `brokenAt`: sequence of the first entry that does not hold; what came before is proven. */
  | { readonly whole: false; readonly entries: number; readonly brokenAt: number; readonly message: string };

/**
 * Walks a log from its first entry, or from behind one that is proven. Proves that nothing was changed, taken out or put in between;
 * that nothing was cut off at the end shows only against a head kept elsewhere.
 */
export async function verifyAuditChain(
  entries: Iterable<AuditEntry>,
  behind: Pick<AuditEntry, 'sequence' | 'digest'> = { sequence: 0, digest: AUDIT_GENESIS },
): Promise<AuditChainReport> {
  let previous = behind.digest;
  let count = behind.sequence;
  for (const entry of entries) {
    const expected = count + 1;
    const broken = (message: string): AuditChainReport => ({
      whole: false,
      entries: count,
      brokenAt: expected,
      message,
    });
    if (entry.sequence !== expected)
      return broken(`entry ${expected} is missing: entry ${entry.sequence} is in its place`);
    if (entry.previous !== previous) return broken(`entry ${expected} does not link to the entry before it`);
    if ((await auditDigest(entry)) !== entry.digest)
      return broken(`entry ${expected} was changed after it was written`);
    previous = entry.digest;
    count = expected;
  }
  return { whole: true, entries: count, head: previous };
}
