// From the YAML that an author writes to a PolicyDocument, or to every mistake in it with its line
// and column. A policy with any mistake is refused whole when it is written (law 4).

import { type Document, isMap, isPair, isScalar, LineCounter, parseDocument } from 'yaml';
import { err, ok, type Result } from '../result.ts';
import { contradictions, type PolicySurroundings } from './mistakes/contradictions.ts';
import { PolicyDocument } from './document.ts';
import { nearestWord } from './nearest.ts';
import { everyIssue, type Issue } from '../text/every-issue.ts';
import { keysAt } from '../text/known-keys.ts';
import { NO_FORM_FITS } from '../text/schema-words.ts';

export const MAX_POLICY_BYTES = 256 * 1024;

export interface PolicyMistake {
  /** From 1. */
  readonly line: number;
  readonly column: number;
  /** `rules[0].access.ttl`; empty for the document. */
  readonly path: string;
  readonly message: string;
}

/** A policy as it is written: refused whole for any mistake, also one that only its surroundings show. */
export function parsePolicy(
  text: string,
  around: PolicySurroundings = {},
): Result<PolicyDocument, readonly PolicyMistake[]> {
  const read = readPolicy(text, around);
  if (!read.ok) return read;
  return read.value.mistakes.length > 0 ? err(read.value.mistakes) : ok(read.value.document);
}

interface PolicyAsRead {
  readonly document: PolicyDocument;
  /** What would be refused if it were written now. It decides as it stands all the same. */
  readonly mistakes: readonly PolicyMistake[];
}

/** A policy that is stored: a release that finds more mistakes than the one that took it must not put it out of force. */
export function readPolicy(
  text: string,
  around: PolicySurroundings = {},
): Result<PolicyAsRead, readonly PolicyMistake[]> {
  if (new TextEncoder().encode(text).length > MAX_POLICY_BYTES) {
    return err([{ line: 1, column: 1, path: '', message: `a policy has at most ${MAX_POLICY_BYTES} bytes` }]);
  }
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true, stringKeys: true, merge: false });
  const position = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  if (document.errors.length > 0) {
    return err(
      document.errors.map((error) => ({ ...position(error.pos[0]), path: '', message: firstLine(error.message) })),
    );
  }
  let value: unknown;
  try {
    // Aliases are bounded so that a few lines cannot unfold into gigabytes.
    value = document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    return err([
      { line: 1, column: 1, path: '', message: firstLine(error instanceof Error ? error.message : 'not readable') },
    ]);
  }
  const { issues, sound, removed, placeOf } = everyIssue(PolicyDocument, value, { inside: insideUnion, instead });
  const found = sound ? contradictions(sound, around) : [];
  const meant = new Set(
    issues.flatMap((issue) => misspeltIn(issue).map(({ near }) => pathText([...issue.path, near ?? '']))),
  );
  const mistakes = [
    ...issues
      .flatMap((issue) => mistakesOf(issue, document))
      // A misspelt key also makes the right one missing.
      .filter(({ path, message }) => message !== MISSING || !meant.has(pathText(path))),
    ...found
      .map(({ path, message }) => ({ path: placeOf(path), message }))
      .filter(({ path }) => removed.length === 0 || !mayFollow(path, removed, value)),
  ]
    .map(({ path, message }) => ({ ...position(offsetOf(document, path)), path: pathText(path), message }))
    .toSorted(byPlace);
  if (sound && issues.length === 0) return ok({ document: sound, mistakes });
  return err(mistakes);
}

type Path = readonly PropertyKey[];

function mistakesOf(issue: Issue, document: Document.Parsed): { readonly path: Path; readonly message: string }[] {
  if (issue.code === 'unrecognized_keys')
    return misspeltIn(issue).map(({ key, near }) => ({
      path: [...issue.path, key],
      message: `is not known here${near === undefined ? '' : `; did you mean ${near}?`}`,
    }));
  const message = isMissing(document, issue.path) ? MISSING : firstLine(issue.message);
  return [{ path: issue.path, message }];
}

const MISSING = 'is missing';

/** Keys that are not known, each with the one that may have been meant. */
function misspeltIn(issue: Issue): { readonly key: string; readonly near: string | undefined }[] {
  if (issue.code !== 'unrecognized_keys') return [];
  const known = keysAt(PolicyDocument, issue.path);
  return issue.keys.map((key) => ({ key, near: nearestWord(key, known) }));
}

