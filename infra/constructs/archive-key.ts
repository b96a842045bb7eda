// The key that encrypts the archive. Without it recordings are as good as deleted, so who administers the account's other things
// cannot delete it, disable it, or change who may: one role can, and it reads nothing.

import { RemovalPolicy, Stack } from 'aws-cdk-lib';
import {
  AccountPrincipal,
  AccountRootPrincipal,
  AnyPrincipal,
  ArnPrincipal,
  Effect,
  PolicyStatement,
  Role,
} from 'aws-cdk-lib/aws-iam';
import { CfnKey, Key } from 'aws-cdk-lib/aws-kms';
import { Construct } from 'constructs';

interface ArchiveKeyProps {
  /** ARN of the role that administers it; undefined: one is made, which people of the account assume with a second factor. */
  readonly administrator: string | undefined;
  /** Other accounts whose connectors may encrypt with it, through S3. */
  readonly encryptingAccounts: readonly string[];
}

/** What takes the archive's contents away, or lets somebody else do so. */
const ADMINISTRATION = [
  'kms:ScheduleKeyDeletion',
  'kms:DisableKey',
  'kms:PutKeyPolicy',
  'kms:DeleteImportedKeyMaterial',
  'kms:DisableKeyRotation',
  'kms:UpdatePrimaryRegion',
];

export class ArchiveKey extends Construct {
  readonly key: Key;

  constructor(scope: Construct, id: string, { administrator, encryptingAccounts }: ArchiveKeyProps) {
    super(scope, id);
    const arn =
      administrator ??
      new Role(this, 'Administrator', {
        description: "Administers the key of Gatehouse's archive, and nothing else",
        assumedBy: new AccountRootPrincipal().withConditions({ Bool: { 'aws:MultiFactorAuthPresent': 'true' } }),
      }).roleArn;
    this.key = new Key(this, 'Key', { enableKeyRotation: true, removalPolicy: RemovalPolicy.RETAIN });
    this.key.addToResourcePolicy(
      new PolicyStatement({
        sid: 'AdministratorAdministers',
        principals: [new ArnPrincipal(arn)],
        actions: [
          ...ADMINISTRATION,
          'kms:CancelKeyDeletion',
          'kms:EnableKey',
          'kms:EnableKeyRotation',
          'kms:Describe*',
        ],
        resources: ['*'],
      }),
    );
    this.key.addToResourcePolicy(
      new PolicyStatement({
        sid: 'NobodyElseDoes',
        effect: Effect.DENY,
        principals: [new AnyPrincipal()],
        actions: ADMINISTRATION,
        resources: ['*'],
        conditions: { ArnNotEquals: { 'aws:PrincipalArn': arn } },
      }),
    );
    this.key.addToResourcePolicy(
      new PolicyStatement({
        sid: 'AdministratorReadsNothing',
        effect: Effect.DENY,
        principals: [new AnyPrincipal()],
        actions: ['kms:Decrypt', 'kms:GenerateDataKey*', 'kms:ReEncrypt*', 'kms:CreateGrant'],
        resources: ['*'],
        conditions: { ArnEquals: { 'aws:PrincipalArn': arn } },
      }),
    );
    if (encryptingAccounts.length > 0)
      this.key.addToResourcePolicy(
        new PolicyStatement({
          sid: 'ConnectorsElsewhereEncrypt',
          principals: encryptingAccounts.map((account) => new AccountPrincipal(account)),
          actions: ['kms:GenerateDataKey'],
          resources: ['*'],
          conditions: { StringEquals: { 'kms:ViaService': `s3.${Stack.of(this).region}.amazonaws.com` } },
        }),
      );
    const resource = this.key.node.defaultChild;
    if (!(resource instanceof CfnKey)) throw new Error('the key has no resource');
    // KMS takes no policy that keeps its own author from changing it, and that is just what this does.
    resource.bypassPolicyLockoutSafetyCheck = true;
  }
}
