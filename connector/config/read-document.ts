// YAML text to a checked document, or all that is wrong with it: a line for each mistake, with file, line, column, key
// and way out.
//
// The YAML parser's own messages are not shown: some quote the text, and somebody may have put a password there
// (law 11). A schema's say what was expected, never what was found (core/text/schema-words.ts).

import { type Document, isMap, isScalar, LineCounter, type Node, parseDocument } from 'yaml';
import { err, ok, type Result } from '../../core/result.ts';
import { everyIssue, type Issue } from '../../core/text/every-issue.ts';
import '../../core/text/schema-words.ts';
import { ConnectorDocument, likeliestProtocol } from './document.ts';

export interface ReadDocument {
  readonly document: ConnectorDocument;
  /** Where a setting stands: `connector.yaml:12:5: resources[0].port`. */
  readonly place: (path: readonly PropertyKey[]) => string;
}

export interface FaultyDocument {
  /** One for each mistake. */
  readonly lines: readonly string[];
  /** What is left without them. Undefined: it is no YAML. */
  readonly rest?: ReadDocument;
  /** Keys of the file in whose sections something was left out. */
  readonly broken: ReadonlySet<string>;
}

export function readDocument(text: string, file: string): Result<ReadDocument, FaultyDocument> {
  const lines = new LineCounter();
  const yaml = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true });
  const at = (offset: number): string => {
    const { line, col } = lines.linePos(offset);
    return `${file}:${Math.max(line, 1)}:${Math.max(col, 1)}`;
  };
  const place = (path: readonly PropertyKey[]): string =>
    `${at(offsetOf(yaml, path))}: ${path.length === 0 ? 'the file' : keyText(path)}`;

  const syntax = [...yaml.errors, ...yaml.warnings];
  if (syntax.length > 0) {
    return unreadable(syntax.map(({ pos, code }) => `${at(pos[0])}: ${SYNTAX[code] ?? 'this is not valid YAML'}`));
  }
  let value: unknown;
  try {
    value = yaml.toJS({ maxAliasCount: 50 });
  } catch {
    return unreadable([`${file}:1:1: an alias (*name) here has no anchor (&name), or there are too many`]);
  }
  if (value === null) return unreadable([`${file}:1:1: the file is empty: it needs at least "resources:"`]);

  const { issues, sound, removed } = everyIssue(ConnectorDocument, value, { instead: protocolMeant });
  const mistakes = [...issues.flatMap((issue) => describe(issue, place)), ...repeatedNames(value, place)];
  if (sound && mistakes.length === 0) return ok({ document: sound, place });
  const broken = new Set(removed.map(([section]) => String(section)));
  return err({ lines: mistakes, broken, ...(sound && { rest: { document: sound, place } }) });
}

const unreadable = (lines: readonly string[]) => err({ lines, broken: new Set<string>() });

/** So that a resource without a protocol that is known is read for all else that is wrong with it. */
function protocolMeant(path: readonly PropertyKey[], whole: unknown): unknown {
  if (path.length !== 3 || path[0] !== 'resources' || path[2] !== 'protocol') return undefined;
  const resource: unknown = Reflect.get(Reflect.get(Object(whole), 'resources') ?? [], path[1] as PropertyKey);
  return typeof resource === 'object' && resource !== null ? likeliestProtocol(resource) : undefined;
}

function repeatedNames(value: unknown, place: ReadDocument['place']): string[] {
  const resources: unknown = Reflect.get(Object(value), 'resources');
  const seen = new Map<unknown, number>();
  return (Array.isArray(resources) ? resources : []).flatMap((resource: unknown, index) => {
    const name: unknown = Reflect.get(Object(resource), 'name');
    if (typeof name !== 'string') return [];
    const first = seen.get(name);
    if (first === undefined) seen.set(name, index);
    const at = place(['resources', index, 'name']);
    return first === undefined ? [] : [`${at}: resources[${first}] has this name already: names are unique`];
  });
}

const SECRET = /^(?:password|key|secret|token|passphrase)$/i;

function describe(issue: Issue, place: ReadDocument['place']): string[] {
  if (issue.code === 'unrecognized_keys') {
    // Below a secret's place the key may be the secret itself (law 11).
    if (SECRET.test(String(issue.path.at(-1))))
      return [
        `${place(issue.path)}: a key in it is not known: it takes env, file, secretsManager, ssm, vault, rdsIam and key`,
      ];
    return issue.keys.map(
      (key) => `${place([...issue.path, key])}: unknown key: see docs/connector.md for the keys there are`,
    );
  }
  if (issue.code === 'invalid_key') {
    return [`${place(issue.path)}: a label's name is lower-case letters, digits, dashes and underscores`];
  }
  return [`${place(issue.path)}: ${issue.message}`];
}

/** `resources[2].tls.mode` */
export const keyText = (path: readonly PropertyKey[]): string =>
  path
    .map((part, index) => (typeof part === 'number' ? `[${part}]` : `${index === 0 ? '' : '.'}${String(part)}`))
    .join('');

/** Where the value at `path` stands, or the key whose value is missing, or what should have held it. */
function offsetOf(yaml: Document, path: readonly PropertyKey[]): number {
  for (let length = path.length; length > 0; length--) {
    const part = path[length - 1];
    const parent = length === 1 ? yaml.contents : (yaml.getIn(path.slice(0, length - 1), true) as Node | undefined);
    if (length === path.length && isMap(parent)) {
      const pair = parent.items.find((item) => isScalar(item.key) && String(item.key.value) === String(part));
      if (isScalar(pair?.key) && pair.key.range) return pair.key.range[0];
    }
    const node = yaml.getIn(path.slice(0, length), true) as Node | undefined;
    if (node?.range) return node.range[0];
  }
  return yaml.contents?.range?.[0] ?? 0;
}

// https://eemeli.org/yaml/#errors
const SYNTAX: Readonly<Record<string, string>> = {
  DUPLICATE_KEY: 'this key stands here twice: keep one',
  TAB_AS_INDENT: 'a tab cannot indent YAML: use spaces',
  BAD_INDENT: 'the indentation does not fit the lines around it',
  MISSING_CHAR: 'a closing quote, bracket or the colon of a key is missing',
  MULTILINE_IMPLICIT_KEY: 'a key must stand on one line: is a colon or a quote missing?',
  MULTIPLE_DOCS: 'one document only: remove the "---" in the middle',
  BLOCK_AS_IMPLICIT_KEY: 'there are two colons on one line, or an indentation is missing',
  UNEXPECTED_TOKEN: 'this is not expected here: put the value in quotes',
};
