// What a connector may do with the archive: create objects under its own id, and ask whether the bucket locks what
// it is given. It reads no object back, overwrites nothing, deletes nothing (law 5), and reaches no other connector's sessions.

import { CfnOutput, Stack, Validations } from 'aws-cdk-lib';
import { ManagedPolicy, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { Bucket } from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import type { ConnectorId } from '../../core/ids.ts';

interface ConnectorAccessProps {
  readonly bucket: Bucket;
  readonly connector: ConnectorId;
}

export class ConnectorAccess extends Construct {
  readonly policy: ManagedPolicy;

  constructor(scope: Construct, id: string, { bucket, connector }: ConnectorAccessProps) {
    super(scope, id);
    const objects = bucket.arnForObjects(`recordings/${connector}/*`);
    this.policy = new ManagedPolicy(this, 'Policy', {
      description: `Recordings of connector ${connector}: create, nothing else`,
      statements: [
        new PolicyStatement({ actions: ['s3:PutObject', 's3:PutObjectRetention'], resources: [objects] }),
        // Without it the connector cannot prove the lock before its first object, and goes by the puts' answers alone.
        new PolicyStatement({ actions: ['s3:GetBucketObjectLockConfiguration'], resources: [bucket.bucketArn] }),
      ],
    });
    // Encrypting is not decrypting: with this alone nothing can be read.
    if (bucket.encryptionKey)
      this.policy.addStatements(
        new PolicyStatement({ actions: ['kms:GenerateDataKey'], resources: [bucket.encryptionKey.keyArn] }),
      );
    const stack = Stack.of(this);
    const bucketName = stack.getLogicalId(bucket.node.defaultChild as never);
    Validations.of(this.policy).acknowledge({
      id: `AwsSolutions-IAM5[Resource::<${bucketName}.Arn>/recordings/${connector}/*]`,
      reason: 'A connector creates objects whose names are not known before; the prefix is its own.',
    });
    new CfnOutput(this, 'PolicyArn', {
      value: this.policy.managedPolicyArn,
      description: `Attach to the role that connector ${connector} runs as`,
    });
  }
}
