// A query in FTS5's syntax. Only terms of tokens.ts and fact-terms.ts come into it, each in quotes: letters, digits and signs
// beyond ASCII. What the index cannot tell (times, exact amounts) is taken too widely, and the document itself decides.

import { MAX_TERM } from '../../../core/search/tokens.ts';
import type { AskedWords } from '../../../core/search/match.ts';
import type { SearchExpression } from '../../../core/search/query.ts';
import { bucketOf, bucketTerm, EVERY, factTerm, LAST_BUCKET } from './fact-terms.ts';

/** true: every document may fit. false: none does. */
export type FtsQuery = string | boolean;

/** `wide`: all that fit, perhaps with others; else only such as fit for certain, perhaps not all. */
export function ftsQuery(asked: SearchExpression, wide = true): FtsQuery {
  switch (asked.kind) {
    case 'all':
      return allOf(asked.of, wide);
    case 'any': {
      const parts = asked.of.map((each) => ftsQuery(each, wide));
      if (parts.includes(true)) return true;
      return joined(parts.filter(isText), ' OR ');
    }
    case 'not':
      return allOf([asked], wide);
    case 'words':
      return wordsQuery(asked);
    case 'value':
      return `{facts} : ${phrase(factTerm(asked.field, asked.value), asked.prefix)}`;
    case 'amount': {
      const [low, high] = [bucketOf(asked.from), Math.min(LAST_BUCKET, bucketOf(asked.to))];
      const buckets = Array.from({ length: Math.max(0, high - low + 1) }, (_, i) => low + i).filter(
        (bucket) => wide || (bucket > low && bucket < high) || (bucket > low && asked.to === Number.POSITIVE_INFINITY),
      );
      return joined(
        buckets.map((bucket) => `{facts} : ${phrase(bucketTerm(asked.field, bucket), false)}`),
        ' OR ',
      );
    }
    case 'time':
      return wide;
  }
}

function allOf(of: readonly SearchExpression[], wide: boolean): FtsQuery {
  const wanted: FtsQuery[] = [];
  const unwanted: FtsQuery[] = [];
  for (const each of of) {
    if (each.kind === 'not') unwanted.push(ftsQuery(each.of, !wide));
    else wanted.push(ftsQuery(each, wide));
  }
  if (wanted.includes(false) || unwanted.includes(true)) return false;
  const positive = joined(wanted.filter(isText), ' AND ') || true;
  const negative = joined(unwanted.filter(isText), ' OR ');
  if (negative === false) return positive;
  return `(${positive === true ? `{facts} : ${phrase(EVERY, false)}` : positive} NOT ${negative})`;
}

const isText = (query: FtsQuery): query is string => typeof query === 'string';

const joined = (parts: readonly string[], by: string): string | false =>
  parts.length === 0 ? false : parts.length === 1 ? (parts[0] ?? false) : `(${parts.join(by)})`;

function wordsQuery({ parts, whole, prefix }: AskedWords): string {
  const asWhole = `{parts whole} : ${phrase(whole.join(' '), prefix)}`;
  return parts.length === whole.length ? asWhole : `({parts} : ${phrase(parts.join(' '), prefix)} OR ${asWhole})`;
}

const phrase = (terms: string, prefix: boolean): string => `"${terms}"${prefix ? ' *' : ''}`;

/**
 * Terms of which a document must have all (of each list one of them): what a bloom filter can tell without the index.
 * Beginnings are as they stand in the filter, see `beginningOf`.
 */
export function termsNeeded(asked: SearchExpression): readonly (readonly string[])[] {
  switch (asked.kind) {
    case 'all':
      return asked.of.flatMap(termsNeeded);
    case 'any': {
      // One list of each: that any of them is there.
      const each = asked.of.map((one) => termsNeeded(one)[0]);
      return each.every((list) => list !== undefined) ? [each.flatMap((list) => list ?? [])] : [];
    }
    case 'words': {
      const [first = '', whole = ''] = [asked.parts[0], asked.whole[0]];
      if (asked.whole.length !== asked.parts.length) {
        const begun = asked.prefix && asked.whole.length === 1 ? termBeginning(whole) : whole;
        return begun === undefined ? [] : [[first, begun]];
      }
      const terms = asked.prefix ? asked.parts.slice(0, -1) : asked.parts;
      const last = asked.prefix ? termBeginning(asked.parts.at(-1) ?? '') : undefined;
      return [...terms, ...(last === undefined ? [] : [last])].map((term) => [term]);
    }
    case 'value':
      return asked.prefix ? [] : [[factTerm(asked.field, asked.value)]];
    default:
      return [];
  }
}

const BEGINNING = 3;
/** How a term's beginning stands in a bloom filter; undefined: too short to. */
export const termBeginning = (term: string): string | undefined =>
  term.length < BEGINNING || term.length > MAX_TERM ? undefined : `${term.slice(0, BEGINNING)}*`;
