// The edge, declared with the rest: reads the Worker as wrangler would, and has a function upload it through Cloudflare's API. The token
// and the Worker's secrets are in Secrets Manager and never in a template. Beside it `wrangler deploy` goes on to work by itself.

import { createHash } from 'node:crypto';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CustomResource, DefaultStackSynthesizer, Duration, RemovalPolicy, Stack, Validations } from 'aws-cdk-lib';
import { Effect, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Architecture, LoggingFormat, Runtime } from 'aws-cdk-lib/aws-lambda';
import { NodejsFunction, OutputFormat } from 'aws-cdk-lib/aws-lambda-nodejs';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Asset } from 'aws-cdk-lib/aws-s3-assets';
import { Construct } from 'constructs';
import { namedInRules } from '../constructs/rule-names.ts';
import type { EdgeStackSettings } from '../edge-settings.ts';
import { readWorker } from './read-worker.ts';
import { encodeWorkerBundle } from './worker-bundle.ts';

interface EdgeWorkerProps {
  readonly edge: EdgeStackSettings;
  readonly wranglerToml: string;
  /** Text bindings that the other stacks know. */
  readonly vars: Readonly<Record<string, string>>;
  /** Of the account's concurrency one run. Default: true. */
  readonly reserve?: boolean;
}

const ROOT = join(import.meta.dirname, '../..');
const REQUIRE = "import{createRequire}from'node:module';const require=createRequire(import.meta.url);";

export class EdgeWorker extends Construct {
  readonly resource: CustomResource;

  constructor(scope: Construct, id: string, { edge, wranglerToml, vars, reserve = true }: EdgeWorkerProps) {
    super(scope, id);
    const bundle = readWorker(wranglerToml, { build: edge.build });
    const folder = mkdtempSync(join(tmpdir(), 'gatehouse-worker-'));
    const file = join(folder, 'worker.zst');
    writeFileSync(file, encodeWorkerBundle(bundle));
    const asset = new Asset(this, 'Bundle', { path: file });

    const log = new LogGroup(this, 'Log', {
      retention: RetentionDays.THREE_MONTHS,
      removalPolicy: RemovalPolicy.RETAIN,
    });
    const role = new Role(this, 'Role', { assumedBy: new ServicePrincipal('lambda.amazonaws.com') });
    log.grantWrite(role);
    const { stackId } = Stack.of(this);
    const allow = (actions: string[], resources: string[]) =>
      role.addToPrincipalPolicy(new PolicyStatement({ effect: Effect.ALLOW, actions, resources }));
    allow(['secretsmanager:GetSecretValue'], [edge.tokenSecret, ...(edge.workerSecrets ? [edge.workerSecrets] : [])]);
    // Also the former one, on the way back.
    allow(['s3:GetObject'], [asset.bucket.arnForObjects('*')]);
    // Whether it is asked on the way back.
    allow(['cloudformation:DescribeStacks'], [stackId]);
    const deployer = new NodejsFunction(this, 'Deployer', {
      entry: join(import.meta.dirname, 'deploy/handler.ts'),
      projectRoot: ROOT,
      depsLockFilePath: join(ROOT, 'package-lock.json'),
      handler: 'handler',
      runtime: Runtime.NODEJS_24_X,
      architecture: Architecture.ARM_64,
      timeout: Duration.minutes(15),
      memorySize: 1024,
      // Two at once would undo each other.
      ...(reserve && { reservedConcurrentExecutions: 1 }),
      role,
      logGroup: log,
      loggingFormat: LoggingFormat.JSON,
      // It answers whatever happens; a run that was killed is asked once more and leaves the same.
      retryAttempts: 1,
      bundling: {
        ...{
          format: OutputFormat.ESM,
          target: 'node24',
          mainFields: ['module', 'main'],
          banner: REQUIRE,
          minify: true,
        },
        externalModules: [],
        forceDockerBundling: false,
      },
    });
    const text = (value: boolean) => String(value);
    this.resource = new CustomResource(this, 'Worker', {
      serviceToken: deployer.functionArn,
      resourceType: 'Custom::GatehouseEdge',
      serviceTimeout: Duration.minutes(20),
      // The function itself leaves what holds data.
      removalPolicy: edge.deleteData ? RemovalPolicy.DESTROY : RemovalPolicy.RETAIN,
      properties: {
        Account: edge.cloudflareAccount,
        ScriptName: edge.scriptName ?? bundle.name,
        TokenSecret: edge.tokenSecret,
        ...(edge.workerSecrets && { WorkerSecrets: edge.workerSecrets }),
        // A rotated secret changes nothing that CloudFormation sees: raise this to have it uploaded.
        SecretsVersion: edge.secretsVersion,
        Bucket: asset.s3BucketName,
        Key: asset.s3ObjectKey,
        Digest: createHash('sha256').update(JSON.stringify(bundle)).digest('hex'),
        Vars: { ...vars, ...edge.vars },
        ...(edge.domain && { Domain: edge.domain }),
        Routes: edge.routes,
        WorkersDev: text(edge.workersDev),
        Adopt: text(edge.adopt),
        DeleteData: text(edge.deleteData),
      },
    });
    this.resource.node.addDependency(role);
    Validations.of(this).acknowledge({
      id: `AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:s3:::${assetsBucketOf(Stack.of(this))}/*]`,
      reason: 'Bundles of the Worker in the bucket of deployments; which one it was before is not known here.',
    });
  }
}

/** The bucket of CDK's bootstrap. */
const assetsBucketOf = ({ account, region }: Stack): string =>
  `cdk-${DefaultStackSynthesizer.DEFAULT_QUALIFIER}-assets-${namedInRules(account, 'AccountId')}-${namedInRules(region, 'Region')}`;
