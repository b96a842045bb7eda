// What a deployment needs, looked at before anything is changed, all of it at once: a deployment that fails in its middle is the slow way
// to find out.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Settings } from '../settings.ts';
import type { Aws } from './aws.ts';

interface PrerequisitesDeps {
  /** Rejects where there are no credentials. */
  readonly connect: (region: string | undefined) => Promise<Aws>;
  readonly nodeVersion: string;
  readonly root: string;
  readonly cloudflareEndpoint: string;
  /** Connectors that may lose their rights, as whoever deploys said. */
  readonly removed: readonly string[];
}

/** What bootstrapping made last; older ones lack rights that CDK asks for. */
const BOOTSTRAP_VERSION = 21;
/** Lambda keeps so many for functions without a share of their own. */
const UNRESERVED = 100;
/** Of functions with a share: infra/stacks/functions-stack.ts, one that uploads the Worker; large exports beside them. */
const RESERVED = 134;

/** What is missing or wrong, a line each, with the way out. */
export async function missingPrerequisites(settings: Settings, deps: PrerequisitesDeps): Promise<string[]> {
  const here = [...localProblems(settings, deps)];
  let aws: Aws;
  try {
    aws = await deps.connect(settings.region);
  } catch {
    return [...here, 'credentials: there are none of AWS. Sign in (aws sso login), or set AWS_PROFILE'];
  }
  const checks = [
    accountProblem(settings, aws),
    bootstrapProblem(aws),
    connectorsProblem(settings, deps.removed, aws),
    concurrencyProblem(settings, aws),
    edgeProblem(settings, aws, deps.cloudflareEndpoint),
  ];
  const found = await Promise.all(checks.map((check) => check.catch((error: unknown) => messageOf(error))));
  return [...here, ...found.flatMap((problem) => problem ?? [])];
}

/** What can be seen without an account. */
export function* localProblems(
  { edge, connectorStack }: Settings,
  { nodeVersion, root }: LocalDeps,
): Generator<string> {
  const [major = 0, minor = 0] = nodeVersion.split('.').map(Number);
  if (major < 22 || (major === 22 && minor < 18)) yield `Node ${nodeVersion} is too old: 24, or at least 22.18`;
  if (edge && !edge.build && !existsSync(join(root, 'edge/dist/worker.js')))
    yield 'edge.build is false and edge/dist/worker.js is not there: node cli/dev/build-worker.ts';
  if (connectorStack && !existsSync(join(root, connectorStack.configuration)))
    yield `connectorStack.configuration: ${connectorStack.configuration} is not there`;
}
type LocalDeps = Pick<PrerequisitesDeps, 'nodeVersion' | 'root'>;

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : 'failed');

async function accountProblem({ account }: Settings, aws: Aws): Promise<string | undefined> {
  const said = await aws.query('sts', 'GetCallerIdentity', '2011-06-15');
  const of = /<Account>(\d{12})<\/Account>/.exec(said)?.[1];
  if (of === undefined) return 'credentials: AWS does not know them';
  return account === undefined || account === of
    ? undefined
    : `credentials: they are of account ${of}, and the stage is for ${account}`;
}

async function bootstrapProblem(aws: Aws): Promise<string | undefined> {
  const way = 'npx cdk bootstrap';
  try {
    const said = (await aws.json('ssm', 'AmazonSSM.GetParameter', { Name: '/cdk-bootstrap/hnb659fds/version' })) as {
      Parameter?: { Value?: string };
    };
    const version = Number(said.Parameter?.Value);
    return version >= BOOTSTRAP_VERSION
      ? undefined
      : `bootstrap: it is of version ${version}, and ${BOOTSTRAP_VERSION} is needed: ${way}`;
  } catch (error) {
    if (messageOf(error).includes('ParameterNotFound'))
      return `bootstrap: account and region were never bootstrapped: ${way}`;
    throw error;
  }
}

/** Connectors that have rights and are in the settings no more. Their policies stay (docs/adr/0067), what the bucket says of them does not. */
async function connectorsProblem(
  { deployment, connectors }: Settings,
  removed: readonly string[],
  aws: Aws,
): Promise<string | undefined> {
  let template: string;
  try {
    template = await aws.query('cloudformation', 'GetTemplate', '2010-05-15', { StackName: `${deployment}Recording` });
  } catch (error) {
    // A stack that is not there yet.
    if (messageOf(error).includes('ValidationError')) return undefined;
    throw error;
  }
  const deployed = new Set([...template.matchAll(/recordings\/(con_[0-9a-z]{26})\/\*/g)].flatMap(([, id]) => id ?? []));
  const lost = [...deployed].filter((id) => !connectors.some((it) => it.id === id) && !removed.includes(id));
  if (lost.length === 0) return undefined;
  return `connectors: deployed with rights and not in the stage's file: ${lost.join(', ')}. Add them, or say --remove-connector ID for each that is gone`;
}

async function concurrencyProblem(
  { exportsAtOnce, reserveConcurrency }: Settings,
  aws: Aws,
): Promise<string | undefined> {
  const said = (await aws.rest('lambda', '/2016-08-19/account-settings/')) as {
    AccountLimit?: { ConcurrentExecutions?: number };
  };
  const limit = said.AccountLimit?.ConcurrentExecutions ?? 0;
  const reserved = (reserveConcurrency ? RESERVED : 0) + exportsAtOnce;
  const needed = reserved === 0 ? 0 : reserved + UNRESERVED;
  return limit >= needed
    ? undefined
    : `Lambda: the account may run ${limit} functions at once, and ${needed} are needed: ask for more under Service Quotas, or set reserveConcurrency: false and exportsAtOnce: 0`;
}

/** By the very call that the deployment makes first. */
async function edgeProblem({ edge }: Settings, aws: Aws, endpoint: string): Promise<string | undefined> {
  if (!edge) return undefined;
  const read = async (name: string, SecretId: string) => {
    try {
      const said = (await aws.json('secretsmanager', 'secretsmanager.GetSecretValue', { SecretId })) as {
        SecretString?: string;
      };
      return said.SecretString ?? '';
    } catch (error) {
      throw new Error(`edge.${name}: the secret cannot be read: ${messageOf(error)}`);
    }
  };
  if (edge.workerSecrets !== undefined) {
    const [problem] = namesMissing(await read('workerSecrets', edge.workerSecrets));
    if (problem !== undefined) return problem;
  }
  const token = (await read('tokenSecret', edge.tokenSecret)).trim();
  const answer = await fetch(`${endpoint}/accounts/${edge.cloudflareAccount}/workers/scripts`, {
    headers: { authorization: `Bearer ${token}` },
    signal: AbortSignal.timeout(15_000),
  }).catch(() => undefined);
  if (answer?.ok) return undefined;
  return `edge.tokenSecret: Cloudflare answers ${answer?.status ?? 'nothing'} to its token. It needs Workers Scripts: Edit for account ${edge.cloudflareAccount}`;
}

function* namesMissing(text: string): Generator<string> {
  let given: unknown;
  try {
    given = JSON.parse(text);
  } catch {
    given = undefined;
  }
  if (typeof given !== 'object' || given === null)
    yield 'edge.workerSecrets: expected a JSON object of texts in the secret';
  else if (!Object.hasOwn(given, 'EDGE_SECRET'))
    yield 'edge.workerSecrets: EDGE_SECRET is missing in it (openssl rand -base64 32)';
}
