import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { sqlTokens } from './sql-tokens.ts';

const kinds = (text: string): string[] =>
  sqlTokens(text)
    .filter((token) => token.kind !== 'plain')
    .map((token) => `${token.kind}:${token.text}`);

describe('SQL tokens', () => {
  test('tell keywords, strings, numbers, parameters and comments apart', () => {
    expect(kinds("SELECT id, 'it''s' FROM t WHERE a = $1 AND b > 4.5e3 -- why")).toEqual([
      'keyword:SELECT',
      "string:'it''s'",
      'keyword:FROM',
      'keyword:WHERE',
      'parameter:$1',
      'keyword:AND',
      'number:4.5e3',
      'comment:-- why',
    ]);
  });

  test('end a dollar quote only at its own tag', () => {
    expect(kinds('do $a$ begin $b$ select $b$ end $a$; commit')).toEqual([
      'keyword:do',
      'string:$a$ begin $b$ select $b$ end $a$',
      'keyword:commit',
    ]);
  });

  test('take a backslash as an escape only in E strings', () => {
    expect(kinds("select E'a\\'b', 'c\\'")).toEqual(['keyword:select', "string:E'a\\'b'", "string:'c\\'"]);
  });

  test('nest block comments as PostgreSQL does', () => {
    expect(kinds('/* a /* b */ select */ end')).toEqual(['comment:/* a /* b */ select */', 'keyword:end']);
  });

  test('leave keywords inside names and quoted names alone', () => {
    expect(kinds('selected "from" _where')).toEqual(['name:"from"']);
  });

  test('joined are the text, whatever it is', () => {
    const pieces = fc.constantFrom(
      "'",
      '"',
      '$$',
      '$a$',
      '$1',
      '--',
      '/*',
      '*/',
      '\n',
      'select',
      "E'",
      '\\',
      '1e',
      '.',
      'é',
      '\u0000',
      '😀',
    );
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(pieces).map((parts) => parts.join('')),
    );
    fc.assert(
      fc.property(text, (sql) => {
        expect(
          sqlTokens(sql)
            .map((token) => token.text)
            .join(''),
        ).toBe(sql);
      }),
      { seed: 7, numRuns: 400 },
    );
  });

  test('stay linear on text made to hurt', () => {
    for (const piece of ["'", '$a', '/*', '$', '.', '1', '"', '-']) {
      expect(sqlTokens(piece.repeat(60_000)).length).toBeGreaterThan(0);
    }
  }, 5_000);
});
