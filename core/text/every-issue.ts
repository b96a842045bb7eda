// All mistakes of a written document at once. A schema that is asked once stops short: it does not run the refinements of
// a value with a wrong part in it, so whoever mends the mistakes that it names is shown further ones.
//
// So what is wrong is taken out and the rest asked again, until nothing is. What a later round finds lacking may be what
// was taken out: a refinement marks a finding of that kind (LACKS), and it counts in the first round alone.

import type { z } from 'zod';

export type Issue = z.core.$ZodIssue;
type Path = readonly PropertyKey[];

/** `params` of a refinement's issue: something is not there. */
export const LACKS = { lacks: true } as const;

interface EveryIssue<T> {
  /** In the order in which they are found, with places as they are in the document. */
  readonly issues: readonly Issue[];
  /** The document without all that is wrong; undefined: nothing is left that the schema takes. */
  readonly sound: T | undefined;
  /** What was taken out, places as in the document. */
  readonly removed: readonly Path[];
  /** Where in the document something of `sound` stands. */
  placeOf(path: Path): Path;
}

/** More rounds than mistakes can hide behind each other: an answer comes in bounded time. */
const MAX_ROUNDS = 50;

interface Options {
  /** A union whose issue stands for those of one of its forms. */
  readonly inside?: (issue: Issue) => readonly Issue[];
  /** In place of a value that is wrong or missing, so that what hangs on it can be read; undefined: it is taken out. */
  readonly instead?: (path: Path, whole: unknown) => unknown;
}

export function everyIssue<T>(schema: z.ZodType<T>, document: unknown, options: Options = {}): EveryIssue<T> {
  const { inside = (issue: Issue) => [issue], instead } = options;
  const value: unknown = structuredClone(document);
  /** Of arrays that lost elements: which ones are left. */
  const left = new WeakMap<object, number[]>();
  const found = new Map<string, Issue>();
  const removed = new Map<string, Path>();
  const placeOf = (path: Path): Path => placeIn(value, path, left);
  let first = true;
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const parsed = schema.safeParse(value);
    if (parsed.success)
      return { issues: [...found.values()], sound: parsed.data, removed: [...removed.values()], placeOf };
    const issues = parsed.error.issues.flatMap(inside);
    for (const issue of issues) {
      const path = placeOf(issue.path);
      const key = JSON.stringify([path.map(String), issue.message]);
      if ((first ? !isMisspelt(issue, issues) : isOwn(issue)) && !found.has(key))
        found.set(key, { ...issue, path: [...path] });
    }
    let replaced = false;
    for (const issue of issues) {
      const at = placeOf(issue.path);
      const key = JSON.stringify(at.map(String));
      const by = removed.has(key) ? undefined : instead?.(at, value);
      if (by === undefined || !replace(value, issue.path, by)) continue;
      removed.set(key, at);
      replaced = true;
    }
    // What hangs on it is asked for the first time.
    if (replaced) continue;
    first = false;
    const out = issues.flatMap((issue) =>
      issue.code === 'unrecognized_keys' ? issue.keys.map((key) => [...issue.path, key]) : [present(value, issue.path)],
    );
    if (out.some((path) => path.length === 0)) break;
    for (const path of out) {
      const at = placeOf(path);
      removed.set(JSON.stringify(at.map(String)), at);
    }
    takeOut(value, out, left);
  }
  return { issues: [...found.values()], sound: undefined, removed: [...removed.values()], placeOf };
}

/** A key is lacking beside one that is not known: most likely that is the one, misspelt. */
const isMisspelt = (issue: Issue, beside: readonly Issue[]): boolean =>
  issue.code === 'custom' &&
  issue.params?.lacks === true &&
  beside.some((one) => one.code === 'unrecognized_keys' && one.path.join('\0') === issue.path.join('\0'));

/** A refinement's finding, about something that is there: true in every round. */
const isOwn = (issue: Issue): boolean => issue.code === 'custom' && issue.params?.lacks !== true;

/** The path, or as much of it as is there. */
function present(value: unknown, path: Path): Path {
  let at = value;
  for (const [index, part] of path.entries()) {
    const next: unknown = isHolder(at) ? Reflect.get(at, part) : undefined;
    // What is missing is mended by leaving out what lacks it.
    if (next === undefined) return path.slice(0, index);
    at = next;
  }
  return path;
}

const isHolder = (value: unknown): value is object => typeof value === 'object' && value !== null;

const holderOf = (value: unknown, path: Path): unknown =>
  path.slice(0, -1).reduce<unknown>((at, part) => (isHolder(at) ? Reflect.get(at, part) : undefined), value);

function replace(value: unknown, path: Path, by: unknown): boolean {
  const holder = holderOf(value, path);
  const key = path.at(-1);
  if (key === undefined || !isHolder(holder)) return false;
  Reflect.set(holder, key, by);
  return true;
}

function takeOut(value: unknown, paths: readonly Path[], left: WeakMap<object, number[]>): void {
  const elements = new Map<unknown[], Set<number>>();
  for (const path of paths) {
    const holder = holderOf(value, path);
    const key = path.at(-1);
    if (key === undefined || !isHolder(holder)) continue;
    if (Array.isArray(holder)) elements.set(holder, (elements.get(holder) ?? new Set()).add(Number(key)));
    else Reflect.deleteProperty(holder, key);
  }
  for (const [array, gone] of elements) {
    const kept = (_: unknown, index: number) => !gone.has(index);
    left.set(array, (left.get(array) ?? array.map((_, index) => index)).filter(kept));
    array.splice(0, array.length, ...array.filter(kept));
  }
}

function placeIn(value: unknown, path: Path, left: WeakMap<object, number[]>): Path {
  let at = value;
  return path.map((part) => {
    const place = isHolder(at) && typeof part === 'number' ? (left.get(at)?.[part] ?? part) : part;
    at = isHolder(at) ? Reflect.get(at, part) : undefined;
    return place;
  });
}
