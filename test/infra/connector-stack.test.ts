// The connector's stack: what a task may do and reach, how it goes, and that its alarms ring at lines that a connector prints.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { Peer, SecurityGroup, Vpc } from 'aws-cdk-lib/aws-ec2';
import { AwsSolutionsChecks } from 'cdk-nag';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createLogger } from '../../connector/logger.ts';
import { newId } from '../../core/ids.ts';
import { Alarms } from '../../infra/constructs/alarms.ts';
import { GatehouseConnector } from '../../infra/constructs/gatehouse-connector.ts';
import { declareGatehouse } from '../../infra/gatehouse.ts';
import { readStackSettings } from '../../infra/settings.ts';
import { runConnector } from '../connector/connector-process.ts';
import { type FakeEdge, JOIN_TOKEN, startFakeEdge } from '../connector/fake-edge.ts';
import { openLog, RecordedClient, testConnector } from '../harness/recording.ts';
import { type AlarmProperties, matchesJsonFilter, rings } from './cloudwatch.ts';
import { newApp } from './new-app.ts';
import { isAllowed, type PolicyStatement } from './policies.ts';

const [first, second] = [newId('con'), newId('con')];
const IMAGE = `registry.example.com/gatehouse-connector@sha256:${'a'.repeat(64)}`;
const SECRET = 'arn:aws:secretsmanager:eu-central-1:444455556666:secret:shop-AbCdEf';
let folder: string;
let yaml: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'gatehouse-connector-stack-'));
  yaml = join(folder, 'connector.yaml');
  writeFileSync(yaml, 'name: office\n');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const stackSettings = (more: Record<string, unknown> = {}) => ({
  vpc: {
    id: 'vpc-0123456789abcdef0',
    subnets: [
      { id: 'subnet-0a', availabilityZone: 'eu-central-1a' },
      { id: 'subnet-0b', availabilityZone: 'eu-central-1b' },
    ],
  },
  image: IMAGE,
  configuration: yaml,
  connectors: [first, second],
  secrets: { SHOP_PASSWORD: SECRET },
  readSecrets: [SECRET],
  ports: [5432, 2222],
  clients: ['10.1.0.0/16'],
  targets: [{ cidr: '10.2.0.5/32', port: 5432 }],
  ...more,
});
const declare = (more: Record<string, unknown> = {}, context: Record<string, unknown> = {}) => {
  const given: Record<string, unknown> = { encryption: 'kms', connectorStack: stackSettings(more), ...context };
  const app = newApp();
  const { connector } = declareGatehouse(
    app,
    readStackSettings((name) => given[name]),
  );
  if (!connector) throw new Error('there is no stack of a connector');
  return { app, stack: connector, template: Template.fromStack(connector) };
};

interface Statement {
  readonly Effect: string;
  readonly Action: string | string[];
  readonly Resource: unknown;
}
interface Container {
  readonly Name: string;
  readonly User: string;
  readonly ReadonlyRootFilesystem: boolean;
  readonly Image: unknown;
  readonly EntryPoint?: string[];
  readonly Command?: string[];
  readonly StopTimeout?: number;
  readonly Environment?: { readonly Name: string; readonly Value: unknown }[];
  readonly Secrets?: { readonly Name: string }[];
  readonly MountPoints: { readonly ContainerPath: string; readonly ReadOnly: boolean }[];
  readonly HealthCheck?: { readonly Command: string[] };
  readonly DependsOn?: { readonly Condition: string; readonly ContainerName: string }[];
}

