// SQL cut into pieces for colouring. Lossless (the pieces joined are the text), linear, and never
// used to decide anything: what a statement does is judged elsewhere, from a real parser's tree.

type SqlTokenKind = 'keyword' | 'string' | 'comment' | 'number' | 'parameter' | 'name' | 'plain';

interface SqlToken {
  readonly kind: SqlTokenKind;
  readonly text: string;
}

const KEYWORDS = new Set(
  (
    'abort add all alter analyze and any array as asc begin between by cascade case cast check close cluster column comment ' +
    'commit constraint copy create cross current cursor database deallocate declare default delete desc distinct do drop ' +
    'each else end escape except execute exists explain extension false fetch filter first following for foreign from full ' +
    'function grant group having if ilike immutable in index inner insert intersect interval into is isolation join key ' +
    'language last lateral left level like limit listen lock materialized merge natural next not notify null nulls of ' +
    'offset on only or order outer over owner partition policy preceding prepare primary privileges procedure range ' +
    'recursive references reindex release rename replace reset restrict returning returns revoke right role rollback row ' +
    'rows savepoint schema security select sequence set share show similar start stdin stdout table tables temp temporary ' +
    'then to transaction trigger true truncate type unbounded union unique unlisten unlogged update user using vacuum ' +
    'values verbose view when where window with within work'
  ).split(' '),
);

// Sticky, tried in this order at each place.
const WORD = /[\p{L}_][\p{L}\p{N}_$]*/uy;
const NUMBER = /(?:0[xX][\da-fA-F_]+|(?:\d[\d_]*)?\.?\d[\d_]*(?:[eE][+-]?\d+)?\.?)/y;
const PARAMETER = /\$\d+/y;
const DOLLAR_TAG = /\$(?:[\p{L}_][\p{L}\p{N}_]*)?\$/uy;
const LINE_COMMENT = /--[^\n]*/y;
const REST = /[^\p{L}\p{N}_$'"\-/.]+|[\s\S]/uy;

export function sqlTokens(text: string): readonly SqlToken[] {
  const tokens: SqlToken[] = [];
  let at = 0;
  const take = (kind: SqlTokenKind, end: number): void => {
    const piece = text.slice(at, end);
    const last = tokens.at(-1);
    if (kind === 'plain' && last?.kind === 'plain') tokens[tokens.length - 1] = { kind, text: last.text + piece };
    else tokens.push({ kind, text: piece });
    at = end;
  };
  while (at < text.length) {
    const character = text.charAt(at);
    const next = text.charAt(at + 1);
    if (character === "'") take('string', quotedEnd(text, at, false));
    else if ((character === 'e' || character === 'E') && next === "'") take('string', quotedEnd(text, at + 1, true));
    else if (character === '"') take('name', quotedEnd(text, at, false));
    else if (character === '-' && next === '-') take('comment', match(LINE_COMMENT, text, at));
    else if (character === '/' && next === '*') take('comment', blockCommentEnd(text, at));
    else if (character === '$' && match(PARAMETER, text, at) > at) take('parameter', match(PARAMETER, text, at));
    else if (character === '$' && match(DOLLAR_TAG, text, at) > at) take('string', dollarEnd(text, at));
    else if (match(WORD, text, at) > at) {
      const end = match(WORD, text, at);
      take(KEYWORDS.has(text.slice(at, end).toLowerCase()) ? 'keyword' : 'plain', end);
    } else if (/[\d.]/.test(character) && match(NUMBER, text, at) > at) take('number', match(NUMBER, text, at));
    else take('plain', Math.max(match(REST, text, at), at + 1));
  }
  return tokens;
}

/** Where a sticky pattern's match from `at` ends; `at` itself when there is none. */
function match(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : at;
}

/** `open` is the quote's place. A doubled quote is one inside it; a backslash escapes only in E''. */
function quotedEnd(text: string, open: number, backslash: boolean): number {
  const quote = text.charAt(open);
  for (let i = open + 1; i < text.length; i++) {
    const character = text.charAt(i);
    if (backslash && character === '\\') i++;
    else if (character === quote) {
      if (text.charAt(i + 1) !== quote) return i + 1;
      i++;
    }
  }
  return text.length;
}

/** PostgreSQL nests block comments. */
function blockCommentEnd(text: string, open: number): number {
  let depth = 0;
  for (let i = open; i < text.length - 1; i++) {
    const pair = text.slice(i, i + 2);
    if (pair === '/*') {
      depth++;
      i++;
    } else if (pair === '*/') {
      depth--;
      i++;
      if (depth === 0) return i + 1;
    }
  }
  return text.length;
}

function dollarEnd(text: string, open: number): number {
  const afterTag = match(DOLLAR_TAG, text, open);
  const close = text.indexOf(text.slice(open, afterTag), afterTag);
  return close < 0 ? text.length : close + (afterTag - open);
}
