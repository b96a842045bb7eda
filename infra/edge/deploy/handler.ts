// The custom resource: CloudFormation asks, this deploys the Worker and answers, whatever happens. It is asked again for the same thing
// (a lost answer, Lambda's own retries), and each time leaves the same.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref.html

import { GetObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { AwsClient } from 'aws4fetch';
import { z } from 'zod';
import { decodeWorkerBundle, type WorkerBundle } from '../worker-bundle.ts';
import { Cloudflare } from './cloudflare.ts';
import { deleteWorkerAndItsData, deployWorker } from './deploy-worker.ts';

const Flag = z.enum(['true', 'false']).transform((text) => text === 'true');
/** As CloudFormation hands them over: text, all of it. */
const Properties = z.object({
  ServiceToken: z.string(),
  Account: z.string().regex(/^[0-9a-f]{32}$/, 'expected the 32 digits of an account of Cloudflare'),
  ScriptName: z.string(),
  TokenSecret: z.string(),
  /** Of an object with the Worker's secrets. */
  WorkerSecrets: z.string().optional(),
  Bucket: z.string(),
  Key: z.string(),
  Vars: z.record(z.string(), z.string()).default({}),
  Domain: z.object({ hostname: z.string(), zone: z.string() }).optional(),
  Routes: z.array(z.object({ pattern: z.string(), zone: z.string() })).default([]),
  WorkersDev: Flag,
  Adopt: Flag,
  DeleteData: Flag,
});
type Properties = z.infer<typeof Properties>;

const ResourceEvent = z.object({
  RequestType: z.enum(['Create', 'Update', 'Delete']),
  ResponseURL: z.url(),
  StackId: z.string(),
  RequestId: z.string(),
  LogicalResourceId: z.string(),
  PhysicalResourceId: z.string().optional(),
  ResourceProperties: z.unknown(),
});
type ResourceEvent = z.infer<typeof ResourceEvent>;

/** What of AWS it needs; tests have their own. */
export interface HandlerDeps {
  readonly readBundle: (bucket: string, key: string) => Promise<Uint8Array>;
  readonly readSecret: (arn: string) => Promise<string>;
  readonly stackStatus: (stackId: string) => Promise<string>;
  readonly answer: (url: string, body: object) => Promise<void>;
  readonly endpoint: string;
  readonly now: () => number;
  readonly pause: (ms: number) => Promise<void>;
  readonly random: () => number;
  readonly log: (line: object) => void;
}

/** CloudFormation waits an hour for an answer that never comes: the last of the time is for that. */
const ANSWER_MS = 20_000;
const MAX_REASON = 1_000;

export async function handleResource(given: unknown, untilMs: number, deps: HandlerDeps): Promise<void> {
  const event = ResourceEvent.parse(given);
  let physical = event.PhysicalResourceId ?? 'not-created';
  const { StackId, RequestId, LogicalResourceId } = event;
  const answer = (body: object) =>
    deps.answer(event.ResponseURL, { StackId, RequestId, LogicalResourceId, PhysicalResourceId: physical, ...body });
  try {
    const properties = propertiesOf(event);
    const wantedId = properties && `${properties.Account}/${properties.ScriptName}`;
    if (event.RequestType !== 'Delete' && wantedId !== undefined) {
      // Another physical id would have CloudFormation delete the former Worker.
      if (event.RequestType === 'Update' && wantedId !== physical)
        throw new Error(
          `the Worker is ${physical} and would become ${wantedId}: it would begin with empty Durable Objects, without grants and audit log. Deploy a stage of its own instead`,
        );
      physical = wantedId;
    }
    const said = await withDeadline(carryOut(event, properties, untilMs - ANSWER_MS, deps), untilMs - ANSWER_MS, deps);
    deps.log({ kind: 'edge.deployed', request: event.RequestType, ...said });
    await answer({ Status: 'SUCCESS', Data: said });
  } catch (error) {
    const reason = error instanceof Error ? error.message : 'failed';
    deps.log({ kind: 'edge.failed', request: event.RequestType, reason });
    await answer({ Status: 'FAILED', Reason: reason.slice(0, MAX_REASON) });
  }
}

/** Of a delete they are not needed where nothing is deleted, and may be ones with which nothing was ever made. */
function propertiesOf(event: ResourceEvent): Properties | undefined {
  const parsed = Properties.safeParse(event.ResourceProperties);
  if (parsed.success) return parsed.data;
  if (event.RequestType === 'Delete') return undefined;
  throw new Error(parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; '));
}

async function carryOut(
  event: ResourceEvent,
  properties: Properties | undefined,
  untilMs: number,
  deps: HandlerDeps,
): Promise<Record<string, string>> {
  if (event.RequestType === 'Delete') {
    // Grants, approvals and the audit log are in there: what a stack leaves stays, as its buckets do.
    if (!properties?.DeleteData || event.PhysicalResourceId !== `${properties.Account}/${properties.ScriptName}`)
      return { Outcome: 'kept' };
    await deleteWorkerAndItsData(
      await cloudflare(properties, untilMs, deps),
      properties.Account,
      properties.ScriptName,
    );
    return { Outcome: 'deleted' };
  }
  if (!properties) throw new Error('there are no properties');
  const bundle: WorkerBundle = decodeWorkerBundle(await deps.readBundle(properties.Bucket, properties.Key));
  const secrets = properties.WorkerSecrets === undefined ? {} : await workerSecrets(properties.WorkerSecrets, deps);
  const status = event.RequestType === 'Update' ? await deps.stackStatus(event.StackId) : '';
  const { Domain: domain, Routes: routes, WorkersDev: workersDev } = properties;
  const deployed = await deployWorker(
    await cloudflare(properties, untilMs, deps),
    {
      ...{
        account: properties.Account,
        bundle: { ...bundle, name: properties.ScriptName },
        vars: properties.Vars,
        secrets,
      },
      triggers: { domain, routes, workersDev, crons: bundle.crons },
      adopt: properties.Adopt,
      goingBack: status.includes('ROLLBACK'),
    },
    untilMs,
  );
  return 'version' in deployed
    ? { Outcome: deployed.kind, Version: deployed.version }
    : { Outcome: deployed.kind, Migration: deployed.migration };
}

async function cloudflare({ TokenSecret }: Properties, untilMs: number, deps: HandlerDeps): Promise<Cloudflare> {
  const token = (await deps.readSecret(TokenSecret)).trim();
  if (!/^[\w-]{20,}$/.test(token)) throw new Error('the secret of the Cloudflare token holds no token');
  const { endpoint, now, pause, random } = deps;
  return new Cloudflare({ endpoint, token, untilMs, now, pause, random });
}

async function workerSecrets(arn: string, { readSecret }: HandlerDeps): Promise<Record<string, string>> {
  const wrong = () => new Error("the secret of the Worker's secrets: expected JSON, an object of texts");
  try {
    return z.record(z.string().regex(/^[A-Z][A-Z0-9_]*$/), z.string().min(1)).parse(JSON.parse(await readSecret(arn)));
  } catch (error) {
    // What is wrong with it may quote it.
    throw error instanceof SyntaxError || error instanceof z.ZodError ? wrong() : error;
  }
}

async function withDeadline<T>(work: Promise<T>, untilMs: number, { now }: HandlerDeps): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('out of time: Cloudflare or AWS answers too slowly')), untilMs - now());
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

