// All tokens of a text at once, for what looks at them from several sides. Texts that are read so are short.

import { MysqlLexer } from '../lexer.ts';
import type { MysqlTextSettings } from '../settings.ts';

export interface Token {
  /** A word in lower case, or a sign; empty for anything else. */
  readonly word: string;
  /** Of a word or a quoted name: as a name it would be that. */
  readonly name: string | undefined;
  readonly literal: 'string' | 'number' | undefined;
  /** Of a plain string: what it says. */
  readonly value: string | undefined;
  readonly parameter: boolean;
  readonly variable: boolean;
  /** Brackets around it. */
  readonly depth: number;
  /** Characters of the text. */
  readonly start: number;
  readonly end: number;
}

/** Throws a MysqlFault for what is no text of SQL. */
export function tokensOf(text: string, settings: MysqlTextSettings): readonly Token[] {
  const lexer = new MysqlLexer(text, settings);
  const tokens: Token[] = [];
  let depth = 0;
  for (lexer.beginStatement(); lexer.kind !== 'end'; lexer.word === ';' ? lexer.beginStatement() : lexer.next()) {
    const { kind, word, start, end } = lexer;
    if (word === ')') depth--;
    const named = kind === 'word' || kind === 'name';
    tokens.push({
      word,
      name: named ? lexer.name : undefined,
      literal: kind === 'string' || kind === 'number' ? kind : undefined,
      value: lexer.value,
      parameter: kind === 'parameter',
      variable: kind === 'variable',
      depth,
      start,
      end,
    });
    if (word === '(') depth++;
  }
  return tokens;
}
