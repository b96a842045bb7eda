// What `npm run deploy` asks before it changes anything, against servers that answer as AWS's and Cloudflare's documentation says. Not covered:
// rights of the credentials, and the deployment itself, for which there is no account.

import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Template } from 'aws-cdk-lib/assertions';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { newId } from '../../core/ids.ts';
import { connectToAws } from '../../infra/deployment/aws.ts';
import { missingPrerequisites } from '../../infra/deployment/prerequisites.ts';
import { readStage } from '../../infra/deployment/stage-file.ts';
import { declareGatehouse } from '../../infra/gatehouse.ts';
import { readStackSettings, type Settings } from '../../infra/settings.ts';
import { BARE_ENV } from '../harness/child-env.ts';
import { ACCOUNT, type CloudflareServer, startCloudflare, TOKEN, ZONE } from './edge/cloudflare-server.ts';
import { newApp } from './new-app.ts';

const ROOT = join(import.meta.dirname, '../..');
const [kept, gone] = [newId('con'), newId('con')];
const arn = (name: string) => `arn:aws:secretsmanager:eu-central-1:111122223333:secret:${name}-AbCdEf`;

let server: Server;
let origin: string;
let api: CloudflareServer;
let asked: string[];
/** By what is asked for. */
let says: Record<string, readonly [number, string]>;
let before: NodeJS.ProcessEnv;

