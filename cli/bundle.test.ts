import { execFile } from 'node:child_process';
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import packageJson from '../package.json' with { type: 'json' };
import { bundleCli } from './bundle.ts';

const run = promisify(execFile);
let dir: string;
let bundle: Uint8Array;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'gatehouse-bundle-'));
  bundle = await bundleCli();
  await writeFile(join(dir, 'gatehouse.mjs'), bundle);
  await cp(join(import.meta.dirname, '../docs/examples/policy.yaml'), join(dir, 'policy.yaml'));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

/** With no package in reach, as on the machine of whoever downloads it. */
const alone = (...args: string[]) =>
  run(process.execPath, ['gatehouse.mjs', ...args], { cwd: dir, env: { HOME: dir, PATH: '' } });

it('is one file that runs alone', async () => {
  expect((await alone('--version')).stdout.trim()).toBe(packageJson.version);
});

it('reads statements with the parser within it', async () => {
  expect((await alone('policy', 'test', '--file', 'policy.yaml')).stdout).toContain('nobody drops a table');
});

it('is the same for the same sources, so that its digest says something', async () => {
  expect(Buffer.compare(await bundleCli(), bundle)).toBe(0);
});
