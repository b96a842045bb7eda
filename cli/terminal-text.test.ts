import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cut, json, line, lines, width } from './terminal-text.ts';

const ESC = '\u001b';

describe('text for a terminal', () => {
  it('shows escape sequences instead of obeying them', () => {
    expect(line(`a${ESC}[2J${ESC}]0;owned\u0007b`)).toBe('a\\x1b[2J\\x1b]0;owned\\x07b');
    // CSI as one C1 character, which 8-bit terminals obey too.
    expect(line('a\u009b31mb')).toBe('a\\x9b31mb');
  });

  it('shows what would reorder or hide text', () => {
    expect(line('access\u202elevel\u2066')).toBe('access\\u202elevel\\u2066');
    expect(line('two\nlines\tand\rmore')).toBe('two\\nlines\\tand\\rmore');
  });

  it('keeps newlines and tabs of a statement, and nothing else', () => {
    expect(lines(`select\n\t1${ESC}[A`)).toBe('select\n\t1\\x1b[A');
  });

  it('leaves no control character in a line, whatever the data', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(line(text)).not.toMatch(/[\p{Cc}\u202a-\u202e\u2066-\u2069]/u);
      }),
    );
  });

  it('prints JSON that reads back as the same value and holds no control character', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const printed = json({ text: text.toWellFormed() });
        expect(JSON.parse(printed)).toEqual({ text: text.toWellFormed() });
        expect(printed.replaceAll('\n', '')).not.toMatch(/\p{Cc}/u);
      }),
    );
  });

  it('measures and cuts by cells', () => {
    expect(width('abc')).toBe(3);
    expect(width('日本')).toBe(4);
    expect(cut('日本語', 4)).toBe('日…');
    expect(cut('short', 10)).toBe('short');
  });
});
