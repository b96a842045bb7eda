// From the YAML that an author writes to a PolicyDocument, or to every mistake in it with its line
// and column. A policy with any mistake is refused whole when it is written (law 4).

import { type Document, isMap, isPair, isScalar, LineCounter, parseDocument } from 'yaml';
import type { z } from 'zod';
import { err, ok, type Result } from '../result.ts';
import { contradictions, type PolicySurroundings } from './mistakes/contradictions.ts';
import { PolicyDocument } from './document.ts';
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
  const parsed = PolicyDocument.safeParse(value);
  if (!parsed.success) {
    // A misspelt key also makes the right one missing: what is there is named before what is not.
    const issues = parsed.error.issues.flatMap(insideUnion);
    const [unknown, other] = [true, false].map((wanted) =>
      issues.filter((issue) => (issue.code === 'unrecognized_keys') === wanted),
    );
    return err(
      [...(unknown ?? []), ...(other ?? [])].flatMap((issue) => {
        const known = issue.code !== 'unrecognized_keys';
        const paths = known ? [issue.path] : issue.keys.map((key) => [...issue.path, key]);
        return paths.map((path) => ({
          ...position(offsetOf(document, path)),
          path: pathText(path),
          message: !known ? 'is not known here' : isMissing(document, path) ? 'is missing' : firstLine(issue.message),
        }));
      }),
    );
  }
  const mistakes = contradictions(parsed.data, around).map(({ path, message }) => ({
    ...position(offsetOf(document, path)),
    path: pathText(path),
    message,
  }));
  return ok({ document: parsed.data, mistakes });
}

/** `found` with its places in the text that it was found in. */
export function placeMistakes(
  text: string,
  found: readonly { readonly path: readonly PropertyKey[]; readonly message: string }[],
): PolicyMistake[] {
  if (found.length === 0) return [];
  const placeOf = placesIn(text);
  return found.map(({ path, message }) => ({ ...placeOf(path), path: pathText(path), message }));
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

type Issue = z.core.$ZodIssue;

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
