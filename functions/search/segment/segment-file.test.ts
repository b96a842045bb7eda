// What the index brings, against what a query means: every document that fits is among those that are brought, whatever is asked.

import fc from 'fast-check';
import { expect, it } from 'vitest';
import { newId } from '../../../core/ids.ts';
import type { DocumentBody, SearchDocument, SearchedSession } from '../../../core/search/document.ts';
import { fitsDocument, wordsOfDocument } from '../../../core/search/match.ts';
import { parseQuery } from '../../../core/search/parse.ts';
import { ResourceName } from '../../../core/resource.ts';
import { mayHold } from '../../../core/text/bloom.ts';
import { ftsQuery, termsNeeded } from './fts-query.ts';
import { makeSegmentFile, SegmentFile, SegmentFileDamage } from './segment-file.ts';
import { inOrder } from '../segments.ts';

const NOW = Date.UTC(2026, 10, 30);
const sessions: SearchedSession[] = ['alice@example.com', 'Bob+x@Example.com', 'd_ö'].map((email, i) => ({
  session: newId('ses'),
  startedMs: NOW - 3_600_000 * i,
  subject: `https://idp#${email}`,
  email,
  resource: ResourceName.parse(`r-${i}`),
  protocol: i === 1 ? 'ssh' : 'postgres',
  ...(i === 0 && { task: 'T 1"x' }),
}));

const WORDS = [
  'order',
  'items',
  'orderItems',
  'order_items',
  'ORDERITEMS',
  'sel',
  'select',
  '東京',
  '京',
  'naïve',
  'a1',
  'x'.repeat(70),
  'NOT',
  'NEAR',
  '"',
  '*',
  "'",
  '(',
  '\u241e',
  'every',
];
const body = fc.record({
  texts: fc.array(
    fc.array(fc.constantFrom(...WORDS), { maxLength: 5 }).map((words) => words.join(' ')),
    { maxLength: 3 },
  ),
  rows: fc.option(fc.oneof(fc.nat({ max: 20 }), fc.nat()), { nil: undefined }),
  durationUs: fc.option(fc.oneof(fc.nat({ max: 20 }), fc.maxSafeNat()), { nil: undefined }),
  errors: fc.array(fc.constantFrom('42P01', 'E1', 'KILL'), { maxLength: 1 }),
  tables: fc.array(fc.constantFrom('Orders', 's.orders', 'a"b'), { maxLength: 2 }),
  timeUs: fc.nat({ max: 5000 * 1000 }),
  session: fc.constantFrom(...sessions),
});
const documentsOf = (drawn: readonly (typeof body extends fc.Arbitrary<infer T> ? T : never)[]): SearchDocument[] =>
  drawn.map(({ session, rows, durationUs, ...rest }, index) => ({
    session,
    body: {
      ...{ kind: 'statement', action: index, key: `a${index}`, lane: 0, ...rest },
      ...(rows !== undefined && { rows }),
      ...(durationUs !== undefined && { durationUs }),
    } satisfies DocumentBody,
  }));

const piece = fc.oneof(
  fc.constantFrom(
    ...WORDS.filter((word) => /\w/.test(word)),
    'orderi*',
    'orderitems',
    'sel*',
    '京*',
    '"order items"',
    '"items sel"*',
    'every',
  ),
  fc.constantFrom(
    'user:alice',
    'user:bob*',
    'user:d_ö',
    'resource:r-*',
    'protocol:ssh',
    'verdict:allowed',
    'error:*',
    'error:e1',
  ),
  fc
    .constantFrom('table:orders', 'table:s.*', 'table:"a', 'task:"t 1"*', 'task:*')
    .filter((text) => parseQuery(text, NOW).ok),
  fc.tuple(fc.constantFrom('rows:>', 'rows:<', 'rows:>=', 'rows:'), fc.nat({ max: 40 })).map((each) => each.join('')),
  fc
    .tuple(fc.constantFrom('duration:>', 'duration:<=', 'duration:'), fc.nat({ max: 40 }))
    .map((each) => `${each.join('')}us`),
  fc.constantFrom('since:1h', 'until:1h', 'since:2026-11-29T23:59:58Z'),
);
const asked = fc
  .letrec<{ all: string; one: string }>((tie) => ({
    one: fc.oneof(
      { maxDepth: 2, depthSize: 'small' },
      piece,
      piece.map((each) => `-${each}`),
      tie('all').map((each) => `(${each})`),
      tie('all').map((each) => `-(${each})`),
    ),
    all: fc
      .array(
        fc.array(tie('one'), { minLength: 1, maxLength: 2 }).map((each) => each.join(' or ')),
        { minLength: 1, maxLength: 3 },
      )
      .map((each) => each.join(' ')),
  }))
  .all.filter((text) => parseQuery(text, NOW).ok);