beforeEach(async () => {
  asked = [];
  api = await startCloudflare();
  says = {
    GetCallerIdentity: [200, '<GetCallerIdentityResult><Account>111122223333</Account></GetCallerIdentityResult>'],
    GetParameter: [200, JSON.stringify({ Parameter: { Value: '21' } })],
    GetTemplate: [200, JSON.stringify({ policy: `arn/recordings/${kept}/*` })],
    'account-settings': [200, JSON.stringify({ AccountLimit: { ConcurrentExecutions: 1000 } })],
    [arn('token')]: [200, JSON.stringify({ SecretString: TOKEN })],
    [arn('worker')]: [200, JSON.stringify({ SecretString: '{"EDGE_SECRET":"x"}' })],
  };
  server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (text) => {
      body += text;
    });
    request.on('end', () => {
      const text = `${request.url} ${request.headers['x-amz-target']} ${body}`;
      const found = Object.entries(says).find(([what]) => text.includes(what));
      // Signed, or it is not AWS.
      const signed = request.headers.authorization?.startsWith('AWS4-HMAC-SHA256');
      asked.push(found?.[0] ?? text);
      response.writeHead(signed ? (found?.[1][0] ?? 404) : 403).end(found?.[1][1] ?? '');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  before = { ...process.env };
  Object.assign(process.env, { AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE', AWS_SECRET_ACCESS_KEY: 'test' });
});
afterEach(async () => {
  process.env = before;
  await api.close();
  await new Promise((resolve) => server.close(resolve));
});

const settingsOf = (more: Record<string, unknown> = {}): Settings => {
  const given: Record<string, unknown> = {
    ...{ account: '111122223333', region: 'eu-central-1', connectors: [{ id: kept }] },
    edge: {
      ...{ cloudflareAccount: ACCOUNT, tokenSecret: arn('token'), workerSecrets: arn('worker') },
      domain: { hostname: 'gate.example.com', zone: ZONE },
    },
    ...more,
  };
  return readStackSettings((name) => given[name]);
};
const endpoints = () =>
  Object.fromEntries(
    ['STS', 'SSM', 'CLOUDFORMATION', 'LAMBDA', 'SECRETS_MANAGER'].map((name) => [`AWS_ENDPOINT_URL_${name}`, origin]),
  );
const missing = (settings: Settings, more: Partial<Parameters<typeof missingPrerequisites>[1]> = {}) =>
  missingPrerequisites(settings, {
    ...{ nodeVersion: '24.21.0', root: ROOT, removed: [], cloudflareEndpoint: api.endpoint },
    connect: (region) => connectToAws(region, endpoints()),
    ...more,
  });

describe('before a deployment', () => {
  it('nothing is missing where all is there', async () => {
    expect(await missing(settingsOf())).toEqual([]);
    expect(asked.sort()).toEqual(Object.keys(says).sort());
  });

  it('all that is missing is said at once, with the way out', async () => {
    says.GetCallerIdentity = [200, '<Account>999988887777</Account>'];
    says.GetParameter = [400, JSON.stringify({ __type: 'ParameterNotFound' })];
    says.GetTemplate = [200, JSON.stringify({ one: `x/recordings/${kept}/*`, two: `x/recordings/${gone}/*` })];
    says['account-settings'] = [200, JSON.stringify({ AccountLimit: { ConcurrentExecutions: 10 } })];
    says[arn('token')] = [200, JSON.stringify({ SecretString: 'another-token-1234567890' })];
    const connectorStack = {
      ...{
        vpc: { id: 'vpc-0a', subnets: [{ id: 'subnet-0a', availabilityZone: 'a' }] },
        ports: [5432],
        clients: ['10.0.0.0/8'],
      },
      ...{ image: `x@sha256:${'a'.repeat(64)}`, configuration: 'not/there.yaml', connectors: [kept] },
    };
    const said = await missing(settingsOf({ connectorStack }), { nodeVersion: '20.20.0' });
    expect(said).toEqual([
      'Node 20.20.0 is too old: 24, or at least 22.18',
      'connectorStack.configuration: not/there.yaml is not there',
      'credentials: they are of account 999988887777, and the stage is for 111122223333',
      'bootstrap: account and region were never bootstrapped: npx cdk bootstrap',
      expect.stringMatching(new RegExp(`^connectors: deployed with rights.*: ${gone}\\. .*--remove-connector`)),
      'Lambda: the account may run 10 functions at once, and 244 are needed: ask for more under Service Quotas, or set reserveConcurrency: false and exportsAtOnce: 0',
      expect.stringMatching(/^edge\.tokenSecret: Cloudflare answers 401/),
    ]);
    expect(said.join()).not.toContain('another-token');
  });

  it('a connector is left out only when somebody says so', async () => {
    says.GetTemplate = [200, `recordings/${gone}/*`];
    expect(await missing(settingsOf(), { removed: [gone] })).toEqual([]);
    says.GetTemplate = [400, '<Error><Code>ValidationError</Code></Error>'];
    expect(await missing(settingsOf())).toEqual([]);
    // Not to be told from "nothing is deployed".
    says.GetTemplate = [403, '<Error><Code>AccessDenied</Code></Error>'];
    expect(await missing(settingsOf())).toEqual(['AWS (cloudformation): 403 AccessDenied']);
  });

  it('an old bootstrap, secrets that are wrong, and no credentials are said', async () => {
    says.GetParameter = [200, JSON.stringify({ Parameter: { Value: '14' } })];
    says[arn('worker')] = [200, JSON.stringify({ SecretString: '{}' })];
    expect(await missing(settingsOf())).toEqual([
      expect.stringMatching(/^bootstrap: it is of version 14/),
      expect.stringMatching(/^edge\.workerSecrets: EDGE_SECRET is missing/),
    ]);
    const none = await missing(settingsOf(), { connect: () => Promise.reject(new Error('none')) });
    expect(none).toEqual([expect.stringMatching(/^credentials: there are none/)]);
  });
});

describe('a connector that a deployment leaves out', () => {
  it('keeps its policy, and so its rights', () => {
    const given: Record<string, unknown> = { connectors: [{ id: kept }] };
    const { recording } = declareGatehouse(
      newApp(),
      readStackSettings((name) => given[name]),
    );
    const policies = Object.values(Template.fromStack(recording).findResources('AWS::IAM::ManagedPolicy'));
    expect(policies.map(({ DeletionPolicy }) => DeletionPolicy)).toEqual(['Retain']);
  });
});

describe('the file of a stage', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'gatehouse-stages-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it.each([
    ['retentionDays: soon\n', /^infra\/stages\/prod\.yaml: settings: retentionDays/],
    ['retenionDays: 90\n', /retenionDays: there is no such setting/],
    ['connectors: [{ id: con_1 }]\n', /connectors\.0\.id/],
    ['- 1\n', /prod\.yaml/],
    ['edge: { tokenSecret: x }\n', /edge\.cloudflareAccount.*edge\.tokenSecret/],
  ])('that is wrong is named, with the setting: %j', (text, message) => {
    writeFileSync(join(folder, 'prod.yaml'), text);
    expect(() => readStage('prod', folder)).toThrow(message);
  });

  it('that is not there is named, with those that are', () => {
    writeFileSync(join(folder, 'trial.yaml'), 'retentionDays: 1\n');
    expect(readStage('trial', folder).retentionDays).toBe(1);
    expect(() => readStage('prod', folder)).toThrow(/no stage prod.*there: trial/);
    expect(() => readStage('../trial', folder)).toThrow(/no stage/);
  });

  it('of the example is right', () => {
    expect(readStage('example')).toMatchObject({ deployment: 'GatehouseExample', edge: { build: true } });
  });
});

describe('npm run deploy', () => {
  const deploy = async (...more: string[]) => {
    const child = spawn(process.execPath, [join(ROOT, 'infra/bin/deploy.ts'), ...more], {
      env: {
        ...BARE_ENV,
        ...endpoints(),
        AWS_EC2_METADATA_DISABLED: 'true',
        HOME: tmpdir(),
        PATH: process.env.PATH ?? '',
      },
    });
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text) => {
      said += text;
    });
    const code = await new Promise((resolve) => child.on('close', resolve));
    return { code, said };
  };

  it('begins nothing while something is missing', async () => {
    expect(await deploy()).toMatchObject({ code: 1, said: expect.stringContaining('--stage NAME') });
    expect(await deploy('--stage', 'nowhere')).toMatchObject({
      code: 1,
      said: expect.stringContaining('no stage nowhere'),
    });
    expect(await deploy('--stage', 'example')).toEqual({
      code: 1,
      said: 'deploy: credentials: there are none of AWS. Sign in (aws sso login), or set AWS_PROFILE\n',
    });
    expect(await deploy('--stages', 'example')).toMatchObject({ code: 1 });
  });
});
