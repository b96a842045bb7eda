// `gatehouse` as one file, for people who have no checkout: the portal serves it at `/cli/`. Needs
// Node 22.15 or later and nothing else.

import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { build, type Plugin } from 'esbuild';

const HERE = import.meta.dirname;

/** The bytes of an ES module that starts with a hash-bang line. The same sources give the same bytes. */
export async function bundleCli(): Promise<Uint8Array> {
  const { outputFiles } = await build({
    entryPoints: [join(HERE, 'command-line.ts')],
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'node',
    target: 'node22.15',
    minify: true,
    // Names in stacks: what a person reports should lead somewhere.
    keepNames: true,
    legalComments: 'none',
    // For packages in CommonJS. The name is too long for the minifier to make.
    banner: {
      js: "#!/usr/bin/env node\nimport { createRequire as createRequireHere } from 'node:module';\nconst require = createRequireHere(import.meta.url);",
    },
    plugins: [sqlParserWithin],
    logLevel: 'warning',
  });
  const bundle = outputFiles[0]?.contents;
  if (bundle === undefined) throw new Error('the command line was not bundled');
  return bundle;
}

/** libpg-query reads its WebAssembly from the file beside it: here it is handed over instead, from within the bundle. */
const sqlParserWithin: Plugin = {
  name: 'sql-parser-within',
  setup(bundler) {
    const wasm = join(dirname(createRequire(import.meta.url).resolve('libpg-query')), 'libpg-query.wasm');
    bundler.onLoad({ filter: /libpg-query[/\\]wasm[/\\]libpg-query\.js$/ }, async ({ path }) => ({
      contents: `const __dirname = '';
${await readFile(path, 'utf8')}
const open = module.exports;
const instantiateWasm = (imports, done) =>
  WebAssembly.instantiate(require(${JSON.stringify(wasm)}), imports).then(({ instance }) => done(instance));
module.exports = (options) => open({ ...options, instantiateWasm });`,
      loader: 'js',
    }));
    bundler.onLoad({ filter: /libpg-query\.wasm$/ }, async ({ path }) => ({
      contents: await readFile(path),
      loader: 'binary',
    }));
  },
};
