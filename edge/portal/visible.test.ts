import { describe, expect, test } from 'vitest';
import { visibleParts, visibleText } from './visible.ts';

describe('visible text', () => {
  test('shows control characters as their pictures', () => {
    expect(visibleText('a\u0000b\u001b[31m\u007f')).toBe('a␀b␛[31m␡');
  });

  test('names characters that reorder or hide text', () => {
    expect(visibleText('safe\u202Etxt.exe')).toBe('safeU+202Etxt.exe');
    expect(visibleText('a\u200bb\ufeffc\u2066d')).toBe('aU+200BbU+FEFFcU+2066d');
    expect(visibleText('\u{e0041}')).toBe('U+E0041');
  });

  test('names letters that are blank', () => {
    expect(visibleText('a\u3164b\u115fc\u2800d\u034fe')).toBe('aU+3164bU+115FcU+2800dU+034Fe');
  });

  test('keeps line feeds, tabs, accents and emoji as they are', () => {
    const text = 'naïve\n\tשלום 😀';
    expect(visibleParts(text)).toEqual([{ text, mark: false }]);
  });

  test('marks a lone surrogate', () => {
    expect(visibleText('a\ud800b')).toBe('aU+D800b');
  });
});
