// Where the full-text index is kept, and exports that were rendered in parts. Both are made of the recordings and can be made again, and
// a purge deletes from them at once: no lock, no versions. What is in them is recorded text all the same: private, encrypted, and whoever reads past the portal is seen.

import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import { BlockPublicAccess, Bucket, BucketEncryption, ObjectOwnership } from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { RENDERED_DAYS, RENDERED_PREFIX } from '../../core/retention/rendered.ts';

/** Where functions/search/store/search-store.ts puts every object. */
export const SEGMENTS = 'search/*';

/** Where functions/rendered/rendered-store.ts puts every object. */
export const RENDERED = `${RENDERED_PREFIX}*`;

interface SearchBucketProps {
  /** Of a policy's `retain`: nothing rendered is kept for longer. */
  readonly minRetentionDays: number;
  readonly accessLog: Bucket;
  /** Whose key encrypts it too. */
  readonly recordings: Bucket;
}

export class SearchBucket extends Construct {
  readonly bucket: Bucket;

  constructor(scope: Construct, id: string, { accessLog, recordings, minRetentionDays }: SearchBucketProps) {
    super(scope, id);
    const key = recordings.encryptionKey;
    this.bucket = new Bucket(this, 'Bucket', {
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      objectOwnership: ObjectOwnership.BUCKET_OWNER_ENFORCED,
      enforceSSL: true,
      minimumTLSVersion: 1.2,
      removalPolicy: RemovalPolicy.RETAIN,
      ...(key
        ? { encryption: BucketEncryption.KMS, encryptionKey: key, bucketKeyEnabled: true }
        : { encryption: BucketEncryption.S3_MANAGED }),
      serverAccessLogsBucket: accessLog,
      serverAccessLogsPrefix: 'search/',
      lifecycleRules: [
        { id: 'incomplete-uploads', abortIncompleteMultipartUploadAfter: Duration.days(1) },
        // A purge takes them with their session; this is for what nobody asks for any more.
        {
          id: 'rendered',
          prefix: RENDERED_PREFIX,
          expiration: Duration.days(Math.min(RENDERED_DAYS, minRetentionDays)),
        },
      ],
    });
  }
}
