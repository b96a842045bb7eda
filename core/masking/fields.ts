// Which mask rule a value of a JSON document falls under. Paths are a subset of JSONPath (RFC 9535), the part that one
// walk through a document can follow without looking back:
//
//   $.user.email          members by name
//   $['first name']       a name of any letters, '' or "" around it; \ before a quote or a \
//   $.users[*].email      every element of an array, or every member of an object; .* too
//   $.users[0]            one element
//   $..email              at any depth
//
// Names are exact, as JSON's are. What a path names is masked whole: every value below it too.
//
// A path of n steps is a set of up to n + 1 places where a walk may stand in it, kept as bits. Each step of the walk
// costs a few operations for each path, whatever the document holds.

import { err, ok, type Result } from '../result.ts';
import { withUnseenShown } from '../text/written-text.ts';
import type { Way } from './ways.ts';

interface Step {
  /** Undefined: any member or element. */
  readonly key: string | number | undefined;
  /** `..`: at this depth or any below. */
  readonly deep: boolean;
}
export type FieldPath = readonly Step[];

const MAX_CHARACTERS = 1_000;
/** One bit less than a number has. */
const MAX_STEPS = 30;

const STEP =
  /(?<deep>\.\.)?(?:(?<=\.\.)(?<below>\*|[\p{L}_][\p{L}\p{N}_-]*)|\.(?<name>\*|[\p{L}_][\p{L}\p{N}_-]*)|\[(?:(?<any>\*)|(?<index>0|[1-9]\d*)|'(?<single>(?:[^'\\]|\\['\\])+)'|"(?<double>(?:[^"\\]|\\["\\])+)")\])/uy;

/** The path, or what is wrong with it in words for its author. */
export function parseFieldPath(text: string): Result<FieldPath, string> {
  if (text.length > MAX_CHARACTERS) return err(`is longer than ${MAX_CHARACTERS} characters`);
  if (!text.startsWith('$')) return err('expected a path from the root of a document, such as $.users[*].email');
  const unseen = withUnseenShown(text);
  if (unseen !== undefined) return err(`${unseen} fits nothing: it has a character that nobody sees (shown as \ufffd)`);
  const steps: Step[] = [];
  STEP.lastIndex = 1;
  for (let at = 1; at < text.length; at = STEP.lastIndex) {
    const groups = STEP.exec(text)?.groups;
    if (!groups) return err(notTaken(text, at));
    const { deep, below, name, any, index, single, double } = groups;
    const word = below ?? name ?? any;
    const quoted = (single ?? double)?.replace(/\\(['"\\])/g, '$1');
    const key = word === '*' ? undefined : (word ?? quoted ?? Number(index));
    if (typeof key === 'number' && !Number.isSafeInteger(key))
      return err(`[${index}] fits nothing: no array is so long`);
    steps.push({ key, deep: deep !== undefined });
  }
  if (steps.length === 0) return err('names the whole document: expected a member of it, such as $.email or $..email');
  if (steps.length > MAX_STEPS) return err(`is deeper than ${MAX_STEPS} steps; $..NAME fits a name at any depth`);
  return ok(steps);
}

const notTaken = (text: string, at: number): string => {
  const rest = text.slice(at, at + 20);
  const what = /^\.?\[\s*\?/.test(rest)
    ? 'a filter'
    : /^\.?\[[^\]]*:/.test(rest)
      ? 'a slice'
      : /^\.?\[[^\]]*,/.test(rest)
        ? 'a list of names'
        : /^\.?\[\s*-/.test(rest)
          ? 'an index from the end'
          : undefined;
  const taken = "a mask takes .NAME, ['NAME'], [*], [0] and ..NAME";
  return what === undefined ? `cannot be read from "${rest}" on: ${taken}` : `has ${what} at "${rest}": ${taken}`;
};

export interface FieldRule {
  /** Index into the tally. */
  readonly rule: number;
  readonly way: Way;
  readonly path: FieldPath;
}

/** Where a walk stands. Its fields are the matcher's own, but for `found`. */
export interface FieldPlace {
  /** The rule that hides this value and all below it. */
  readonly found: FieldRule | undefined;
  /** By path: bit i is set when its first i steps led here. */
  readonly bits: readonly number[];
}

/** Follows a walk through a document, from `root` down. Has no state: a place may be entered again and again. */
export class FieldMatcher {
  readonly root: FieldPlace;
  readonly #rules: readonly FieldRule[];

  /** The first rule that fits decides. */
  constructor(rules: readonly FieldRule[]) {
    this.#rules = rules;
    this.root = { found: undefined, bits: rules.map(() => 1) };
  }

  /** The member of that name, or the element of that number. undefined: no rule names it or anything below it. */
  enter(place: FieldPlace, key: string | number): FieldPlace | undefined {
    // All below is hidden alike.
    if (place.found) return place;
    let any = 0;
    let found: FieldRule | undefined;
    const bits = this.#rules.map((rule, index) => {
      const { path } = rule;
      const next = step(path, place.bits[index] ?? 0, key);
      if (!found && next & (1 << path.length)) found = rule;
      any |= next;
      return next;
    });
    return any === 0 ? undefined : { found, bits };
  }
}

function step(path: FieldPath, bits: number, key: string | number): number {
  let next = 0;
  for (let left = bits; left !== 0; left &= left - 1) {
    const at = 31 - Math.clz32(left & -left);
    const wanted = path[at];
    if (!wanted) continue;
    if (wanted.deep) next |= 1 << at;
    if (wanted.key === undefined || wanted.key === key) next |= 1 << (at + 1);
  }
  return next;
}
