// Who may import whom (docs/architecture.md). A new arrow is a decision, so it fails here first.

import { describe, expect, it } from 'vitest';
import { importsOf, type SourceFile, sourceFiles } from './tree.ts';

const files = sourceFiles();
const isTest = (path: string) =>
  /\.test\.tsx?$/.test(path) || path.startsWith('test/') || path.endsWith('vitest.config.ts');
const product = files.filter((file) => !isTest(file.path));
const top = (path: string) => path.split('/')[0] ?? '';

const ALLOWED: Readonly<Record<string, (from: string, to: string) => boolean>> = {
  core: () => false,
  edge: (_, to) => top(to) === 'core',
  connector: (_, to) => top(to) === 'core',
  functions: (_, to) => top(to) === 'core',
  infra: (_, to) => top(to) === 'core' || ['functions/env.ts', 'functions/catalogue-table/schema.ts'].includes(to),
  // `npm start` composes the parts through their public entries, tells the functions the edge's public key, and puts the command line among the Worker's assets;
  // the rest of the CLI knows core alone.
  cli: (from, to) =>
    top(to) === 'core' ||
    (from.startsWith('cli/dev/') &&
      [
        'edge/authority/log-signer.ts',
        'edge/build.ts',
        'edge/dev-server.ts',
        'functions/local.ts',
        'connector/main.ts',
      ].includes(to)),
};

function offences(): string[] {
  const found: string[] = [];
  for (const file of product) {
    for (const { target } of file.imports) {
      if (target === undefined || target === 'package.json' || top(target) === top(file.path)) continue;
      if (!ALLOWED[top(file.path)]?.(file.path, target)) found.push(`${file.path} imports ${target}`);
    }
  }
  return found;
}

describe('imports', () => {
  it('are found by the reader of this test in each of their forms', () => {
    const text = [
      "import { a } from './a.ts';",
      "import type { B } from '../b.ts';",
      'import {\n  c,\n  d,\n} from "x";'.replaceAll('"', "'"),
      "import './side-effect.ts';",
      "export { e } from './e.ts';",
      "const f = await import('./f.ts');",
    ].join('\n');
    expect(importsOf('core/x/y.ts', text).map((one) => one.target ?? one.specifier)).toEqual([
      'core/x/a.ts',
      'core/b.ts',
      'x',
      'core/x/side-effect.ts',
      'core/x/e.ts',
      'core/x/f.ts',
    ]);
  });

  it('cross a top folder only where the architecture says so', () => {
    expect(offences()).toEqual([]);
  });

  it('of core name no platform', () => {
    const platform = product
      .filter((file) => top(file.path) === 'core')
      .flatMap((file) => file.imports.map(({ specifier }) => ({ path: file.path, specifier })))
      .filter(({ specifier }) => /^(node:|cloudflare:|@aws-sdk\/|@cloudflare\/)/.test(specifier));
    expect(platform).toEqual([]);
  });

  it('inside the connector keep protocols away from session, recording, control and each other', () => {
    const wrong: string[] = [];
    for (const file of product.filter(({ path }) => path.startsWith('connector/protocols/'))) {
      const own = file.path.split('/').slice(0, 3).join('/');
      for (const { target } of file.imports) {
        if (target === undefined || target.startsWith(`${own}/`) || top(target) === 'core') continue;
        if (/^connector\/(protocol|door|action)\.ts$/.test(target) || /^connector\/(net|sasl|sql)\//.test(target))
          continue;
        wrong.push(`${file.path} imports ${target}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  it("of a Durable Object's class stand in the Worker's entry alone; others know its port", () => {
    // Two files there are no classes: how one is called, and which one has a session.
    const wrong = product
      .filter(({ path }) => path !== 'edge/worker.ts' && !path.startsWith('edge/objects/'))
      .flatMap((file) => file.imports.map(({ target }) => `${file.path} imports ${target}`))
      .filter((found) => /imports edge\/objects\/(?!rpc\.ts$|witness\/days\.ts$)/.test(found));
    expect(wrong).toEqual([]);
  });

  it('of a protocol folder stand in the registry alone', () => {
    const wrong = product
      .filter(({ path }) => path !== 'connector/registry.ts' && !path.startsWith('connector/protocols/'))
      .filter((file) => file.imports.some(({ target }) => target?.startsWith('connector/protocols/')))
      .map(({ path }) => path);
    expect(wrong).toEqual([]);
  });

  it('form no cycle', () => {
    expect(cycles(product)).toEqual([]);
  });
});

/** Cycles of value imports; types vanish before anything runs. Each as `a > b > a`. */
function cycles(of: readonly SourceFile[]): string[] {
  const edges = new Map(
    of.map((file) => [
      file.path,
      file.imports.filter((one) => !one.typeOnly && one.target).map((one) => one.target ?? ''),
    ]),
  );
  const found: string[] = [];
  const done = new Set<string>();
  const visit = (path: string, trail: readonly string[]): void => {
    const seenAt = trail.indexOf(path);
    if (seenAt >= 0) {
      found.push([...trail.slice(seenAt), path].join(' > '));
      return;
    }
    if (done.has(path)) return;
    for (const next of edges.get(path) ?? []) visit(next, [...trail, path]);
    done.add(path);
  };
  for (const path of edges.keys()) visit(path, []);
  return found;
}
