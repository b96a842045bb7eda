// Names: one meaning each, exported only where somebody else uses them, and a protocol's own nowhere but at home.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ROOT, sourceFiles } from './tree.ts';

const files = sourceFiles();
const isTest = (path: string) => /\.test\.tsx?$/.test(path) || /(^|\/)test\//.test(path);
const product = files.filter(({ path }) => !isTest(path));

const DECLARED =
  /^export (?:declare )?(?:abstract )?(?:async )?(?:const|let|type|interface|class|function\*?|enum) (\w+)/gm;
const NAMED = /(?:import|export)\s+(?:type\s)?(?:\w+\s*,\s*)?\{([^}]*)\}\s+from\s+'([^']+)'/g;

/** All of a module: `import('./x.ts')`, `* from './x.ts'`. */
const WHOLE = /(?:\bimport\(\s*|\*\s+(?:as\s+\w+\s+)?from\s+)'([^']+)'/g;

const exported = product.flatMap(({ path, text }) =>
  [...new Set([...text.matchAll(DECLARED)].map(([, name]) => name ?? ''))].map((name) => ({ path, name })),
);

describe('exported names', () => {
  // A Durable Object's class is named for what it holds: the platform knows it by that name.
  const NAMED_FOR_THE_PLATFORM = new Set(['Approval']);

  it('mean one thing', () => {
    const places = new Map<string, string[]>();
    for (const { path, name } of exported) places.set(name, [...(places.get(name) ?? []), path]);
    const twice = [...places].filter(([name, paths]) => paths.length > 1 && !NAMED_FOR_THE_PLATFORM.has(name));
    expect(twice).toEqual([]);
  });

  it('are used by somebody else', () => {
    // Called by what loads them: wrangler, AWS Lambda, vitest; or checked by the compiler alone.
    const ENTRIES =
      /^(edge\/worker\.ts|functions\/handlers\.ts|infra\/edge\/deploy\/handler\.ts|.*\.types\.ts|.*vitest\.config\.ts)$/;
    const used = new Set<string>();
    for (const { text, imports } of files) {
      const targetOf = (specifier: string) => imports.find((one) => one.specifier === specifier)?.target;
      for (const [, specifier = ''] of text.matchAll(WHOLE)) used.add(`${targetOf(specifier)} *`);
      for (const [, names = '', specifier = ''] of text.matchAll(NAMED))
        for (const name of names.split(','))
          used.add(
            `${targetOf(specifier)} ${
              name
                .trim()
                .replace(/^type /, '')
                .split(' as ')[0]
            }`,
          );
    }
    const dead = exported.filter(
      ({ path, name }) => !ENTRIES.test(path) && !used.has(`${path} ${name}`) && !used.has(`${path} *`),
    );
    expect(dead).toEqual([]);
  });
});

describe('a protocol', () => {
  const NAMES = ['postgres'];
  /** Its folder, a file that is named for it, the row, the registries, and the demo, which is one of its databases. */
  const isHome = (path: string, name: string) =>
    path.split(/[/.-]/).includes(name) ||
    path === 'core/protocols.ts' ||
    /(^|\/)registry\.ts$/.test(path) ||
    path.startsWith('cli/dev/');

  it('is named at home, in its row and in the registries alone', () => {
    const elsewhere = product.flatMap(({ path, text }) =>
      NAMES.filter((name) => !isHome(path, name) && new RegExp(`['"\`]${name}['"\`]`).test(text)).map(
        (name) => `${path} names ${name}`,
      ),
    );
    expect(elsewhere).toEqual([]);
  });
});

describe('packages', () => {
  // Set for the product: used from the SSH protocol on.
  const TO_COME = new Set(['ssh2']);

  it('that run in production are imported by somebody', () => {
    const { dependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
      dependencies: Record<string, string>;
    };
    const imported = new Set(
      product.flatMap(({ imports }) =>
        imports.map(({ specifier }) =>
          specifier
            .split('/')
            .slice(0, specifier.startsWith('@') ? 2 : 1)
            .join('/'),
        ),
      ),
    );
    expect(Object.keys(dependencies).filter((name) => !imported.has(name) && !TO_COME.has(name))).toEqual([]);
  });
});
