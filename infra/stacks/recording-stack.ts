// What is kept: the bucket of recordings, the catalogue, the search index, and the queue of what was stored. The
// stores stay when the stack goes.

import { createHash } from 'node:crypto';
import { CfnOutput, Duration, RemovalPolicy, Stack, type StackProps } from 'aws-cdk-lib';
import { AttributeType, BillingMode, ProjectionType, Table, TableEncryption } from 'aws-cdk-lib/aws-dynamodb';
import type { Role } from 'aws-cdk-lib/aws-iam';
import type { Bucket } from 'aws-cdk-lib/aws-s3';
import type { Construct } from 'constructs';
import { carriedBy, INDEXES, PARTITION_KEY, SORT_KEY, STARTED } from '../../functions/catalogue-table/schema.ts';
import { idPrefixOf, roleArn, roleText } from '../../core/connectors/iam-role.ts';
import { ConnectorAccess } from '../constructs/connector-access.ts';
import { EvidenceTrail } from '../constructs/evidence-trail.ts';
import { EventQueue } from '../constructs/event-queue.ts';
import { RecordingBucket } from '../constructs/recording-bucket.ts';
import { SearchBucket } from '../constructs/search-bucket.ts';
import type { Settings } from '../settings.ts';

interface RecordingStackProps extends StackProps {
  readonly settings: Settings;
}

/** The index function's longest run: the proof of a very long session. */
export const INDEX_TIMEOUT = Duration.minutes(5);

export class RecordingStack extends Stack {
  readonly bucket: Bucket;
  readonly searchBucket: Bucket;
  readonly purgeRole: Role;
  readonly holdRole: Role;
  readonly table: Table;
  readonly events: EventQueue;

  constructor(scope: Construct, id: string, { settings, ...props }: RecordingStackProps) {
    super(scope, id, props);
    const recordings = new RecordingBucket(this, 'Recordings', settings);
    this.bucket = recordings.bucket;
    this.searchBucket = new SearchBucket(this, 'Search', {
      accessLog: recordings.accessLog,
      recordings: this.bucket,
      minRetentionDays: settings.minRetentionDays,
    }).bucket;
    this.purgeRole = recordings.purgeRole;
    this.holdRole = recordings.holdRole;
    this.events = new EventQueue(this, 'Events', { bucket: this.bucket, handledWithin: INDEX_TIMEOUT });

    this.table = new Table(this, 'Catalogue', {
      partitionKey: { name: PARTITION_KEY, type: AttributeType.STRING },
      sortKey: { name: SORT_KEY, type: AttributeType.STRING },
      billingMode: BillingMode.PAY_PER_REQUEST,
      encryption: TableEncryption.AWS_MANAGED,
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
      deletionProtection: true,
      removalPolicy: RemovalPolicy.RETAIN,
    });
    for (const { name, partition } of INDEXES)
      this.table.addGlobalSecondaryIndex({
        indexName: name,
        partitionKey: { name: partition, type: AttributeType.STRING },
        sortKey: { name: STARTED, type: AttributeType.STRING },
        projectionType: ProjectionType.INCLUDE,
        nonKeyAttributes: carriedBy(partition),
      });

    new EvidenceTrail(this, 'Trail', {
      ...{ settings, archive: this.bucket, tableArn: this.table.tableArn },
      accessLog: recordings.accessLog,
    });
    for (const { id: connector, role } of settings.connectors)
      new ConnectorAccess(this, `Connector-${connector}`, { bucket: this.bucket, connector, otherAccountsRole: role });
    // By the beginning of the ids that they get: however many tasks come and go, it is one policy.
    for (const { role, name } of settings.connectorRoles) {
      const digest = createHash('sha256').update(roleText(role, name)).digest();
      new ConnectorAccess(this, `ConnectorRole-${role.account}-${role.name}-${name}`, {
        bucket: this.bucket,
        connector: `${idPrefixOf(digest)}*`,
        otherAccountsRole: settings.connectorAccounts.includes(role.account) ? roleArn(role) : undefined,
      });
    }

    new CfnOutput(this, 'BucketName', { value: this.bucket.bucketName });
    new CfnOutput(this, 'TableName', { value: this.table.tableName });
  }
}
