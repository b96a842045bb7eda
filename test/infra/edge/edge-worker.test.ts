// The custom resource against a server that answers as Cloudflare's documentation says (README.md): create, update, the way back, delete.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type HandlerDeps, handleResource } from '../../../infra/edge/deploy/handler.ts';
import { encodeWorkerBundle, type WorkerBundle } from '../../../infra/edge/worker-bundle.ts';
import { ACCOUNT, type CloudflareServer, startCloudflare, TOKEN, ZONE } from './cloudflare-server.ts';

const base64 = (text: string) => Buffer.from(text).toString('base64');
const V1 = { tag: 'v1', new_sqlite_classes: ['Directory', 'Grants'] };
const V2 = { tag: 'v2', new_sqlite_classes: ['Approval'] };
const bundle = (more: Partial<WorkerBundle> = {}): WorkerBundle => ({
  name: 'gatehouse',
  compatibilityDate: '2026-10-20',
  compatibilityFlags: [],
  durableObjects: [
    { name: 'DIRECTORY', className: 'Directory' },
    { name: 'GRANTS', className: 'Grants' },
  ],
  codeUpdate: { mode: 'deferred', max_delay: 300 },
  migrations: [V1],
  vars: { PROVIDER_NAME: 'okta' },
  crons: ['*/5 * * * *'],
  observability: true,
  script: 'class Directory {} class Grants {} export { Directory, Grants }; export default {};',
  assets: {
    ...{ binding: 'ASSETS', runWorkerFirst: true },
    files: [
      { path: '/assets/a.css', type: 'text/css', base64: base64('a {}') },
      { path: '/assets/b.js', type: 'text/javascript', base64: base64('b()') },
      { path: '/cli/gatehouse', type: null, base64: base64('cli') },
    ],
  },
  ...more,
});
const second = bundle({
  migrations: [V1, V2],
  script:
    'class Directory {} class Grants {} class Approval {} export { Directory, Grants, Approval }; export default {};',
});

let api: CloudflareServer;
let bundles: Map<string, Uint8Array>;
let status: string;
let answers: {
  readonly Status: string;
  readonly Reason?: string;
  readonly PhysicalResourceId: string;
  readonly Data?: Record<string, string>;
}[];
let printed: object[];
let clock: number;
let secrets: Record<string, string>;

beforeEach(async () => {
  api = await startCloudflare();
  [bundles, status, answers, printed, clock] = [new Map(), 'UPDATE_IN_PROGRESS', [], [], 1_000_000];
  secrets = { token: TOKEN, worker: JSON.stringify({ EDGE_SECRET: 'edge-secret-value' }) };
});
afterEach(() => api.close());

const deps = (more: Partial<HandlerDeps> = {}): HandlerDeps => ({
  readBundle: async (_, key) => bundles.get(key) ?? Promise.reject(new Error('no such bundle')),
  readSecret: async (arn) => secrets[arn] ?? Promise.reject(new Error('no such secret')),
  stackStatus: async () => status,
  answer: async (_, body) => void answers.push(body as never),
  endpoint: api.endpoint,
  now: () => clock,
  // Time passes only where somebody waits.
  pause: async (ms) => {
    clock += ms;
  },
  random: () => 0.5,
  log: (line) => void printed.push(line),
  ...more,
});

interface Asked {
  readonly type?: 'Create' | 'Update' | 'Delete';
  readonly of?: WorkerBundle;
  readonly properties?: Record<string, unknown>;
  readonly physical?: string;
  readonly more?: Partial<HandlerDeps>;
}
async function ask({ type = 'Update', of = bundle(), properties = {}, physical, more }: Asked) {
  const key = `${bundles.size}`;
  bundles.set(key, encodeWorkerBundle(of));
  const id = physical ?? (type === 'Create' ? undefined : `${ACCOUNT}/gatehouse`);
  await handleResource(
    {
      ...{ RequestType: type, ResponseURL: 'https://cloudformation.example/', StackId: 'arn:stack', RequestId: '1' },
      ...{ LogicalResourceId: 'Edge', ...(id !== undefined && { PhysicalResourceId: id }) },
      ResourceProperties: {
        ...{
          ServiceToken: 'arn:x',
          Account: ACCOUNT,
          ScriptName: of.name,
          TokenSecret: 'token',
          WorkerSecrets: 'worker',
        },
        ...{ Bucket: 'b', Key: key, Vars: { FUNCTIONS_URL: 'https://f.example' } },
        ...{
          Domain: { hostname: 'gate.example.com', zone: ZONE },
          WorkersDev: 'false',
          Adopt: 'false',
          DeleteData: 'false',
        },
        ...properties,
      },
    },
    clock + 900_000,
    deps(more),
  );
  return answers.at(-1) as (typeof answers)[number];
}
const created = () => ask({ type: 'Create' });
const script = () => api.scripts.get('gatehouse');
const activeCode = () => api.active('gatehouse')?.script;
const changed = (text: string) => bundle({ script: `${bundle().script} // ${text}` });
const uploads = () => api.calls.filter((call) => call === 'PUT /workers/scripts/gatehouse').length;

