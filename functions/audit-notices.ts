// What somebody must hear of, from the audit log's pieces as they come in: the edge and its connectors have no alarm of their own
// in AWS, wherever they run. Told at least once, with the piece: a piece that comes twice is told twice.

import { auditPieceName, MAX_PIECE_ENTRIES, parseAuditPieceName } from '../core/audit/audit-archive.ts';
import type { AuditNotice } from './faults.ts';
import type { AuditStore } from './store/audit-store.ts';

interface Entry {
  readonly kind: string;
  readonly actor: string;
  readonly object: string;
  readonly details: Readonly<Record<string, string | number | boolean | null>>;
}

const FAULTS: Readonly<Record<string, 'upload.failing' | 'log.short' | 'chain.gap'>> = {
  upload_failing: 'upload.failing',
  object_existed: 'upload.failing',
  spool_damaged: 'upload.failing',
  delivery_failed: 'log.short',
  disk_low: 'log.short',
  disk_critical: 'log.short',
  log_failing: 'log.short',
  log_failed: 'log.short',
  witness_contradicted: 'chain.gap',
  witness_foreign_session: 'chain.gap',
};

export function noticesOf(entries: readonly Entry[]): AuditNotice[] {
  const notices: AuditNotice[] = [];
  const away = new Map<string, string>();
  for (const { kind, actor, object, details } of entries) {
    if (kind === 'connector.unlinked') away.set(actor, object);
    if (kind === 'connector.linked') away.delete(actor);
    if (kind === 'request.expired') notices.push({ kind: 'request.unanswered', request: object });
    const reason = String(details.reason ?? '');
    if (kind === 'audit.free_failed' && reason !== 'unavailable')
      notices.push({ kind: 'chain.gap', of: 'the audit log', reason });
    const notice = kind === 'connector.fault' && Object.hasOwn(FAULTS, reason) ? FAULTS[reason] : undefined;
    if (notice === 'chain.gap') notices.push({ kind: notice, of: String(details.session ?? object), reason });
    else if (notice) notices.push({ kind: notice, connector: object, reason });
  }
  for (const connector of away.values()) notices.push({ kind: 'connector.away', connector });
  return notices;
}

/** Whether the store holds the piece that ends right before this one. The edge hands pieces over in their order. */
export async function gapBefore(first: number, store: AuditStore): Promise<AuditNotice | undefined> {
  if (first === 1) return undefined;
  // The one before begins at most a piece's length earlier: a page has room for twice as many.
  const earliest = first - MAX_PIECE_ENTRIES;
  const { pieces } = await store.list(earliest > 1 ? auditPieceName(earliest - 1, earliest - 1) : undefined);
  if (pieces.some(({ name }) => parseAuditPieceName(name)?.last === first - 1)) return undefined;
  return { kind: 'chain.gap', of: 'the audit log', reason: `no piece ends with entry ${first - 1}` };
}
