// The archive (law 5): written once, kept until its time is over, and never over plain text.

import { Duration, RemovalPolicy, Validations } from 'aws-cdk-lib';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import {
  BlockPublicAccess,
  Bucket,
  BucketEncryption,
  ObjectLockRetention,
  ObjectOwnership,
  type BucketProps,
} from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import type { Settings } from '../settings.ts';
import { ArchiveKey } from './archive-key.ts';
import { refuseWhatEndsEvidence } from './archive-policy.ts';

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
            encryptionKey: new ArchiveKey(this, 'Key', {
              administrator: settings.keyAdministrator,
              encryptingAccounts: settings.connectorAccounts,
            }).key,
            bucketKeyEnabled: true,
          }
        : { encryption: BucketEncryption.S3_MANAGED }),
      serverAccessLogsBucket: reads,
      lifecycleRules: [{ id: 'incomplete-uploads', abortIncompleteMultipartUploadAfter: Duration.days(1) }],
    });
    const role = (id: string) => new Role(this, id, { assumedBy: new ServicePrincipal('lambda.amazonaws.com') });
    this.purgeRole = role('PurgeRole');
    this.holdRole = role('HoldRole');
    refuseWhatEndsEvidence(this.bucket, settings, { purge: this.purgeRole, hold: this.holdRole });
  }
}
