// What a connector may do with the archive: create objects under its own id, and ask whether the bucket locks what
// it is given. It reads no object back, overwrites nothing, deletes nothing (law 5), and reaches no other connector's sessions.

import { Arn, ArnFormat, CfnOutput, RemovalPolicy, Stack, Validations } from 'aws-cdk-lib';
import { AccountPrincipal, ManagedPolicy, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { Bucket } from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import type { ConnectorId } from '../../core/ids.ts';

interface ConnectorAccessProps {
  readonly bucket: Bucket;
  /** Its id; or how those of a role begin, whose tasks join by their AWS identity. */
  readonly connector: ConnectorId | `${string}*`;
  /** ARN of the role that it runs as in another account, which the bucket and the key then let in. */
  readonly otherAccountsRole?: string | undefined;
}

export class ConnectorAccess extends Construct {
  readonly policy: ManagedPolicy;

  constructor(scope: Construct, id: string, { bucket, connector, otherAccountsRole }: ConnectorAccessProps) {
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
    // A deployment that leaves the connector out must not end its recordings (docs/adr/0067).
    this.policy.applyRemovalPolicy(RemovalPolicy.RETAIN);
    // Encrypting is not decrypting: with this alone nothing can be read.
    if (bucket.encryptionKey)
      this.policy.addStatements(
        new PolicyStatement({ actions: ['kms:GenerateDataKey'], resources: [bucket.encryptionKey.keyArn] }),
      );
    if (otherAccountsRole !== undefined) letIn(otherAccountsRole, { bucket, connector });
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

/** Both accounts have to allow it: the role's own with a policy like the one above, and the archive's by what is said here. */
function letIn(role: string, { bucket, connector }: ConnectorAccessProps): void {
  // By condition, not as principal: S3 refuses a policy that names a role which is not there yet.
  const account = Arn.split(role, ArnFormat.SLASH_RESOURCE_NAME).account ?? '';
  const from = { principals: [new AccountPrincipal(account)], conditions: { ArnEquals: { 'aws:PrincipalArn': role } } };
  bucket.addToResourcePolicy(
    new PolicyStatement({
      ...from,
      actions: ['s3:PutObject', 's3:PutObjectRetention'],
      resources: [bucket.arnForObjects(`recordings/${connector}/*`)],
    }),
  );
  bucket.addToResourcePolicy(
    new PolicyStatement({ ...from, actions: ['s3:GetBucketObjectLockConfiguration'], resources: [bucket.bucketArn] }),
  );
}
