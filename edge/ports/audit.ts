// The audit log. Whoever is about to do something awaits an append first and does nothing when it
// throws (law 7).

import type { AuditExportStanding, AuditPage } from '../../core/audit/audit-page.ts';
import type { AuditChainReport, AuditEntry, AuditEvent } from '../../core/audit/audit.ts';

export interface AuditPort {
  /** Resolves once the entry is durable. */
  append(event: AuditEvent): Promise<AuditEntry>;
  /** All or none, in their order, in one write. */
  appendAll(events: readonly AuditEvent[]): Promise<AuditEntry[]>;
  /**
   * For what anybody can make happen without having signed in. The first of its kind in ten minutes is an entry; what
   * comes after it is counted, and written as one entry when they are over.
   */
  appendCounted(event: AuditEvent): Promise<void>;
  /**
   * For looks that go on: the first of this actor at `shown` of this object is an entry, and what follows within ten
   * minutes is counted to it. Resolves once either is durable; await it before anything is shown.
   */
  appendLook(event: AuditEvent, shown: string): Promise<void>;
  /** Whether an entry is about, or by, this address, and it is not erased. */
  knowsName(address: string): Promise<boolean>;
  /**
   * Forgets whose this address is, and the subjects that signed in with it: entries keep their pseudonyms, and nobody can tell any more
   * whose they were. That it is done was written down before.
   */
  eraseName(address: string): Promise<void>;
  /** Newest first. What was freed is read from the object store; `unread`: that stopped there, and the cursor goes on with it. */
  list(query: AuditQuery): Promise<AuditPage & { readonly unread?: UnreadAudit }>;
  /** Walks the root chain, and the chain of all entries that were not freed. */
  verify(): Promise<AuditChainReport>;
  /** How the export to the object store stands. */
  exportStanding(): Promise<AuditExportStanding>;
}

/** Why entries that were freed cannot be read. `differs`: what is stored is not what was exported. */
export type UnreadAudit = 'unavailable' | 'missing' | 'differs';

export interface AuditQuery {
  /** ISO 8601 UTC. */
  readonly since?: string | undefined;
  /** An address, or a pseudonym. */
  readonly actor?: string | undefined;
  readonly kind?: string | undefined;
  readonly cursor?: string | undefined;
  readonly limit: number;
}
