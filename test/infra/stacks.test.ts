// The stacks by property: what the laws need of them, whatever else changes.

import { readFileSync } from 'node:fs';
import { Validations } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import { AwsSolutionsChecks } from 'cdk-nag';
import { beforeAll, describe, expect, it } from 'vitest';
import { type ConnectorId, newId } from '../../core/ids.ts';
import { idOfTask } from '../../core/connectors/iam-role.ts';
import { ENV } from '../../functions/env.ts';
import { INDEXES } from '../../functions/catalogue-table/schema.ts';
import { declareGatehouse, type GatehouseStacks } from '../../infra/gatehouse.ts';
import { readStackSettings } from '../../infra/settings.ts';
import { newApp } from './new-app.ts';

const [first, second]: [ConnectorId, ConnectorId] = [newId('con'), newId('con')];
const ROLE = { role: 'arn:aws:iam::123456789012:role/gatehouse-connector', name: 'site-a' };
const TASK = { partition: 'aws', account: '123456789012', name: 'gatehouse-connector', session: '0a1b2c' };
const EDGE_KEY = 'gatehouse.example.com/sessions+00000000+AQ==';

function declare(context: Record<string, unknown> = {}): GatehouseStacks {
  const app = newApp();
  return declareGatehouse(
    app,
    readStackSettings((name) => context[name]),
  );
}

interface Statement {
  readonly Sid?: string;
  readonly Effect: string;
  readonly Action: string | string[];
  readonly Resource: unknown;
  readonly Condition?: Record<string, Record<string, unknown>>;
}
const actionsOf = ({ Action }: Statement): string[] => [Action].flat();

function statementsOf(template: Template, type: string): Statement[] {
  return Object.values(template.findResources(type)).flatMap(
    (resource) => resource.Properties.PolicyDocument.Statement as Statement[],
  );
}

let recording: Template;
let functions: Template;
beforeAll(() => {
  const stacks = declare({
    connectors: [{ id: first }, { id: second }],
    connectorRoles: [ROLE],
    edgeLogKey: EDGE_KEY,
    alarmEmail: 'ops@example.com',
  });
  recording = Template.fromStack(stacks.recording);
  functions = Template.fromStack(stacks.functions);
});

