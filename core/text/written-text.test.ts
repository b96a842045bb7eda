import { expect, test } from 'vitest';
import { inJson, onLines, onOneLine, saysSomething, shownParts } from './written-text.ts';

test.each(['x', '修復', 'إصلاح', '👍', '-', '\u200fשלום'])('%s says something', (text) => {
  expect(saysSomething(text)).toBe(true);
});

test.each([
  '',
  ' \t\n',
  '\u00a0',
  '\u200b',
  '\u202e\u2066',
  '\u3164\uffa0',
  '\u2800',
  '\ufeff',
  '\u00ad',
  '\0',
  '\ud800',
])('%j says nothing', (text) => {
  expect(saysSomething(text)).toBe(false);
});

test('what would reorder it or move a cursor is shown', () => {
  expect(onOneLine('a\u001b[2J\u202eb\nc\ud800')).toBe('a\\x1b[2J\\u202eb\\nc\\ud800');
  expect(onLines('a\n\tb\u0007')).toBe('a\n\tb\\x07');
});

test.each([
  ['zero-width and joined', 'a\u200bb\u200cc\u200dd\u2060e\ufefff', 'a\\u200bb\\u200cc\\u200dd\\u2060e\\ufefff'],
  ['tags', 'drop\u{e0041}\u{e007f}', 'drop\\u{e0041}\\u{e007f}'],
  ['selectors', 'users\ufe0f\u{e0100}', 'users\\ufe0f\\u{e0100}'],
  ['letters that are blank', 'a\u3164b\u115fc\u2800d\u034fe', 'a\\u3164b\\u115fc\\u2800d\\u034fe'],
  ['C1', 'a\u009b31m\u0085', 'a\\x9b31m\\x85'],
  ['separators', 'a\u2028b\u2029', 'a\\u2028b\\u2029'],
])('%s: nothing that nobody sees is left', (_, text, shown) => {
  expect(onOneLine(text)).toBe(shown);
  expect(onLines(text)).toBe(shown);
  expect(JSON.parse(inJson(JSON.stringify(text)))).toBe(text);
  expect(inJson(JSON.stringify(text))).toMatch(/^[\x20-\x7e]*$/);
});

test('accents, other scripts and whole emoji stay as they are', () => {
  const text = 'naïve\n\tשלום 😀 ⚠️ 👩‍🚀 👍🏽 1️⃣ 日本語';
  expect(shownParts(text)).toEqual([{ text, escape: false }]);
  // A flag that is spelt in tags could spell anything.
  expect(onLines('\u{1f3f4}\u{e0067}\u{e0062}')).toBe('\u{1f3f4}\\u{e0067}\\u{e0062}');
  expect(onLines('1\ufe0f')).toBe('1\\ufe0f');
});

test('escapes are told apart from text that looks like them', () => {
  expect(shownParts('a\u200b\\u200b')).toEqual([
    { text: 'a', escape: false },
    { text: '\\u200b', escape: true },
    { text: '\\u200b', escape: false },
  ]);
});