describe('create', () => {
  it('uploads script, assets, migrations, bindings and secrets, and sets domain and schedules', async () => {
    expect(await created()).toMatchObject({ Status: 'SUCCESS', PhysicalResourceId: `${ACCOUNT}/gatehouse` });
    const bindings = api.active('gatehouse')?.metadata.bindings;
    expect(bindings).toEqual([
      { type: 'durable_object_namespace', name: 'DIRECTORY', class_name: 'Directory' },
      { type: 'durable_object_namespace', name: 'GRANTS', class_name: 'Grants' },
      { type: 'plain_text', name: 'PROVIDER_NAME', text: 'okta' },
      { type: 'plain_text', name: 'FUNCTIONS_URL', text: 'https://f.example' },
      { type: 'secret_text', name: 'EDGE_SECRET', text: 'edge-secret-value' },
      { type: 'assets', name: 'ASSETS' },
    ]);
    expect([...(script()?.classes.keys() ?? [])]).toEqual(['Directory', 'Grants']);
    expect(script()).toMatchObject({ migration: 'v1', crons: ['*/5 * * * *'], workersDev: false });
    expect([...api.assets.values()].sort()).toEqual(['a {}', 'b()', 'cli']);
    expect([...api.domains.values()]).toMatchObject([{ hostname: 'gate.example.com', service: 'gatehouse' }]);
  });

  it('a second time leaves the same, and uploads nothing', async () => {
    await created();
    expect((await ask({ type: 'Create' })).Data?.Outcome).toBe('unchanged');
    expect(uploads()).toBe(1);
    expect(api.domains.size).toBe(1);
  });

  it('takes over nothing that something else deployed, unless it is asked to', async () => {
    await created();
    const there = api.active('gatehouse') as { annotations: unknown };
    there.annotations = {};
    const before = activeCode();
    const refused = await ask({ type: 'Create', of: changed('mine') });
    expect(refused).toMatchObject({
      Status: 'FAILED',
      Reason: expect.stringMatching(/not deployed from here.*edge\.adopt/),
    });
    expect(activeCode()).toBe(before);
    expect((await ask({ type: 'Create', of: changed('mine'), properties: { Adopt: 'true' } })).Status).toBe('SUCCESS');
  });
});

