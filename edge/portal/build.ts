// Builds what the browser loads beside the pages: one style sheet and the islands, into
// `outDir/assets/`. Served by the Worker's assets binding at `/assets/...`.

import { createHash } from 'node:crypto';
import { cp, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';
import type { ReplayKind } from '../../core/protocols.ts';

/** One a kind of replay: a page loads what plays its own. */
const PLAYERS: Readonly<Record<ReplayKind, string>> = {
  statements: 'islands/player-statements.ts',
  terminal: 'islands/player-terminal.ts',
};

interface PortalAssets {
  /** Changes whenever the content of any asset does; goes into `PortalDeps.assetVersion`. */
  readonly version: string;
  /** Paths below `outDir`. */
  readonly files: readonly string[];
}

const HERE = import.meta.dirname;

export async function buildPortalAssets(outDir: string): Promise<PortalAssets> {
  const assets = join(outDir, 'assets');
  await build({
    entryPoints: {
      portal: join(HERE, 'islands/portal.ts'),
      ...Object.fromEntries(Object.entries(PLAYERS).map(([kind, path]) => [`player-${kind}`, join(HERE, path)])),
      'portal-style': join(HERE, 'styles/portal.css'),
    },
    outdir: assets,
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    charset: 'utf8',
    logLevel: 'warning',
  });
  await cp(join(HERE, 'styles/favicon.svg'), join(assets, 'favicon.svg'));
  const players = Object.keys(PLAYERS).map((kind) => `player-${kind}.js`);
  const files = ['portal.js', ...players, 'portal-style.css', 'favicon.svg'];
  const hash = createHash('sha256');
  for (const file of files) hash.update(await readFile(join(assets, file)));
  const written = new Set(await readdir(assets));
  const missing = files.filter((file) => !written.has(file));
  if (missing.length > 0) throw new Error(`portal assets were not written: ${missing.join(', ')}`);
  return { version: hash.digest('hex').slice(0, 12), files: files.map((file) => `assets/${file}`) };
}
