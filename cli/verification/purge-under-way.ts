// A purge deletes one object after the other, and the edge writes down its end minutes later: what is missing meanwhile is missing
// by order. What is there and wrong is a fault all the same.

import type { Witnessed } from '../../core/api.ts';
import { MANIFEST_NAME } from '../../core/recording/manifest.ts';
import type { VerifyFault } from '../../core/recording/verify-faults.ts';
import type { VerifyReport } from '../../core/recording/verify.ts';

/** `there`: the names that the store lists. undefined: no purge explains what is wrong. */
export function purgeUnderWay(
  report: VerifyReport,
  ordered: Witnessed['purgeOrdered'],
  there: readonly string[],
): VerifyReport | undefined {
  if (!ordered || report.faults.length === 0) return undefined;
  const stored = new Set(there);
  const isMissing = ({ object, reason }: VerifyFault): boolean => {
    if (['manifest_missing', 'segment_missing', 'original_missing'].includes(reason)) return true;
    // The row is compared with what is deleted.
    if (reason === 'catalogue_differs') return true;
    if (report.manifest) return false;
    return (reason === 'head_differs' && !stored.has(object)) || (reason === 'not_in_log' && object === MANIFEST_NAME);
  };
  if (!report.faults.every(isMissing)) return undefined;
  const { at, audit } = ordered;
  const words = `its purge was ordered by entry ${audit} of the audit log at ${at} and is under way: what is left of it is not proven`;
  return { ...report, proven: false, purging: true, proofs: [], notCompared: [words], faults: [] };
}
