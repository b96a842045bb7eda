// Wrangler itself against the same server: what it uploads of a wrangler.toml and what the edge stack uploads are the same, and each may
// deploy over the other. And the stack's template.

import { spawn } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { AwsSolutionsChecks } from 'cdk-nag';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EdgeStackSettings } from '../../../infra/edge-settings.ts';
import { Cloudflare } from '../../../infra/edge/deploy/cloudflare.ts';
import { deployWorker } from '../../../infra/edge/deploy/deploy-worker.ts';
import { EdgeWorker } from '../../../infra/edge/edge-worker.ts';
import { readWorker } from '../../../infra/edge/read-worker.ts';
import { readStackSettings } from '../../../infra/settings.ts';
import { BARE_ENV } from '../../harness/child-env.ts';
import { newApp } from '../new-app.ts';
import { ACCOUNT, type CloudflareServer, startCloudflare, TOKEN, ZONE } from './cloudflare-server.ts';

const ROOT = join(import.meta.dirname, '../../..');
const CODE = 'export class Directory {}\nexport default { fetch() { return new Response("x") } };\n';
const TOML = `name = "gatehouse"
main = "worker.js"
compatibility_date = "2026-10-20"
no_bundle = true
workers_dev = false
[assets]
directory = "public"
binding = "ASSETS"
run_worker_first = true
[[durable_objects.bindings]]
name = "DIRECTORY"
class_name = "Directory"
[[migrations]]
tag = "v1"
new_sqlite_classes = ["Directory"]
[vars]
PROVIDER_NAME = "okta"
[triggers]
crons = ["*/5 * * * *"]
[observability]
enabled = true
`;
let folder: string;
let toml: string;
let api: CloudflareServer;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'gatehouse-wrangler-'));
  toml = join(folder, 'wrangler.toml');
  mkdirSync(join(folder, 'public'));
  writeFileSync(join(folder, 'public/a.css'), 'a {}');
  writeFileSync(join(folder, 'worker.js'), CODE);
  writeFileSync(toml, TOML);
  api = await startCloudflare();
});
afterEach(async () => {
  await api.close();
  rmSync(folder, { recursive: true, force: true });
});

async function wranglerDeploys(): Promise<void> {
  const child = spawn(process.execPath, [join(ROOT, 'node_modules/wrangler/bin/wrangler.js'), 'deploy'], {
    cwd: folder,
    env: {
      ...{ ...BARE_ENV, HOME: folder, PATH: process.env.PATH ?? '', CI: '1', WRANGLER_SEND_METRICS: 'false' },
      ...{ CLOUDFLARE_API_BASE_URL: api.endpoint, CLOUDFLARE_API_TOKEN: TOKEN, CLOUDFLARE_ACCOUNT_ID: ACCOUNT },
    },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text));
  const code = await new Promise((resolve) => child.on('close', resolve));
  expect(`${code} ${output} ${api.calls.slice(-3).join()}`).toMatch(/^0 /);
}

function stackDeploys(adopt: boolean) {
  const untilMs = Date.now() + 60_000;
  const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
  const client = new Cloudflare({
    endpoint: api.endpoint,
    token: TOKEN,
    untilMs: untilMs,
    now: Date.now,
    pause,
    random: () => 0,
  });
  const bundle = readWorker(toml, { build: false });
  const triggers = { routes: [], workersDev: false, crons: bundle.crons };
  const rest = { vars: {}, secrets: {}, triggers, adopt, goingBack: false };
  return deployWorker(client, { account: ACCOUNT, bundle, ...rest }, untilMs + 120_000);
}

it('uploads the same as wrangler does, over what wrangler deployed; and wrangler deploys over it', async () => {
  await wranglerDeploys();
  const by = (version: ReturnType<CloudflareServer['active']>) => {
    const {
      assets,
      bindings,
      annotations: _,
      keep_bindings: __,
      ...rest
    } = { ...version?.metadata } as Record<string, never>;
    const { jwt: ___, ...asset } = (assets ?? {}) as Record<string, unknown>;
    const named = [...((bindings ?? []) as { name: string }[])].sort((a, b) => a.name.localeCompare(b.name));
    return { ...rest, assets: asset, bindings: named, script: version?.script };
  };
  const wranglers = by(api.active('gatehouse'));
  await expect(stackDeploys(false)).rejects.toThrow(/edge\.adopt/);
  api.scripts.clear();
  expect((await stackDeploys(true)).kind).toBe('uploaded');
  const { compatibility_flags: flags, ...ours } = by(api.active('gatehouse')) as Record<string, unknown>;
  expect(flags).toEqual([]);
  const { compatibility_flags: ____, ...theirs } = wranglers as Record<string, unknown>;
  expect(ours).toEqual(theirs);
  expect(api.scripts.get('gatehouse')).toMatchObject({ crons: ['*/5 * * * *'], workersDev: false, migration: 'v1' });
  await wranglerDeploys();
  expect(api.scripts.get('gatehouse')?.versions).toHaveLength(2);
});

