// Every alarm that is deployed is seen to ring: the handlers' own lines, as Lambda writes them under the
// log format that the template asks for, through the template's filters and alarms, to a topic whose
// policy lets CloudWatch in.

import { DeleteCommand, PutCommand, DynamoDBDocumentClient, ScanCommand } from '@aws-sdk/lib-dynamodb';
import { Template } from 'aws-cdk-lib/assertions';
import { Writable } from 'node:stream';
import { zstdCompressSync } from 'node:zlib';
import { createHash } from 'node:crypto';
import { Hono } from 'hono';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeAuditPiece } from '../../core/audit/audit-archive.ts';
import { type AuditEntry, chainAuditEntry } from '../../core/audit/audit.ts';
import { newId } from '../../core/ids.ts';
import { createCatalogueTable } from '../../functions/catalogue-table/table.ts';
import { ENV } from '../../functions/env.ts';
import { reportToLambda } from '../../functions/faults.ts';
import { requireLookTickets } from '../../functions/look-tickets.ts';
import { type LocalDynamoDb, localDynamoDbClient, startLocalDynamoDb } from '../../functions/local/dynamodb.ts';
import { declareGatehouse } from '../../infra/gatehouse.ts';
import { readStackSettings } from '../../infra/settings.ts';
import { answer, eventOf, RecordingBuilder } from '../harness/recording-builder.ts';
import { type AlarmProperties, matchesJsonFilter, rings } from './cloudwatch.ts';
import { linesUnderLambda, type LogFormat } from './lambda-console.ts';
import { newApp } from './new-app.ts';
import { isAllowed, type PolicyStatement } from './policies.ts';
import { type S3Server, startS3Server } from './s3-server.ts';
import { lambdaHandlers } from '../functions/lambda-handlers.ts';

interface Resource<P> {
  readonly Properties: P;
}
type Filter = Resource<{
  readonly FilterPattern: string;
  readonly LogGroupName: { readonly Ref: string };
  readonly MetricTransformations: readonly {
    readonly MetricNamespace: string;
    readonly MetricName: string;
    readonly MetricValue: string;
  }[];
}>;
type LambdaFunction = Resource<{
  readonly Handler: string;
  readonly LoggingConfig: { readonly LogGroup: { readonly Ref: string }; readonly LogFormat?: LogFormat };
}>;

type Handler = 'index' | 'api' | 'purge' | 'hold' | 'reindex';

let template: Template;
let s3: S3Server;
let database: LocalDynamoDb;
let index: (event: unknown) => Promise<unknown>;
let api: (event: unknown, stream: Writable, context: unknown) => Promise<void>;
let purge: (event: unknown, context: unknown) => Promise<unknown>;
let hold: () => Promise<unknown>;
let reindex: (event: unknown, context: unknown) => Promise<unknown>;
let catalogue: DynamoDBDocumentClient;

beforeAll(async () => {
  const stacks = declareGatehouse(
    newApp(),
    readStackSettings(() => undefined),
  );
  template = Template.fromStack(stacks.functions);
  [s3, database] = await Promise.all([startS3Server(), startLocalDynamoDb()]);
  const client = localDynamoDbClient(database.endpoint);
  await createCatalogueTable(client, 'catalogue');
  catalogue = DynamoDBDocumentClient.from(client);
  Object.assign(process.env, {
    AWS_REGION: 'eu-central-1',
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
    AWS_ENDPOINT_URL_S3: s3.endpoint,
    AWS_ENDPOINT_URL_DYNAMODB: database.endpoint,
    [ENV.bucket]: 'recordings',
    [ENV.table]: 'catalogue',
    [ENV.auditLockMode]: 'COMPLIANCE',
    [ENV.auditLockDays]: '30',
    [ENV.searchBucket]: 'search',
  });
  // What Lambda's Node runtime provides.
  Object.assign(globalThis, {
    awslambda: {
      streamifyResponse: (handler: unknown) => handler,
      HttpResponseStream: { from: (stream: unknown) => stream },
    },
  });
  const handlers = await lambdaHandlers();
  index = handlers.index as unknown as typeof index;
  api = handlers.api as unknown as typeof api;
  purge = handlers.purge as unknown as typeof purge;
  hold = handlers.hold;
  reindex = handlers.reindex as unknown as typeof reindex;
});

afterAll(async () => {
  catalogue?.destroy();
  await Promise.all([s3?.close(), database?.close()]);
});

