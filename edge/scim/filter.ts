// Filters that directories send (RFC 7644, section 3.4.2.2): comparisons with `eq`, joined by `and`. Anything else is refused:
// a filter that was half understood would find the wrong person, and a directory acts on whom it found.

import { ok, type Result } from '../../core/result.ts';
import { type ScimFault, scimFault } from './fault.ts';

export interface Comparison {
  /** In lower case, without a schema's name before it: `username`, `emails.value`. */
  readonly attribute: string;
  readonly value: string | boolean;
}

const MAX_FILTER_CHARACTERS = 1_000;
const MAX_COMPARISONS = 5;

const ATTRIBUTE = String.raw`(?:urn:[a-z0-9.:-]+:)?([a-z$][a-z0-9_$-]*(?:\.[a-z$][a-z0-9_$-]*)?)`;
const COMPARISON = new RegExp(`^${ATTRIBUTE}\\s+eq\\s+("(?:[^"\\\\]|\\\\.)*"|true|false)`, 'i');
/** `emails[type eq "work"].value eq "x"`: of addresses the kind does not matter here. */
const OF_EMAILS = /^emails\[type eq "[^"\\]*"\]\.value\s+eq\s+("(?:[^"\\]|\\.)*")/i;

export function parseFilter(text: string): Result<readonly Comparison[], ScimFault> {
  const refused = () =>
    scimFault(
      400,
      'This filter is not supported: expected comparisons such as userName eq "ada@example.com", joined by and.',
      'invalidFilter',
    );
  if (text.length > MAX_FILTER_CHARACTERS) return refused();
  const found: Comparison[] = [];
  let rest = text.trim();
  for (;;) {
    const special = OF_EMAILS.exec(rest);
    const plain = special ? undefined : COMPARISON.exec(rest);
    const [whole, attribute, literal] = special ? [special[0], 'emails.value', special[1]] : (plain ?? []);
    if (whole === undefined || attribute === undefined || literal === undefined) return refused();
    const value = literalValue(literal);
    if (value === undefined || found.length === MAX_COMPARISONS) return refused();
    found.push({ attribute: attribute.toLowerCase(), value });
    rest = rest.slice(whole.length);
    if (rest.trim() === '') return ok(found);
    const and = /^\s+and\s+/i.exec(rest);
    if (!and) return refused();
    rest = rest.slice(and[0].length);
  }
}

/** A JSON string, `true` or `false`. */
function literalValue(literal: string): string | boolean | undefined {
  try {
    const value: unknown = JSON.parse(/^(?:true|false)$/i.test(literal) ? literal.toLowerCase() : literal);
    return typeof value === 'string' || typeof value === 'boolean' ? value : undefined;
  } catch {
    return undefined;
  }
}
