// Builds what the browser loads beside the pages: one style sheet and the islands, into
// `outDir/assets/`. Served by the Worker's assets binding at `/assets/...`.

import { createHash } from 'node:crypto';
import { cp, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';

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
      player: join(HERE, 'islands/player.ts'),
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
  const files = ['portal.js', 'player.js', 'portal-style.css', 'favicon.svg'];
  const hash = createHash('sha256');
  for (const file of files) hash.update(await readFile(join(assets, file)));
  const written = new Set(await readdir(assets));
  const missing = files.filter((file) => !written.has(file));
  if (missing.length > 0) throw new Error(`portal assets were not written: ${missing.join(', ')}`);
  return { version: hash.digest('hex').slice(0, 12), files: files.map((file) => `assets/${file}`) };
}
