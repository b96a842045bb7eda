import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_TERM, textTokens } from './tokens.ts';

const parts = (text: string) => textTokens(text).parts.map(({ term }) => term);
const whole = (text: string) => textTokens(text).whole.map(({ term }) => term);

describe('words', () => {
  it.each([
    ['select * from order_items', ['select', 'from', 'order', 'items']],
    ['SELECT o.id::text FROM public."Orders" o', ['select', 'o', 'id', 'text', 'from', 'public', 'orders', 'o']],
    ['/var/log/nginx/access.log-2026', ['var', 'log', 'nginx', 'access', 'log', '2026']],
    ['bob@example.com $1 a:b', ['bob', 'example', 'com', '1', 'a', 'b']],
    ['orderItems HTTPServer v2Beta', ['order', 'items', 'http', 'server', 'v2', 'beta']],
    ['ses_01KB3XYZ md5sum 3f2a9c', ['ses', '01kb3xyz', 'md5sum', '3f2a9c']],
    ['Straße ΣΊΣΥΦΟΣ naïve ﬁle ＡＢＣ İstanbul', ['strasse', 'σισυφοσ', 'naive', 'file', 'abc', 'istanbul']],
    ['東京都 users', ['東', '京', '都', 'users']],
    ['id東京v2 한국', ['id', '東', '京', 'v2', '한', '국']],
    ['DR\u200bOP so\u00adft', ['drop', 'soft']],
    ['½ ①', ['1', '2', '1']],
    ['-- % * ()', []],
  ])('of %j', (text, terms) => {
    expect(parts(text)).toEqual(terms);
  });

  it('are kept whole beside, where capitals cut them', () => {
    expect(whole('public.orderItems x')).toEqual(['public', 'orderitems', 'x']);
    const { parts, whole: same } = textTokens('order_items');
    expect(same).toBe(parts);
  });

  it('that are long are found by their beginning, and are not cut at capitals', () => {
    const data = 'aGVsbG8gd29ybGQ'.repeat(20);
    expect(parts(data)).toEqual([data.slice(0, MAX_TERM).toLowerCase()]);
    expect(parts(`${'é'.repeat(MAX_TERM - 1)}𐐀𐐀`)).toHaveLength(1);
  });

  it('hold letters and digits alone, stand in the text in order, and are themselves words', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (text) => {
        let before = 0;
        for (const { term, from, to } of textTokens(text).parts) {
          expect(term).toMatch(/^[\p{L}\p{N}\p{M}]+$/u);
          expect(from).toBeGreaterThanOrEqual(before);
          expect(to).toBeGreaterThan(from);
          expect(to).toBeLessThanOrEqual(text.length);
          before = from;
        }
      }),
      { numRuns: 3000 },
    );
  });
});
