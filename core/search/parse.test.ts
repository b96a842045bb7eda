import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_QUERY, parseQuery, queryHint } from './parse.ts';
import { spanOf } from './query.ts';

const NOW = Date.UTC(2026, 10, 30, 12);
const read = (text: string) => {
  const parsed = parseQuery(text, NOW);
  if (!parsed.ok) throw new Error(parsed.error.message);
  return parsed.value;
};
const word = (...terms: string[]) => ({ kind: 'words', parts: terms, whole: terms, prefix: false });
const forever = Number.POSITIVE_INFINITY;

describe('a query', () => {
  it.each([
    ['drop', word('drop')],
    ['drop table', { kind: 'all', of: [word('drop'), word('table')] }],
    ['"drop table"', word('drop', 'table')],
    ['order_items', word('order', 'items')],
    ['orderItems', { kind: 'words', parts: ['order', 'items'], whole: ['orderitems'], prefix: false }],
    ['ord*', { ...word('ord'), prefix: true }],
    ['"drop tab"*', { ...word('drop', 'tab'), prefix: true }],
    ['drop -table', { kind: 'all', of: [word('drop'), { kind: 'not', of: word('table') }] }],
    ['a or b c', { kind: 'all', of: [{ kind: 'any', of: [word('a'), word('b')] }, word('c')] }],
    ['(a b) OR c', { kind: 'any', of: [{ kind: 'all', of: [word('a'), word('b')] }, word('c')] }],
    ['-(a or b)', { kind: 'not', of: { kind: 'any', of: [word('a'), word('b')] } }],
    ['"or"', word('or')],
    ['order', word('order')],
    // What people paste: signs are no words, and nothing of it is anybody's syntax.
    ['select count(id) from t;', { kind: 'all', of: [word('select'), word('count', 'id'), word('from'), word('t')] }],
    ['select * from t', { kind: 'all', of: [word('select'), word('from'), word('t')] }],
    ['-- NEAR(a', { kind: 'all', of: [word('near', 'a')].concat([]) }],
    ["it's col^2 {x}", { kind: 'all', of: [word('it', 's'), word('col', '2'), word('x')] }],
    ['https://shop/a', word('https', 'shop', 'a')],
    ['12:30', word('12', '30')],
    ['t.*', word('t')],
    ['user:Alice@Example.com', { kind: 'value', field: 'user', value: 'alice@example.com', prefix: false }],
    ['resource:ord*', { kind: 'value', field: 'resource', value: 'ord', prefix: true }],
    ['error:*', { kind: 'value', field: 'error', value: '', prefix: true }],
    ['table:"Order Items"', { kind: 'value', field: 'table', value: 'order items', prefix: false }],
    ['table:public."Users"', { kind: 'value', field: 'table', value: 'public.users', prefix: false }],
    ['table:"public"."Users"', { kind: 'value', field: 'table', value: 'public.users', prefix: false }],
    ['table:"public.users"', { kind: 'value', field: 'table', value: 'public.users', prefix: false }],
    ['table:`shop`.`Order Items`', { kind: 'value', field: 'table', value: 'shop.order items', prefix: false }],
    ['table:"we""ird"', { kind: 'value', field: 'table', value: 'we"ird', prefix: false }],
    ['table:public.*', { kind: 'value', field: 'table', value: 'public.', prefix: true }],
    ['table:public."Us"*', { kind: 'value', field: 'table', value: 'public.us', prefix: true }],
    ['table:*', { kind: 'value', field: 'table', value: '', prefix: true }],
    [
      '(table:a or table:b)',
      {
        kind: 'any',
        of: [
          { kind: 'value', field: 'table', value: 'a', prefix: false },
          { kind: 'value', field: 'table', value: 'b', prefix: false },
        ],
      },
    ],
    ['task:"a b"', { kind: 'value', field: 'task', value: 'a b', prefix: false }],
    ['verdict:Blocked', { kind: 'value', field: 'verdict', value: 'refused', prefix: false }],
    ['verdict:re*', { kind: 'value', field: 'verdict', value: 're', prefix: true }],
    // What somebody pastes: `and` and `not` are words of statements.
    ['x AND y', { kind: 'all', of: [word('x'), word('and'), word('y')] }],
    ['rows:>1000', { kind: 'amount', field: 'rows', from: 1001, to: forever }],
    ['rows:<=5', { kind: 'amount', field: 'rows', from: 0, to: 5 }],
    ['rows:10..20', { kind: 'amount', field: 'rows', from: 10, to: 20 }],
    ['duration:>5s', { kind: 'amount', field: 'duration', from: 5_000_001, to: forever }],
    ['duration:1.5ms', { kind: 'amount', field: 'duration', from: 1500, to: 1500 }],
    ['since:2h', { kind: 'time', from: NOW - 7_200_000, until: forever }],
    ['since:2026-11-30', { kind: 'time', from: Date.UTC(2026, 10, 30), until: forever }],
    ['until:2026-11-30', { kind: 'time', from: -forever, until: Date.UTC(2026, 11, 1) }],
    ['since:today', { kind: 'time', from: Date.UTC(2026, 10, 30), until: forever }],
    ['since:Yesterday', { kind: 'time', from: Date.UTC(2026, 10, 29), until: forever }],
    ['until:yesterday', { kind: 'time', from: -forever, until: Date.UTC(2026, 10, 30) }],
    ['until:now', { kind: 'time', from: -forever, until: NOW }],
    ['since:"2 hours ago"', { kind: 'time', from: NOW - 7_200_000, until: forever }],
    ['since:90min', { kind: 'time', from: NOW - 90 * 60_000, until: forever }],
    ['since:1w', { kind: 'time', from: NOW - 7 * 86_400_000, until: forever }],
    ['since:9:30', { kind: 'time', from: Date.UTC(2026, 10, 30, 9, 30), until: forever }],
    ['since:"2026-11-30 08:00"', { kind: 'time', from: Date.UTC(2026, 10, 30, 8), until: forever }],
    ['since:2026-11', { kind: 'time', from: Date.UTC(2026, 10, 1), until: forever }],
    ['until:2026-12', { kind: 'time', from: -forever, until: Date.UTC(2027, 0, 1) }],
    ['until:2026-11-30T08:00+02:00', { kind: 'time', from: -forever, until: Date.UTC(2026, 10, 30, 6) }],
  ])('%j', (text, expected) => {
    const { of, ...rest } = expected as { of?: readonly unknown[] };
    expect(read(text)).toEqual(of?.length === 1 ? of[0] : { ...rest, ...(of && { of }) });
  });

  it.each([
    ['', 'Say what to search for', 0, 0],
    ['*** -- ;', 'Say what to search for', 0, 8],
    ['a "b c', 'This quote is not closed', 2, 3],
    ['a (b or c', 'This parenthesis is not closed', 2, 3],
    ['a or', 'Something must follow "or"', 2, 4],
    ['or a', 'Something must stand before "or"', 0, 2],
    ['usr:alice', 'There is no field usr', 0, 9],
    ['verdict:nonsense', 'verdict: is one of allowed, warned, refused, held', 0, 16],
    ['x protocol:psql', 'protocol: is one of postgres, mysql, ssh', 2, 15],
    ['protocol:x*', 'protocol: is one of', 0, 11],
    ['x user: y', 'A value must follow user:', 2, 7],
    ['x rows:many', 'rows: takes a number', 2, 11],
    ['duration:5', 'duration: takes a number with its unit', 0, 10],
    ['since:lately', 'since: takes today, yesterday, a day or a month (since:2026-11-30', 0, 12],
    ['x until:tomorrow', 'how long ago (until:2h', 2, 16],
    ['since:2026-13-40', 'since: takes today', 0, 16],
    ['since:2026-02-30', 'since: takes today', 0, 16],
    ['since:25:00', 'since: takes today', 0, 11],
    ['since:constructor', 'since: takes today', 0, 17],
    ['since:2 hours ago', 'since:"2 hours ago"', 0, 7],
    ['fo*bar', 'A star stands for the end of a word only', 2, 3],
    ['a*', 'At least 2 letters', 0, 2],
    ['('.repeat(30), 'Too many parentheses', 20, 21],
    ['a '.repeat(51), 'at most 50 words', 100, 102],
  ])('%j is refused, with the place', (text, message, from, to) => {
    const parsed = parseQuery(text, NOW);
    expect(parsed).toMatchObject({ ok: false, error: { from, to } });
    expect(!parsed.ok && parsed.error.message).toContain(message);
  });

  it.each([
    ['drop AND orders', /^Words beside each other are all looked for.*other\.$/],
    ['select not orders', /^What stands behind "not" is looked for as well: write -word/],
    ['NOT x and y', /looked for as well.*Words beside each other|Words beside.*looked for as well/],
    ['(a and b)', /Words beside each other/],
    ['a && b', /^Signs are not searched for: words beside/],
    ['a || b', /write "or"/],
  ])('%j has a hint', (text, hint) => expect(queryHint(text, NOW)).toMatch(hint));

  it.each([
    'drop orders',
    '"drop and not"',
    'android nothing',
    'a or b',
    'select -orders',
    'rows:many and',
    '-',
    'or',
    'constructor',
  ])('%j has none', (text) => expect(queryHint(text, NOW)).toBeUndefined());

  it('that is too long is refused', () => {
    expect(parseQuery('a'.repeat(MAX_QUERY + 1), NOW).ok).toBe(false);
  });

  it('is read or refused, whatever is typed', () => {
    const pieces = [
      '"',
      '(',
      ')',
      '-',
      '*',
      ':',
      ' ',
      'or',
      'user:',
      'rows:>',
      'since:',
      '1',
      'ab',
      'NOT',
      '東',
      '\\',
      "'",
    ];
    const typed = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 80 }),
      fc.array(fc.constantFrom(...pieces), { maxLength: 30 }).map((some) => some.join('')),
    );
    fc.assert(
      fc.property(typed, (text) => {
        const parsed = parseQuery(text, NOW);
        if (parsed.ok) return;
        const { from, to, message } = parsed.error;
        expect(message).toMatch(/^[A-Za-z].*\.$/s);
        expect(from).toBeGreaterThanOrEqual(0);
        expect(to).toBeGreaterThanOrEqual(from);
        expect(to).toBeLessThanOrEqual(text.length);
      }),
      { numRuns: 5000 },
    );
  });

  it('spans what it can find', () => {
    const day = 86_400_000;
    expect(spanOf(read('a since:2d until:1d'))).toEqual({ from: NOW - 2 * day, until: NOW - day });
    expect(spanOf(read('since:2d or until:5d'))).toEqual({ from: -forever, until: forever });
    expect(spanOf(read('a -since:2d'))).toEqual({ from: -forever, until: forever });
  });
});
