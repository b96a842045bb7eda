// The archive (law 5): written once, kept until its time is over, and never over plain text.

import { Duration, RemovalPolicy, Validations } from 'aws-cdk-lib';
import { AnyPrincipal, Effect, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Key } from 'aws-cdk-lib/aws-kms';
import {
  BlockPublicAccess,
  Bucket,
  BucketEncryption,
  ObjectLockRetention,
  ObjectOwnership,
  type BucketProps,
} from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { AUDIT_PREFIX } from '../../core/audit/audit-archive.ts';
import { LOG_PREFIX } from '../../core/tlog/log-archive.ts';
import type { Settings } from '../settings.ts';

/** Where core/recording/segment.ts puts every object. */
export const RECORDINGS = 'recordings/*';
/** Where core/audit/audit-archive.ts puts the audit log's pieces. */
export const AUDIT = `${AUDIT_PREFIX}*`;
/** Where core/tlog/log-archive.ts puts the log of sessions. */
export const LOG = `${LOG_PREFIX}*`;

export class RecordingBucket extends Construct {
  readonly bucket: Bucket;
  /** Of everything that holds recorded text. */
  readonly accessLog: Bucket;
  /** Whom the bucket lets delete versions of recordings: the purge's function, and nobody else. */
  readonly purgeRole: Role;
  /** Whom it lets place and lift legal holds. */
  readonly holdRole: Role;

  constructor(scope: Construct, id: string, settings: Settings) {
    super(scope, id);
    const common: BucketProps = {
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      objectOwnership: ObjectOwnership.BUCKET_OWNER_ENFORCED,
      enforceSSL: true,
      minimumTLSVersion: 1.2,
      versioned: true,
      removalPolicy: RemovalPolicy.RETAIN,
    };
    // Whoever reads past the portal, with an account of AWS, is seen here.
    const reads = new Bucket(this, 'AccessLog', {
      ...common,
      encryption: BucketEncryption.S3_MANAGED,
      lifecycleRules: [{ expiration: Duration.days(400), noncurrentVersionExpiration: Duration.days(30) }],
    });
    this.accessLog = reads;
    Validations.of(reads).acknowledge({
      id: 'AwsSolutions-S1',
      reason: 'It is the access log; logging it into itself has no end.',
    });

    const days = Duration.days(settings.retentionDays);
    this.bucket = new Bucket(this, 'Bucket', {
      ...common,
      objectLockEnabled: true,
      objectLockDefaultRetention:
        settings.retentionMode === 'COMPLIANCE'
          ? ObjectLockRetention.compliance(days)
          : ObjectLockRetention.governance(days),
      ...(settings.encryption === 'kms'
        ? {
            encryption: BucketEncryption.KMS,
            encryptionKey: new Key(this, 'Key', { enableKeyRotation: true, removalPolicy: RemovalPolicy.RETAIN }),
            bucketKeyEnabled: true,
          }
        : { encryption: BucketEncryption.S3_MANAGED }),
      serverAccessLogsBucket: reads,
      lifecycleRules: [{ id: 'incomplete-uploads', abortIncompleteMultipartUploadAfter: Duration.days(1) }],
    });
    const role = (id: string) => new Role(this, id, { assumedBy: new ServicePrincipal('lambda.amazonaws.com') });
    this.purgeRole = role('PurgeRole');
    this.holdRole = role('HoldRole');
    this.#denyWhatNobodyMayDo(settings);
    this.#denyAllBut(settings);
  }

  /** Refused to everybody in every account, whatever other policies allow. */
  #denyWhatNobodyMayDo(settings: Settings): void {
    const everybody = { effect: Effect.DENY, principals: [new AnyPrincipal()] };
    const resources = [RECORDINGS, AUDIT, LOG].map((prefix) => this.bucket.arnForObjects(prefix));
    // Parts of multipart uploads carry no condition either, so those are refused too; segments are small.
    this.bucket.addToResourcePolicy(
      new PolicyStatement({
        ...everybody,
        sid: 'WriteOnce',
        actions: ['s3:PutObject'],
        resources,
        conditions: { Null: { 's3:if-none-match': 'true' } },
      }),
    );
    this.bucket.addToResourcePolicy(
      new PolicyStatement({
        ...everybody,
        sid: 'NoWayAroundTheLock',
        // A DELETE without a version succeeds under any lock, and hides the object behind a marker.
        actions: ['s3:DeleteObject', 's3:PutObjectAcl', 's3:PutObjectVersionAcl'],
        resources,
      }),
    );
    this.bucket.addToResourcePolicy(
      new PolicyStatement({
        ...everybody,
        sid: 'AuditLogStays',
        actions: ['s3:DeleteObjectVersion', 's3:BypassGovernanceRetention', 's3:PutObjectLegalHold'],
        resources: [this.bucket.arnForObjects(AUDIT)],
      }),
    );
    // A stolen connector key must not make the account pay for a century.
    this.bucket.addToResourcePolicy(
      new PolicyStatement({
        ...everybody,
        sid: 'NoEndlessRetention',
        actions: ['s3:PutObjectRetention'],
        resources,
        conditions: {
          NumericGreaterThan: { 's3:object-lock-remaining-retention-days': String(settings.maxRetentionDays) },
        },
      }),
    );
  }

  /** Recordings are purged and held by one role each. Under compliance nobody has a use for the bypass, so nobody has it. */
  #denyAllBut(settings: Settings): void {
    const governance = settings.retentionMode === 'GOVERNANCE';
    const only = (sid: string, actions: string[], role?: Role) =>
      this.bucket.addToResourcePolicy(
        new PolicyStatement({
          sid,
          effect: Effect.DENY,
          principals: [new AnyPrincipal()],
          actions,
          resources: [this.bucket.arnForObjects(RECORDINGS)],
          ...(role && { conditions: { ArnNotEquals: { 'aws:PrincipalArn': role.roleArn } } }),
        }),
      );
    only('OnlyThePurgeDeletes', ['s3:DeleteObjectVersion'], this.purgeRole);
    only('OnlyThePurgeIsEarly', ['s3:BypassGovernanceRetention'], governance ? this.purgeRole : undefined);
    only('OnlyTheHoldHolds', ['s3:PutObjectLegalHold'], this.holdRole);
  }
}