const s3 = new S3Client({});
const secretsManager = new SecretsManagerClient({});

/** What Lambda runs. */
export const handler = (event: unknown, context: { readonly getRemainingTimeInMillis: () => number }): Promise<void> =>
  handleResource(event, Date.now() + context.getRemainingTimeInMillis(), {
    readBundle: async (Bucket, Key) => {
      const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key }));
      if (!Body) throw new Error('the bundle of the Worker is empty');
      return Body.transformToByteArray();
    },
    readSecret: async (SecretId) => {
      const { SecretString } = await secretsManager.send(new GetSecretValueCommand({ SecretId }));
      if (SecretString === undefined) throw new Error('a secret is not text');
      return SecretString;
    },
    stackStatus,
    answer: answerCloudFormation,
    endpoint: 'https://api.cloudflare.com/client/v4',
    now: Date.now,
    pause: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    random: Math.random,
    log: (line) => console.log(line),
  });

async function stackStatus(stackId: string): Promise<string> {
  const [credentials, region] = await Promise.all([s3.config.credentials(), s3.config.region()]);
  const { accessKeyId, secretAccessKey, sessionToken } = credentials;
  const keys = { accessKeyId, secretAccessKey, ...(sessionToken !== undefined && { sessionToken }) };
  const aws = new AwsClient({ ...keys, service: 'cloudformation', region });
  const query = new URLSearchParams({ Action: 'DescribeStacks', Version: '2010-05-15', StackName: stackId });
  const answer = await aws.fetch(`https://cloudformation.${region}.amazonaws.com/?${query}`);
  const status = /<StackStatus>([A-Z_]+)<\/StackStatus>/.exec(await answer.text())?.[1];
  if (!answer.ok || status === undefined) throw new Error(`CloudFormation answered ${answer.status} to DescribeStacks`);
  return status;
}

const TRIES = 5;
async function answerCloudFormation(url: string, body: object): Promise<void> {
  const text = JSON.stringify(body);
  for (let tries = 1; ; tries++) {
    // Signed without a content type.
    const answer = await fetch(url, { method: 'PUT', headers: { 'content-type': '' }, body: text }).catch(
      () => undefined,
    );
    if (answer?.ok) return;
    if (tries === TRIES) throw new Error(`CloudFormation took no answer (${answer?.status ?? 'none'})`);
    await new Promise((resolve) => setTimeout(resolve, 500 * 2 ** tries));
  }
}