describe('a task of the connector', () => {
  let template: Template;
  let containers: Container[];
  beforeAll(() => {
    ({ template } = declare());
    const [task] = Object.values(template.findResources('AWS::ECS::TaskDefinition'));
    containers = task?.Properties.ContainerDefinitions as Container[];
  });
  const called = (name: string) => containers.find(({ Name }) => Name === name) as Container;

  it('may create objects below the prefixes of its ids, read the secrets that are named, protect itself, and do nothing else', () => {
    const statements = Object.entries(template.findResources('AWS::IAM::Policy'))
      .filter(([id]) => /TaskRole/.test(id))
      .flatMap(([, { Properties }]) => Properties.PolicyDocument.Statement as Statement[]);
    expect(statements.every(({ Effect }) => Effect === 'Allow')).toBe(true);
    const of = (action: string) =>
      JSON.stringify(statements.filter(({ Action }) => [Action].flat().includes(action)).map((it) => it.Resource));
    expect(statements.flatMap(({ Action }) => Action).sort()).toEqual([
      'ecs:GetTaskProtection',
      'ecs:UpdateTaskProtection',
      'kms:GenerateDataKey',
      's3:GetBucketObjectLockConfiguration',
      's3:PutObject',
      's3:PutObjectRetention',
      'secretsmanager:GetSecretValue',
    ]);
    for (const id of [first, second]) expect(of('s3:PutObject')).toContain(`/recordings/${id}/*`);
    expect(of('secretsmanager:GetSecretValue')).toBe(JSON.stringify([SECRET]));
  });

  it('runs the image by its digest, as nobody special, on a root that it cannot write', () => {
    for (const { User, ReadonlyRootFilesystem, Image } of containers) {
      expect(User).toBe('1000');
      expect(ReadonlyRootFilesystem).toBe(true);
      expect(Image).toBe(IMAGE);
    }
    template.hasResourceProperties('AWS::ECS::TaskDefinition', { RuntimePlatform: { CpuArchitecture: 'ARM64' } });
    const { MountPoints, Environment = [], Secrets = [] } = called('Connector');
    expect(MountPoints.map(({ ContainerPath }) => ContainerPath)).toEqual(['/var/lib/gatehouse', '/tmp']);
    expect(Environment.map(({ Name }) => Name)).not.toContain('SHOP_PASSWORD');
    expect(Secrets.map(({ Name }) => Name)).toEqual(['SHOP_PASSWORD']);
  });

  it('gets its settings file from what runs before it, by the very command', () => {
    const settings = called('Settings');
    const [node, flag, script = ''] = settings.EntryPoint ?? [];
    expect([node, flag]).toEqual(['node', '-e']);
    const here = script.replaceAll('/var/lib/gatehouse', folder.replaceAll('\\', '/'));
    const target = join(folder, 'connector.yaml');
    const environment = settings.Environment?.find(({ Name }) => Name === 'CONNECTOR_YAML');
    rmSync(target);
    const ran = spawnSync(process.execPath, ['-e', here], {
      env: { CONNECTOR_YAML: String(environment?.Value) },
      encoding: 'utf8',
    });
    expect(ran.stderr).toBe('');
    expect(readFileSync(target, 'utf8')).toBe('name: office\n');
    expect(called('Connector').Command).toEqual(['--config', '/var/lib/gatehouse/connector.yaml']);
    expect(called('Connector').DependsOn).toEqual([{ Condition: 'SUCCESS', ContainerName: 'Settings' }]);
  });

  it('has the longest time to drain, and is replaced by one that runs already', () => {
    expect(called('Connector').StopTimeout).toBe(120);
    template.hasResourceProperties('AWS::ECS::Service', {
      DeploymentConfiguration: {
        MinimumHealthyPercent: 100,
        MaximumPercent: 200,
        DeploymentCircuitBreaker: { Enable: true, Rollback: true },
      },
    });
    for (const { Properties } of Object.values(template.findResources('AWS::ElasticLoadBalancingV2::TargetGroup')))
      expect(Properties.TargetGroupAttributes).toContainEqual({
        Key: 'deregistration_delay.connection_termination.enabled',
        Value: 'false',
      });
  });

  it('is restarted by liveness alone: neither ECS nor the load balancer asks whether it is ready', () => {
    expect(called('Connector').HealthCheck?.Command.join(' ')).toContain('/livez');
    const groups = Object.values(template.findResources('AWS::ElasticLoadBalancingV2::TargetGroup'));
    expect(groups).toHaveLength(2);
    for (const { Properties } of groups)
      expect(Properties).toMatchObject({ HealthCheckPath: '/livez', HealthCheckPort: '8080', Protocol: 'TCP' });
  });

  it('is reached from the load balancer, which clients reach; it reaches its targets and port 443', () => {
    const rules = (type: string) => Object.values(template.findResources(type)).map(({ Properties }) => Properties);
    const groups = template.findResources('AWS::EC2::SecurityGroup');
    const idOf = (like: RegExp) => Object.keys(groups).find((id) => like.test(id));
    const [balancer, tasks] = [idOf(/LoadBalancerGroup/), idOf(/TaskGroup/)];
    const short = (value: unknown) => (value as { 'Fn::GetAtt'?: string[] } | undefined)?.['Fn::GetAtt']?.[0];
    const inward = rules('AWS::EC2::SecurityGroupIngress').map((it) => [
      short(it.GroupId),
      it.CidrIp ?? short(it.SourceSecurityGroupId),
      it.FromPort,
    ]);
    expect(new Set(inward.map((it) => it.join()))).toEqual(
      new Set([
        `${balancer},10.1.0.0/16,5432`,
        `${balancer},10.1.0.0/16,2222`,
        ...[5432, 2222, 8080].map((port) => `${tasks},${balancer},${port}`),
      ]),
    );
    const outward = rules('AWS::EC2::SecurityGroupEgress').map((it) => [
      short(it.GroupId),
      it.CidrIp ?? short(it.DestinationSecurityGroupId),
      it.FromPort,
    ]);
    expect(new Set(outward.map((it) => it.join()))).toEqual(
      new Set([
        ...[5432, 2222, 8080].map((port) => `${balancer},${tasks},${port}`),
        `${tasks},10.2.0.5/32,5432`,
        `${tasks},0.0.0.0/0,443`,
      ]),
    );
    // Rules of their own, and none that lets all out.
    for (const { Properties } of Object.values(groups))
      expect(JSON.stringify(Properties.SecurityGroupEgress ?? [])).not.toContain('"IpProtocol":"-1"');
    template.hasResourceProperties('AWS::ElasticLoadBalancingV2::LoadBalancer', {
      Scheme: 'internal',
      Type: 'network',
    });
    template.hasResourceProperties('AWS::ECS::Service', {
      NetworkConfiguration: { AwsvpcConfiguration: { AssignPublicIp: 'DISABLED' } },
    });
  });

  it('comes from ECR with the right to pull it', () => {
    const image = `444455556666.dkr.ecr.eu-central-1.amazonaws.com/gatehouse@sha256:${'b'.repeat(64)}`;
    const { template: other } = declare({ image });
    expect(JSON.stringify(other.findResources('AWS::IAM::Policy'))).toContain('repository/gatehouse');
    expect(JSON.stringify(other.findResources('AWS::ECS::TaskDefinition'))).toContain(`@sha256:${'b'.repeat(64)}`);
  });

  it('can be in another account than the archive, with its bucket and key by name', () => {
    const archive = {
      bucketName: 'acme-archive',
      region: 'eu-west-1',
      keyArn: 'arn:aws:kms:eu-west-1:111122223333:key/1',
    };
    const { template: other } = declare(
      { account: '444455556666', region: 'eu-central-1', archive },
      { account: '111122223333' },
    );
    const policies = JSON.stringify(other.findResources('AWS::IAM::Policy'));
    expect(policies).toContain(`:s3:::acme-archive/recordings/${first}/*`);
    expect(policies).toContain(archive.keyArn);
    expect(() => declare({ account: '444455556666' }, { account: '111122223333' })).toThrow(/connectorStack\.archive/);
  });

  it.each([
    [{ image: 'gatehouse-connector:latest' }, /connectorStack\.image.*@sha256/],
    [{ ports: [] }, /connectorStack\.ports/],
    [{ clients: ['everybody'] }, /connectorStack\.clients\.0/],
    [{ secrets: { SHOP_PASSWORD: 'tr0ub4dor' } }, /connectorStack\.secrets\.SHOP_PASSWORD.*ARN/],
    [{ tasks: { least: 3, most: 2 } }, /connectorStack\.tasks\.most/],
    [{ connectors: [] }, /connectorStack\.connectors/],
    [{ volume: 1 }, /connectorStack.*volume/],
  ])('with settings that are wrong is refused by their name: %j', (more, message) => {
    expect(() => declare(more)).toThrow(message);
  });
});