const ENVIRONMENT = { account: '111122223333', region: 'eu-central-1' };

/** CloudFormation's functions as a deployment would fill them in; a resource's Ref is its own name. */
function resolve(value: unknown): string {
  if (typeof value === 'string') return value;
  const { Ref, ...rest } = value as { Ref?: string; 'Fn::Join'?: [string, unknown[]] };
  const pseudo: Record<string, string> = {
    'AWS::AccountId': ENVIRONMENT.account,
    'AWS::Region': ENVIRONMENT.region,
    'AWS::Partition': 'aws',
  };
  if (Ref !== undefined) return pseudo[Ref] ?? Ref;
  const join = rest['Fn::Join'];
  if (join) return join[1].map(resolve).join(join[0]);
  throw new Error(`not resolved: ${JSON.stringify(value)}`);
}

function alarmCalled(name: string): AlarmProperties {
  const found = Object.entries(template.findResources('AWS::CloudWatch::Alarm')).filter(([id]) =>
    id.startsWith(`Alarms${name}`),
  ) as [string, Resource<AlarmProperties>][];
  expect(found).toHaveLength(1);
  return found[0]?.[1].Properties as AlarmProperties;
}

function functionOf(handler: Handler): LambdaFunction['Properties'] {
  const [only] = Object.values(
    template.findResources('AWS::Lambda::Function', { Properties: { Handler: `index.${handler}` } }),
  ) as LambdaFunction[];
  return (only as LambdaFunction).Properties;
}

/** What the template's filters on that function's log group count in the alarm's metric. */
function counted(alarm: AlarmProperties, handler: Handler, lines: readonly string[]): number | undefined {
  const group = functionOf(handler).LoggingConfig.LogGroup.Ref;
  let sum: number | undefined;
  for (const { Properties } of Object.values(template.findResources('AWS::Logs::MetricFilter')) as Filter[])
    for (const { MetricName, MetricNamespace, MetricValue } of Properties.MetricTransformations)
      if (
        Properties.LogGroupName.Ref === group &&
        MetricName === alarm.MetricName &&
        MetricNamespace === alarm.Namespace
      )
        for (const line of lines)
          if (matchesJsonFilter(Properties.FilterPattern, line)) sum = (sum ?? 0) + Number(MetricValue);
  return sum;
}

const linesOf = (handler: Handler, work: () => Promise<unknown>): Promise<string[]> =>
  linesUnderLambda(functionOf(handler).LoggingConfig.LogFormat ?? 'Text', work);

function store(builder: RecordingBuilder): string[] {
  for (const [key, bytes] of builder.objects) s3.objects.set(key, bytes);
  return [...builder.objects.keys()];
}

const indexed = (...keys: string[]) =>
  index({ Records: keys.map((key, i) => ({ messageId: `m${i}`, body: JSON.stringify(eventOf(key)) })) });

async function called(method: 'GET' | 'POST', path: string, body?: Uint8Array): Promise<void> {
  const digest = body && createHash('sha256').update(body).digest('base64');
  const event = {
    version: '2.0',
    rawPath: path,
    rawQueryString: '',
    headers: { host: 'x.lambda-url', ...(digest && { 'content-digest': `sha-256=:${digest}:` }) },
    requestContext: { http: { method, path }, domainName: 'x', requestId: 'r' },
    isBase64Encoded: true,
    body: body && Buffer.from(body).toString('base64'),
  };
  await api(event, new Writable({ write: (_chunk, _encoding, done) => done() }), {});
}

/** Entries as the edge hands them over, as a log's first piece. */
async function archived(entries: readonly Pick<AuditEntry, 'kind' | 'details'>[]): Promise<void> {
  const chain: AuditEntry[] = [];
  for (const { kind, details } of entries) {
    const event = { kind, details, actor: 'connector:con_1', object: 'office' };
    chain.push(await chainAuditEntry(chain.at(-1), event, '2026-11-20T12:00:00.000Z'));
  }
  const { name, bytes } = encodeAuditPiece(chain);
  for (const key of s3.objects.keys()) if (key.startsWith('audit/')) s3.objects.delete(key);
  await called('POST', `/audit/${name}`, bytes);
}

const written = (session: string, item: Record<string, unknown>) =>
  catalogue.send(new PutCommand({ TableName: 'catalogue', Item: { pk: `session#${session}`, ...item } }));

const purged = () => purge({}, { getRemainingTimeInMillis: () => 900_000 });

