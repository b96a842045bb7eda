import { expect, test } from 'vitest';
import { onLines, onOneLine, saysSomething } from './written-text.ts';

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
  expect(onOneLine('a\u001b[2J\u202eb\nc\ud800')).toBe('a\\x1b[2J\\u202eb\\nc\ufffd');
  expect(onLines('a\n\tb\u0007')).toBe('a\n\tb\\x07');
});
