// Which sessions were purged, by the audit log's export where a copy has it. It explains what is not there and proves nothing: whoever
// can change a copy can write such a log, whose head only the edge, or somebody who noted it, knows.

import { decodeAuditPiece } from '../../core/audit/audit-archive.ts';
import { verifyAuditCopy } from '../../core/audit/audit-proof.ts';
import type { AuditEntry } from '../../core/audit/audit.ts';
import { sessionDigest } from '../../core/tlog/session-entry.ts';
import { SessionId } from '../../core/ids.ts';
import { Failure } from '../failure.ts';
import { readAuditCopies } from './audit-copy.ts';

/** Orders to purge by the digest of their session's id. `none`: there is no export. `damaged`: it does not hold by itself. */
type PurgesInCopy = ReadonlyMap<string, Pick<AuditEntry, 'sequence' | 'at'>> | 'none' | 'damaged';

export async function purgesInCopy(folder: string): Promise<PurgesInCopy> {
  const copies = await readAuditCopies(folder).catch((error: unknown) => {
    // Not there, or without a piece.
    if (error instanceof Failure) return [];
    throw error;
  });
  if (copies.length === 0) return 'none';
  const ordered = new Map<string, Pick<AuditEntry, 'sequence' | 'at'>>();
  for (const copy of copies) {
    if (!(await verifyAuditCopy(copy)).proven) return 'damaged';
    for (const name of copy.names) {
      const bytes = await copy.read(name);
      const piece = bytes && (await decodeAuditPiece(name, bytes));
      for (const { kind, object, sequence, at } of piece?.ok ? piece.value.entries : []) {
        const session = kind === 'purge.ordered' ? SessionId.safeParse(object).data : undefined;
        if (session) ordered.set(await sessionDigest(session), { sequence, at });
      }
    }
  }
  return ordered;
}

/** Of a session that the log has and the copy has not. */
export function purgeWords(purges: PurgesInCopy, digest: string): string {
  if (purges === 'none')
    return "whether it was purged was not checked: the audit log's export (audit/) is not in this copy";
  if (purges === 'damaged')
    return "whether it was purged cannot be told: the audit log's export in this copy is not whole";
  const order = purges.get(digest);
  return order
    ? `by the audit log's export in this copy its purge was ordered (entry ${order.sequence}, ${order.at}), which only the edge proves: gatehouse verify --all`
    : "the audit log's export in this copy has no order to purge it";
}
