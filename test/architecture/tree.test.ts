// Guards of the tree itself: what must not be in it, and what must agree.

import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ROOT, SOURCE_FOLDERS, sourceFiles } from './tree.ts';

const files = sourceFiles();
const tracked = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
  cwd: ROOT,
  encoding: 'utf8',
})
  .split('\n')
  .filter((path) => path !== '' && existsSync(join(ROOT, path)));

describe('the tree', () => {
  it('has the top folders of the architecture and no other', () => {
    const folders = new Set(tracked.filter((path) => path.includes('/')).map((path) => path.split('/')[0] ?? ''));
    const allowed = new Set<string>([...SOURCE_FOLDERS, 'docs', '.ci']);
    expect([...folders].filter((folder) => !allowed.has(folder))).toEqual([]);
  });

  it('has no drawer for what has no name', () => {
    expect(tracked.filter((path) => /(^|\/)(utils?|helpers?|common|misc|manager)(\.[a-z]+)?(\/|$)/.test(path))).toEqual(
      [],
    );
  });

  it('names files in kebab-case', () => {
    const wrong = files.filter(({ path }) => !/^[a-z0-9.-]+\.tsx?$/.test(path.split('/').at(-1) ?? ''));
    expect(wrong.map(({ path }) => path)).toEqual([]);
  });

  it('keeps product files short enough to be read at a sitting', () => {
    const long = files
      .filter(({ path }) => !path.startsWith('test/') && !/\.test\.tsx?$/.test(path))
      .map(({ path, text }) => ({ path, lines: text.split('\n').length }))
      .filter(({ lines }) => lines > 450);
    expect(long).toEqual([]);
  });

  it('has no open ends, casts to any, silent skips or lone tests', () => {
    const pattern = /\b(TODO|FIXME|XXX)\b|\bas any\b|@ts-ignore|\b(?:it|test|describe)\.(?:only|todo|skip)\(/;
    const found = files
      .filter(({ path }) => path !== 'test/architecture/tree.test.ts')
      .flatMap(({ path, text }) =>
        text.split('\n').flatMap((line, index) => (pattern.test(line) ? [`${path}:${index + 1}: ${line.trim()}`] : [])),
      );
    expect(found).toEqual([]);
  });

  it('carries no path of a developer machine', () => {
    const pattern = /\/(?:work|root|home\/[a-z]+)\/[a-z]/;
    const found = tracked
      .filter((path) => /\.(tsx?|md|ya?ml|json|toml)$/.test(path) && path !== 'package-lock.json')
      .filter((path) => pattern.test(readFileSync(join(ROOT, path), 'utf8')));
    expect(found).toEqual([]);
  });

  it('locks packages without the address of a registry', () => {
    expect(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')).not.toContain('"resolved"');
  });

  it('pins every package exactly', () => {
    const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as Record<
      string,
      Record<string, string>
    >;
    const loose = Object.entries({ ...manifest.dependencies, ...manifest.devDependencies }).filter(
      ([, version]) => !/^\d/.test(version),
    );
    expect(loose).toEqual([]);
  });

  it('says why each package is there', () => {
    const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as Record<
      string,
      Record<string, string>
    >;
    const text = readFileSync(join(ROOT, 'docs/dependencies.md'), 'utf8');
    const missing = Object.keys({ ...manifest.dependencies, ...manifest.devDependencies }).filter(
      (name) => !text.includes(`\`${name}\``),
    );
    expect(missing).toEqual([]);
  });
});

describe('the documents', () => {
  it('link only to files that exist', () => {
    const broken = tracked
      .filter((path) => path.endsWith('.md'))
      .flatMap((path) => {
        const text = readFileSync(join(ROOT, path), 'utf8');
        return [...text.matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)/g)]
          .map(([, link]) => join(path, '..', link ?? ''))
          .filter((target) => !existsSync(join(ROOT, target)))
          .map((target) => `${path} -> ${target}`);
      });
    expect(broken).toEqual([]);
  });

  it('of a folder name files that are there', () => {
    const missing = SOURCE_FOLDERS.map((folder) => `${folder}/README.md`)
      .filter((path) => existsSync(join(ROOT, path)))
      .flatMap((path) =>
        [...readFileSync(join(ROOT, path), 'utf8').matchAll(/`([a-z][a-z0-9/.-]*(?:\.tsx?|\/))`/g)]
          .map(([, name]) => name ?? '')
          .filter((name) => !existsSync(join(ROOT, path, '..', name)) && !existsSync(join(ROOT, name))),
      );
    expect(missing).toEqual([]);
  });
});
