// `cdk synth` as a user runs it: no account, no network, no Docker.

import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BARE_ENV } from '../harness/child-env.ts';
import { SOAK } from '../harness/soak.ts';

const ROOT = join(import.meta.dirname, '../..');
let out: string;
beforeAll(async () => {
  out = await mkdtemp(join(tmpdir(), 'gatehouse-synth-'));
});
afterAll(() => rm(out, { recursive: true, force: true }));

const synth = (...more: string[]) =>
  promisify(execFile)(
    process.execPath,
    [join(ROOT, 'node_modules/aws-cdk/bin/cdk'), 'synth', '--quiet', '-o', out, ...more],
    {
      cwd: ROOT,
      env: OFFLINE(),
    },
  );

const OFFLINE = () => ({
  ...BARE_ENV,
  PATH: `${join(ROOT, 'node_modules/.bin')}:${process.env.PATH}`,
  HOME: out,
  // Nothing answers there: whatever asks for the network fails at once.
  HTTPS_PROXY: 'http://127.0.0.1:9',
  HTTP_PROXY: 'http://127.0.0.1:9',
  AWS_EC2_METADATA_DISABLED: 'true',
  CDK_DISABLE_CLI_TELEMETRY: 'true',
});

describe('cdk synth', () => {
  it('works offline and without an account, and bundles the functions', async () => {
    await synth();
    const names = await readdir(out);
    expect(names).toContain('GatehouseRecording.template.json');
    const template = JSON.parse(await readFile(join(out, 'GatehouseFunctions.template.json'), 'utf8')) as {
      Resources: Record<string, { Type: string }>;
    };
    expect(Object.values(template.Resources).map(({ Type }) => Type)).toContain('AWS::Lambda::Url');
    const asset = names.find((name) => name.startsWith('asset.'));
    const bundle = join(out, asset ?? '', 'index.mjs');
    expect((await stat(bundle)).size).toBeLessThan(3 * 1024 * 1024);
    // What only a local start needs must not travel.
    expect(await readFile(bundle, 'utf8')).not.toContain('dynalite');
  });

  it('works so with every stack too, as the dry run of a deployment does it', async () => {
    const { stdout, stderr } = await promisify(execFile)(
      process.execPath,
      [join(ROOT, 'infra/bin/deploy.ts'), '--stage', 'example', '--dry-run', '--', '-o', out],
      { cwd: ROOT, env: OFFLINE() },
    );
    const names = (await readdir(out)).filter((name) => /^GatehouseExample\w+\.template\.json$/.test(name));
    expect(names.map((name) => name.slice('GatehouseExample'.length).split('.')[0]).sort()).toEqual([
      'Connector',
      'Edge',
      'Functions',
      'Recording',
    ]);
    // Nothing that cdk-nag or CDK would have somebody look at.
    expect(stdout + stderr).not.toMatch(/^(WARNING|ERROR) /m);
  });

  // Each setting's own words: settings.test.ts.
  if (SOAK)
    it('says which setting is wrong', async () => {
      await expect(synth('-c', 'retentionDays=never')).rejects.toMatchObject({
        stderr: expect.stringContaining('retentionDays'),
      });
    });
});