it('brings what fits, and its filter lets it', () => {
  fc.assert(
    fc.property(
      fc.array(body, { minLength: 1, maxLength: 12 }),
      fc.array(asked, { minLength: 1, maxLength: 12 }),
      (drawn, texts) => {
        const documents = inOrder(documentsOf(drawn));
        const { bytes, bloom } = makeSegmentFile(documents);
        const file = new SegmentFile(bytes);
        try {
          for (const text of texts) {
            const parsed = parseQuery(text, NOW);
            if (!parsed.ok) throw new Error(`${text}: ${parsed.error.message}`);
            const keys = (some: readonly SearchDocument[]) => some.map((each) => each.body.key);
            const fitting = documents.filter((each) => fitsDocument(parsed.value, wordsOfDocument(each)));
            const brought = file
              .find(ftsQuery(parsed.value), 0, documents.length, 1000)
              .map(({ document }) => document);
            expect([text, keys(brought.filter((each) => fitsDocument(parsed.value, wordsOfDocument(each))))]).toEqual([
              text,
              keys([...fitting].reverse()),
            ]);
            if (fitting.length > 0)
              for (const terms of termsNeeded(parsed.value))
                expect([text, terms, terms.some((term) => mayHold(bloom, term))]).toEqual([text, terms, true]);
          }
        } finally {
          file.close();
        }
      },
    ),
    { numRuns: 300 },
  );
});

it('brings little else: words, values and what is not wanted are told exactly by the index', () => {
  const documents = documentsOf(fc.sample(body, { numRuns: 200, seed: 7 }));
  const file = new SegmentFile(makeSegmentFile(inOrder(documents)).bytes);
  for (const text of [
    'order',
    'order -items',
    'orderItems',
    '"order items" or naïve',
    'user:alice -error:* sel*',
    '-(order or select)',
  ]) {
    const parsed = parseQuery(text, NOW);
    if (!parsed.ok) throw new Error(text);
    const brought = file.find(ftsQuery(parsed.value), 0, 1000, 1000);
    expect([
      text,
      brought.filter(({ document }) => !fitsDocument(parsed.value, wordsOfDocument(document))).length,
    ]).toEqual([text, 0]);
  }
  file.close();
});

it('finds a place among its documents', () => {
  const documents = inOrder(documentsOf(fc.sample(body, { numRuns: 50, seed: 3 })));
  const file = new SegmentFile(makeSegmentFile(documents).bytes);
  const { session, body: at } = documents[20] ?? documents[0] ?? { session: sessions[0], body: undefined };
  if (!session || !at) throw new Error('none');
  const place = { at: session.startedMs + Math.floor(at.timeUs / 1000), session: session.session, key: at.key };
  expect(file.countBefore(place)).toBe(20);
  expect(file.countBefore({ ...place, key: `${place.key}\0` })).toBe(21);
  expect(file.countBefore({ at: 0, session: '', key: '' })).toBe(0);
  expect(file.countBefore({ at: Number.POSITIVE_INFINITY, session: '', key: '' })).toBe(50);
  file.close();
});

it('does not open what is none', () => {
  expect(() => new SegmentFile(new Uint8Array(100))).toThrow(SegmentFileDamage);
});
