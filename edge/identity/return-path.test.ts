import fc from 'fast-check';
import { expect, test } from 'vitest';
import { safeReturnPath } from './return-path.ts';

const ORIGIN = 'https://gatehouse.example.com';

test.each([
  ['/', '/'],
  ['/sessions/ses_1?at=5#row', '/sessions/ses_1?at=5#row'],
  ['/a/../b', '/b'],
  ['/search?q=//x', '/search?q=//x'],
])('keeps our own path %s', (wanted, kept) => expect(safeReturnPath(wanted, ORIGIN)).toBe(kept));

test.each([
  undefined,
  '',
  'https://evil.example',
  '//evil.example',
  '/\\evil.example',
  '\\/evil.example',
  '/\t/evil.example',
  '/\n/evil.example',
  '/..//evil.example',
  '/./\\evil.example',
  'javascript:alert(1)',
  'sessions',
  ' /sessions',
  `${ORIGIN}@evil.example`,
  '/login',
  '/login/callback?code=x',
  '/logout',
  `/${'x'.repeat(3000)}`,
])('goes home instead of to %j', (wanted) => expect(safeReturnPath(wanted, ORIGIN)).toBe('/'));

test('whatever is asked for, a browser stays on our origin', () => {
  const parts = fc.constantFrom(
    '/',
    '\\',
    '.',
    '..',
    '@',
    ':',
    '?',
    '#',
    'evil.example',
    '%2f',
    '%5c',
    '\t',
    '\n',
    'http',
    ' ',
    '\u0000',
    'é',
  );
  fc.assert(
    fc.property(fc.array(parts, { maxLength: 12 }), (wanted) => {
      const path = safeReturnPath(wanted.join(''), ORIGIN);
      expect(path.startsWith('/')).toBe(true);
      expect(new URL(path, ORIGIN).origin).toBe(ORIGIN);
      expect(path.startsWith('//')).toBe(false);
    }),
    { numRuns: 2000 },
  );
});