describe('update', () => {
  it('uploads what changed, and of assets only what Cloudflare lacks', async () => {
    await created();
    api.calls.length = 0;
    expect(await ask({ of: changed('new') })).toMatchObject({ Status: 'SUCCESS', Data: { Outcome: 'uploaded' } });
    expect(activeCode()).toContain('// new');
    expect(api.calls).not.toContain('POST /workers/assets/upload');
  });

  it('uploads a secret that changed, and keeps those that were set by hand', async () => {
    await created();
    const bindings = api.active('gatehouse')?.metadata.bindings as { type: string; name: string; text: string }[];
    bindings.push({ type: 'secret_text', name: 'SLACK_BOT_TOKEN', text: 'by hand' });
    secrets.worker = JSON.stringify({ EDGE_SECRET: 'another' });
    await ask({});
    const texts = api.active('gatehouse')?.metadata.bindings.filter(({ type }) => type === 'secret_text');
    expect(texts).toEqual([
      { type: 'secret_text', name: 'EDGE_SECRET', text: 'another' },
      { type: 'secret_text', name: 'SLACK_BOT_TOKEN', text: 'by hand' },
    ]);
  });

  it('applies the migrations that are new, from the one that is there', async () => {
    await created();
    script()?.classes.set('Grants', 'grants of people');
    expect((await ask({ of: second })).Status).toBe('SUCCESS');
    expect(api.active('gatehouse')?.metadata.migrations).toEqual({
      ...{ old_tag: 'v1', new_tag: 'v2' },
      steps: [{ new_sqlite_classes: ['Approval'] }],
    });
    expect(script()?.classes.get('Grants')).toBe('grants of people');
  });

  it('refuses to go before a migration that is deployed, and changes nothing', async () => {
    await created();
    await ask({ of: second });
    const before = api.active('gatehouse')?.id;
    const answer = await ask({ of: changed('older release') });
    expect(answer).toMatchObject({ Status: 'FAILED', Reason: expect.stringMatching(/migration v2.*newer release/) });
    expect(api.active('gatehouse')?.id).toBe(before);
  });

  it('to another name is refused: a Worker of another name has no grants and no audit log', async () => {
    await created();
    const answer = await ask({ of: bundle({ name: 'other' }) });
    expect(answer).toMatchObject({ Status: 'FAILED', Reason: expect.stringContaining('empty Durable Objects') });
    // Else CloudFormation would go on to delete the former.
    expect(answer.PhysicalResourceId).toBe(`${ACCOUNT}/gatehouse`);
    expect([...api.scripts.keys()]).toEqual(['gatehouse']);
  });

  it('moves to another domain and takes the old one away, of this Worker alone', async () => {
    await created();
    api.domains.set('x', { id: 'x', hostname: 'other.example.com', service: 'another', zone_id: ZONE });
    await ask({ properties: { Domain: { hostname: 'new.example.com', zone: ZONE } } });
    expect([...api.domains.values()].map(({ hostname }) => hostname).sort()).toEqual([
      'new.example.com',
      'other.example.com',
    ]);
  });

  it('sets routes, and leaves those of other Workers', async () => {
    await created();
    api.routes.set('x', { id: 'x', pattern: 'example.com/other/*', script: 'another' });
    const routes = (pattern: string) => ({ Domain: undefined, Routes: [{ pattern, zone: ZONE }] });
    await ask({ properties: routes('example.com/old/*') });
    await ask({ properties: routes('example.com/new/*') });
    expect([...api.routes.values()].map(({ pattern }) => pattern).sort()).toEqual([
      'example.com/new/*',
      'example.com/other/*',
    ]);
  });
});

describe('what fails', () => {
  it('before the upload leaves the former version active', async () => {
    await created();
    api.troubles.push({ method: 'PUT', path: /scripts\/gatehouse$/, times: 1, status: 400, code: 10021 });
    const answer = await ask({ of: changed('broken') });
    expect(answer).toMatchObject({
      Status: 'FAILED',
      Reason: expect.stringMatching(/^Cloudflare: PUT \/workers\/scripts\/gatehouse: 400 .*\(10021\)/),
    });
    expect(activeCode()).not.toContain('broken');
  });

  it('after the upload puts back the former version, its domain and its schedules', async () => {
    await created();
    const before = api.active('gatehouse')?.id;
    api.troubles.push({ method: 'PUT', path: /schedules$/, times: 1, status: 400 });
    const answer = await ask({
      of: bundle({ script: `${bundle().script} // bad`, crons: ['0 0 * * *'] }),
      properties: { Domain: { hostname: 'new.example.com', zone: ZONE } },
    });
    expect(answer.Status).toBe('FAILED');
    expect(answer.Reason).not.toContain('Not put back');
    expect(api.active('gatehouse')?.id).toBe(before);
    expect(script()?.crons).toEqual(['*/5 * * * *']);
    expect([...api.domains.values()].map(({ hostname }) => hostname)).toEqual(['gate.example.com']);
  });

  it('after a migration says that the new version stays, since Cloudflare takes none back', async () => {
    await created();
    api.troubles.push({ method: 'PUT', path: /schedules$/, times: 1, status: 400 });
    const answer = await ask({ of: second });
    expect(answer).toMatchObject({ Status: 'FAILED', Reason: expect.stringContaining('the new version stays active') });
    expect(activeCode()).toContain('Approval');
    // CloudFormation goes back, and its stack is not stuck.
    status = 'UPDATE_ROLLBACK_IN_PROGRESS';
    expect(await ask({})).toMatchObject({ Status: 'SUCCESS', Data: { Outcome: 'kept_newer', Migration: 'v2' } });
    expect(activeCode()).toContain('Approval');
  });

  it('elsewhere in the stack: on the way back the very version is active again, although a secret changed', async () => {
    await created();
    const before = api.active('gatehouse')?.id;
    const former = secrets.worker ?? '';
    secrets.worker = JSON.stringify({ EDGE_SECRET: 'another' });
    await ask({ of: changed('new') });
    status = 'UPDATE_ROLLBACK_IN_PROGRESS';
    secrets.worker = former;
    expect(await ask({})).toMatchObject({ Status: 'SUCCESS', Data: { Outcome: 'reactivated', Version: before } });
    expect(api.active('gatehouse')?.id).toBe(before);
  });
});

