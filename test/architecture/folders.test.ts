// Folders that a reader can hold in the mind: few files, and no circle among their parts.

import { dirname } from 'node:path';
import { expect, it } from 'vitest';
import { sourceFiles } from './tree.ts';

const files = sourceFiles();
const isTest = (path: string) => /\.test\.tsx?$/.test(path) || path.startsWith('test/');
/** Types too: who needs another's types cannot be read without it. */
const arrows = files
  .filter(({ path }) => !isTest(path))
  .flatMap(({ path, imports }) =>
    imports.flatMap(({ target }) => (target !== undefined && !isTest(target) ? [{ from: path, to: target }] : [])),
  );

it('hold at most 20 files', () => {
  const counts = new Map<string, number>();
  for (const { path } of files) counts.set(dirname(path), (counts.get(dirname(path)) ?? 0) + 1);
  expect([...counts].filter(([, count]) => count > 20)).toEqual([]);
});

/** A part of a folder: a file in it, or a folder with all that is in that. */
const partOf = (folder: string, path: string): string | undefined => {
  if (folder !== '' && !path.startsWith(`${folder}/`)) return undefined;
  const rest = folder === '' ? path : path.slice(folder.length + 1);
  const slash = rest.indexOf('/');
  return slash < 0 ? rest : rest.slice(0, slash + 1);
};

it('have no circle among their parts, nor have files', () => {
  const folders = new Set(['']);
  for (const { from } of arrows)
    for (let folder = dirname(from); folder !== '.'; folder = dirname(folder)) folders.add(folder);
  const circles = [...folders].flatMap((folder) => {
    const next = new Map<string, Set<string>>();
    for (const { from, to } of arrows) {
      const [one, other] = [partOf(folder, from), partOf(folder, to)];
      if (one === undefined || other === undefined || one === other) continue;
      next.set(one, (next.get(one) ?? new Set()).add(other));
    }
    const found = circleOf(next);
    return found ? [`${folder || 'the root'}: ${found.join(' > ')}`] : [];
  });
  expect(circles).toEqual([]);
});

it('finds a circle where there is one', () => {
  const graph = (...edges: readonly string[]) => new Map(edges.map((edge) => [edge[0] ?? '', new Set(edge.slice(1))]));
  expect(circleOf(graph('ab', 'bc', 'ca'))).toEqual(['a', 'b', 'c', 'a']);
  expect(circleOf(graph('abc', 'bc'))).toBeUndefined();
});

/** The first one found, from a part back to itself. */
function circleOf(next: ReadonlyMap<string, ReadonlySet<string>>): readonly string[] | undefined {
  const done = new Set<string>();
  const visit = (part: string, trail: readonly string[]): readonly string[] | undefined => {
    const seen = trail.indexOf(part);
    if (seen >= 0) return [...trail.slice(seen), part];
    if (done.has(part)) return undefined;
    for (const other of next.get(part) ?? []) {
      const found = visit(other, [...trail, part]);
      if (found) return found;
    }
    done.add(part);
    return undefined;
  };
  for (const part of next.keys()) {
    const found = visit(part, []);
    if (found) return found;
  }
  return undefined;
}