it('the construct stands in a stack of one’s own, with a network and targets of its own', () => {
  const app = newApp();
  const stack = new Stack(app, 'Shop');
  const vpc = new Vpc(stack, 'Vpc', { maxAzs: 2 });
  const database = new SecurityGroup(stack, 'Database', { vpc });
  new GatehouseConnector(stack, 'Gatehouse', {
    vpc,
    subnets: vpc.privateSubnets,
    image: IMAGE,
    configuration: 'name: shop\n',
    connectors: [first],
    archive: { bucketName: 'acme-archive', region: 'eu-west-1', lock: 'COMPLIANCE' },
    secrets: {},
    readSecrets: [],
    ports: [5432],
    clients: [Peer.ipv4(vpc.vpcCidrBlock)],
    targets: [{ peer: database, port: 5432 }],
    tasks: { least: 2, most: 6, sessionsEach: 100 },
    size: { cpu: 1024, memoryMib: 2048, diskGib: 100 },
    alarms: new Alarms(stack, 'Alarms', { deployment: 'Shop', runbookUrl: 'https://wiki.example.com/runbook' }),
  });
  const own = Template.fromStack(stack);
  own.resourceCountIs('AWS::ElasticLoadBalancingV2::LoadBalancer', 1);
  own.hasResourceProperties('AWS::ApplicationAutoScaling::ScalableTarget', { MinCapacity: 2, MaxCapacity: 6 });
  expect(JSON.stringify(own.findResources('AWS::IAM::Policy'))).not.toContain('kms:');
});