describe('Cloudflare', () => {
  it('that limits is asked again when it says', async () => {
    api.troubles.push({ method: 'GET', path: /scripts$/, times: 2, status: 429, headers: { 'retry-after': '7' } });
    const at = clock;
    expect((await created()).Status).toBe('SUCCESS');
    expect(clock - at).toBe(14_000);
  });

  it('that fails for a while is asked again, with growing pauses', async () => {
    api.troubles.push({ method: 'PUT', path: /schedules$/, times: 3, status: 502 });
    const at = clock;
    expect((await created()).Status).toBe('SUCCESS');
    expect(clock - at).toBe(375 + 750 + 1500);
  });

  it('whose answer to the upload is lost is asked what is active, and no migration is sent twice', async () => {
    for (const status of [0, 503]) {
      api.scripts.clear();
      api.troubles.push({ method: 'PUT', path: /scripts\/gatehouse$/, times: 1, status, done: true });
      const before = uploads();
      expect((await created()).Status).toBe('SUCCESS');
      expect(uploads() - before).toBe(1);
    }
  });

  it('whose upload did not arrive is sent it again', async () => {
    api.troubles.push({ method: 'PUT', path: /scripts\/gatehouse$/, times: 1, status: 0 });
    expect((await created()).Status).toBe('SUCCESS');
    expect(uploads()).toBe(2);
  });

  it('that is away for good: an answer comes before the function ends, and names the call', async () => {
    api.troubles.push({ method: 'GET', path: /scripts$/, times: 1_000, status: 503 });
    const at = clock;
    const answer = await created();
    expect(answer).toMatchObject({ Status: 'FAILED', Reason: expect.stringContaining('GET /workers/scripts: 503') });
    expect(clock - at).toBeLessThan(900_000);
  });

  it('that refuses the token, and other mistakes, are not asked again, and nothing secret is told', async () => {
    secrets.token = 'cf-token-of-somebody-else-1234567890';
    const answer = await created();
    expect(answer).toMatchObject({ Status: 'FAILED', Reason: expect.stringMatching(/401.*Is the token whole/) });
    expect(api.calls).toHaveLength(1);
    secrets = { token: TOKEN, worker: '{"EDGE_SECRET": "edge-secret-value"' };
    const wrong = await created();
    expect(wrong.Reason).toContain("the secret of the Worker's secrets: expected JSON");
    expect(JSON.stringify([answers, printed])).not.toMatch(/cf-token|edge-secret-value/);
  });

  it('that does not answer does not keep CloudFormation waiting', async () => {
    const hanging: Partial<HandlerDeps> = {
      readSecret: () => new Promise(() => {}),
      // The clock of the deadline's timer is real: what is left is short.
      now: () => clock,
    };
    clock -= 879_900;
    const asked = ask({ type: 'Create', more: { ...hanging, now: () => clock + 879_900 } });
    expect(await asked).toMatchObject({ Status: 'FAILED', Reason: expect.stringContaining('out of time') });
  });
});

describe('delete', () => {
  it('leaves the Worker with its data, unless the settings say otherwise', async () => {
    await created();
    expect((await ask({ type: 'Delete' })).Data).toEqual({ Outcome: 'kept' });
    expect(api.scripts.has('gatehouse')).toBe(true);
    const other = await ask({ type: 'Delete', properties: { DeleteData: 'true' }, physical: `${ACCOUNT}/former` });
    expect(other.Data).toEqual({ Outcome: 'kept' });
    expect((await ask({ type: 'Delete', properties: { DeleteData: 'true' } })).Data).toEqual({ Outcome: 'deleted' });
    expect(api.scripts.has('gatehouse')).toBe(false);
    // A second time it is gone, and that is no failure.
    expect((await ask({ type: 'Delete', properties: { DeleteData: 'true' } })).Status).toBe('SUCCESS');
  });

  it('of what was never made succeeds, whatever its settings are', async () => {
    expect(await ask({ type: 'Create', properties: { Account: 'none' } })).toMatchObject({
      ...{ Status: 'FAILED', PhysicalResourceId: 'not-created' },
      Reason: expect.stringContaining('Account'),
    });
    const gone = await ask({ type: 'Delete', properties: { Account: 'none' }, physical: 'not-created' });
    expect(gone.Status).toBe('SUCCESS');
    expect(api.calls).toEqual([]);
  });
});
