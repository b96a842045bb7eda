// Terms for what a document is beside its words: whose it is, its values, how large its amounts are. They stand in a column of
// their own, each beginning with a sign that no word has, and hold nothing that FTS5's ascii tokenizer cuts at.

import { amountOf } from '../../../core/search/match.ts';
import type { SearchDocument } from '../../../core/search/document.ts';
import { fieldValues } from '../../../core/search/field-values.ts';
import { AMOUNT_FIELDS, type AmountField, VALUE_FIELDS } from '../../../core/search/query.ts';

const MAX_VALUE = 300;
const MARK = '\u241e';
/** Where ASCII's signs are put, which would be cut at: a private use area of Unicode. */
const ASIDE = 0xe000;

/** On every document. */
export const EVERY = `${MARK}every`;
export const ownerTerm = (subject: string): string => factTerm('owner', subject);
/** In FTS5's syntax. */
export const ownerQuery = (subject: string): string => `{facts} : "${ownerTerm(subject)}"`;
/** As `session:` finds it. */
export const sessionTerm = (session: string): string => factTerm('session', session);

/** `value` in lower case, or its beginning. */
export const factTerm = (name: string, value: string): string =>
  `${MARK}${name}${MARK}${value
    .slice(0, MAX_VALUE)
    .replace(/[\0-/:-@[-`{-\x7f]/g, (sign) => String.fromCharCode(ASIDE + sign.charCodeAt(0)))}`;

/** The power of two below an amount. */
export const bucketOf = (amount: number): number => (amount < 1 ? 0 : Math.floor(Math.log2(amount)) + 1);
export const LAST_BUCKET = 64;
export const bucketTerm = (field: AmountField, bucket: number): string => `${MARK}${field}${MARK}${bucket}${MARK}`;

export function factTermsOf(document: SearchDocument): string[] {
  const values = fieldValues(document);
  const terms = [EVERY, ownerTerm(document.session.subject)];
  for (const field of VALUE_FIELDS) for (const value of values[field]) terms.push(factTerm(field, value));
  for (const field of AMOUNT_FIELDS) {
    const amount = amountOf(document, field);
    if (amount !== undefined) terms.push(bucketTerm(field, Math.min(LAST_BUCKET, bucketOf(amount))));
  }
  return terms;
}