/** As one reads the file. What is said of one place stays in its order. */
const byPlace = (a: PolicyMistake, b: PolicyMistake): number => a.line - b.line || a.column - b.column;

/** What a document cannot be without, so that the rest is read where it is wrong. */
const instead = (path: Path): unknown => {
  if (path.length !== 1) return undefined;
  if (path[0] === 'administrators') return ['everyone'];
  return path[0] === 'rules' ? [] : undefined;
};

/** Whether a contradiction may only be there since something else was wrong and is left out. */
function mayFollow(path: Path, removed: readonly Path[], value: unknown): boolean {
  // Left out, it is what it is by default.
  if (removed.some((out) => pathText(out) === pathText(path))) return true;
  const last = path.at(-1);
  if (typeof last === 'number' && LISTS_OF_NAMES.has(path.at(-2))) {
    // Its group may be what is not read, or stand under a misspelt key.
    const groups = typeof value === 'object' && value !== null && 'groups' in value;
    return removed.some((out) => (out[0] === 'groups' && out.length < 3) || (out.length === 1 && !groups));
  }
  const ofSameRule = removed.some((out) => out[0] === 'rules' && out[0] === path[0] && out[1] === path[1]);
  return (
    ofSameRule &&
    (last === 'unparsable' || last === 'interactiveShell' || (path.includes('approval') && typeof last === 'string'))
  );
}

const LISTS_OF_NAMES: ReadonlySet<PropertyKey | undefined> = new Set([
  'administrators',
  'auditors',
  'who',
  'from',
  'view',
]);

/** `found` with its places in the text that it was found in. */
export function placeMistakes(
  text: string,
  found: readonly { readonly path: readonly PropertyKey[]; readonly message: string }[],
): PolicyMistake[] {
  if (found.length === 0) return [];
  const placeOf = placesIn(text);
  return found.map(({ path, message }) => ({ ...placeOf(path), path: pathText(path), message })).toSorted(byPlace);
}

/** Where things stand in a policy that has been parsed: `['tests', 0, 'expect']`. */
export function placesIn(text: string): (path: readonly PropertyKey[]) => Pick<PolicyMistake, 'line' | 'column'> {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, stringKeys: true, merge: false });
  return (path) => {
    const { line, col } = lines.linePos(offsetOf(document, path));
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  };
}

/** One line for a person: `line 3, column 5: rules[0].access.ttl: expected a duration such as 30m`. */
export function describeMistake(mistake: PolicyMistake): string {
  const where = `line ${mistake.line}, column ${mistake.column}`;
  return mistake.path === '' ? `${where}: ${mistake.message}` : `${where}: ${mistake.path}: ${mistake.message}`;
}

/** Of a choice without words of its own: what is wrong with the alternative that went furthest. */
function insideUnion(issue: Issue): Issue[] {
  if (issue.code !== 'invalid_union' || issue.message !== NO_FORM_FITS) return [issue];
  const depth = (issues: readonly Issue[]) =>
    Math.max(...issues.map((one) => one.path.length + (one.code === 'unrecognized_keys' ? 1 : 0)));
  const [furthest] = issue.errors.toSorted((a, b) => depth(b) - depth(a));
  if (!furthest) return [issue];
  return furthest.flatMap((one) => insideUnion({ ...one, path: [...issue.path, ...one.path] }));
}

const isMissing = (document: Document.Parsed, path: readonly PropertyKey[]): boolean =>
  path.length > 0 && document.getIn(path, true) === undefined;

/** Where the node at `path` begins; where its nearest ancestor does when it is missing. */
function offsetOf(document: Document.Parsed, path: readonly PropertyKey[]): number {
  for (let length = path.length; length > 0; length--) {
    const parent = document.getIn(path.slice(0, length - 1), true);
    const key = path[length - 1];
    // A mapping's key tells more than its value: it is what the author misspelt.
    const pair = isMap(parent)
      ? parent.items.find((item) => isPair(item) && isScalar(item.key) && item.key.value === key)
      : undefined;
    const node: unknown = pair?.key ?? document.getIn(path.slice(0, length), true);
    if (typeof node === 'object' && node !== null && 'range' in node && Array.isArray(node.range)) {
      return Number(node.range[0]);
    }
  }
  return document.contents?.range?.[0] ?? 0;
}

function pathText(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, part) => {
    if (typeof part === 'number') return `${text}[${part}]`;
    return text === '' ? String(part) : `${text}.${String(part)}`;
  }, '');
}

const firstLine = (text: string): string => text.split('\n')[0]?.replace(/ at line .*$/, '') ?? text;
