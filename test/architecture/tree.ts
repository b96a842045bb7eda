// The source tree as data: files, their lines and their imports. Read once per test file.

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
export const SOURCE_FOLDERS = ['core', 'edge', 'functions', 'connector', 'infra', 'cli', 'test'] as const;

export interface SourceFile {
  /** Relative to the root, with forward slashes. */
  readonly path: string;
  readonly text: string;
  readonly imports: readonly Import[];
}

export interface Import {
  readonly specifier: string;
  /** Path in the tree for a relative import, else undefined. */
  readonly target: string | undefined;
  readonly typeOnly: boolean;
}

const IGNORED = new Set(['node_modules', 'fixtures', 'cdk.out', 'dist', '.wrangler', 'coverage']);

export function sourceFiles(): readonly SourceFile[] {
  return SOURCE_FOLDERS.flatMap((folder) => [...walk(join(ROOT, folder))]).map((absolute) => {
    const path = relative(ROOT, absolute).split(sep).join('/');
    const text = readFileSync(absolute, 'utf8');
    return { path, text, imports: importsOf(path, text) };
  });
}

function* walk(folder: string): Generator<string> {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (IGNORED.has(entry.name)) continue;
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* walk(path);
    else if (/\.tsx?$/.test(entry.name)) yield path;
  }
}

// Statements begin a line in this code base (the formatter sees to it), so a pattern is enough;
// the test of this file proves it on what it must find.
const IMPORT = /^(?:import|export)\s+(type\s)?(?:[^'";]*?\sfrom\s+)?'([^']+)'/gm;
const DYNAMIC_IMPORT = /\bimport\(\s*'([^']+)'\s*\)/g;

export function importsOf(path: string, text: string): readonly Import[] {
  const found: Import[] = [];
  for (const [, type, specifier] of text.matchAll(IMPORT)) {
    if (specifier) found.push({ specifier, target: resolveInTree(path, specifier), typeOnly: type !== undefined });
  }
  for (const [, specifier] of text.matchAll(DYNAMIC_IMPORT)) {
    if (specifier) found.push({ specifier, target: resolveInTree(path, specifier), typeOnly: false });
  }
  return found;
}

function resolveInTree(path: string, specifier: string): string | undefined {
  return specifier.startsWith('.')
    ? normalize(join(dirname(path), specifier))
        .split(sep)
        .join('/')
    : undefined;
}
