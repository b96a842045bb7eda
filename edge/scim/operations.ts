// The envelope of a PATCH (RFC 7644, section 3.5.2), in the forms that Entra ID and Okta send it: `op` in any case, a path with
// or without a filter, or no path and an object whose keys are paths.

import { ok, type Result } from '../../core/result.ts';
import { invalidSyntax, type ScimFault, scimFault } from './fault.ts';
import { type Comparison, parseFilter } from './filter.ts';
import { type Attributes, attributeOf, isAttributes } from './user.ts';

export interface ScimOperation {
  readonly op: 'add' | 'replace' | 'remove';
  /** undefined: of an extension, of which nothing is kept. */
  readonly path: ScimPath | undefined;
  readonly value: unknown;
}

interface ScimPath {
  /** In lower case. */
  readonly attribute: string;
  readonly filter?: readonly Comparison[];
  readonly sub?: string;
}

const MAX_OPERATIONS = 1_000;
const CORE = /^urn:ietf:params:scim:schemas:core:2\.0:(?:user|group):/i;
const EXTENSION = /^urn:/i;
const PATH = /^([a-z$][a-z0-9_$-]*)(?:\[(.{1,500})\])?(?:\.([a-z$][a-z0-9_$-]*))?$/i;

/** One for each attribute that is named. */
export function readOperations(body: unknown): Result<readonly ScimOperation[], ScimFault> {
  const listed = isAttributes(body) ? attributeOf(body, 'Operations') : undefined;
  if (!Array.isArray(listed) || listed.length === 0) return invalidSyntax('Operations: expected a list of them.');
  if (listed.length > MAX_OPERATIONS) return invalidSyntax(`Operations: at most ${MAX_OPERATIONS}.`);
  const operations: ScimOperation[] = [];
  for (const one of listed) {
    const read = isAttributes(one) ? readOperation(one) : invalidSyntax('Operations: expected objects.');
    if (!read.ok) return read;
    operations.push(...read.value);
  }
  return ok(operations);
}

function readOperation(one: Attributes): Result<readonly ScimOperation[], ScimFault> {
  const word = attributeOf(one, 'op');
  const op = typeof word === 'string' ? word.toLowerCase() : '';
  if (op !== 'add' && op !== 'replace' && op !== 'remove') return invalidSyntax('op: expected add, replace or remove.');
  const path = attributeOf(one, 'path');
  const value = attributeOf(one, 'value');
  if (typeof path === 'string' && path.trim() !== '') {
    const parsed = readPath(path.trim());
    return parsed.ok ? ok([{ op, path: parsed.value, value }]) : parsed;
  }
  if (op === 'remove') return scimFault(400, 'remove takes a path.', 'noTarget');
  if (!isAttributes(value)) return invalidSyntax('An operation without a path takes an object as its value.');
  const operations: ScimOperation[] = [];
  for (const [key, inside] of Object.entries(value)) {
    const parsed = readPath(key);
    if (!parsed.ok) return parsed;
    operations.push({ op, path: parsed.value, value: inside });
  }
  return ok(operations);
}

function readPath(text: string): Result<ScimPath | undefined, ScimFault> {
  const path = text.replace(CORE, '');
  if (EXTENSION.test(path)) return ok(undefined);
  const [, attribute, inside, sub] = PATH.exec(path) ?? [];
  if (attribute === undefined) return scimFault(400, `path: not understood: ${text.slice(0, 100)}`, 'invalidPath');
  const filter = inside === undefined ? undefined : parseFilter(inside);
  if (filter && !filter.ok) return scimFault(400, `path: not understood: ${text.slice(0, 100)}`, 'invalidPath');
  return ok({
    attribute: attribute.toLowerCase(),
    ...(filter && { filter: filter.value }),
    ...(sub !== undefined && { sub: sub.toLowerCase() }),
  });
}