describe('the archive', () => {
  it('is locked, versioned, private, encrypted, and outlives its stack', () => {
    recording.hasResource('AWS::S3::Bucket', {
      DeletionPolicy: 'Retain',
      UpdateReplacePolicy: 'Retain',
      Properties: {
        ObjectLockEnabled: true,
        ObjectLockConfiguration: {
          ObjectLockEnabled: 'Enabled',
          Rule: { DefaultRetention: { Mode: 'COMPLIANCE', Days: 90 } },
        },
        VersioningConfiguration: { Status: 'Enabled' },
        PublicAccessBlockConfiguration: {
          BlockPublicAcls: true,
          BlockPublicPolicy: true,
          IgnorePublicAcls: true,
          RestrictPublicBuckets: true,
        },
        OwnershipControls: { Rules: [{ ObjectOwnership: 'BucketOwnerEnforced' }] },
        BucketEncryption: Match.anyValue(),
        LoggingConfiguration: Match.anyValue(),
        LifecycleConfiguration: {
          Rules: [Match.objectLike({ AbortIncompleteMultipartUpload: { DaysAfterInitiation: 1 }, Status: 'Enabled' })],
        },
      },
    });
  });

  it('takes no object without a condition that it is new, from anybody', () => {
    const statement = statementsOf(recording, 'AWS::S3::BucketPolicy').find(({ Sid }) => Sid === 'WriteOnce');
    expect(statement).toMatchObject({
      Effect: 'Deny',
      Principal: { AWS: '*' },
      Action: 's3:PutObject',
      Condition: { Null: { 's3:if-none-match': 'true' } },
    });
    expect(JSON.stringify(statement?.Resource)).toContain('/recordings/*');
    expect(JSON.stringify(statement?.Resource)).toContain('/audit/*');
  });

  it('refuses plain text, old TLS, deleting versions, and ways around the lock', () => {
    const denied = statementsOf(recording, 'AWS::S3::BucketPolicy').filter(({ Effect }) => Effect === 'Deny');
    const actions = denied.flatMap(actionsOf);
    for (const action of ['s3:BypassGovernanceRetention', 's3:DeleteObjectVersion', 's3:PutObjectRetention']) {
      expect(actions).toContain(action);
      const resources = denied.filter((each) => actionsOf(each).includes(action)).map(({ Resource }) => Resource);
      expect(JSON.stringify(resources)).toContain('/audit/*');
    }
    const conditions = denied.map(({ Condition }) => JSON.stringify(Condition ?? {}));
    expect(conditions.some((text) => text.includes('aws:SecureTransport'))).toBe(true);
    expect(conditions.some((text) => text.includes('s3:TlsVersion'))).toBe(true);
  });

  it('lets one role delete versions, one place legal holds, and nobody pass a compliance lock or leave a marker', () => {
    const but = (template: Template, action: string) =>
      statementsOf(template, 'AWS::S3::BucketPolicy')
        .filter((each) => each.Effect === 'Deny' && actionsOf(each).includes(action))
        .filter(({ Resource }) => JSON.stringify(Resource).includes('/recordings/*'))
        .map(({ Condition }) => JSON.stringify(Condition?.ArnNotEquals ?? 'nobody'));
    const purger = expect.stringMatching(/^{"aws:PrincipalArn":{"Fn::GetAtt":\["RecordingsPurgeRole\w+","Arn"\]}}$/);
    const holder = expect.stringMatching(/^{"aws:PrincipalArn":{"Fn::GetAtt":\["RecordingsHoldRole\w+","Arn"\]}}$/);
    expect(but(recording, 's3:DeleteObjectVersion')).toEqual([purger]);
    expect(but(recording, 's3:PutObjectLegalHold')).toEqual([holder]);
    expect(but(recording, 's3:BypassGovernanceRetention')).toEqual(['"nobody"']);
    expect(but(recording, 's3:DeleteObject')).toEqual(['"nobody"']);
    const { recording: governed } = declare({ retentionMode: 'GOVERNANCE' });
    expect(but(Template.fromStack(governed), 's3:BypassGovernanceRetention')).toEqual([purger]);
  });

  it('expires no recording by itself: a lifecycle rule would leave markers on locked objects', () => {
    const rules = Object.entries(recording.findResources('AWS::S3::Bucket')).flatMap(([id, { Properties }]) =>
      id.startsWith('RecordingsBucket') ? (Properties.LifecycleConfiguration.Rules as object[]) : [],
    );
    expect(rules.map((rule) => Object.keys(rule).sort())).toEqual([['AbortIncompleteMultipartUpload', 'Id', 'Status']]);
  });

  it('can be kept longer, in governance mode, under a key of the account', () => {
    const { recording: stack } = declare({ retentionDays: '365', retentionMode: 'GOVERNANCE', encryption: 'kms' });
    const template = Template.fromStack(stack);
    template.hasResourceProperties('AWS::S3::Bucket', {
      ObjectLockConfiguration: Match.objectLike({ Rule: { DefaultRetention: { Mode: 'GOVERNANCE', Days: 365 } } }),
      BucketEncryption: {
        ServerSideEncryptionConfiguration: [
          Match.objectLike({ ServerSideEncryptionByDefault: Match.objectLike({ SSEAlgorithm: 'aws:kms' }) }),
        ],
      },
    });
    template.hasResourceProperties('AWS::KMS::Key', { EnableKeyRotation: true });
  });
});

