// Texts that a server may read in two ways: with `standard_conforming_strings` off a backslash escapes in
// every plain string, so strings may end elsewhere, and what stands behind them is another statement.
//
// Nobody can always know which of the two a server will do, since functions, rules and configuration
// files change settings unseen. But of most texts it does not matter: every string ends at the same place.

const COMMENT_LINE = /--[^\n\r]*/y;
const IDENTIFIER = /[A-Za-z_\x80-\uffff][A-Za-z0-9_$\x80-\uffff]*/y;
const DIGITS = /[0-9]+/y;
const DOLLAR_QUOTE = /\$(?:[A-Za-z_\x80-\uffff][A-Za-z0-9_\x80-\uffff]*)?\$/y;
const PARAMETER = /\$[0-9]+/y;

/**
 * The text as a server reads it whose strings escape, written so that a conforming one reads the same: E in front of
 * every plain string that holds a backslash. Undefined: strings end elsewhere there, so it is another text altogether.
 */
export function asEscaping(text: string): string | undefined {
  let escaped = '';
  let copied = 0;
  for (let at = 0; at < text.length; ) {
    const letter = text[at];
    if (letter === "'") {
      const end = stringEnd(text, at + 1, "'", false);
      if (end !== stringEnd(text, at + 1, "'", true)) return undefined;
      if (text.slice(at, end).includes('\\')) {
        escaped += `${text.slice(copied, at)} E`;
        copied = at;
      }
      at = end;
    } else if (letter === '"') at = stringEnd(text, at + 1, '"', false);
    else if (letter === '-' && text[at + 1] === '-') at = matchEnd(COMMENT_LINE, text, at) ?? text.length;
    else if (letter === '/' && text[at + 1] === '*') at = commentEnd(text, at);
    else if (letter === '$') {
      const opened = matchEnd(DOLLAR_QUOTE, text, at);
      if (opened === undefined) at = matchEnd(PARAMETER, text, at) ?? at + 1;
      else {
        const tag = text.slice(at, opened);
        const closed = text.indexOf(tag, opened);
        at = closed < 0 ? text.length : closed + tag.length;
      }
    } else {
      const word = matchEnd(IDENTIFIER, text, at);
      if (word === undefined) at = matchEnd(DIGITS, text, at) ?? at + 1;
      else at = prefixedEnd(text, at, word) ?? word;
    }
  }
  return escaped + text.slice(copied);
}

/**
 * The text with a blank for every comment and `''` for every string: its names, words and signs, as a server reads it.
 * Undefined where that hangs on a setting; `conforming`: it is on.
 */
export function withoutStrings(text: string, conforming = false): string | undefined {
  if (!conforming && text.includes('\\') && asEscaping(text) === undefined) return undefined;
  let kept = '';
  for (let at = 0; at < text.length; ) {
    const start = at;
    const letter = text[at];
    const opened = letter === '$' ? matchEnd(DOLLAR_QUOTE, text, at) : undefined;
    const word = matchEnd(IDENTIFIER, text, at);
    const prefixed = word === undefined ? undefined : prefixedEnd(text, at, word);
    if (opened !== undefined) {
      const tag = text.slice(at, opened);
      const closed = text.indexOf(tag, opened);
      at = closed < 0 ? text.length : closed + tag.length;
    } else if (letter === "'") at = stringEnd(text, at + 1, "'", false);
    else if (letter === '"') at = stringEnd(text, at + 1, '"', false);
    else if (letter === '-' && text[at + 1] === '-') at = matchEnd(COMMENT_LINE, text, at) ?? text.length;
    else if (letter === '/' && text[at + 1] === '*') at = commentEnd(text, at);
    else at = prefixed ?? word ?? matchEnd(PARAMETER, text, at) ?? matchEnd(DIGITS, text, at) ?? at + 1;
    // U&"name" is a name all the same.
    if (opened !== undefined || letter === "'" || (prefixed !== undefined && text[prefixed - 1] !== '"')) kept += "''";
    else if ((letter === '-' || letter === '/') && at > start + 1) kept += ' ';
    else kept += text.slice(start, at);
  }
  return kept;
}

/** Where the string behind E, B, X or U& ends, whose kind no setting changes. Undefined: no such string begins here. */
function prefixedEnd(text: string, at: number, end: number): number | undefined {
  if (end !== at + 1) return undefined;
  const letter = text[at]?.toLowerCase();
  const next = text[end];
  if (next === "'") {
    if (letter === 'e') return stringEnd(text, end + 1, "'", true);
    if (letter === 'b' || letter === 'x') {
      const closed = text.indexOf("'", end + 1);
      return closed < 0 ? text.length : closed + 1;
    }
  }
  const quote = text[end + 1];
  if (letter === 'u' && next === '&' && (quote === "'" || quote === '"')) return stringEnd(text, end + 2, quote, false);
  return undefined;
}

function matchEnd(pattern: RegExp, text: string, at: number): number | undefined {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : undefined;
}

/** Behind the closing quote; a doubled one is part of the string. */
function stringEnd(text: string, start: number, quote: string, escapes: boolean): number {
  for (let at = start; at < text.length; at++) {
    if (escapes && text[at] === '\\') at++;
    else if (text[at] === quote) {
      if (text[at + 1] !== quote) return at + 1;
      at++;
    }
  }
  return text.length + 1;
}

/** PostgreSQL's comments nest. */
function commentEnd(text: string, start: number): number {
  let depth = 0;
  for (let at = start; at < text.length - 1; at++) {
    if (text[at] === '/' && text[at + 1] === '*') {
      depth++;
      at++;
    } else if (text[at] === '*' && text[at + 1] === '/') {
      at++;
      if (--depth === 0) return at + 1;
    }
  }
  return text.length;
}