describe('wrangler.toml', () => {
  it('of this repository is read whole', () => {
    copyFileSync(join(ROOT, 'wrangler.toml'), toml);
    mkdirSync(join(folder, 'edge/dist/public'), { recursive: true });
    writeFileSync(join(folder, 'edge/dist/worker.js'), CODE);
    const { migrations, durableObjects, assets, name } = readWorker(toml, { build: false });
    const text = readFileSync(toml, 'utf8');
    expect(name).toBe('gatehouse');
    expect(durableObjects.map(({ className }) => className)).toEqual(
      [...text.matchAll(/class_name = "(\w+)"/g)].map(([, it]) => it),
    );
    expect(migrations.map(({ tag }) => tag)).toEqual([...text.matchAll(/^tag = "(\w+)"/gm)].map(([, it]) => it));
    expect(assets).toMatchObject({ binding: 'ASSETS', runWorkerFirst: true });
  });

  it.each([
    ['[[kv_namespaces]]\nbinding = "KV"\nid = "x"\n', /kv_namespaces: not uploaded by the edge stack/],
    ['[limits]\ncpu_ms = 100\n', /limits: not uploaded/],
  ])('with what would not be uploaded is refused: %s', (more, message) => {
    writeFileSync(toml, TOML + more);
    expect(() => readWorker(toml, { build: false })).toThrow(message);
  });

  it('whose build fails, or was not run, is refused', () => {
    rmSync(join(folder, 'worker.js'));
    expect(() => readWorker(toml, { build: false })).toThrow(/worker\.js is not there: build the Worker first/);
    writeFileSync(toml, `${TOML}[build]\ncommand = "node -e 'console.error(42); process.exit(3)'"\n`);
    expect(() => readWorker(toml, { build: true })).toThrow(/build\.command failed: 42/);
    const write = `require('fs').writeFileSync('worker.js', 'built')`;
    writeFileSync(toml, `${TOML}[build]\ncommand = "node -e \\"${write}\\""\n`);
    expect(readWorker(toml, { build: true }).script).toBe('built');
  });
});

const SECRET = 'arn:aws:secretsmanager:eu-central-1:111122223333:secret:cloudflare-AbCdEf';
const given = {
  cloudflareAccount: ACCOUNT,
  tokenSecret: SECRET,
  domain: { hostname: 'gate.example.com', zone: ZONE },
  build: false,
};

describe('the stack of the edge', () => {
  const declare = (more: Record<string, unknown> = {}) => {
    const app = newApp();
    const stack = new Stack(app, 'Edge');
    const edge = EdgeStackSettings.parse({ ...given, ...more });
    new EdgeWorker(stack, 'Edge', { edge, wranglerToml: toml, vars: { FUNCTIONS_URL: 'https://f.example' } });
    return { app, template: Template.fromStack(stack) };
  };

  it('hands the function names of secrets and no secret, and what changed when the Worker did', () => {
    const resource = () => Object.values(declare().template.findResources('Custom::GatehouseEdge'))[0];
    const before = resource();
    expect(before?.Properties).toMatchObject({
      ...{ Account: ACCOUNT, ScriptName: 'gatehouse', TokenSecret: SECRET, DeleteData: 'false', Adopt: 'false' },
      ...{ Vars: { FUNCTIONS_URL: 'https://f.example' }, ServiceTimeout: '1200' },
    });
    expect(before?.DeletionPolicy).toBe('Retain');
    writeFileSync(join(folder, 'worker.js'), `${CODE}// new`);
    expect(resource()?.Properties.Digest).not.toBe(before?.Properties.Digest);
  });

  it('lets the function read these secrets and its bundle, ask about its stack, and do nothing else', () => {
    const { template } = declare();
    const statements = Object.values(template.findResources('AWS::IAM::Policy')).flatMap(
      ({ Properties }) => Properties.PolicyDocument.Statement as { Action: string | string[]; Resource: unknown }[],
    );
    expect(statements.flatMap(({ Action }) => Action).sort()).toEqual([
      ...['cloudformation:DescribeStacks', 'logs:CreateLogStream', 'logs:PutLogEvents'],
      ...['s3:GetObject', 'secretsmanager:GetSecretValue'],
    ]);
    expect(statements.find(({ Action }) => Action === 'secretsmanager:GetSecretValue')?.Resource).toBe(SECRET);
    template.hasResourceProperties('AWS::Lambda::Function', { ReservedConcurrentExecutions: 1, Timeout: 900 });
  });

  it('keeps the rules of AWS Solutions', () => {
    const { app } = declare();
    app.synth();
    const report = new AwsSolutionsChecks(app).validateScope(app);
    expect(report.violations.map(({ ruleName, violatingResources }) => [ruleName, violatingResources])).toEqual([]);
  });

  it.each([
    [{ ...given, tokenSecret: 'cf-token' }, /edge\.tokenSecret.*ARN/],
    [{ ...given, cloudflareAccount: 'acme' }, /edge\.cloudflareAccount/],
    [{ ...given, domain: undefined }, /edge.*nobody would reach/],
    [{ ...given, zone: 1 }, /edge.*zone/],
  ])('with settings that are wrong is refused by their name: %j', (edge, message) => {
    expect(() => readStackSettings((name) => (name === 'edge' ? edge : undefined))).toThrow(message);
  });
});