it('the topic of a connector’s alarms lets CloudWatch publish, for alarms of its account alone', () => {
  const { template } = declare();
  const [policy] = Object.values(template.findResources('AWS::SNS::TopicPolicy'));
  const [topic] = (policy?.Properties.Topics ?? []) as { Ref: string }[];
  const resolve = (value: unknown): string => {
    if (typeof value === 'string') return value;
    const { Ref, 'Fn::Join': join } = value as { Ref?: string; 'Fn::Join'?: [string, unknown[]] };
    return join ? join[1].map(resolve).join(join[0]) : (Ref ?? '');
  };
  const publishes = (account: string) =>
    isAllowed(
      policy?.Properties.PolicyDocument.Statement as PolicyStatement[],
      {
        ...{ service: 'cloudwatch.amazonaws.com', action: 'sns:Publish', resource: topic?.Ref ?? '' },
        keys: {
          'aws:SecureTransport': 'true',
          'aws:SourceAccount': account,
          'aws:SourceArn': `arn:AWS::Partition:cloudwatch:AWS::Region:${account}:alarm:any`,
        },
      },
      resolve,
    );
  expect([publishes('AWS::AccountId'), publishes('999988887777')]).toEqual([true, false]);
  for (const { Properties } of Object.values(template.findResources('AWS::CloudWatch::Alarm')))
    expect(Properties.AlarmActions).toEqual([topic]);
});

it('the rules of AWS Solutions hold for the stack of a connector', () => {
  const { app } = declare();
  app.synth();
  const report = new AwsSolutionsChecks(app).validateScope(app);
  expect(report.violations.map(({ ruleName, violatingResources }) => [ruleName, violatingResources])).toEqual([]);
});

