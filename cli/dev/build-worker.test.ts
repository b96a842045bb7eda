import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { digestOf, keptWholeWorker } from './build-worker.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'gatehouse-build-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

/** Stands for the bundler: what it makes says which time it was. */
function countedBuild() {
  let times = 0;
  return async (outputDirectory: string) => {
    const script = `built ${++times}`;
    const assetsDirectory = join(outputDirectory, 'public');
    await mkdir(assetsDirectory, { recursive: true });
    await writeFile(join(outputDirectory, 'worker.js'), script);
    await writeFile(join(assetsDirectory, 'portal.js'), script);
    return { script, assetsDirectory };
  };
}

it('is built once of the same sources, and taken from what was kept afterwards', async () => {
  const options = { kept: join(dir, 'kept'), build: countedBuild() };
  expect((await keptWholeWorker(join(dir, 'first'), options)).script).toBe('built 1');
  const { script, assetsDirectory } = await keptWholeWorker(join(dir, 'second'), options);
  expect(script).toBe('built 1');
  expect(await readFile(join(assetsDirectory, 'portal.js'), 'utf8')).toBe('built 1');
  expect(assetsDirectory).toBe(join(dir, 'second/public'));
});

it('keeps the newest only, and nothing half done', async () => {
  const options = { kept: join(dir, 'kept'), build: countedBuild() };
  await mkdir(join(options.kept, 'worker-of-other-sources'), { recursive: true });
  await keptWholeWorker(join(dir, 'first'), options);
  expect(await readdir(options.kept)).toEqual([expect.stringMatching(/^worker-[0-9a-f]{32}$/)]);
});

it('is built where nothing can be kept', async () => {
  await writeFile(join(dir, 'kept'), 'no folder');
  const options = { kept: join(dir, 'kept'), build: countedBuild() };
  expect((await keptWholeWorker(join(dir, 'first'), options)).script).toBe('built 1');
  expect((await keptWholeWorker(join(dir, 'second'), options)).script).toBe('built 2');
});

it('is known by the names and bytes of its sources, without their tests', async () => {
  const digest = () => digestOf([dir, join(dir, 'missing')]);
  const write = (name: string, text: string) => writeFile(join(dir, name), text);
  await write('a.ts', 'one');
  const before = await digest();
  await write('a.test.ts', 'a test');
  expect(await digest()).toBe(before);
  await write('a.ts', 'two');
  const changed = await digest();
  await write('b.ts', '');
  expect(new Set([before, changed, await digest()]).size).toBe(3);
});
