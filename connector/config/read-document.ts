// YAML text to a checked document, or one line that names file, line, column, key and way out.
//
// Neither the YAML parser's nor zod's own messages about a value are shown as they are: some quote
// the text, and somebody may have put a password there (law 11).

import { type Document, isMap, isScalar, LineCounter, type Node, parseDocument } from 'yaml';
import type { z } from 'zod';
import { err, ok, type Result } from '../../core/result.ts';
import { ConnectorDocument } from './document.ts';

const NOT_AN_ISSUE_PATH = 'the file';

export function readDocument(text: string, file: string): Result<ConnectorDocument, string> {
  const lines = new LineCounter();
  const yaml = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true });
  const at = (offset: number): string => {
    const { line, col } = lines.linePos(offset);
    return `${file}:${Math.max(line, 1)}:${Math.max(col, 1)}`;
  };

  const syntax = yaml.errors[0] ?? yaml.warnings[0];
  if (syntax !== undefined) return err(`${at(syntax.pos[0])}: ${SYNTAX[syntax.code] ?? 'this is not valid YAML'}`);

  let value: unknown;
  try {
    value = yaml.toJS({ maxAliasCount: 50 });
  } catch {
    return err(`${file}:1:1: an alias (*name) here has no anchor (&name), or there are too many`);
  }
  if (value === null) return err(`${file}:1:1: the file is empty: it needs at least "resources:"`);

  const parsed = ConnectorDocument.safeParse(value);
  if (parsed.success) return checkNames(parsed.data, (path) => at(offsetOf(yaml, path)));
  const issue = parsed.error.issues[0];
  if (issue === undefined) return err(`${file}:1:1: not a connector configuration`);
  return err(describe(issue, (path) => at(offsetOf(yaml, path))));
}

function checkNames(
  document: ConnectorDocument,
  at: (path: readonly PropertyKey[]) => string,
): Result<ConnectorDocument, string> {
  const seen = new Map<string, number>();
  for (const [index, resource] of document.resources.entries()) {
    const first = seen.get(resource.name);
    if (first !== undefined) {
      const path = ['resources', index, 'name'];
      return err(`${at(path)}: ${keyText(path)}: resources[${first}] has this name already: names are unique`);
    }
    seen.set(resource.name, index);
  }
  return ok(document);
}

function describe(issue: z.core.$ZodIssue, at: (path: readonly PropertyKey[]) => string): string {
  if (issue.code === 'unrecognized_keys') {
    const path = [...issue.path, issue.keys[0] ?? ''];
    return `${at(path)}: ${keyText(path)}: unknown key: see docs/connector.md for the keys there are`;
  }
  if (issue.code === 'invalid_key') {
    return `${at(issue.path)}: ${keyText(issue.path)}: a label's name is lower-case letters, digits, dashes and underscores`;
  }
  const missing = issue.code === 'invalid_type' && issue.message.endsWith('received undefined');
  const message = missing
    ? 'missing: this key is needed'
    : issue.message.replace(/^Invalid (input|option|string): /, '');
  return `${at(issue.path)}: ${issue.path.length === 0 ? NOT_AN_ISSUE_PATH : keyText(issue.path)}: ${message}`;
}

/** `resources[2].tls.mode` */
const keyText = (path: readonly PropertyKey[]): string =>
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