describe('a connector', () => {
  it('may create objects under its own id, or that of its role’s tasks, ask whether the bucket has a lock, and do nothing else', async () => {
    const bucket = { 'Fn::GetAtt': [expect.stringMatching(/^RecordingsBucket/), 'Arn'] };
    const allowed = statementsOf(recording, 'AWS::IAM::ManagedPolicy').map(({ Effect, Resource, ...statement }) => ({
      Effect,
      actions: actionsOf({ Effect, Resource, ...statement }).sort(),
      Resource,
    }));
    expect(allowed).toEqual(
      [first, second, `${(await idOfTask(TASK, ROLE.name)).slice(0, 17)}*`].flatMap((id) => [
        {
          Effect: 'Allow',
          actions: ['s3:PutObject', 's3:PutObjectRetention'],
          Resource: { 'Fn::Join': ['', [bucket, `/recordings/${id}/*`]] },
        },
        { Effect: 'Allow', actions: ['s3:GetBucketObjectLockConfiguration'], Resource: bucket },
      ]),
    );
  });

  it('may encrypt and not decrypt', () => {
    const { recording: stack } = declare({ encryption: 'kms', connectors: JSON.stringify([{ id: first }]) });
    const actions = statementsOf(Template.fromStack(stack), 'AWS::IAM::ManagedPolicy').flatMap(actionsOf).sort();
    expect(actions).toEqual([
      'kms:GenerateDataKey',
      's3:GetBucketObjectLockConfiguration',
      's3:PutObject',
      's3:PutObjectRetention',
    ]);
  });
});

describe('the catalogue', () => {
  it('is protected, can be brought back, and has the indexes that the code queries', () => {
    recording.hasResource('AWS::DynamoDB::Table', {
      DeletionPolicy: 'Retain',
      Properties: {
        BillingMode: 'PAY_PER_REQUEST',
        DeletionProtectionEnabled: true,
        PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
        SSESpecification: { SSEEnabled: true },
        KeySchema: [
          { AttributeName: 'pk', KeyType: 'HASH' },
          { AttributeName: 'sk', KeyType: 'RANGE' },
        ],
        GlobalSecondaryIndexes: INDEXES.map(({ name, partition }) =>
          Match.objectLike({
            IndexName: name,
            KeySchema: [
              { AttributeName: partition, KeyType: 'HASH' },
              { AttributeName: 'started', KeyType: 'RANGE' },
            ],
          }),
        ),
      },
    });
  });
});

describe('events of stored objects', () => {
  it('go from the bucket to a queue, and to another one when they were tried often enough', () => {
    recording.hasResourceProperties('AWS::S3::Bucket', {
      NotificationConfiguration: {
        QueueConfigurations: [
          Match.objectLike({
            Event: 's3:ObjectCreated:*',
            Filter: { S3Key: { Rules: [{ Name: 'prefix', Value: 'recordings/' }] } },
          }),
        ],
      },
    });
    recording.hasResourceProperties('AWS::SQS::Queue', {
      RedrivePolicy: { deadLetterTargetArn: Match.anyValue(), maxReceiveCount: 12 },
      SqsManagedSseEnabled: true,
    });
  });

  it('come back one by one, and not before the function had its time', () => {
    functions.hasResourceProperties('AWS::Lambda::EventSourceMapping', {
      FunctionResponseTypes: ['ReportBatchItemFailures'],
    });
    const queues = Object.values(recording.findResources('AWS::SQS::Queue')) as {
      Properties: { VisibilityTimeout?: number };
    }[];
    const [index] = Object.values(
      functions.findResources('AWS::Lambda::Function', { Properties: { Handler: 'index.index' } }),
    ) as { Properties: { Timeout: number } }[];
    const visibility = Math.max(...queues.map(({ Properties }) => Properties.VisibilityTimeout ?? 0));
    expect(visibility).toBeGreaterThan(index?.Properties.Timeout ?? Number.POSITIVE_INFINITY);
  });
});

