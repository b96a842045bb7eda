// Reads the Worker as `wrangler deploy` would: wrangler.toml by wrangler's own reader, after its build command. Whatever is set there and
// would not be uploaded is an error, so that nobody misses it in production.

import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, extname, join, relative, resolve, sep } from 'node:path';
import type { Unstable_Config as WranglerConfig } from 'wrangler';
import type { WorkerBundle } from './worker-bundle.ts';

/** What is read below. `dev`, paths and wrangler's own notes do not belong to what is deployed. */
const UPLOADED = [
  ...['name', 'main', 'no_bundle', 'build', 'compatibility_date', 'compatibility_flags', 'assets', 'durable_objects'],
  ...['migrations', 'vars', 'triggers', 'observability', 'workers_dev', 'routes', 'route'],
];

/** Where wrangler.toml says nothing. */
const AS_WRANGLER = { mode: 'deferred' as const, max_delay: 300 };

const TYPES: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.ico': 'image/x-icon',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.mjs': 'text/javascript; charset=utf-8',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.txt': 'text/plain; charset=utf-8',
  '.wasm': 'application/wasm',
  '.woff2': 'font/woff2',
};

/** `build`: run its build command before. Throws with the setting that is missing or cannot be uploaded. */
export function readWorker(wranglerToml: string, { build }: { readonly build: boolean }): WorkerBundle {
  const folder = dirname(resolve(wranglerToml));
  // Only when there is an edge to deploy: reading wrangler takes longer than all the rest.
  const wrangler = createRequire(import.meta.url)('wrangler') as typeof import('wrangler');
  const config: WranglerConfig = wrangler.unstable_readConfig({ config: wranglerToml }, { hideWarnings: true });
  const fail = (message: string): never => {
    throw new Error(`${wranglerToml}: ${message}`);
  };
  const raw = wrangler.experimental_readRawConfig({ config: wranglerToml }).rawConfig;
  const more = Object.keys(raw).filter((key) => !UPLOADED.includes(key));
  if (more.length > 0) fail(`${more.join(', ')}: not uploaded by the edge stack. Deploy the edge with wrangler deploy`);
  if (build && config.build.command !== undefined) {
    const ran = spawnSync(config.build.command, { cwd: folder, shell: true, encoding: 'utf8' });
    if (ran.status !== 0) fail(`build.command failed: ${ran.stderr.trim().slice(-1_000)}`);
  }
  const { name, main, compatibility_date: compatibilityDate } = config;
  if (name === undefined || main === undefined || compatibilityDate === undefined)
    return fail('expected name, main and compatibility_date');
  if (!config.no_bundle) fail('no_bundle: expected true, since the build command bundles');
  for (const { name: binding, script_name } of config.durable_objects.bindings)
    if (script_name !== undefined && script_name !== name) fail(`${binding}: an object of another Worker`);
  const vars = Object.entries(config.vars).map(([key, value]) =>
    typeof value === 'string' ? [key, value] : fail(`vars.${key}: expected text`),
  );
  return {
    name,
    compatibilityDate,
    compatibilityFlags: config.compatibility_flags,
    durableObjects: config.durable_objects.bindings.map((it) => ({ name: it.name, className: it.class_name })),
    codeUpdate: config.durable_objects.code_update_strategy ?? AS_WRANGLER,
    migrations: config.migrations as WorkerBundle['migrations'],
    vars: Object.fromEntries(vars),
    crons: config.triggers.crons ?? [],
    observability: config.observability?.enabled ?? false,
    script: readBuilt(resolve(folder, main), config.build.command),
    assets: config.assets && readAssets(folder, config.assets, fail),
  };
}

function readBuilt(path: string, command: string | undefined): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    throw new Error(`${path} is not there: build the Worker first${command === undefined ? '' : ` (${command})`}`);
  }
}

function readAssets(
  folder: string,
  { directory, binding, run_worker_first: first }: NonNullable<WranglerConfig['assets']>,
  fail: (message: string) => never,
): WorkerBundle['assets'] {
  if (directory === undefined || binding === undefined) return fail('assets: expected directory and binding');
  if (first !== undefined && typeof first !== 'boolean') return fail('assets.run_worker_first: expected true or false');
  const root = resolve(folder, directory);
  const files = readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
    .map((file) => ({
      path: `/${relative(root, file).split(sep).join('/')}`,
      type: TYPES[extname(file)] ?? null,
      base64: readFileSync(file).toString('base64'),
    }));
  return { binding, runWorkerFirst: first ?? false, files };
}
