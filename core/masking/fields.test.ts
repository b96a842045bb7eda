import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FieldMatcher, type FieldPlace, parseFieldPath } from './fields.ts';

function matcherOf(...paths: string[]): FieldMatcher {
  return new FieldMatcher(
    paths.map((text, rule) => {
      const path = parseFieldPath(text);
      if (!path.ok) throw new Error(path.error);
      return { rule, way: 'placeholder', path: path.value };
    }),
  );
}

/** The document with what a rule names as the rule's number, as a protocol will walk it. */
function masked(matcher: FieldMatcher, value: unknown, place: FieldPlace | undefined): unknown {
  if (!place) return value;
  if (Array.isArray(value)) return value.map((item, index) => masked(matcher, item, matcher.enter(place, index)));
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [key, masked(matcher, item, matcher.enter(place, key))]),
    );
  return place.found ? `#${place.found.rule}` : value;
}

const maskedBy = (matcher: FieldMatcher, value: unknown) => masked(matcher, value, matcher.root);

describe('a path', () => {
  const document = {
    email: 'a',
    'first name': 'b',
    users: [
      { email: 'c', tags: ['d', { email: 'e' }] },
      { email: { home: 'f', work: ['g'] }, Email: 'h' },
    ],
    "it's": { '0': 'i', deep: { email: 'j' } },
  };
  /** The letters that are masked. */
  const hidden = (...paths: string[]) => {
    const left = JSON.stringify(maskedBy(matcherOf(...paths), document));
    return [...'abcdefghij'].filter((letter) => !left.includes(`"${letter}"`)).join('');
  };
  test.each([
    ['$.email', 'a'],
    ['$["email"]', 'a'],
    ["$['first name']", 'b'],
    ['$.users[*].email', 'cfg'],
    ['$.users.*.email', 'cfg'],
    ['$.users[0].email', 'c'],
    ['$.users[1]', 'fgh'],
    ['$..email', 'acefgj'],
    ['$.users..email', 'cefg'],
    ['$..email.home', 'f'],
    ['$..[0]', 'cdeg'],
    ["$..['email']", 'acefgj'],
    ['$..*', 'abcdefghij'],
    ['$.*', 'abcdefghij'],
    ["$['it\\'s']['0']", 'i'],
    ["$['it\\'s'][0]", ''],
    ['$.users.email', ''],
    ['$.EMAIL', ''],
  ])('%s hides %j', (path, letters) => expect(hidden(path)).toBe(letters));

  test('of several the first that fits decides', () => {
    expect(maskedBy(matcherOf('$.a.b', '$.a', '$..b'), { a: { b: 1, c: 2 }, b: 3, d: 4 })).toEqual({
      a: { b: '#1', c: '#1' },
      b: '#2',
      d: 4,
    });
  });

  test('leaves what it cannot name without another look', () => {
    const matcher = matcherOf('$.a.b');
    expect(matcher.enter(matcher.root, 'x')).toBeUndefined();
    expect(matcher.enter(matcher.root, 0)).toBeUndefined();
    expect(matcher.enter(matcher.root, 'a')?.found).toBeUndefined();
  });
});

test.each([
  ['users.email', 'expected a path from the root of a document'],
  ['$', 'names the whole document'],
  ['$.', 'cannot be read from "." on'],
  ['$..', 'cannot be read from ".." on'],
  ['$.users[?(@.x)].y', 'has a filter at "[?(@.x)].y"'],
  ['$.users[1:2]', 'has a slice'],
  ["$['a','b']", 'has a list of names'],
  ['$.users[-1]', 'has an index from the end'],
  ['$.users.[*]', 'cannot be read from ".[*]" on'],
  ['$.users[]', 'cannot be read from "[]" on'],
  ['$.first name', 'cannot be read from " name" on'],
  ["$['a\\x']", 'cannot be read from'],
  ['$.a\u200b', 'a character that nobody sees'],
  ['$[99999999999999999]', 'no array is so long'],
  [`$${'.a'.repeat(31)}`, 'is deeper than 30 steps'],
  [`$.${'a'.repeat(1_000)}`, 'is longer than 1000 characters'],
])('%j is refused: %s', (path, message) => {
  const parsed = parseFieldPath(path);
  expect(parsed.ok ? 'taken' : parsed.error).toContain(message);
});

describe('whatever the document', () => {
  const key = fc.constantFrom('a', 'b', 'c', 0, 1);
  const step = fc.oneof(fc.constantFrom('.a', '.b', '[*]', '.*', '[0]', '[1]', '..a', '..b', '..*', '..[0]', "['c']"));
  const path = fc.array(step, { minLength: 1, maxLength: 6 }).map((steps) => `$${steps.join('')}`);

  /** What RFC 9535 says, read off the path's text: one regular expression over a walk's keys. */
  const oracle = (text: string) => {
    const parts = [...text.matchAll(/(\.\.)?(?:\.?(\*|[abc])|\[(\*|\d|'c')\])/g)].map(([, deep, name, inside]) => {
      const wanted = (name ?? inside ?? '').replaceAll("'", '');
      const one = wanted === '*' ? '/[a-z0-9]' : /\d/.test(wanted) ? `/${wanted}` : `/${wanted}`;
      return `${deep ? '(?:/[a-z0-9])*' : ''}${one}`;
    });
    return new RegExp(`^${parts.join('')}(?:/[a-z0-9])*$`);
  };

  test('a walk finds a rule exactly where the path leads', () => {
    fc.assert(
      fc.property(path, fc.array(key, { maxLength: 8 }), (text, keys) => {
        const matcher = matcherOf(text);
        const place = keys.reduce<FieldPlace | undefined>((at, one) => at && matcher.enter(at, one), matcher.root);
        expect(place?.found !== undefined).toBe(oracle(text).test(keys.map((one) => `/${one}`).join('')));
      }),
      { numRuns: 3_000 },
    );
  });

  test('any text is a path or is refused, and a long walk stays at its few bits', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom(...'$.*[]\'"\\ab0?:,-') }),
        (text) => void parseFieldPath(`$${text}`),
      ),
    );
    const matcher = matcherOf(`$${'..a'.repeat(30)}`, '$..b');
    let place: FieldPlace | undefined = matcher.root;
    for (let depth = 0; depth < 29; depth++) place = place && matcher.enter(place, 'a');
    expect(place?.found).toBeUndefined();
    for (let depth = 0; depth < 10_000; depth++) place = place && matcher.enter(place, 'x');
    expect(place && matcher.enter(place, 'a')?.found?.rule).toBe(0);
  });
});
