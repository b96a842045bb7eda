// Builds the Worker: one script and a directory of assets, among them the command line as one file. Used by wrangler.toml's build command, by
// the embedded edge (dev-server.ts) and by tests.

import { createHash } from 'node:crypto';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';
import { bundleCli } from '../cli/bundle.ts';
import { CLI_FILE } from './paths.ts';
import { buildPortalAssets } from './portal/build.ts';

export interface BuiltWorker {
  /** ES module. */
  readonly script: string;
  /** Holds `assets/` and `cli/`, served at `/assets/...` and `/cli/...`. */
  readonly assetsDirectory: string;
}

const HERE = import.meta.dirname;

/** Writes assets, the command line and `worker.js` below `outputDirectory`, which is emptied first. */
export async function buildWorker(options: { readonly outputDirectory: string }): Promise<BuiltWorker> {
  const { outputDirectory } = options;
  const assetsDirectory = join(outputDirectory, 'public');
  await rm(outputDirectory, { recursive: true, force: true });
  await mkdir(assetsDirectory, { recursive: true });
  const assets = await buildPortalAssets(assetsDirectory);
  const cli = await bundleCli();
  await mkdir(join(assetsDirectory, 'cli'));
  await writeFile(join(assetsDirectory, 'cli', CLI_FILE), cli);
  const result = await build({
    entryPoints: [join(HERE, 'worker.ts')],
    bundle: true,
    write: false,
    format: 'esm',
    target: 'es2024',
    platform: 'neutral',
    mainFields: ['module', 'main'],
    conditions: ['workerd', 'worker', 'browser', 'import'],
    external: ['cloudflare:*'],
    jsx: 'automatic',
    jsxImportSource: 'hono/jsx',
    define: {
      GATEHOUSE_ASSET_VERSION: JSON.stringify(assets.version),
      GATEHOUSE_CLI_SHA256: JSON.stringify(createHash('sha256').update(cli).digest('hex')),
    },
    // workerd shows no source lines; names in stacks are worth the bytes.
    keepNames: true,
    minifySyntax: true,
    legalComments: 'none',
    logLevel: 'warning',
  });
  const script = result.outputFiles[0]?.text;
  if (script === undefined) throw new Error('the Worker was not built');
  await writeFile(join(outputDirectory, 'worker.js'), script);
  return { script, assetsDirectory };
}

if (import.meta.main) {
  await buildWorker({ outputDirectory: join(HERE, 'dist') });
}