describe('at the lines of a connector', () => {
  let template: Template;
  let lines: string[];
  let edge: FakeEdge;

  interface Filter {
    readonly Properties: {
      readonly FilterPattern: string;
      readonly MetricTransformations: readonly { readonly MetricName: string; readonly MetricValue: string }[];
    };
  }
  const filters = () => Object.values(template.findResources('AWS::Logs::MetricFilter')) as Filter[];
  const counted = (metric: string, of: readonly string[]): number[] =>
    filters().flatMap(({ Properties: { FilterPattern, MetricTransformations } }) =>
      MetricTransformations.filter(({ MetricName }) => MetricName === metric).flatMap(({ MetricValue }) =>
        of
          .filter((line) => matchesJsonFilter(FilterPattern, line))
          .map((line) =>
            MetricValue.startsWith('$.')
              ? Number((JSON.parse(line) as Record<string, unknown>)[MetricValue.slice(2)])
              : Number(MetricValue),
          ),
      ),
    );
  const alarm = (name: string) =>
    Object.entries(template.findResources('AWS::CloudWatch::Alarm')).find(([id]) => id.startsWith(`Alarms${name}`))?.[1]
      .Properties as AlarmProperties;
  const ringsAt = (name: string, of: readonly string[]) => {
    const values = counted(alarm(name).MetricName, of);
    return rings(alarm(name), values.length === 0 ? undefined : values.reduce((a, b) => a + b));
  };

  beforeAll(async () => {
    ({ template } = declare());
    edge = await startFakeEdge();
    const { port } = new URL(edge.origin);
    writeFileSync(yaml, 'limits: { diskFreeMegabytes: 10000000 }\nresources: []\n');
    const connector = runConnector(
      [
        ...['--config', yaml, '--name', 'dev', '--edge', `http://127.0.0.1:${port}`],
        ...['--state', join(folder, 'state'), '--store-directory', join(folder, 'objects')],
      ],
      { GATEHOUSE_JOIN_TOKEN: JOIN_TOKEN },
    );
    await connector.event('link.up');
    await edge.close();
    await connector.event('link.down');
    connector.child.kill('SIGTERM');
    await connector.ended;
    lines = connector.lines.map((line) => JSON.stringify(line));
  });

  it('log disk and the link ring, as the process prints them', () => {
    expect(ringsAt('OwnLogShort', lines)).toBe(true);
    expect(ringsAt('LinkDown', lines)).toBe(false);
    const down = lines.filter((line) => line.includes('"link.down"'));
    expect(down.length).toBeGreaterThan(0);
    // Ten minutes of them, one every 20 s at least.
    expect(ringsAt('LinkDown', Array(30).fill(down[0]))).toBe(true);
    for (const quiet of ['OwnUploadsFail', 'RecordingLeft', 'Bugs']) expect(ringsAt(quiet, lines)).toBe(false);
  });

  it('failed uploads ring, as a log whose store is away reports them', async () => {
    const objects = join(folder, 'away');
    writeFileSync(objects, 'no directory');
    const own = testConnector();
    const store = { kind: 'directory' as const, root: objects };
    const { log, reports, faults } = await openLog(own, join(folder, 'log'), { store });
    const client = new RecordedClient(own, log);
    client.send('target', 'something');
    await expect.poll(() => faults()).toContain('upload_failing');
    client.end();
    const printed: string[] = [];
    const logger = createLogger((line) => printed.push(line));
    // As connector/run.ts does.
    for (const it of reports)
      if (it.kind === 'connector.fault')
        logger.warn('connector.fault', { reason: it.reason, message: it.message, session: it.session });
    await log.close();
    expect(ringsAt('OwnUploadsFail', printed)).toBe(true);
    expect(ringsAt('OwnLogShort', printed)).toBe(false);
  });

  it.each([
    ['RecordingLeft', 'recording.left'],
    ['Bugs', 'bug'],
  ])('%s rings at its line', (name, event) => {
    const printed: string[] = [];
    createLogger((line) => printed.push(line)).error(event, { message: 'x' });
    expect(ringsAt(name, printed)).toBe(true);
  });

  it('no task alive rings, also where nothing is measured', () => {
    expect(rings(alarm('NoTask'), 0)).toBe(true);
    expect(rings(alarm('NoTask'), undefined)).toBe(true);
    expect(rings(alarm('NoTask'), 1)).toBe(false);
  });

  it('sessions are counted for the scaling of tasks', () => {
    const printed: string[] = [];
    createLogger((line) => printed.push(line)).info('connector.standing', { sessions: 17, waiting: 0, failing: 0 });
    const [policy] = Object.values(template.findResources('AWS::ApplicationAutoScaling::ScalingPolicy'));
    const { MetricName, Statistic } =
      policy?.Properties.TargetTrackingScalingPolicyConfiguration.CustomizedMetricSpecification ?? {};
    expect([Statistic, counted(MetricName, [...lines, ...printed])]).toEqual(['Average', [17]]);
  });

  it('each alarm says where the runbook has it', () => {
    const runbook = readFileSync(new URL('../../docs/runbook.md', import.meta.url), 'utf8');
    const anchors = [...runbook.matchAll(/^## (.+)$/gm)].map(([, title = '']) =>
      title.toLowerCase().replaceAll(' ', '-'),
    );
    const alarms = Object.values(template.findResources('AWS::CloudWatch::Alarm'));
    expect(alarms).toHaveLength(6);
    for (const { Properties } of alarms)
      expect(anchors).toContain(/#([a-z-]+)$/.exec(String(Properties.AlarmDescription))?.[1]);
  });
});
