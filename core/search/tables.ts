// Which tables a statement names, by its words: for finding statements again, not for judging them (that is what the
// dialects' readers are for). Names after FROM, JOIN, INTO, UPDATE, TABLE and their like, in any dialect; strings and
// comments are left out. What a name means (a CTE, an alias, a view) is not followed.

import { opensQuotes, readQuoted, writtenName } from './table-names.ts';

const MAX_TABLES = 50;
/** Not more of a statement is looked through. */
const MAX_TEXT = 16 * 1024;

// Comments and strings, quoted and plain names, and signs. Any letter beyond ASCII may stand in a plain name (PostgreSQL's
// scan.l, MySQL's "Schema Object Names"), and MySQL's may begin with digits; `U&"..."` is PostgreSQL's with escapes.
const TOKEN =
  /--[^\n]*|\/\*.*?(?:\*\/|$)|'(?:[^'\\]|''|\\.)*(?:'|$)|\$(\w*)\$.*?(?:\$\1\$|$)|(?:[uU]&)?"(?:[^"]|"")*(?:"|$)|`(?:[^`]|``)*(?:`|$)|(?:\p{N}+(?=[\p{L}_]))?[\p{L}_\u{80}-\u{10ffff}][\p{L}\p{N}_$\u{80}-\u{10ffff}]*|[.,()]/gsu;
const BEFORE_NAMES = new Set([
  'from',
  'join',
  'into',
  'update',
  'table',
  'truncate',
  'view',
  'copy',
  'describe',
  'using',
]);
/** Stand between such a word and the name. */
const BETWEEN = new Set([
  'only',
  'table',
  'if',
  'not',
  'exists',
  'lateral',
  'ignore',
  'low_priority',
  'quick',
  'concurrently',
]);
const NO_NAME = new Set([
  'select',
  'set',
  'values',
  'where',
  'on',
  'as',
  'with',
  'stdin',
  'stdout',
  'begin',
  'outfile',
  'dumpfile',
]);

/** With their schema where it is named, as they are written; each once. */
export function tablesIn(statement: string): string[] {
  const tokens = [...statement.slice(0, MAX_TEXT).matchAll(TOKEN)].map(([token]) => token).filter(isSense);
  const found = new Set<string>();
  for (let i = 0; i < tokens.length && found.size < MAX_TABLES; i++) {
    if (!BEFORE_NAMES.has((tokens[i] ?? '').toLowerCase())) continue;
    let at = i + 1;
    do {
      while (BETWEEN.has((tokens[at] ?? '').toLowerCase())) at++;
      const { name, next } = nameAt(tokens, at);
      if (name === undefined) break;
      found.add(name);
      // A list goes on behind an alias, if there is one.
      at = next;
      for (let alias = 0; alias < 2 && isName(tokens[at]) && tokens[at + 1] === ','; alias++) at++;
    } while (tokens[at++] === ',');
  }
  return [...found];
}

const isSense = (token: string): boolean => !/^(--|\/\*|'|\$)/.test(token);
const isName = (token: string | undefined): token is string =>
  token !== undefined && !/^[.,()]$/.test(token) && !NO_NAME.has(token.toLowerCase());

function nameAt(tokens: readonly string[], at: number): { readonly name: string | undefined; readonly next: number } {
  const names: string[] = [];
  let next = at;
  for (;;) {
    const token = tokens[next];
    if (!isName(token)) break;
    names.push(unquoted(token));
    next++;
    if (tokens[next] !== '.') break;
    next++;
  }
  // A function's result is no table.
  const called = tokens[next] === '(' && (tokens[at - 1] ?? '').toLowerCase() === 'from';
  const isNamed = names.some((name) => name.trim() !== '');
  return { name: !isNamed || called ? undefined : writtenName(names), next };
}

/** What is cut before its last quote is taken as far as it goes. */
function unquoted(token: string): string {
  const escaped = /^u&"/i.test(token);
  const from = escaped ? 2 : 0;
  if (!opensQuotes(token[from])) return token;
  const name = readQuoted(token, from)?.name ?? token.slice(from + 1);
  return escaped ? name.replace(ESCAPE, unescaped) : name;
}

/** `\0061`, `\+000061`, and `\\` for the sign itself; with another sign by UESCAPE they are left as they are. */
const ESCAPE = /\\(?:\\|\+([0-9a-f]{6})|([0-9a-f]{4}))/gi;
function unescaped(text: string, long: string | undefined, short: string | undefined): string {
  const point = Number.parseInt(long ?? short ?? '5c', 16);
  return point <= 0x10ffff ? String.fromCodePoint(point) : text;
}
