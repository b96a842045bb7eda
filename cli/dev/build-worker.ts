// The Worker as it is deployed: with the command line, as one file, among its assets. Used by
// wrangler.toml's build command and by `npm start`.

import { join } from 'node:path';
import { type BuiltWorker, buildWorker } from '../../edge/build.ts';
import { bundleCli } from '../bundle.ts';

/** Below `outputDirectory`, which is emptied first. */
export async function buildWholeWorker(outputDirectory: string): Promise<BuiltWorker> {
  return buildWorker({ outputDirectory, commandLine: await bundleCli() });
}

if (import.meta.main) await buildWholeWorker(join(import.meta.dirname, '../../edge/dist'));