/** Long ago, so that its time is over. */
async function oldSession(): Promise<RecordingBuilder> {
  const builder = new RecordingBuilder({ startedAt: '2020-01-01T00:00:00.000Z' }).end();
  await indexed(...store(builder));
  return builder;
}

/** What brings each line about, with the handler that writes it. */
const CAUSES: Readonly<Record<string, readonly [Handler, () => Promise<unknown>]>> = {
  RecordingBroken: [
    'index',
    async () => {
      const builder = new RecordingBuilder().end();
      const [first = ''] = store(builder);
      const damaged = Uint8Array.from(s3.objects.get(first) ?? []);
      damaged[100] = (damaged[100] ?? 0) ^ 1;
      s3.objects.set(first, damaged);
      await indexed(first);
    },
  ],
  RecordingRefused: [
    'index',
    async () => {
      const owner = new RecordingBuilder().end();
      const thief = new RecordingBuilder({ session: owner.session }).end();
      await indexed(...store(owner));
      await indexed(...store(thief));
    },
  ],
  KeysForged: [
    'index',
    async () => {
      process.env[ENV.edgeKey] = 'edge.example/sessions+00000000+AQ==';
      const knowing = await lambdaHandlers();
      delete process.env[ENV.edgeKey];
      const builder = new RecordingBuilder().end();
      const Item = { pk: 'connector-keys', sk: builder.connector.id, note: 'somebody else’s' };
      await catalogue.send(new PutCommand({ TableName: 'catalogue', Item }));
      const [body] = store(builder)
        .map((key) => JSON.stringify(eventOf(key)))
        .slice(-1);
      await (knowing.index as unknown as typeof index)({ Records: [{ messageId: 'm', body: body ?? '' }] });
    },
  ],
  AuditContradicted: [
    'api',
    async () => {
      for (const actor of ['alice@example.com', 'bob@example.com']) {
        const event = { kind: 'sessions.listed' as const, actor, object: 'sessions', details: {} };
        const { name, bytes } = encodeAuditPiece([await chainAuditEntry(undefined, event, '2026-11-20T12:00:00.000Z')]);
        await called('POST', `/audit/${name}`, bytes);
      }
    },
  ],
  ...Object.fromEntries(
    (
      [
        ['UploadsFail', 'connector.fault', { reason: 'upload_failing' }],
        ['LogShort', 'connector.fault', { reason: 'disk_low' }],
        ['ChainGap', 'connector.fault', { reason: 'witness_contradicted' }],
        ['ConnectorAway', 'connector.unlinked', { code: 1006 }],
        ['ApprovalsUnanswered', 'request.expired', { reason: null }],
      ] as const
    ).map(([name, kind, details]) => [name, ['api', () => archived([{ kind, details }])]]),
  ),
  PurgeBacklog: [
    'purge',
    async () => {
      // Hourly, for the six hours that are counted together, each out of time before it is through.
      for (let hour = 0; hour < 6; hour++) await purge({}, { getRemainingTimeInMillis: () => 0 });
    },
  ],
  ApiFaults: [
    'api',
    async () => {
      const builder = new RecordingBuilder().cut();
      await indexed(...store(builder));
      await written(builder.session, { sk: 'segment#00000000', number: 'none' });
      await called('GET', `/sessions/${builder.session}`);
    },
  ],
  SearchDamaged: [
    'api',
    async () => {
      const scope = 'ab'.repeat(12);
      const segment = {
        id: 'a'.repeat(26),
        from: 0,
        until: 1,
        documents: 1,
        cut: 0,
        bytes: 1,
        rawBytes: 1,
        digest: 'ab'.repeat(32),
      };
      const body = zstdCompressSync(JSON.stringify({ epoch: 1, segments: [segment], dead: [] }));
      const put = (Item: Record<string, unknown>) => catalogue.send(new PutCommand({ TableName: 'catalogue', Item }));
      await put({ pk: 'search-scopes', sk: scope, rule: 'demo', retainDays: 30 });
      await put({ pk: `search#${scope}`, sk: 'head', version: 1, body: new Uint8Array(body) });
      const view = { rules: 'all', own: { subject: '', forbiddenBy: [] } };
      await called('POST', '/search', Buffer.from(JSON.stringify({ q: 'anything', view })));
    },
  ],
  CatalogueContradicted: [
    'api',
    async () => {
      const session = newId('ses');
      await written(session, { sk: 'session', connector: 'no connector' });
      await called('GET', `/sessions/${session}`);
    },
  ],
  // The handler's own guard: with a key in its environment, the other causes would need the edge's signature.
  LookRefused: [
    'api',
    async () => {
      const guarded = new Hono().use(requireLookTickets('no key', reportToLambda));
      expect((await guarded.request('/sessions')).status).toBe(403);
    },
  ],
  PurgeRefused: [
    'purge',
    async () => {
      for (const key of (await oldSession()).objects.keys()) s3.held.add(key);
      await purged();
    },
  ],
  PurgeContradicted: [
    'api',
    async () => {
      // Says 90 days.
      const { session, connector } = await oldSession();
      const at = '2026-11-21T00:00:00.000Z';
      const order = { mode: 'due', at, audit: 1, connector: connector.id, granted: 36_500 };
      await called('POST', `/retention/purges/${session}/order`, Buffer.from(JSON.stringify(order)));
    },
  ],
  HoldsDiffer: [
    'api',
    async () => {
      const { session, connector } = await oldSession();
      // Of other holds than stand in the table.
      const order = {
        mode: 'due',
        at: '2026-11-21T00:00:00.000Z',
        audit: 1,
        connector: connector.id,
        holds: 'ab'.repeat(32),
      };
      await called('POST', `/retention/purges/${session}/order`, Buffer.from(JSON.stringify(order)));
    },
  ],
  PurgeFailed: [
    'purge',
    async () => {
      const { connector } = await oldSession();
      s3.away.add(`recordings/${connector.id}/`);
      await purged();
    },
  ],
  PurgeWaiting: [
    'purge',
    async () => {
      const evidence = { versions: 1, markers: 0, bytes: 1 };
      const [session, connector, state] = [newId('ses'), newId('con'), 'done'];
      const waiting = { session, connector, state, at: '2020-01-01T00:00:00.000Z', evidence };
      await catalogue.send(
        new PutCommand({ TableName: 'catalogue', Item: { pk: 'purges', sk: session, state, purge: waiting } }),
      );
      await purged();
    },
  ],
  Orphans: [
    'purge',
    async () => {
      store(new RecordingBuilder().end());
      // A round begins once a day, and another test had the first.
      await catalogue.send(new DeleteCommand({ TableName: 'catalogue', Key: { pk: 'reconcile', sk: 'objects' } }));
      await purged();
    },
  ],
  HoldLost: [
    'hold',
    async () => {
      const { connector, session } = await oldSession();
      const on = { id: newId('hld'), scope: { of: 'session', session }, placed: PLACED };
      const row = { connector: connector.id, holds: [on.id], whole: true };
      await catalogue.send(new PutCommand({ TableName: 'catalogue', Item: { pk: 'holds', sk: on.id, hold: on } }));
      await catalogue.send(new PutCommand({ TableName: 'catalogue', Item: { pk: 'held', sk: session, ...row } }));
      await hold();
      await catalogue.send(new DeleteCommand({ TableName: 'catalogue', Key: { pk: 'holds', sk: on.id } }));
    },
  ],
  ReindexFailed: [
    'reindex',
    async () => {
      const builder = new RecordingBuilder()
        .cut()
        .query('select 1', answer(['n'], [['1']]))
        .end();
      // Without its first segment nothing says that the second one is whole.
      s3.objects.delete(store(builder)[0] ?? '');
      await called('POST', '/reindex', Buffer.from(JSON.stringify({ drop: false })));
      await reindex({}, { getRemainingTimeInMillis: () => 900_000 });
    },
  ],
  HoldFailed: [
    'hold',
    async () => {
      const { connector, session } = await oldSession();
      const on = { id: newId('hld'), scope: { of: 'session', session }, placed: PLACED };
      await catalogue.send(new PutCommand({ TableName: 'catalogue', Item: { pk: 'holds', sk: on.id, hold: on } }));
      s3.away.add(`recordings/${connector.id}/`);
      await hold();
    },
  ],
};
const PLACED = { by: 'carol@example.com', at: '2026-11-21T00:00:00.000Z', reason: 'a dispute' };
/** A value that AWS itself would measure; that it does so is AWS's word. */
const MEASURED = {
  DeadLetters: 1,
  IndexLate: 1201,
  IndexErrors: 1,
  ApiErrors: 1,
  FoldErrors: 1,
  ReindexErrors: 1,
  RenderErrors: 1,
  PurgeErrors: 1,
  HoldErrors: 1,
} as const;

