// Where the full-text index is kept. It is made of the recordings and can be made again, and a purge deletes from it at once: no
// lock, no versions. What is in it is recorded text all the same: private, encrypted, and whoever reads past the portal is seen.

import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import { BlockPublicAccess, Bucket, BucketEncryption, ObjectOwnership } from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';

/** Where functions/search/store/search-store.ts puts every object. */
export const SEGMENTS = 'search/*';

interface SearchBucketProps {
  readonly accessLog: Bucket;
  /** Whose key encrypts it too. */
  readonly recordings: Bucket;
}

export class SearchBucket extends Construct {
  readonly bucket: Bucket;

  constructor(scope: Construct, id: string, { accessLog, recordings }: SearchBucketProps) {
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
      lifecycleRules: [{ id: 'incomplete-uploads', abortIncompleteMultipartUploadAfter: Duration.days(1) }],
    });
  }
}
