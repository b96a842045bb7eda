// Builds the Worker: one script and a directory of assets. What is deployed has the command line among
// them, which the edge only hands out: cli/dev/build-worker.ts brings it.

import { createHash } from 'node:crypto';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build, type Plugin } from 'esbuild';
import packageJson from '../package.json' with { type: 'json' };
import { CLI_FILE } from './paths.ts';
import { buildPortalAssets } from './portal/build.ts';

export interface BuiltWorker {
  /** ES module. */
  readonly script: string;
  /** Holds `assets/` and perhaps `cli/`, served at `/assets/...` and `/cli/...`. */
  readonly assetsDirectory: string;
}

const HERE = import.meta.dirname;

interface WorkerBuild {
  /** Emptied first; assets and `worker.js` are written below it. */
  readonly outputDirectory: string;
  /** `gatehouse` as one file, served at `/cli/`; without it there is none to download. */
  readonly commandLine?: Uint8Array | undefined;
}

/**
 * CommonJS packages `require` what workerd has for `import` alone (nodejs_compat): xml-crypto asks for crypto and util. What else is
 * asked for fails the build.
 */
const nodeBuiltins: Plugin = {
  name: 'node-builtins',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^(?:crypto|util)$/ }, ({ path, kind }) =>
      kind === 'require-call' ? { path, namespace: 'node-builtin' } : undefined,
    );
    onLoad({ filter: /.*/, namespace: 'node-builtin' }, ({ path }) => ({
      contents: `import builtin from 'node:${path}'; module.exports = builtin;`,
    }));
  },
};

export async function buildWorker({ outputDirectory, commandLine }: WorkerBuild): Promise<BuiltWorker> {
  const assetsDirectory = join(outputDirectory, 'public');
  await rm(outputDirectory, { recursive: true, force: true });
  await mkdir(assetsDirectory, { recursive: true });
  const assets = await buildPortalAssets(assetsDirectory);
  if (commandLine) {
    await mkdir(join(assetsDirectory, 'cli'));
    await writeFile(join(assetsDirectory, 'cli', CLI_FILE), commandLine);
  }
  const result = await build({
    entryPoints: [join(HERE, 'worker.ts')],
    bundle: true,
    write: false,
    format: 'esm',
    target: 'es2024',
    platform: 'neutral',
    mainFields: ['module', 'main'],
    conditions: ['workerd', 'worker', 'browser', 'import'],
    external: ['cloudflare:*', 'node:*'],
    plugins: [nodeBuiltins],
    jsx: 'automatic',
    jsxImportSource: 'hono/jsx',
    define: {
      GATEHOUSE_VERSION: JSON.stringify(packageJson.version),
      GATEHOUSE_ASSET_VERSION: JSON.stringify(assets.version),
      GATEHOUSE_CLI_SHA256: commandLine
        ? JSON.stringify(createHash('sha256').update(commandLine).digest('hex'))
        : 'undefined',
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
