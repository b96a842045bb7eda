// Who read or deleted evidence, or tried to, past the portal too: CloudTrail's data events of the archive and of the catalogue's
// writes, into a bucket that locks them. S3's own access logs cannot go there: their target takes no Object Lock.

import { Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { CfnTrail } from 'aws-cdk-lib/aws-cloudtrail';
import { AnyPrincipal, Effect, PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { BlockPublicAccess, Bucket, BucketEncryption, ObjectLockRetention, ObjectOwnership } from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import type { Settings } from '../settings.ts';

interface EvidenceTrailProps {
  readonly settings: Settings;
  readonly archive: Bucket;
  readonly tableArn: string;
  /** Of reads of the trail itself. */
  readonly accessLog: Bucket;
}

export class EvidenceTrail extends Construct {
  readonly bucket: Bucket;

  constructor(scope: Construct, id: string, { settings, archive, tableArn, accessLog }: EvidenceTrailProps) {
    super(scope, id);
    const days = Duration.days(settings.trailDays);
    const compliance = settings.retentionMode === 'COMPLIANCE';
    this.bucket = new Bucket(this, 'Bucket', {
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      objectOwnership: ObjectOwnership.BUCKET_OWNER_ENFORCED,
      encryption: BucketEncryption.S3_MANAGED,
      enforceSSL: true,
      minimumTLSVersion: 1.2,
      versioned: true,
      removalPolicy: RemovalPolicy.RETAIN,
      objectLockEnabled: true,
      // CloudTrail names no time of its own.
      objectLockDefaultRetention: compliance
        ? ObjectLockRetention.compliance(days)
        : ObjectLockRetention.governance(days),
      serverAccessLogsBucket: accessLog,
      serverAccessLogsPrefix: 'trail/',
      // Begins when the lock is over: an expiry before would only leave a marker.
      lifecycleRules: [
        { id: 'over', expiration: days.plus(Duration.days(1)), noncurrentVersionExpiration: Duration.days(1) },
      ],
    });
    const { account, region, partition } = Stack.of(this);
    const name = `${settings.deployment}-evidence`;
    const trailArn = `arn:${partition}:cloudtrail:${region}:${account}:trail/${name}`;
    const cloudTrail = new ServicePrincipal('cloudtrail.amazonaws.com');
    this.bucket.addToResourcePolicy(
      new PolicyStatement({
        sid: 'TrailAsks',
        principals: [cloudTrail],
        actions: ['s3:GetBucketAcl'],
        resources: [this.bucket.bucketArn],
        conditions: { StringEquals: { 'aws:SourceArn': trailArn } },
      }),
    );
    this.bucket.addToResourcePolicy(
      new PolicyStatement({
        sid: 'TrailWrites',
        principals: [cloudTrail],
        actions: ['s3:PutObject'],
        resources: [this.bucket.arnForObjects(`AWSLogs/${account}/*`)],
        conditions: { StringEquals: { 'aws:SourceArn': trailArn, 's3:x-amz-acl': 'bucket-owner-full-control' } },
      }),
    );
    this.bucket.addToResourcePolicy(
      new PolicyStatement({
        sid: 'NobodyDeletes',
        effect: Effect.DENY,
        principals: [new AnyPrincipal()],
        actions: ['s3:DeleteObject', 's3:DeleteObjectVersion', 's3:BypassGovernanceRetention', 's3:PutObjectRetention'],
        resources: [this.bucket.arnForObjects('*')],
      }),
    );
    // CloudFormation begins a role's name with its stack's.
    const sessionsOf = (stack: string) =>
      `arn:${partition}:sts::${account}:assumed-role/${settings.deployment}${stack}-`;
    const functions = sessionsOf('Functions');
    const data = (type: string, arn: string, more: CfnTrail.AdvancedFieldSelectorProperty[]) => ({
      name: type,
      fieldSelectors: [
        { field: 'eventCategory', equalTo: ['Data'] },
        { field: 'resources.type', equalTo: [type] },
        { field: 'resources.ARN', startsWith: [arn] },
        ...more,
      ],
    });
    const trail = new CfnTrail(this, 'Trail', {
      trailName: name,
      s3BucketName: this.bucket.bucketName,
      isLogging: true,
      // Proves that no file of it was changed or is missing.
      enableLogFileValidation: true,
      advancedEventSelectors: [
        // All but the puts, of which each is an object that says who made it: reads, deletes, and whatever touches a lock.
        data('AWS::S3::Object', archive.arnForObjects(''), [
          { field: 'eventName', notEquals: ['PutObject'] },
          // Each segment is read by it three times, for an index that everybody may make again: more lines than all others.
          { field: 'userIdentity.arn', notStartsWith: [`${functions}IndexRole`] },
        ]),
        // By people: the functions write to the catalogue all day.
        data('AWS::DynamoDB::Table', tableArn, [
          { field: 'readOnly', equalTo: ['false'] },
          { field: 'userIdentity.arn', notStartsWith: [functions, sessionsOf('Recording')] },
        ]),
      ],
    });
    const policy = this.bucket.policy?.node.defaultChild;
    if (!policy) throw new Error('the bucket of the trail has no policy');
    trail.node.addDependency(policy);
  }
}