const actionsOfKms = (template: Template, role: RegExp): string[] =>
  Object.entries(template.findResources('AWS::IAM::Policy'))
    .filter(([id]) => role.test(id))
    .flatMap(([, resource]) => (resource.Properties.PolicyDocument.Statement as Statement[]).flatMap(actionsOf))
    .filter((action) => action.startsWith('kms:'))
    .sort();

const READS_ROWS = ['dynamodb:BatchGetItem', 'dynamodb:GetItem', 'dynamodb:Query'];
const WRITES_ROWS = ['dynamodb:BatchWriteItem', 'dynamodb:UpdateItem'];
const READS_VERSIONS = [
  's3:GetObjectLegalHold',
  's3:GetObjectRetention',
  's3:GetObjectVersion',
  's3:ListBucketVersions',
];

describe('the functions', () => {
  const allowed = (template: Template, role: RegExp): string[] =>
    Object.entries(template.findResources('AWS::IAM::Policy'))
      .filter(([id]) => role.test(id))
      .flatMap(([, resource]) => resource.Properties.PolicyDocument.Statement as Statement[])
      .filter(({ Effect }) => Effect === 'Allow')
      .flatMap(actionsOf)
      .sort();

  it('run on Node 24 and ARM, with the settings that they read', () => {
    functions.resourceCountIs('AWS::Lambda::Function', 7);
    functions.allResourcesProperties('AWS::Lambda::Function', {
      Runtime: 'nodejs24.x',
      Architectures: ['arm64'],
      Environment: { Variables: Match.objectLike({ [ENV.bucket]: Match.anyValue(), [ENV.table]: Match.anyValue() }) },
    });
    functions.hasResourceProperties('AWS::Lambda::Function', {
      Handler: 'index.index',
      Environment: {
        Variables: Match.objectLike({ [ENV.edgeKey]: EDGE_KEY }),
      },
    });
  });

  it('may do what they do: the indexer writes the catalogue, the API reads, and neither writes recordings', () => {
    const logs = ['logs:CreateLogStream', 'logs:PutLogEvents'];
    expect(allowed(functions, /^IndexRole/)).toEqual(
      [
        ...logs,
        'dynamodb:BatchWriteItem',
        'dynamodb:GetItem',
        'dynamodb:Query',
        'dynamodb:UpdateItem',
        's3:GetObject',
        's3:ListBucket',
        'sqs:ChangeMessageVisibility',
        'sqs:DeleteMessage',
        'sqs:GetQueueAttributes',
        'sqs:GetQueueUrl',
        'sqs:ReceiveMessage',
      ].sort(),
    );
    expect(allowed(functions, /^ApiRole/)).toEqual(
      [
        ...logs,
        ...READS_ROWS,
        ...WRITES_ROWS,
        'dynamodb:BatchWriteItem',
        ...READS_VERSIONS,
        'lambda:InvokeFunction',
        ...['s3:GetObject', 's3:GetObject', 's3:GetObjectRetention'],
        ...Array<string>(4).fill('s3:ListBucket'),
        's3:PutObject',
        's3:PutObjectRetention',
      ].sort(),
    );
    expect(allowed(functions, /^FoldRole/)).toEqual(
      [
        ...logs,
        'dynamodb:BatchGetItem',
        'dynamodb:BatchWriteItem',
        'dynamodb:GetItem',
        'dynamodb:Query',
        'dynamodb:UpdateItem',
        's3:DeleteObject',
        's3:GetObject',
        's3:ListBucket',
        's3:PutObject',
      ].sort(),
    );
  });

  it('make the search index each minute, and what makes it changes nothing else: no recording, no row of a session', () => {
    functions.hasResourceProperties('AWS::Events::Rule', { ScheduleExpression: 'rate(1 minute)', State: 'ENABLED' });
    const statements = (role: RegExp) =>
      Object.entries(functions.findResources('AWS::IAM::Policy'))
        .filter(([id]) => role.test(id))
        .flatMap(([, { Properties }]) => Properties.PolicyDocument.Statement as Statement[]);
    const objects = statements(/^FoldRole/).filter((each) =>
      actionsOf(each).some((action) => /^s3:(?!List)/.test(action)),
    );
    expect(objects.map(({ Resource }) => JSON.stringify(Resource))).toEqual([
      expect.stringMatching(/Search.*\/search\/\*/),
    ]);
    const rows = statements(/^FoldRole/).filter((each) =>
      actionsOf(each).some((action) => /^dynamodb:.*(Write|Update)/.test(action)),
    );
    expect(rows.map(({ Condition }) => Condition)).toEqual([
      { 'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': ['search', 'search#*', 'search-scopes'] } },
    ]);
  });

  it('keep the search index in a bucket of its own, private and without a lock, since a purge deletes from it', () => {
    const buckets = Object.entries(recording.findResources('AWS::S3::Bucket')).filter(([id]) => /^Search/.test(id));
    expect(buckets).toHaveLength(1);
    const [[, { Properties }] = ['', { Properties: {} }]] = buckets as [
      string,
      { Properties: Record<string, unknown> },
    ][];
    expect(Properties).toMatchObject({
      PublicAccessBlockConfiguration: { BlockPublicAcls: true },
      LoggingConfiguration: expect.anything(),
    });
    expect(Properties.ObjectLockEnabled).toBeUndefined();
    expect(Properties.VersioningConfiguration).toBeUndefined();
  });

  it('may create pieces of the audit log under lock, for the longest time set, and write nothing else', () => {
    const { functions: stack } = declare({ maxRetentionDays: '2555', retentionMode: 'GOVERNANCE', encryption: 'kms' });
    const template = Template.fromStack(stack);
    const writes = Object.entries(template.findResources('AWS::IAM::Policy')).flatMap(([id, { Properties }]) =>
      (Properties.PolicyDocument.Statement as Statement[])
        .filter((each) => actionsOf(each).some((action) => /^s3:(?!Get|List)/.test(action)))
        .filter(({ Resource }) => !/Search/.test(JSON.stringify(Resource)))
        .map((statement) => ({ id, statement })),
    );
    const [write, ...others] = writes;
    expect(write?.id).toMatch(/^ApiRole/);
    // Versions and holds of recordings, see below.
    expect(others.map(({ id }) => id.replace(/Role.*/, '')).sort()).toEqual(['Hold', 'Purge']);
    expect(actionsOf(write?.statement as Statement).sort()).toEqual([
      's3:GetObject',
      's3:GetObjectRetention',
      's3:PutObject',
      's3:PutObjectRetention',
    ]);
    const resources = JSON.stringify(write?.statement.Resource);
    expect(resources).toContain('/audit/*');
    expect(resources).not.toContain('recordings');
    template.hasResourceProperties('AWS::Lambda::Function', {
      Handler: 'index.api',
      Environment: {
        Variables: Match.objectLike({ [ENV.auditLockMode]: 'GOVERNANCE', [ENV.auditLockDays]: '2555' }),
      },
    });
    const kms = actionsOfKms(template, /^ApiRole/);
    expect(kms).toEqual(['kms:Decrypt', 'kms:GenerateDataKey']);
  });

  it('let the purge delete versions of recordings, the hold hold them, and nobody do both', () => {
    const logs = ['logs:CreateLogStream', 'logs:PutLogEvents'];
    const common = [...logs, ...READS_ROWS, ...WRITES_ROWS, ...READS_VERSIONS, 'sqs:SendMessage'];
    // Of search segments, which it writes anew without what is purged.
    const segments = ['s3:DeleteObject', 's3:GetObject', 's3:ListBucket', 's3:PutObject'];
    // Of rendered exports, which it deletes.
    segments.push('s3:DeleteObject', 's3:ListBucket');
    expect(allowed(functions, /^PurgeRole/)).toEqual([...common, ...segments, 's3:DeleteObjectVersion'].sort());
    expect(allowed(functions, /^HoldRole/)).toEqual([...common, 's3:PutObjectLegalHold'].sort());
    const { functions: governed } = declare({ retentionMode: 'GOVERNANCE' });
    expect(allowed(Template.fromStack(governed), /^PurgeRole/)).toEqual(
      [...common, ...segments, 's3:DeleteObjectVersion', 's3:BypassGovernanceRetention'].sort(),
    );
    const written = Object.entries(functions.findResources('AWS::IAM::Policy')).flatMap(([id, { Properties }]) =>
      (Properties.PolicyDocument.Statement as Statement[])
        .filter((each) => actionsOf(each).includes('dynamodb:BatchWriteItem') && each.Condition)
        .map(({ Effect, Condition }) => [
          `${Effect} ${id.replace(/Role.*/, '')}`,
          Condition?.[Effect === 'Deny' ? 'ForAnyValue:StringLike' : 'ForAllValues:StringLike'],
        ]),
    );
    const keys = (...of: string[]) => ({ 'dynamodb:LeadingKeys': of });
    const search = ['search', 'search#*', 'search-scopes'];
    const inOrder = (of: readonly unknown[][]) => of.map((each) => JSON.stringify(each)).sort();
    expect(inOrder(written)).toEqual(
      inOrder([
        // It may write all the rest.
        [
          'Deny Index',
          keys(
            'purges',
            'holds',
            'reindex',
            'exports',
            'connector-keys',
            'purge-runs',
            'held',
            'hold-standings',
            'reconcile',
          ),
        ],
        ['Allow Api', keys(...search)],
        ['Allow Api', keys('purges', 'holds', 'reindex', 'exports', 'connector-keys')],
        ['Allow Reindex', keys('session#*', 'months', 'due#*', 'due-days', 'reindex', ...search)],
        ['Allow Fold', keys(...search)],
        ['Allow Purge', keys('session#*', 'due#*', 'due-days', 'purges', 'purge-runs', 'reconcile', ...search)],
        ['Allow Hold', keys('held', 'hold-standings')],
      ]),
    );
  });

  it("know the edge's key where orders and keys of connectors are taken and gone by, and nowhere where none is set", () => {
    const knows = (template: Template) =>
      Object.values(template.findResources('AWS::Lambda::Function'))
        .filter(({ Properties }) => Properties.Environment?.Variables?.[ENV.edgeKey] === 'edge.example+01234567+AAAA')
        .map(({ Properties }) => String(Properties.Handler))
        .sort();
    expect(knows(functions)).toEqual([]);
    const { functions: stack } = declare({ edgeLogKey: 'edge.example+01234567+AAAA' });
    expect(knows(Template.fromStack(stack))).toEqual(['index.api', 'index.index', 'index.purge', 'index.reindex']);
  });

  it('let the reindex read recordings and write what is made of them, and no more', () => {
    const own = ['logs:CreateLogStream', 'logs:PutLogEvents', 's3:GetObject', 's3:ListBucket'];
    const segments = ['s3:DeleteObject', 's3:GetObject', 's3:ListBucket', 's3:PutObject'];
    const rows = [...READS_ROWS, ...WRITES_ROWS, 'dynamodb:DeleteItem', 'dynamodb:Scan'];
    expect(allowed(functions, /^ReindexRole/)).toEqual([...own, ...segments, ...rows].sort());
    functions.resourcePropertiesCountIs(
      'AWS::Events::Rule',
      { ScheduleExpression: 'rate(1 minute)', State: 'ENABLED' },
      2,
    );
  });

  it('have a share of what the account runs at once, and what the hourly ones could not handle is kept', () => {
    const of = (handler: string) =>
      Object.values(functions.findResources('AWS::Lambda::Function')).find(
        ({ Properties }) => Properties.Handler === `index.${handler}`,
      )?.Properties;
    const shares = ['index', 'api', 'fold', 'reindex', 'purge', 'hold'].map(
      (name) => of(name)?.ReservedConcurrentExecutions as number,
    );
    expect(shares).toEqual([25, 100, 2, 2, 2, 2]);
    const { functions: small } = declare({ reserveConcurrency: 'false', exportsAtOnce: 0 });
    expect(JSON.stringify(Template.fromStack(small).toJSON())).not.toContain('ReservedConcurrentExecutions');
    for (const name of ['purge', 'hold']) expect(of(name)?.DeadLetterConfig.TargetArn).toBeDefined();
  });

  it('run purge and holds by the clock', () => {
    functions.resourcePropertiesCountIs(
      'AWS::Events::Rule',
      { ScheduleExpression: 'rate(1 hour)', State: 'ENABLED' },
      2,
    );
  });

  it('are called by signed requests alone, and answer as a stream', () => {
    functions.hasResourceProperties('AWS::Lambda::Url', { AuthType: 'AWS_IAM', InvokeMode: 'RESPONSE_STREAM' });
    const open = Object.values(functions.findResources('AWS::Lambda::Permission')).filter(
      ({ Properties }) => Properties.Principal === '*',
    );
    expect(open).toEqual([]);
  });

  it('raise alarms that each link to an entry of the runbook', () => {
    const runbook = readFileSync(new URL('../../docs/runbook.md', import.meta.url), 'utf8');
    const anchors = [...runbook.matchAll(/^## (.+)$/gm)].map(([, title]) =>
      (title ?? '')
        .toLowerCase()
        .replace(/[^a-z0-9 -]/g, '')
        .replaceAll(' ', '-'),
    );
    const alarms = Object.values(functions.findResources('AWS::CloudWatch::Alarm')) as {
      Properties: { AlarmDescription: string; AlarmActions: unknown[] };
    }[];
    expect(alarms.length).toBeGreaterThanOrEqual(7);
    for (const { Properties } of alarms) {
      expect(Properties.AlarmActions).toHaveLength(1);
      const [, anchor] = /\/runbook\.md#([a-z-]+)$/.exec(Properties.AlarmDescription) ?? [];
      expect(anchors).toContain(anchor);
    }
  });
});

