// The audit log: what was done to Gatehouse and with it, append-only and hash-chained. Written
// before the thing itself happens (law 7).

import { z } from 'zod';

export const AuditKind = z.enum([
  'identity.signed_in',
  'identity.sign_in_failed',
  'identity.signed_out',
  'token.issued',
  'token.revoked',
  'request.made',
  'request.denied',
  'grant.issued',
  'grant.revoked',
  'session.opened',
  'session.ended',
  'attempt.refused',
  'sessions.listed',
  'session.viewed',
  'session.exported',
  'session.verified',
  'audit.viewed',
  'connector.invited',
  'connector.joined',
  'connector.linked',
  'connector.unlinked',
  'connector.fault',
  'recording.sealed',
  'recording.broken',
  'policy.applied',
]);
export type AuditKind = z.infer<typeof AuditKind>;

export const AuditEntry = z.object({
  /** From 1, without a gap. */
  sequence: z.number().int().min(1),
  at: z.iso.datetime(),
  kind: AuditKind,
  /** E-mail of the person, `connector:ID`, or `gatehouse`. */
  actor: z.string(),
  /** What it was done to: a session, grant, resource, connector id or name. */
  object: z.string(),
  /** Never a secret, SQL or data. */
  details: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])),
  /** Hex SHA-256 of the entry before; 64 zeros for the first. */
  previous: z.string(),
  /** Hex SHA-256 over the UTF-8 JSON of `auditPreimage`. */
  digest: z.string(),
});
export type AuditEntry = z.infer<typeof AuditEntry>;

export type AuditEvent = Pick<AuditEntry, 'kind' | 'actor' | 'object' | 'details'>;

export const AUDIT_GENESIS = '0'.repeat(64);

/** The text whose hash is the entry's digest: a JSON array in this order, details sorted by key. */
export function auditPreimage(entry: Omit<AuditEntry, 'digest'>): string {
  const details = Object.entries(entry.details).sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([entry.previous, entry.sequence, entry.at, entry.kind, entry.actor, entry.object, details]);
}
