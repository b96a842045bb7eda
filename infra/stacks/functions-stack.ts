// What runs: the indexer behind the queue, the fold of the search index each minute, and the API that the edge calls. Each function may do
// what it does, and no more.

import { CfnOutput, Duration, Stack, type StackProps } from 'aws-cdk-lib';
import { Rule, Schedule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction } from 'aws-cdk-lib/aws-events-targets';
import { ManagedPolicy, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { FunctionUrlAuthType, InvokeMode } from 'aws-cdk-lib/aws-lambda';
import { SqsEventSource } from 'aws-cdk-lib/aws-lambda-event-sources';
import type { Construct } from 'constructs';
import { ENV } from '../../functions/env.ts';
import { SEARCH_PARTITIONS } from '../../functions/catalogue-table/schema.ts';
import { AUDIT, LOG } from '../constructs/recording-bucket.ts';
import { Alarms } from '../constructs/alarms.ts';
import { GatehouseFunction } from '../constructs/function.ts';
import { SEGMENTS } from '../constructs/search-bucket.ts';
import type { Settings } from '../settings.ts';
import { INDEX_TIMEOUT, type RecordingStack } from './recording-stack.ts';

interface FunctionsStackProps extends StackProps {
  readonly settings: Settings;
  readonly recording: RecordingStack;
}

const RECORDINGS_REASON = 'Reads recordings, whose names are not known before; the prefix holds nothing else.';
const AUDIT_REASON =
  'Pieces of the audit log or the log of sessions, whose names are not known before; the prefix holds nothing else.';
const SEGMENTS_REASON =
  'Segments of the search index, whose names are not known before; the prefix holds nothing else.';
const INDEXES_REASON = "The table's own indexes, which are read alike.";

export class FunctionsStack extends Stack {
  readonly index: GatehouseFunction;
  readonly api: GatehouseFunction;
  readonly fold: GatehouseFunction;

  constructor(scope: Construct, id: string, { settings, recording, ...props }: FunctionsStackProps) {
    super(scope, id, props);
    const keys = Object.fromEntries(settings.connectors.flatMap(({ id, key }) => (key ? [[id, key]] : [])));
    const environment = {
      [ENV.bucket]: recording.bucket.bucketName,
      [ENV.table]: recording.table.tableName,
    };
    this.index = new GatehouseFunction(this, 'Index', {
      handler: 'index',
      timeout: INDEX_TIMEOUT,
      memoryMib: 1024,
      environment: { ...environment, [ENV.connectorKeys]: JSON.stringify(keys) },
    });
    this.api = new GatehouseFunction(this, 'Api', {
      handler: 'api',
      // The longest a function may run: a download of a very long session.
      timeout: Duration.minutes(15),
      // Open search segments take some of it.
      memoryMib: 2048,
      environment: {
        ...environment,
        [ENV.auditLockMode]: settings.retentionMode,
        [ENV.auditLockDays]: String(settings.maxRetentionDays),
        [ENV.searchBucket]: recording.searchBucket.bucketName,
      },
    });
    this.fold = new GatehouseFunction(this, 'Fold', {
      handler: 'fold',
      timeout: Duration.minutes(10),
      memoryMib: 3008,
      environment: { ...environment, [ENV.searchBucket]: recording.searchBucket.bucketName },
    });
    // What fails is tried again by the next minute's.
    new Rule(this, 'FoldSchedule', {
      schedule: Schedule.rate(Duration.minutes(1)),
      targets: [new LambdaFunction(this.fold.function, { retryAttempts: 0 })],
    });
    this.#grant(recording);
    this.index.function.addEventSource(
      new SqsEventSource(recording.events.queue, {
        batchSize: 10,
        reportBatchItemFailures: true,
        // Enough for a burst, few enough to leave the account's other functions alone.
        maxConcurrency: 20,
      }),
    );
    const url = this.api.function.addFunctionUrl({
      authType: FunctionUrlAuthType.AWS_IAM,
      invokeMode: InvokeMode.RESPONSE_STREAM,
    });
    const edge = new ManagedPolicy(this, 'EdgeAccess', {
      description: 'The edge may call the functions, and nothing else',
      statements: [
        new PolicyStatement({
          actions: ['lambda:InvokeFunctionUrl'],
          resources: [this.api.function.functionArn],
          conditions: { StringEquals: { 'lambda:FunctionUrlAuthType': 'AWS_IAM' } },
        }),
        // Asked for beside it since October 2025.
        new PolicyStatement({
          actions: ['lambda:InvokeFunction'],
          resources: [this.api.function.functionArn],
          conditions: { Bool: { 'lambda:InvokedViaFunctionUrl': 'true' } },
        }),
      ],
    });
    this.#watch(new Alarms(this, 'Alarms', settings), recording);
    new CfnOutput(this, 'FunctionsUrl', { value: url.url, description: "The edge's FUNCTIONS_URL" });
    new CfnOutput(this, 'EdgePolicyArn', {
      value: edge.managedPolicyArn,
      description: 'Attach to the user whose keys the edge signs with',
    });
  }

  #grant(recording: RecordingStack): void {
    const { bucket, table } = recording;
    const recordings = `${this.#importedName(recording, bucket.bucketArn)}/recordings/*`;
    for (const each of [this.index, this.api]) {
      each.grantReadRecordings(bucket);
      each.acknowledge(`AwsSolutions-IAM5[Resource::${recordings}]`, RECORDINGS_REASON);
    }
    this.api.grantKeepAuditLog(bucket);
    for (const kept of [AUDIT, LOG]) {
      const pieces = `${this.#importedName(recording, bucket.bucketArn)}/${kept}`;
      this.api.acknowledge(`AwsSolutions-IAM5[Resource::${pieces}]`, AUDIT_REASON);
    }
    const indexes = `${this.#importedName(recording, table.tableArn)}/index/*`;
    const segments = `${this.#importedName(recording, recording.searchBucket.bucketArn)}/${SEGMENTS}`;
    for (const each of [this.api, this.fold]) {
      each.grantSearchIndex(recording.searchBucket, each === this.fold);
      each.acknowledge(`AwsSolutions-IAM5[Resource::${segments}]`, SEGMENTS_REASON);
      each.acknowledge(`AwsSolutions-IAM5[Resource::${indexes}]`, INDEXES_REASON);
    }
    this.index.role.addToPolicy(
      new PolicyStatement({
        actions: ['dynamodb:GetItem', 'dynamodb:Query', 'dynamodb:BatchWriteItem', 'dynamodb:UpdateItem'],
        resources: [table.tableArn],
      }),
    );
    for (const each of [this.api, this.fold])
      each.role.addToPolicy(
        new PolicyStatement({
          actions: ['dynamodb:GetItem', 'dynamodb:BatchGetItem', 'dynamodb:Query'],
          resources: [table.tableArn, `${table.tableArn}/index/*`],
        }),
      );
    // The index's own items: what waits, what there is. The API only notes there what it found damaged.
    for (const [each, actions] of [
      [this.fold, ['dynamodb:BatchWriteItem', 'dynamodb:UpdateItem']],
      [this.api, ['dynamodb:BatchWriteItem']],
    ] as const)
      each.role.addToPolicy(
        new PolicyStatement({
          actions: [...actions],
          resources: [table.tableArn],
          conditions: { 'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': [...SEARCH_PARTITIONS] } },
        }),
      );
  }

  /** How the other stack's value is called here: rules name it so. */
  #importedName(recording: RecordingStack, value: string): string {
    const imported: { 'Fn::ImportValue'?: string } = recording.resolve(recording.exportValue(value));
    return imported['Fn::ImportValue'] ?? '';
  }

  #watch(alarms: Alarms, { events }: RecordingStack): void {
    const period = Duration.minutes(5);
    alarms.add('DeadLetters', {
      says: 'Events of stored recordings were given up.',
      runbook: 'dead-letters',
      metric: events.deadLetters.metricApproximateNumberOfMessagesVisible({ period }),
      above: 0,
    });
    alarms.add('IndexLate', {
      says: 'Stored recordings wait for the indexer.',
      runbook: 'index-late',
      metric: events.queue.metricApproximateAgeOfOldestMessage({ period }),
      above: Duration.minutes(20).toSeconds(),
    });
    alarms.add('IndexErrors', {
      says: 'The indexer fails.',
      runbook: 'index-errors',
      metric: this.index.function.metricErrors({ period }),
      above: 0,
    });
    alarms.add('ApiErrors', {
      says: 'The functions that the edge calls fail.',
      runbook: 'api-errors',
      metric: this.api.function.metricErrors({ period }),
      above: 0,
    });
    alarms.add('ApiFaults', {
      says: 'The functions that the edge calls met a bug.',
      runbook: 'api-errors',
      metric: alarms.countLines('Failed', this.api.log, 'function.failed'),
      above: 0,
    });
    alarms.add('AuditContradicted', {
      says: 'Another piece of the audit log, or of the log of sessions, is stored than the one that the edge has.',
      runbook: 'audit-export',
      metric: alarms.countLines('Contradicted', this.api.log, 'audit.contradicted'),
      above: 0,
    });
    alarms.add('CatalogueContradicted', {
      says: 'A row of the catalogue is not what the recording and the edge say.',
      runbook: 'catalogue-contradicted',
      metric: alarms.countLines('Catalogue', this.api.log, 'catalogue.contradicted'),
      above: 0,
    });
    alarms.add('FoldErrors', {
      says: 'The search index is not kept up.',
      runbook: 'fold-errors',
      metric: this.fold.function.metricErrors({ period }),
      above: 0,
    });
    alarms.add('SearchDamaged', {
      says: 'A part of the search index is damaged or gone.',
      runbook: 'search-damaged',
      metric: alarms.countLines('SearchDamaged', this.api.log, 'search.damaged'),
      above: 0,
    });
    alarms.add('RecordingBroken', {
      says: 'A recording is not whole.',
      runbook: 'recording-broken',
      metric: alarms.countLines('Broken', this.index.log, 'recording.broken'),
      above: 0,
    });
    alarms.add('RecordingRefused', {
      says: "A connector wrote under another connector's session.",
      runbook: 'recording-refused',
      metric: alarms.countLines('Refused', this.index.log, 'recording.refused'),
      above: 0,
    });
  }
}
