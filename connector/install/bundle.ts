// The connector as one file that needs Node and nothing else: `npm run bundle [-- DIRECTORY]` (default: dist).
// Beside it, what it is made of: its software bill of materials (sbom.ts).
//
// Four things would look for files beside their source, and are bound to the bundle instead: the two worker threads,
// the SSH library that is loaded by createRequire, and the WebAssembly of the PostgreSQL parser. ssh2's optional native
// addons stay out: without them OpenSSL's ciphers of Node are used.

import { mkdirSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { build, type Plugin } from 'esbuild';
import { billOfMaterials } from './sbom.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const NAME = 'gatehouse-connector';

interface Rebinding {
  readonly file: RegExp;
  readonly from: string;
  readonly to: string;
}

/** A thread that says which one it is and loads this very file. */
const thread = (name: string): string =>
  `new URL('data:text/javascript,' + encodeURIComponent('globalThis[Symbol.for("gatehouse.thread")] = "${name}"; await import(' + JSON.stringify(import.meta.url) + ')'))`;

/** Emscripten's hook in place of reading a file. */
const PARSER_FROM_THE_BUNDLE = `import wasm from './libpg-query.wasm';
const instantiateWasm = (imports, done) => {
  void WebAssembly.instantiate(wasm, imports).then(({ instance, module }) => done(instance, module));
  return {};
};`;

const REBINDINGS: readonly Rebinding[] = [
  {
    file: /[\\/]archive[\\/]archiver-thread\.ts$/,
    from: "new URL('./archiver-worker.ts', import.meta.url)",
    to: thread('archiver-worker'),
  },
  {
    file: /[\\/]rules[\\/]large-texts\.ts$/,
    from: "new URL('./large-text-worker.ts', import.meta.url)",
    to: thread('large-text-worker'),
  },
  // esbuild follows a plain require.
  { file: /[\\/]wire[\\/]ssh2\.ts$/, from: 'const require = createRequire(import.meta.url);', to: '' },
  {
    file: /[\\/]libpg-query[\\/]wasm[\\/]index\.js$/,
    from: 'PgQueryModule()',
    to: 'PgQueryModule({ instantiateWasm })',
  },
];

/** Fails when a source has changed so that its binding is not found. */
function rebound(text: string, { from, to, file }: Rebinding): string {
  if (text.split(from).length !== 2) {
    throw new Error(`connector/install/bundle.ts: ${file} should have exactly one "${from}": adapt REBINDINGS to it`);
  }
  return text.replace(from, () => to);
}

const BOUND_TO_THE_BUNDLE: Plugin = {
  name: 'bound-to-the-bundle',
  setup({ onLoad, onResolve }) {
    // Imported names that an older Node does not have would end it before start.mjs can say which one is needed.
    onResolve({ filter: /^node:/ }, ({ path, kind }) =>
      kind === 'require-call' ? undefined : { path, namespace: 'builtin' },
    );
    onLoad({ filter: /.*/, namespace: 'builtin' }, ({ path }) => ({
      contents: `module.exports = process.getBuiltinModule(${JSON.stringify(path)});`,
    }));
    for (const rebinding of REBINDINGS) {
      onLoad({ filter: rebinding.file }, async ({ path }) => {
        const contents = rebound(await readFile(path, 'utf8'), rebinding);
        if (path.endsWith('.ts')) return { contents, loader: 'ts' };
        return { contents: `${PARSER_FROM_THE_BUNDLE}\n${contents}`, loader: 'js' };
      });
    }
  },
};

/** The files that were written. Rejects when something does not resolve. */
export async function bundleConnector(directory: string): Promise<{ readonly file: string; readonly sbom: string }> {
  const file = join(directory, `${NAME}.mjs`);
  const sbom = join(directory, `${NAME}.cdx.json`);
  const { metafile } = await build({
    absWorkingDir: ROOT,
    entryPoints: [join(import.meta.dirname, 'entry.mjs')],
    outfile: resolve(file),
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node22.18',
    // The ES modules of packages: what they do not use is left out.
    mainFields: ['module', 'main'],
    legalComments: 'eof',
    loader: { '.wasm': 'binary' },
    external: ['*.node', 'cpu-features'],
    define: { __dirname: '""', __filename: '""' },
    banner: {
      js: "import { createRequire as requireOfBundle } from 'node:module'; const require = requireOfBundle(import.meta.url);",
    },
    plugins: [BOUND_TO_THE_BUNDLE],
    metafile: true,
    logLevel: 'error',
  });
  writeFileSync(
    sbom,
    `${JSON.stringify(await billOfMaterials(ROOT, Object.keys(metafile.inputs), file), undefined, 2)}\n`,
  );
  return { file, sbom };
}

if (import.meta.main) {
  const directory = resolve(process.argv[2] ?? 'dist');
  mkdirSync(directory, { recursive: true });
  const { file, sbom } = await bundleConnector(directory);
  process.stdout.write(`${file}\n${sbom}\n`);
}
