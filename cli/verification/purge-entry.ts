// The entry of the audit log that a witness's mark of a purge names: without it the mark proves nothing. Whoever forged one, or took
// another session's entry for it, is found by reading that entry.

import type { Witnessed } from '../../core/api.ts';
import { AuditPage } from '../../core/audit/audit-page.ts';
import { type AuditEntry, auditDigest } from '../../core/audit/audit.ts';
import type { SessionId } from '../../core/ids.ts';
import type { VerifyFault } from '../../core/recording/verify-faults.ts';
import type { VerifyReport } from '../../core/recording/verify.ts';
import { type ApiClient, query } from '../api-client.ts';
import { Failure } from '../failure.ts';

/** The report, with what the log says of the session's purge; as it was where there is no mark of one. */
export async function withPurgeEntry(
  client: ApiClient,
  report: VerifyReport,
  { purged, purgeOrdered, manifest }: Pick<Witnessed, 'purged' | 'purgeOrdered' | 'manifest'>,
): Promise<VerifyReport> {
  const mark = purged ?? (report.purging && purgeOrdered);
  if (!mark) return report;
  const { audit, at } = mark;
  let entry: AuditEntry | undefined;
  try {
    // Newest first, from the one before the cursor on.
    const page = await client.get(`/audit${query({ cursor: audit + 1, limit: 1 })}`, AuditPage);
    entry = page.entries.find(({ sequence }) => sequence === audit);
  } catch (error) {
    if (!(error instanceof Failure && error.reason === 'forbidden')) throw error;
    const notAsked = `entry ${audit} of the audit log, which is to have ordered the purge: only auditors read it`;
    return { ...report, notCompared: [...report.notCompared, notAsked] };
  }
  const wrong = await wrongWith(entry, report.session, { audit, at, manifest: manifest?.digest });
  if (wrong !== undefined) {
    const fault: VerifyFault = { object: 'session', reason: 'purge_not_ordered', message: wrong };
    const { purged: _, purging: __, ...rest } = report;
    return { ...rest, proven: false, proofs: [], faults: [...report.faults, fault] };
  }
  if (!report.proven) return report;
  return {
    ...report,
    proofs: [...report.proofs, `entry ${audit} of the audit log ordered its purge, at ${entry?.at}`],
  };
}

/** undefined: it is that session's order. */
async function wrongWith(
  entry: AuditEntry | undefined,
  session: SessionId,
  { audit, at, manifest }: { readonly audit: number; readonly at: string; readonly manifest: string | undefined },
): Promise<string | undefined> {
  const named = `the edge's mark of its purge names entry ${audit} of the audit log`;
  if (!entry) return `${named}, which the log does not have`;
  const { digest, ...rest } = entry;
  if ((await auditDigest(rest)) !== digest) return `${named}, which was changed after it was written`;
  if (entry.kind !== 'purge.ordered') return `${named}, which is ${entry.kind} and no order to purge`;
  if (entry.object !== session) return `${named}, which orders the purge of another session, ${entry.object}`;
  if (Date.parse(entry.at) > Date.parse(at))
    return `${named}, which was written at ${entry.at}, after the mark (${at})`;
  const told = entry.details.manifest;
  if (manifest !== undefined && told !== undefined && told !== manifest)
    return `${named}, which orders the purge of a recording with another manifest than the edge witnessed`;
  return undefined;
}
