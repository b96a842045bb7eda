// A function of functions/handlers.ts: bundled by esbuild, with a role that may write its own log
// and nothing else until it is granted more.

import { join } from 'node:path';
import { Duration, RemovalPolicy, Validations } from 'aws-cdk-lib';
import { Effect, type IRole, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Architecture, LoggingFormat, Runtime, Tracing } from 'aws-cdk-lib/aws-lambda';
import { NodejsFunction, OutputFormat } from 'aws-cdk-lib/aws-lambda-nodejs';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { Bucket } from 'aws-cdk-lib/aws-s3';
import type { Table } from 'aws-cdk-lib/aws-dynamodb';
import { Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { AUDIT, LOG, RECORDINGS } from './archive-policy.ts';
import { RENDERED, SEGMENTS } from './search-bucket.ts';

interface GatehouseFunctionProps {
  /** The export of functions/handlers.ts. */
  readonly handler: string;
  readonly timeout: Duration;
  readonly memoryMib: number;
  /** Runs at once: kept for this function, and no more of it. Default: what the account has left. */
  readonly reservedConcurrency?: number;
  readonly environment: Record<string, string>;
  /** Keep what it could not handle: of one that is called by the clock and not soon again. */
  readonly deadLetters?: boolean;
  /** One that exists already, because the bucket names it; else it gets its own. What it may is declared here either way. */
  readonly roleName?: string;
}

const WRITES_ROWS = ['dynamodb:BatchWriteItem', 'dynamodb:UpdateItem'];
const ROOT = join(import.meta.dirname, '../..');
// Some of the SDK is CommonJS still, and asks for its modules at run time.
const REQUIRE = "import{createRequire}from'node:module';const require=createRequire(import.meta.url);";

export class GatehouseFunction extends Construct {
  readonly function: NodejsFunction;
  readonly log: LogGroup;
  readonly role: IRole;

  constructor(scope: Construct, id: string, props: GatehouseFunctionProps) {
    super(scope, id);
    this.log = new LogGroup(this, 'Log', {
      retention: RetentionDays.THREE_MONTHS,
      removalPolicy: RemovalPolicy.RETAIN,
    });
    this.role =
      props.roleName === undefined
        ? new Role(this, 'Role', { assumedBy: new ServicePrincipal('lambda.amazonaws.com') })
        : Role.fromRoleName(this, 'Role', props.roleName);
    this.log.grantWrite(this.role);
    this.function = new NodejsFunction(this, 'Function', {
      entry: join(ROOT, 'functions/handlers.ts'),
      projectRoot: ROOT,
      depsLockFilePath: join(ROOT, 'package-lock.json'),
      handler: props.handler,
      runtime: Runtime.NODEJS_24_X,
      architecture: Architecture.ARM_64,
      timeout: props.timeout,
      memorySize: props.memoryMib,
      ...(props.reservedConcurrency !== undefined && { reservedConcurrentExecutions: props.reservedConcurrency }),
      tracing: Tracing.DISABLED,
      role: this.role,
      ...(props.deadLetters && {
        deadLetterQueue: new Queue(this, 'DeadLetters', {
          encryption: QueueEncryption.SQS_MANAGED,
          enforceSSL: true,
          retentionPeriod: Duration.days(14),
        }),
      }),
      logGroup: this.log,
      // Plain text begins each line with time and request: no metric filter could read it as JSON.
      loggingFormat: LoggingFormat.JSON,
      environment: { ...props.environment, NODE_OPTIONS: '--enable-source-maps' },
      bundling: {
        format: OutputFormat.ESM,
        target: 'node24',
        mainFields: ['module', 'main'],
        banner: REQUIRE,
        minify: true,
        sourceMap: true,
        sourcesContent: false,
        // The runtime's own SDK changes without us: what was tested is what runs.
        externalModules: [],
        forceDockerBundling: false,
      },
    });
  }

  /** Objects of recordings, and whether they are there: S3 answers 403 and not 404 to who may not list. */
  grantReadRecordings(bucket: Bucket): void {
    this.role.addToPrincipalPolicy(
      new PolicyStatement({ actions: ['s3:GetObject'], resources: [bucket.arnForObjects(RECORDINGS)] }),
    );
    this.role.addToPrincipalPolicy(
      new PolicyStatement({
        actions: ['s3:ListBucket'],
        resources: [bucket.bucketArn],
        conditions: { StringLike: { 's3:prefix': [RECORDINGS] } },
      }),
    );
    bucket.encryptionKey?.grantDecrypt(this.role);
  }

  /** Every version of recordings with its lock and hold, delete markers among them. */
  grantReadVersions(bucket: Bucket): void {
    this.role.addToPrincipalPolicy(
      new PolicyStatement({
        actions: ['s3:GetObjectVersion', 's3:GetObjectRetention', 's3:GetObjectLegalHold'],
        resources: [bucket.arnForObjects(RECORDINGS)],
      }),
    );
    this.role.addToPrincipalPolicy(
      new PolicyStatement({
        actions: ['s3:ListBucketVersions'],
        resources: [bucket.bucketArn],
        conditions: { StringLike: { 's3:prefix': [RECORDINGS] } },
      }),
    );
  }

  /** Items of these partitions of the catalogue alone; `session#*` stands for all that begin so. */
  grantWriteRows(table: Table, partitions: readonly string[], more: readonly string[] = []): void {
    this.role.addToPrincipalPolicy(
      new PolicyStatement({
        actions: [...WRITES_ROWS, ...more],
        resources: [table.tableArn],
        conditions: { 'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': [...partitions] } },
      }),
    );
  }

  /** For a role that may write the whole table but these. */
  denyWriteRows(table: Table, partitions: readonly string[]): void {
    this.role.addToPrincipalPolicy(
      new PolicyStatement({
        effect: Effect.DENY,
        actions: WRITES_ROWS,
        resources: [table.tableArn],
        conditions: { 'ForAnyValue:StringLike': { 'dynamodb:LeadingKeys': [...partitions] } },
      }),
    );
  }

  grantReadRows(table: Table): void {
    this.role.addToPrincipalPolicy(
      new PolicyStatement({
        actions: ['dynamodb:GetItem', 'dynamodb:BatchGetItem', 'dynamodb:Query'],
        resources: [table.tableArn, `${table.tableArn}/index/*`],
      }),
    );
  }

  /** The search index; with `write` also to make and delete its segments. */
  grantSearchIndex(bucket: Bucket, write: boolean): void {
    this.role.addToPrincipalPolicy(
      new PolicyStatement({
        actions: ['s3:GetObject', ...(write ? ['s3:PutObject', 's3:DeleteObject'] : [])],
        resources: [bucket.arnForObjects(SEGMENTS)],
      }),
    );
    this.role.addToPrincipalPolicy(
      new PolicyStatement({
        actions: ['s3:ListBucket'],
        resources: [bucket.bucketArn],
        conditions: { StringLike: { 's3:prefix': [SEGMENTS] } },
      }),
    );
    if (write && bucket.encryptionKey)
      this.role.addToPrincipalPolicy(
        new PolicyStatement({
          actions: ['kms:GenerateDataKey', 'kms:Decrypt'],
          resources: [bucket.encryptionKey.keyArn],
        }),
      );
  }

  /** Rendered exports: these actions on them, and whether they are there. */
  grantRendered(bucket: Bucket, actions: readonly `s3:${'Get' | 'Put' | 'Delete'}Object`[]): void {
    this.role.addToPrincipalPolicy(
      new PolicyStatement({ actions: [...actions], resources: [bucket.arnForObjects(RENDERED)] }),
    );
    this.role.addToPrincipalPolicy(
      new PolicyStatement({
        actions: ['s3:ListBucket'],
        resources: [bucket.bucketArn],
        conditions: { StringLike: { 's3:prefix': [RENDERED] } },
      }),
    );
  }

  /** The audit log's pieces and the log of sessions: create them under lock, and read them for whoever proves them. */
  grantKeepAuditLog(bucket: Bucket): void {
    this.role.addToPrincipalPolicy(
      new PolicyStatement({
        actions: ['s3:PutObject', 's3:PutObjectRetention', 's3:GetObject', 's3:GetObjectRetention'],
        resources: [bucket.arnForObjects(AUDIT), bucket.arnForObjects(LOG)],
      }),
    );
    this.role.addToPrincipalPolicy(
      new PolicyStatement({
        actions: ['s3:ListBucket'],
        resources: [bucket.bucketArn],
        conditions: { StringLike: { 's3:prefix': [AUDIT, LOG] } },
      }),
    );
    if (bucket.encryptionKey)
      this.role.addToPrincipalPolicy(
        new PolicyStatement({ actions: ['kms:GenerateDataKey'], resources: [bucket.encryptionKey.keyArn] }),
      );
  }

  acknowledge(id: string, reason: string): void {
    Validations.of(this).acknowledge({ id, reason });
  }
}
