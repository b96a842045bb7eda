// What runs: the indexer behind the queue, the API that the edge calls, and by the clock the fold of the search index and what a
// reindex has still to do each minute, purge and holds. Each function may do what it does, and no more.

import { CfnOutput, Duration, Stack, type StackProps } from 'aws-cdk-lib';
import { Rule, Schedule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction } from 'aws-cdk-lib/aws-events-targets';
import { ManagedPolicy, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { FunctionUrlAuthType, InvokeMode } from 'aws-cdk-lib/aws-lambda';
import { SqsEventSource } from 'aws-cdk-lib/aws-lambda-event-sources';
import type { Construct } from 'constructs';
import type { SessionId } from '../../core/ids.ts';
import {
  CONNECTOR_KEYS,
  DUE_DAYS,
  duePartition,
  EXPORTS,
  HELD_SESSIONS,
  HOLD_STANDINGS,
  HOLDS,
  MONTHS,
  PURGE_RUNS,
  PURGES,
  RECONCILE,
  REINDEX,
  SEARCH_PARTITIONS,
  sessionPartition,
} from '../../functions/catalogue-table/schema.ts';
import { ENV } from '../../functions/env.ts';
import { AUDIT, LOG, RECORDINGS } from '../constructs/archive-policy.ts';
import { Alarms } from '../constructs/alarms.ts';
import { Dashboard } from '../constructs/dashboard.ts';
import { watchFunctions } from '../constructs/function-alarms.ts';
import { GatehouseFunction } from '../constructs/function.ts';
import { RenderingFunction } from '../constructs/rendering.ts';
import { RENDERED, SEGMENTS } from '../constructs/search-bucket.ts';
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
const RENDERED_REASON = 'Parts of rendered exports, whose names are not known before; the prefix holds nothing else.';
const INDEXES_REASON = "The table's own indexes, which are read alike.";

export class FunctionsStack extends Stack {
  readonly index: GatehouseFunction;
  readonly api: GatehouseFunction;
  readonly fold: GatehouseFunction;
  readonly reindex: GatehouseFunction;
  readonly purge: GatehouseFunction;
  readonly hold: GatehouseFunction;
  readonly rendering: RenderingFunction;
  /** Where the API answers signed requests. */
  readonly url: string;

  constructor(scope: Construct, id: string, { settings, recording, ...props }: FunctionsStackProps) {
    super(scope, id, props);
    // Of what the edge signs: orders to purge, and which keys connectors have.
    const edgeKey: Record<string, string> =
      settings.edgeLogKey === undefined ? {} : { [ENV.edgeKey]: settings.edgeLogKey };
    const environment = {
      [ENV.bucket]: recording.bucket.bucketName,
      [ENV.table]: recording.table.tableName,
    };
    const share = (atOnce: number) => (settings.reserveConcurrency ? { reservedConcurrency: atOnce } : {});
    this.index = new GatehouseFunction(this, 'Index', {
      handler: 'index',
      // A few more than the queue hands it at once.
      ...share(25),
      timeout: INDEX_TIMEOUT,
      memoryMib: 1024,
      environment: { ...environment, ...edgeKey },
    });
    this.api = new GatehouseFunction(this, 'Api', {
      handler: 'api',
      ...share(100),
      // The longest a function may run: a download of a very long session.
      timeout: Duration.minutes(15),
      // Open search segments take some of it.
      memoryMib: 2048,
      environment: {
        ...environment,
        [ENV.auditLockMode]: settings.retentionMode,
        [ENV.auditLockDays]: String(settings.maxRetentionDays),
        [ENV.searchBucket]: recording.searchBucket.bucketName,
        [ENV.minRetainDays]: String(settings.minRetentionDays),
        ...edgeKey,
      },
    });
    this.fold = new GatehouseFunction(this, 'Fold', {
      handler: 'fold',
      // The next minute may find one still at work; a third would have nothing to do.
      ...share(2),
      timeout: Duration.minutes(10),
      memoryMib: 3008,
      environment: { ...environment, [ENV.searchBucket]: recording.searchBucket.bucketName },
    });
    // What fails is tried again by the next minute's.
    new Rule(this, 'FoldSchedule', {
      schedule: Schedule.rate(Duration.minutes(1)),
      targets: [new LambdaFunction(this.fold.function, { retryAttempts: 0 })],
    });
    // Nobody waits for it but who ordered it: most minutes it finds nothing to do. What fails is gone on with a minute later.
    this.reindex = new GatehouseFunction(this, 'Reindex', {
      handler: 'reindex',
      ...share(2),
      timeout: Duration.minutes(15),
      memoryMib: 3008,
      environment: {
        ...environment,
        [ENV.searchBucket]: recording.searchBucket.bucketName,
        ...edgeKey,
      },
    });
    new Rule(this, 'ReindexSchedule', {
      schedule: Schedule.rate(Duration.minutes(1)),
      targets: [new LambdaFunction(this.reindex.function, { retryAttempts: 0 })],
    });
    const scheduled = {
      timeout: Duration.minutes(15),
      memoryMib: 512,
      environment,
      ...share(2),
      deadLetters: true,
    };
    this.purge = new GatehouseFunction(this, 'Purge', {
      ...scheduled,
      handler: 'purge',
      // Search segments are written anew without what is purged, as the fold writes them.
      memoryMib: 3008,
      environment: { ...environment, ...edgeKey, [ENV.searchBucket]: recording.searchBucket.bucketName },
      roleName: recording.purgeRole.roleName,
    });
    this.hold = new GatehouseFunction(this, 'Hold', {
      ...scheduled,
      handler: 'hold',
      roleName: recording.holdRole.roleName,
    });
    for (const [id, { function: target }] of Object.entries({ Purge: this.purge, Hold: this.hold }))
      new Rule(this, `${id}Hourly`, {
        description: `Runs Gatehouse's ${id.toLowerCase()}`,
        schedule: Schedule.rate(Duration.hours(1)),
        targets: [new LambdaFunction(target, { retryAttempts: 2 })],
      });
    this.rendering = new RenderingFunction(this, 'Rendering', {
      atOnce: settings.exportsAtOnce,
      ...{ bucket: recording.bucket, searchBucket: recording.searchBucket, table: recording.table },
      ...{ environment, api: this.api, purge: this.purge },
    });
    this.#grant(recording);
    this.#grantRetention(recording, settings);
    this.#grantReindex(recording);
    this.index.function.addEventSource(
      new SqsEventSource(recording.events.queue, {
        batchSize: 10,
        reportBatchItemFailures: true,
        // Enough for a burst, few enough to leave the account's other functions alone.
        maxConcurrency: 20,
      }),
    );
    const { url } = this.api.function.addFunctionUrl({
      authType: FunctionUrlAuthType.AWS_IAM,
      invokeMode: InvokeMode.RESPONSE_STREAM,
    });
    this.url = url;
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
    const alarms = new Alarms(this, 'Alarms', settings);
    watchFunctions(alarms, { ...this.#functions(), events: recording.events });
    new Dashboard(this, 'Dashboard', {
      alarms,
      ...this.#functions(),
      events: recording.events,
      table: recording.table,
    });
    new CfnOutput(this, 'FunctionsUrl', { value: url, description: "The edge's FUNCTIONS_URL" });
    new CfnOutput(this, 'EdgePolicyArn', {
      value: edge.managedPolicyArn,
      description: 'Attach to the user whose keys the edge signs with',
    });
  }

  #functions() {
    const { index, api, fold, reindex, purge, hold } = this;
    return { index, api, fold, reindex, purge, hold, render: this.rendering.render };
  }

  #grant(recording: RecordingStack): void {
    const { bucket, table } = recording;
    const recordings = `${this.#importedName(recording, bucket.bucketArn)}/recordings/*`;
    for (const each of [this.index, this.api, this.reindex]) each.grantReadRecordings(bucket);
    const rendered = `${this.#importedName(recording, recording.searchBucket.bucketArn)}/${RENDERED}`;
    for (const each of [this.rendering.render, this.api, this.purge])
      each.acknowledge(`AwsSolutions-IAM5[Resource::${rendered}]`, RENDERED_REASON);
    for (const each of [this.index, this.api, this.reindex, this.rendering.render]) {
      each.acknowledge(`AwsSolutions-IAM5[Resource::${recordings}]`, RECORDINGS_REASON);
    }
    this.api.grantKeepAuditLog(bucket);
    for (const kept of [AUDIT, LOG]) {
      const pieces = `${this.#importedName(recording, bucket.bucketArn)}/${kept}`;
      this.api.acknowledge(`AwsSolutions-IAM5[Resource::${pieces}]`, AUDIT_REASON);
    }
    const indexes = `${this.#importedName(recording, table.tableArn)}/index/*`;
    const segments = `${this.#importedName(recording, recording.searchBucket.bucketArn)}/${SEGMENTS}`;
    for (const each of [this.api, this.fold, this.purge, this.reindex]) {
      each.grantSearchIndex(recording.searchBucket, each !== this.api);
      each.acknowledge(`AwsSolutions-IAM5[Resource::${segments}]`, SEGMENTS_REASON);
    }
    for (const each of [this.api, this.fold, this.reindex])
      each.acknowledge(`AwsSolutions-IAM5[Resource::${indexes}]`, INDEXES_REASON);
    this.index.role.addToPrincipalPolicy(
      new PolicyStatement({
        actions: ['dynamodb:GetItem', 'dynamodb:Query', 'dynamodb:BatchWriteItem', 'dynamodb:UpdateItem'],
        resources: [table.tableArn],
      }),
    );
    for (const each of [this.api, this.fold, this.reindex]) each.grantReadRows(table);
    // The index's own items: what waits, what there is. The API only notes there what it found damaged.
    this.fold.grantWriteRows(table, SEARCH_PARTITIONS);
    this.api.role.addToPrincipalPolicy(
      new PolicyStatement({
        actions: ['dynamodb:BatchWriteItem'],
        resources: [table.tableArn],
        conditions: { 'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': [...SEARCH_PARTITIONS] } },
      }),
    );
  }

  /** The API asks and orders, the purge deletes, the hold holds; none of them does what another does. */
  #grantRetention(recording: RecordingStack, settings: Settings): void {
    const { bucket, table } = recording;
    const recordings = `${this.#importedName(recording, bucket.bucketArn)}/recordings/*`;
    for (const each of [this.api, this.purge, this.hold]) {
      each.grantReadVersions(bucket);
      if (each !== this.api) bucket.encryptionKey?.grantDecrypt(each.role);
      each.acknowledge(`AwsSolutions-IAM5[Resource::${recordings}]`, RECORDINGS_REASON);
    }
    // Who writes there could order a purge, or a reindex.
    const told = [PURGES, HOLDS, REINDEX, EXPORTS, CONNECTOR_KEYS];
    this.index.denyWriteRows(table, [...told, PURGE_RUNS, HELD_SESSIONS, HOLD_STANDINGS, RECONCILE]);
    this.api.grantWriteRows(table, told);
    this.purge.grantReadRows(table);
    this.purge.grantWriteRows(table, [
      sessionPartition('*' as SessionId),
      duePartition('*'),
      DUE_DAYS,
      PURGES,
      PURGE_RUNS,
      RECONCILE,
      // A session that was purged is in no search.
      ...SEARCH_PARTITIONS,
    ]);
    this.hold.grantReadRows(table);
    const indexes = `${this.#importedName(recording, table.tableArn)}/index/*`;
    for (const each of [this.purge, this.hold])
      each.acknowledge(`AwsSolutions-IAM5[Resource::${indexes}]`, INDEXES_REASON);
    this.hold.grantWriteRows(table, [HELD_SESSIONS, HOLD_STANDINGS]);
    const objects = [bucket.arnForObjects(RECORDINGS)];
    const early = settings.retentionMode === 'GOVERNANCE' ? ['s3:BypassGovernanceRetention'] : [];
    this.purge.role.addToPrincipalPolicy(
      new PolicyStatement({ actions: ['s3:DeleteObjectVersion', ...early], resources: objects }),
    );
    this.hold.role.addToPrincipalPolicy(
      new PolicyStatement({ actions: ['s3:PutObjectLegalHold'], resources: objects }),
    );
  }

  /** The API orders it. The function writes what the indexer and the fold write, takes it away before, and has no right to the rest. */
  #grantReindex({ table }: RecordingStack): void {
    const written = [
      sessionPartition('*' as SessionId),
      MONTHS,
      duePartition('*'),
      DUE_DAYS,
      REINDEX,
      ...SEARCH_PARTITIONS,
    ];
    this.reindex.grantWriteRows(table, written, ['dynamodb:DeleteItem']);
    this.reindex.role.addToPrincipalPolicy(
      new PolicyStatement({ actions: ['dynamodb:Scan'], resources: [table.tableArn] }),
    );
  }

  /** How the other stack's value is called here: rules name it so. */
  #importedName(recording: RecordingStack, value: string): string {
    const imported: { 'Fn::ImportValue'?: string } = recording.resolve(recording.exportValue(value));
    return imported['Fn::ImportValue'] ?? '';
  }
}
