// The Worker as it is deployed: with the command line, as one file, among its assets. wrangler.toml's
// build command makes it anew; `npm start` takes what it made of the same sources before.

import { createHash } from 'node:crypto';
import { cp, mkdir, mkdtemp, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { type BuiltWorker, buildWorker } from '../../edge/build.ts';
import { bundleCli } from '../bundle.ts';
import { exists } from './data/data-dir.ts';

const ROOT = resolve(import.meta.dirname, '../..');
/** Whatever may go into the Worker or the command line. The packages that are installed say so in a file of npm's. */
const SOURCES = ['core', 'edge', 'cli', 'package.json', 'node_modules/.package-lock.json', 'tsconfig.base.json'];
const KEPT = join(ROOT, 'node_modules/.cache/gatehouse');

/** Below `outputDirectory`, which is emptied first. */
async function buildWholeWorker(outputDirectory: string): Promise<BuiltWorker> {
  return buildWorker({ outputDirectory, commandLine: await bundleCli() });
}

/** As `buildWholeWorker`, and does not build the same twice: what was built of the newest sources stays in `kept`. */
export async function keptWholeWorker(
  outputDirectory: string,
  { kept = KEPT, build = buildWholeWorker } = {},
): Promise<BuiltWorker> {
  const known = join(kept, `worker-${await digestOf(SOURCES.map((path) => join(ROOT, path)))}`);
  if (await exists(known)) {
    // A copy: the next build replaces what is kept, also while this one is being served.
    await cp(known, outputDirectory, { recursive: true });
    const script = await readFile(join(outputDirectory, 'worker.js'), 'utf8');
    return { script, assetsDirectory: join(outputDirectory, 'public') };
  }
  const built = await build(outputDirectory);
  // Another user's checkout cannot be written to, and another start may have been faster: either is fine.
  await keep(outputDirectory, kept, known).catch(() => undefined);
  return built;
}

async function keep(built: string, kept: string, as: string): Promise<void> {
  await mkdir(kept, { recursive: true });
  const making = await mkdtemp(join(kept, 'making-'));
  try {
    await cp(built, making, { recursive: true });
    await rename(making, as);
  } finally {
    await rm(making, { recursive: true, force: true });
  }
  for (const name of await readdir(kept))
    if (name.startsWith('worker-') && join(kept, name) !== as) await rm(join(kept, name), { recursive: true });
}

/** Of the names and bytes of these files, and of the files in these folders; tests are left out, and what is missing counts as empty. */
export async function digestOf(paths: readonly string[]): Promise<string> {
  const hash = createHash('sha256').update(process.version);
  for (const path of paths) {
    for (const file of await filesIn(path)) {
      const content = await readFile(file);
      hash.update(`\n${file} ${content.length}\n`).update(content);
    }
  }
  return hash.digest('hex').slice(0, 32);
}

async function filesIn(path: string): Promise<string[]> {
  if (!(await exists(path))) return [];
  const entries = await readdir(path, { recursive: true, withFileTypes: true }).catch(() => undefined);
  if (!entries) return [path];
  return entries
    .filter((entry) => entry.isFile() && !/\.test\.tsx?$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => !file.startsWith(join(path, 'dist/')) && !file.startsWith(join(path, 'test/')))
    .sort();
}

if (import.meta.main) await buildWholeWorker(join(ROOT, 'edge/dist'));
