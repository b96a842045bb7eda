// Whether an expression fits a document. This is what a query means; the index only brings documents that may fit.

import { momentOf, type SearchDocument } from './document.ts';
import { fieldValues } from './field-values.ts';
import type { AmountField, SearchExpression } from './query.ts';
import { type TextToken, type TextTokens, textTokens } from './tokens.ts';

/** A document with its words, which are cut once however much is asked of it. */
interface DocumentWords {
  readonly document: SearchDocument;
  readonly texts: readonly TextTokens[];
}

export const wordsOfDocument = (document: SearchDocument): DocumentWords => ({
  document,
  texts: document.body.texts.map(textTokens),
});

export function fitsDocument(asked: SearchExpression, read: DocumentWords): boolean {
  switch (asked.kind) {
    case 'all':
      return asked.of.every((each) => fitsDocument(each, read));
    case 'any':
      return asked.of.some((each) => fitsDocument(each, read));
    case 'not':
      return !fitsDocument(asked.of, read);
    case 'words':
      return read.texts.some((text) => placesOf(asked, text).next().value !== undefined);
    case 'value': {
      const values = fieldValues(read.document)[asked.field];
      return values.some((value) => (asked.prefix ? value.startsWith(asked.value) : value === asked.value));
    }
    case 'amount': {
      const amount = amountOf(read.document, asked.field);
      return amount !== undefined && amount >= asked.from && amount <= asked.to;
    }
    case 'time': {
      const at = momentOf(read.document);
      return at >= asked.from && at < asked.until;
    }
  }
}

export const amountOf = ({ body }: SearchDocument, field: AmountField): number | undefined =>
  field === 'rows' ? body.rows : body.durationUs;

export type AskedWords = Extract<SearchExpression, { kind: 'words' }>;

/** Where the words stand: from the first token to the last. Both ways to cut them are tried, in the index as here. */
export function* placesOf(
  { parts, whole, prefix }: AskedWords,
  text: TextTokens,
): Generator<readonly [TextToken, TextToken], undefined> {
  yield* runsIn(text.parts, parts, prefix);
  if (whole.length !== parts.length) yield* runsIn(text.parts, whole, prefix);
  if (text.whole !== text.parts) yield* runsIn(text.whole, whole, prefix);
}

function* runsIn(tokens: readonly TextToken[], wanted: readonly string[], prefix: boolean) {
  const last = wanted.length - 1;
  for (let start = 0; start + last < tokens.length; start++) {
    let i = 0;
    while (i <= last) {
      const term = tokens[start + i]?.term ?? '';
      const word = wanted[i] ?? '';
      if (!(term === word || (prefix && i === last && term.startsWith(word)))) break;
      i++;
    }
    const [first, end] = [tokens[start], tokens[start + last]];
    if (i > last && first && end) yield [first, end] as const;
  }
}