describe('AWS Solutions’ rules', () => {
  it.each([{}, { encryption: 'kms', connectors: [{ id: first }] }])('hold with %j', (context) => {
    const app = newApp();
    declareGatehouse(
      app,
      readStackSettings((name) => (context as Record<string, unknown>)[name]),
    );
    // What the rules read of another stack is named by its export, which synthesis makes.
    app.synth();
    const report = new AwsSolutionsChecks(app).validateScope(app);
    expect(report.violations.map(({ ruleName, violatingResources }) => [ruleName, violatingResources])).toEqual([]);
  });

  it('are found broken where they are', () => {
    const app = newApp();
    const { recording: stack } = declareGatehouse(
      app,
      readStackSettings(() => undefined),
    );
    // The one rule that is acknowledged on the access log, asked of another bucket.
    const bucket = stack.bucket.node.defaultChild as { loggingConfiguration?: unknown };
    bucket.loggingConfiguration = undefined;
    const report = new AwsSolutionsChecks(app).validateScope(app);
    expect(JSON.stringify(report.violations)).toContain('AwsSolutions-S1');
  });

  it('are set aside only with a reason', () => {
    const { recording, functions } = declare({ connectors: [{ id: first }] });
    const acknowledged = [recording, functions].flatMap((stack) =>
      stack.node
        .findAll()
        .flatMap(({ node }) =>
          node.metadata
            .filter(({ type }) => type === Validations.ACKNOWLEDGED_RULES_METADATA_KEY)
            .map(({ data }) => data as unknown),
        ),
    );
    expect(acknowledged.length).toBeGreaterThan(0);
    for (const one of acknowledged) expect(JSON.stringify(one)).toMatch(/[A-Z][^"]{20,}\./);
  });
});
