// A connector on Fargate behind an internal network load balancer, for a VPC that is there: its targets' own.
//
//   clients -> load balancer -> tasks -> targets, the edge, AWS
//
// Each arrow is a pair of rules of security groups, and there are no others. The settings file travels in the task's definition and
// holds no secret (the connector refuses one that does); secrets come from Secrets Manager as variables. Without a volume that outlives
// a task, recordings that were not stored when it was killed are lost: tasks are protected while sessions run, told to drain when
// they are stopped, and never stopped because the edge is away (docs/adr/0067).

import { Arn, Duration, RemovalPolicy, Stack, Validations } from 'aws-cdk-lib';
import type { Metric } from 'aws-cdk-lib/aws-cloudwatch';
import { type IPeer, type ISubnet, type IVpc, Peer, Port, SecurityGroup } from 'aws-cdk-lib/aws-ec2';
import { Repository } from 'aws-cdk-lib/aws-ecr';
import {
  Cluster,
  type ContainerDefinitionOptions,
  ContainerDependencyCondition,
  ContainerImage,
  ContainerInsights,
  CpuArchitecture,
  FargateService,
  FargateTaskDefinition,
  LogDrivers,
  OperatingSystemFamily,
  Protocol as ContainerProtocol,
  Secret as ContainerSecret,
} from 'aws-cdk-lib/aws-ecs';
import { NetworkLoadBalancer, NetworkTargetGroup, Protocol, TargetType } from 'aws-cdk-lib/aws-elasticloadbalancingv2';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { FilterPattern, LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { Construct } from 'constructs';
import type { ConnectorId } from '../../core/ids.ts';
import { namedInRules } from './rule-names.ts';
import { addConnectorAlarms } from './connector-alarms.ts';
import type { Alarms } from './alarms.ts';

interface GatehouseConnectorProps {
  readonly vpc: IVpc;
  readonly subnets: readonly ISubnet[];
  /** `REPOSITORY@sha256:DIGEST`: what was tested is what runs. Built from connector/Dockerfile, by no part of this. */
  readonly image: string;
  /** connector.yaml, as text. What is set here wins: state, health, bucket, region and lock. */
  readonly configuration: string;
  /** Under whose ids it records: the prefixes that it may create below. */
  readonly connectors: readonly [ConnectorId, ...ConnectorId[]];
  readonly archive: {
    readonly bucketName: string;
    readonly region: string;
    readonly lock: 'COMPLIANCE' | 'GOVERNANCE';
    readonly keyArn?: string | undefined;
  };
  /** Variable -> ARN of a secret of Secrets Manager. */
  readonly secrets: Readonly<Record<string, string>>;
  /** ARNs of secrets that the settings file names, which are read for each session. */
  readonly readSecrets: readonly string[];
  /** Where clients connect: the listeners' ports. */
  readonly ports: readonly [number, ...number[]];
  readonly clients: readonly IPeer[];
  readonly targets: readonly { readonly peer: IPeer; readonly port: number }[];
  readonly tasks: { readonly least: number; readonly most: number; readonly sessionsEach: number };
  readonly size: { readonly cpu: number; readonly memoryMib: number; readonly diskGib: number };
  readonly alarms: Alarms;
}

const [STATE, HEALTH_PORT, UID] = ['/var/lib/gatehouse', 8080, '1000'];
const FILE = `${STATE}/connector.yaml`;
/** The most that Fargate gives. */
const STOP_TIMEOUT = Duration.seconds(120);
/** Writes the settings where the connector reads them: Fargate mounts no text. */
const WRITE_FILE = `require('node:fs').writeFileSync('${FILE}', process.env.CONNECTOR_YAML, { mode: 0o600 })`;
const ASK_LIVEZ = `fetch('http://127.0.0.1:${HEALTH_PORT}/livez').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))`;

export class GatehouseConnector extends Construct {
  readonly service: FargateService;
  readonly loadBalancer: NetworkLoadBalancer;
  readonly task: FargateTaskDefinition;
  readonly log: LogGroup;

  constructor(scope: Construct, id: string, props: GatehouseConnectorProps) {
    super(scope, id);
    this.log = new LogGroup(this, 'Log', {
      retention: RetentionDays.THREE_MONTHS,
      removalPolicy: RemovalPolicy.RETAIN,
    });
    this.task = this.#defineTask(props);
    this.#allow(props);
    const [balancer, tasks] = this.#connectGroups(props);
    const cluster = new Cluster(this, 'Cluster', { vpc: props.vpc, containerInsightsV2: ContainerInsights.ENABLED });
    this.service = new FargateService(this, 'Service', {
      cluster,
      taskDefinition: this.task,
      securityGroups: [tasks],
      vpcSubnets: { subnets: [...props.subnets] },
      assignPublicIp: false,
      desiredCount: props.tasks.least,
      // New ones first; the old ones go when their sessions have.
      minHealthyPercent: 100,
      maxHealthyPercent: 200,
      circuitBreaker: { rollback: true },
      healthCheckGracePeriod: Duration.minutes(2),
    });
    this.loadBalancer = new NetworkLoadBalancer(this, 'LoadBalancer', {
      vpc: props.vpc,
      vpcSubnets: { subnets: [...props.subnets] },
      internetFacing: false,
      crossZoneEnabled: true,
      deletionProtection: true,
      securityGroups: [balancer],
    });
    const groups = props.ports.map((port) => this.#listen(port, props.vpc));
    this.#scale(props, this.#sessions(props.alarms));
    addConnectorAlarms(props.alarms, { log: this.log, group: groups[0] as NetworkTargetGroup });
    this.#acknowledge(props);
  }

  #defineTask({ archive, configuration, image, ports, secrets, size }: GatehouseConnectorProps): FargateTaskDefinition {
    const task = new FargateTaskDefinition(this, 'Task', {
      cpu: size.cpu,
      memoryLimitMiB: size.memoryMib,
      ephemeralStorageGiB: size.diskGib,
      runtimePlatform: {
        cpuArchitecture: CpuArchitecture.ARM64,
        operatingSystemFamily: OperatingSystemFamily.LINUX,
      },
      volumes: [{ name: 'state' }, { name: 'tmp' }],
    });
    const common: ContainerDefinitionOptions = {
      image: imageOf(this, image),
      user: UID,
      readonlyRootFilesystem: true,
      logging: LogDrivers.awsLogs({ logGroup: this.log, streamPrefix: 'connector' }),
    };
    const mounted = [{ sourceVolume: 'state', containerPath: STATE, readOnly: false }];
    const settings = task.addContainer('Settings', {
      ...common,
      essential: false,
      entryPoint: ['node', '-e', WRITE_FILE],
      command: [],
      environment: { CONNECTOR_YAML: configuration },
    });
    settings.addMountPoints(...mounted);
    const connector = task.addContainer('Connector', {
      ...common,
      command: ['--config', FILE],
      stopTimeout: STOP_TIMEOUT,
      portMappings: [...ports, HEALTH_PORT].map((containerPort) => ({
        containerPort,
        protocol: ContainerProtocol.TCP,
      })),
      environment: {
        GATEHOUSE_STATE: `${STATE}/state`,
        // The load balancer asks from outside.
        GATEHOUSE_HEALTH: `0.0.0.0:${HEALTH_PORT}`,
        GATEHOUSE_STORE_BUCKET: archive.bucketName,
        GATEHOUSE_STORE_REGION: archive.region,
        GATEHOUSE_STORE_LOCK: archive.lock,
      },
      secrets: Object.fromEntries(
        Object.entries(secrets).map(([name, arn]) => [
          name,
          ContainerSecret.fromSecretsManager(Secret.fromSecretCompleteArn(this, `Secret-${name}`, arn)),
        ]),
      ),
      healthCheck: {
        command: ['CMD', 'node', '-e', ASK_LIVEZ],
        interval: Duration.seconds(30),
        timeout: Duration.seconds(5),
        startPeriod: Duration.seconds(30),
      },
    });
    connector.addMountPoints(...mounted, { sourceVolume: 'tmp', containerPath: '/tmp', readOnly: false });
    connector.addContainerDependencies({ container: settings, condition: ContainerDependencyCondition.SUCCESS });
    return task;
  }

  /** Law 5: it creates below its own prefixes. It reads the secrets of its targets, and asks ECS to let it finish. */
  #allow({ archive, connectors, readSecrets }: GatehouseConnectorProps): void {
    const { partition, region, account } = Stack.of(this);
    const bucket = `arn:${partition}:s3:::${archive.bucketName}`;
    const allow = (actions: string[], resources: string[]) =>
      this.task.addToTaskRolePolicy(new PolicyStatement({ actions, resources }));
    allow(
      ['s3:PutObject', 's3:PutObjectRetention'],
      connectors.map((id) => `${bucket}/recordings/${id}/*`),
    );
    allow(['s3:GetBucketObjectLockConfiguration'], [bucket]);
    if (archive.keyArn !== undefined) allow(['kms:GenerateDataKey'], [archive.keyArn]);
    if (readSecrets.length > 0) allow(['secretsmanager:GetSecretValue'], [...readSecrets]);
    allow(['ecs:GetTaskProtection', 'ecs:UpdateTaskProtection'], [`arn:${partition}:ecs:${region}:${account}:task/*`]);
  }

  /** The load balancer's group and the tasks'. Names of hosts are asked of the VPC's resolver, which no group keeps away. */
  #connectGroups({ vpc, ports, clients, targets }: GatehouseConnectorProps): [SecurityGroup, SecurityGroup] {
    const group = (id: string, description: string) =>
      new SecurityGroup(this, id, { vpc, description, allowAllOutbound: false, disableInlineRules: true });
    const balancer = group('LoadBalancerGroup', 'Clients of the Gatehouse connector');
    const tasks = group('TaskGroup', 'The Gatehouse connector');
    for (const port of ports) for (const client of clients) balancer.addIngressRule(client, Port.tcp(port), 'Clients');
    for (const port of [...ports, HEALTH_PORT]) {
      balancer.addEgressRule(tasks, Port.tcp(port), 'To the connector');
      tasks.addIngressRule(balancer, Port.tcp(port), 'From the load balancer');
    }
    for (const { peer, port } of targets) tasks.addEgressRule(peer, Port.tcp(port), 'A target');
    // Cloudflare's and AWS's addresses are many and change.
    tasks.addEgressRule(Peer.anyIpv4(), Port.tcp(443), 'The edge, S3 and Secrets Manager');
    return [balancer, tasks];
  }

  #listen(port: number, vpc: IVpc): NetworkTargetGroup {
    const group = new NetworkTargetGroup(this, `Targets${port}`, {
      vpc,
      port,
      protocol: Protocol.TCP,
      targetType: TargetType.IP,
      targets: [this.service.loadBalancerTarget({ containerName: 'Connector', containerPort: port })],
      // Sessions that run go on while their task is going.
      deregistrationDelay: Duration.hours(1),
      connectionTermination: false,
      preserveClientIp: true,
      healthCheck: {
        // Not /readyz: ECS kills a task that its load balancer finds unhealthy, with the sessions and the log that it has.
        path: '/livez',
        port: String(HEALTH_PORT),
        protocol: Protocol.HTTP,
        interval: Duration.seconds(10),
        healthyThresholdCount: 2,
        unhealthyThresholdCount: 5,
      },
    });
    this.loadBalancer.addListener(`Listener${port}`, { port, protocol: Protocol.TCP, defaultTargetGroups: [group] });
    return group;
  }

  /** What each task says of itself every minute (`connector.standing`): sessions that came through the tunnel are among them. */
  #sessions(alarms: Alarms): Metric {
    const metricName = `${Stack.of(this).stackName}-sessions`;
    return this.log
      .addMetricFilter('Sessions', {
        filterPattern: FilterPattern.all(
          FilterPattern.stringValue('$.event', '=', 'connector.standing'),
          FilterPattern.numberValue('$.sessions', '>=', 0),
        ),
        metricNamespace: alarms.namespace,
        metricName,
        metricValue: '$.sessions',
      })
      .metric({ statistic: 'Average', period: Duration.minutes(1) });
  }

  #scale({ tasks }: GatehouseConnectorProps, metric: Metric): void {
    this.service
      .autoScaleTaskCount({ minCapacity: tasks.least, maxCapacity: tasks.most })
      .scaleToTrackCustomMetric('Sessions', {
        metric,
        targetValue: tasks.sessionsEach,
        scaleOutCooldown: Duration.minutes(2),
        // A task that goes is one whose sessions have ended: there is no hurry.
        scaleInCooldown: Duration.minutes(15),
      });
  }

  #acknowledge({ connectors, archive }: GatehouseConnectorProps): void {
    const acknowledge = (id: string, reason: string) => Validations.of(this).acknowledge({ id, reason });
    // How rules name a bucket of another stack: by what that exports.
    const { account, region } = Stack.of(this);
    const resolved: unknown = Stack.of(this).resolve(archive.bucketName);
    const { 'Fn::ImportValue': exported } = (typeof resolved === 'object' ? resolved : {}) as Record<string, string>;
    for (const connector of connectors)
      acknowledge(
        `AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:s3:::${exported ?? archive.bucketName}/recordings/${connector}/*]`,
        'A connector creates objects whose names are not known before; the prefix is its own.',
      );
    acknowledge(
      `AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:ecs:${namedInRules(region, 'Region')}:${namedInRules(account, 'AccountId')}:task/*]`,
      'A task protects itself while it has sessions, and its id is not known before it runs.',
    );
    acknowledge('AwsSolutions-ECS2', 'Variables hold names and addresses; secrets come from Secrets Manager.');
    acknowledge(
      'AwsSolutions-ELB2',
      'A network load balancer logs TLS connections only, and these pass through it to the connector, which records each session.',
    );
  }
}

/** Of ECR, whose images the task's role must be let pull, or of another registry. */
function imageOf(scope: Construct, image: string): ContainerImage {
  const [, account, region, name = '', digest = ''] =
    /^(\d{12})\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com\/([^@]+)@(sha256:[0-9a-f]{64})$/.exec(image) ?? [];
  if (account === undefined) return ContainerImage.fromRegistry(image);
  const repositoryArn = Arn.format(
    { service: 'ecr', resource: 'repository', resourceName: name, account, region, partition: 'aws' },
    Stack.of(scope),
  );
  const repository = Repository.fromRepositoryAttributes(scope, 'Image', { repositoryName: name, repositoryArn });
  return ContainerImage.fromEcrRepository(repository, digest);
}
