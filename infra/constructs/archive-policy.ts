// What the archive's bucket refuses, whatever other policies allow: to everybody in every account, and to all but one role.
// test/infra/evidence.test.ts puts requests to the whole of it.

import { AnyPrincipal, Effect, PolicyStatement, type Role } from 'aws-cdk-lib/aws-iam';
import type { Bucket } from 'aws-cdk-lib/aws-s3';
import { AUDIT_PREFIX } from '../../core/audit/audit-archive.ts';
import { LOG_PREFIX } from '../../core/tlog/log-archive.ts';
import type { Settings } from '../settings.ts';

/** Where core/recording/segment.ts puts every object. */
export const RECORDINGS = 'recordings/*';
/** Where core/audit/audit-archive.ts puts the audit log's pieces. */
export const AUDIT = `${AUDIT_PREFIX}*`;
/** Where core/tlog/log-archive.ts puts the log of sessions. */
export const LOG = `${LOG_PREFIX}*`;

interface ArchiveRoles {
  /** Whom the bucket lets delete versions of recordings: the purge's function, and nobody else. */
  readonly purge: Role;
  /** Whom it lets place and lift legal holds. */
  readonly hold: Role;
}

export function refuseWhatEndsEvidence(bucket: Bucket, settings: Settings, roles: ArchiveRoles): void {
  const deny = (sid: string, actions: string[], resources: string[], conditions?: Conditions) =>
    bucket.addToResourcePolicy(
      new PolicyStatement({
        sid,
        effect: Effect.DENY,
        principals: [new AnyPrincipal()],
        actions,
        resources,
        ...(conditions && { conditions }),
      }),
    );
  const evidence = [RECORDINGS, AUDIT, LOG].map((prefix) => bucket.arnForObjects(prefix));
  const [recordings, logs] = [
    [bucket.arnForObjects(RECORDINGS)],
    [AUDIT, LOG].map((prefix) => bucket.arnForObjects(prefix)),
  ];
  // Parts of multipart uploads carry no condition either, so those are refused too; segments are small.
  deny('WriteOnce', ['s3:PutObject'], evidence, { Null: { 's3:if-none-match': 'true' } });
  // A DELETE without a version succeeds under any lock, and hides the object behind a marker.
  deny('NoWayAroundTheLock', ['s3:DeleteObject', 's3:PutObjectAcl', 's3:PutObjectVersionAcl'], evidence);
  deny('AuditLogStays', ['s3:DeleteObjectVersion', 's3:BypassGovernanceRetention', 's3:PutObjectLegalHold'], logs);
  // An object without a lock of its own is refused as well: it would get the bucket's default, which an administrator may shorten.
  deny('LockedAsSet', ['s3:PutObject'], evidence, {
    StringNotEquals: { 's3:object-lock-mode': settings.retentionMode },
  });
  // Whole days are compared, and a moment after a put of N days less than N remain: a day of tolerance.
  const least = settings.minRetentionDays - 1;
  if (least > 0)
    deny('LockedLongEnough', ['s3:PutObject', 's3:PutObjectRetention'], evidence, {
      NumericLessThan: { 's3:object-lock-remaining-retention-days': String(least) },
    });
  // A stolen connector key must not make the account pay for a century.
  deny('NoEndlessRetention', ['s3:PutObjectRetention'], evidence, {
    NumericGreaterThan: { 's3:object-lock-remaining-retention-days': String(settings.maxRetentionDays) },
  });
  const only = (role: Role): Conditions => ({ ArnNotEquals: { 'aws:PrincipalArn': role.roleArn } });
  deny('OnlyThePurgeDeletes', ['s3:DeleteObjectVersion'], recordings, only(roles.purge));
  // Under compliance nobody has a use for the bypass, so nobody has it.
  const early = settings.retentionMode === 'GOVERNANCE' ? only(roles.purge) : undefined;
  deny('OnlyThePurgeIsEarly', ['s3:BypassGovernanceRetention'], recordings, early);
  deny('OnlyTheHoldHolds', ['s3:PutObjectLegalHold'], recordings, only(roles.hold));
}

type Conditions = Record<string, Record<string, string>>;