it('the purge takes a session out of the search index too', async () => {
  const started = { startedAt: '2020-01-01T00:00:00.000Z' };
  const builder = new RecordingBuilder(started).query('select 1', answer(['n'], [['1']])).end();
  await indexed(...store(builder));
  const { session, connector } = builder;
  const waiting = async () => {
    const { Items = [] } = await catalogue.send(new ScanCommand({ TableName: 'catalogue' }));
    return Items.filter(({ pk, sk }) => /^search#/.test(pk) && String(sk).includes(session)).length;
  };
  expect(await waiting()).toBe(1);
  const order = { mode: 'due', at: '2026-11-21T00:00:00.000Z', audit: 7 };
  const evidence = { versions: 2, markers: 0, bytes: 1 };
  const ordered = { ...{ session, connector: connector.id, state: 'ordered' }, at: order.at, evidence, order };
  const Item = { pk: 'purges', sk: session, state: 'ordered', purge: ordered };
  await catalogue.send(new PutCommand({ TableName: 'catalogue', Item }));
  expect(await purged()).toMatchObject({ purged: [session] });
  expect(await waiting()).toBe(0);
});

describe('an alarm rings', () => {
  it.each(Object.entries(CAUSES))('%s, at the line that the handler writes', async (name, [handler, cause]) => {
    const alarm = alarmCalled(name);
    expect(rings(alarm, undefined)).toBe(false);
    const lines = await linesOf(handler, cause);
    expect(rings(alarm, counted(alarm, handler, lines))).toBe(true);
  });

  it.each(Object.entries(MEASURED))('%s, at what AWS measures', (name, value) => {
    const alarm = alarmCalled(name);
    expect(alarm.Namespace).toMatch(/^AWS\//);
    expect(rings(alarm, undefined)).toBe(false);
    expect(rings(alarm, value)).toBe(true);
  });

  it('for each that is declared, and at nothing else', async () => {
    expect(Object.keys(template.findResources('AWS::CloudWatch::Alarm'))).toHaveLength(
      Object.keys(CAUSES).length + Object.keys(MEASURED).length,
    );
    const quiet = await linesOf('index', async () => indexed(...store(new RecordingBuilder().end())));
    expect(quiet.join()).toContain('recording.sealed');
    for (const name of Object.keys(CAUSES)) expect(counted(alarmCalled(name), 'index', quiet)).toBeUndefined();
  });

  it('and is heard: the topic lets CloudWatch publish for alarms of this account, and for no others', () => {
    const statements = Object.values(template.findResources('AWS::SNS::TopicPolicy')).flatMap(
      ({ Properties }) => Properties.PolicyDocument.Statement as PolicyStatement[],
    );
    const alarms = Object.values(
      template.findResources('AWS::CloudWatch::Alarm'),
    ) as unknown as readonly Resource<AlarmProperties>[];
    const [topic = ''] = new Set(alarms.flatMap(({ Properties }) => Properties.AlarmActions.map(resolve)));
    const publish = (keys: Record<string, string>) =>
      isAllowed(
        statements,
        {
          service: 'cloudwatch.amazonaws.com',
          action: 'sns:Publish',
          resource: topic,
          keys: {
            'aws:SecureTransport': 'true',
            'aws:SourceAccount': ENVIRONMENT.account,
            'aws:SourceArn': `arn:aws:cloudwatch:${ENVIRONMENT.region}:${ENVIRONMENT.account}:alarm:any`,
            ...keys,
          },
        },
        resolve,
      );
    expect(publish({})).toBe(true);
    expect(publish({ 'aws:SourceAccount': '999999999999' })).toBe(false);
    expect(publish({ 'aws:SecureTransport': 'false' })).toBe(false);
  });
});

describe('what the audit log tells of the edge', () => {
  const told = async (entries: Parameters<typeof archived>[0]): Promise<string[]> =>
    (await linesOf('api', () => archived(entries))).map((line) => JSON.parse(line).message.kind as string);

  it('is no alarm where all is well: a link that came back, faults that are over, a request that was answered', async () => {
    expect(
      await told([
        { kind: 'connector.unlinked', details: { code: 1006 } },
        { kind: 'connector.linked', details: { build: '1' } },
        { kind: 'connector.fault', details: { reason: 'upload_recovered' } },
        { kind: 'connector.fault', details: { reason: 'disk_ok' } },
        { kind: 'connector.fault', details: { reason: 'toString' } },
        { kind: 'request.approved', details: {} },
      ]),
    ).toEqual([]);
  });

  it('is a gap where the store lacks the piece before, and none where it has it', async () => {
    const event = { kind: 'sessions.listed' as const, actor: 'a', object: 'sessions', details: {} };
    const chain = [await chainAuditEntry(undefined, event, '2026-11-20T12:00:00.000Z')];
    for (let n = 2; n <= 3; n++) chain.push(await chainAuditEntry(chain.at(-1), event, '2026-11-20T12:00:00.000Z'));
    const pieces = chain.map((entry) => encodeAuditPiece([entry]));
    for (const key of s3.objects.keys()) if (key.startsWith('audit/')) s3.objects.delete(key);
    const put = (n: number) =>
      linesOf('api', () => called('POST', `/audit/${pieces[n]?.name}`, pieces[n]?.bytes ?? new Uint8Array()));
    expect(await put(0)).toEqual([]);
    const [gap = ''] = await put(2);
    expect(JSON.parse(gap).message).toMatchObject({ kind: 'chain.gap', of: 'the audit log' });
    // The same once more, now that the one before is there.
    expect(await put(1)).toEqual([]);
    expect(await put(2)).toEqual([]);
  });
});

describe('the dashboard', () => {
  it('shows every alarm, and metrics of resources that are there', () => {
    const [dashboard] = Object.values(template.findResources('AWS::CloudWatch::Dashboard'));
    const body = JSON.stringify(dashboard?.Properties.DashboardBody);
    const alarms = Object.keys(template.findResources('AWS::CloudWatch::Alarm'));
    expect(alarms.filter((id) => !body.includes(id))).toEqual([]);
    for (const id of Object.keys(template.findResources('AWS::Lambda::Function'))) expect(body).toContain(id);
    // As CloudFormation will fill it in, it has to be JSON.
    const written = dashboard?.Properties.DashboardBody as { 'Fn::Join'?: [string, unknown[]] } | undefined;
    const filled = written?.['Fn::Join']?.[1].map((part) => (typeof part === 'string' ? part : 'x')).join('');
    expect((JSON.parse(filled ?? '') as { widgets: unknown[] }).widgets.length).toBeGreaterThan(5);
  });
});

describe('the doubles', () => {
  it('know what does not ring: text that only looks like JSON, and JSON in a string', async () => {
    const pattern = '{ $.message.kind = "recording.broken" }';
    const event = { kind: 'recording.broken' };
    const line = async (format: LogFormat, given: unknown) =>
      (await linesUnderLambda(format, async () => console.log(given)))[0] ?? '';
    expect(matchesJsonFilter(pattern, await line('JSON', event))).toBe(true);
    expect(matchesJsonFilter(pattern, await line('JSON', JSON.stringify(event)))).toBe(false);
    expect(matchesJsonFilter(pattern, await line('Text', JSON.stringify(event)))).toBe(false);
    expect(() => matchesJsonFilter('[a, b]', '{}')).toThrow(/another form/);
  });

  it.each([
    ['{ ($.a = "x") && ($.b IS TRUE) }', { a: 'x', b: true }, true],
    ['{ ($.a = "x") && ($.b IS TRUE) }', { a: 'x', b: 'true' }, false],
    ['{ ($.a = "x") && ($.b IS TRUE) }', { a: 'x' }, false],
    ['{ ($.a = "y") || ($.a = "x") && ($.n > 5) }', { a: 'x', n: 5 }, false],
    ['{ (($.a = "y") || ($.a = "x")) && ($.n > 5) }', { a: 'y', n: 6 }, true],
    ['{ $.a = "disk_*" }', { a: 'disk_low' }, true],
    ['{ $.a = "disk_*" }', { a: 'Disk_low' }, false],
    ['{ $.a != "x" }', {}, false],
    ['{ $.a.b IS NULL }', { a: { b: null } }, true],
  ])('read compound patterns: %s of %j', (pattern, line, matches) => {
    expect(matchesJsonFilter(pattern, JSON.stringify(line))).toBe(matches);
  });

  it.each(['{ $.a = %x% }', '{ $.a = "%x%" }', '{ $.a[0] = "x" }', '{ ($.a = "x" }', '{ $.a }', '{ $.a = "x" } }'])(
    'refuse what they do not know: %s',
    (pattern) => {
      expect(() => matchesJsonFilter(pattern, '{}')).toThrow(/another form/);
    },
  );
});
