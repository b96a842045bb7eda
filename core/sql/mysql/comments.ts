// Comments that some servers run. A text between these signs is code or not by family and version:
//
//    /*! ... */          code to every MySQL and MariaDB
//    /*!50003 ... */     code from that version on; MariaDB does not run those of 5.7 to 9.99
//    /*!100101 ... */    six digits: MariaDB, and MySQL 8.4 where a blank follows
//    /*M! ... */         code to MariaDB, a comment to MySQL
//    /*+ ... */          a comment to this lexer; hints to the server where they follow a verb
//
// What ends them is the first */, in code and comment alike. Inside one that is skipped, one level of comments
// is skipped whole. MySQL: sql/sql_lex.cc, lex_one_token, consume_comment; MariaDB: the same names.

import { MysqlFault } from './faults.ts';
import type { MysqlTextSettings } from './settings.ts';

const BANG = 0x21;
const M = 0x4d;

const isDigit = (code: number): boolean => code >= 0x30 && code <= 0x39;
const isSpace = (code: number): boolean => code === 0x20 || (code >= 0x09 && code <= 0x0d);

/** How a server reads on behind the signs: `code` from there, or what is behind the comment. */
type Reading = { readonly kind: 'code' | 'behind'; readonly at: number };

/** What `/*` at `at` begins. Throws where that is not certain, or where the comment has no end. */
export function readComment(text: string, at: number, settings: MysqlTextSettings): Reading {
  const inner = text.charCodeAt(at + 2);
  if (inner === BANG) return agreed(text, at, at + 3, false, settings);
  if (inner !== M || text.charCodeAt(at + 3) !== BANG) return { kind: 'behind', at: endOfComment(text, at + 2) };
  const plain = (): Reading => ({ kind: 'behind', at: endOfComment(text, at + 2) });
  if (settings.family === 'mysql') return plain();
  if (settings.family === undefined) throw uncertain();
  return agreed(text, at, at + 4, true, settings);
}

/** The reading of all servers that it could be. */
function agreed(text: string, at: number, from: number, own: boolean, settings: MysqlTextSettings): Reading {
  let digits = 0;
  while (digits < 6 && isDigit(text.charCodeAt(from + digits))) digits++;
  if (digits < 5) return { kind: 'code', at: from };
  let found: Reading | undefined;
  for (const version of versionsOf(settings)) {
    for (const family of settings.family ? [settings.family] : (['mysql', 'mariadb'] as const)) {
      for (const length of lengthsOf(text, from, digits, family, version)) {
        const runs = runsOn(Number(text.slice(from, from + length)), family, version, own);
        const reading: Reading = runs
          ? { kind: 'code', at: from + length }
          : { kind: 'behind', at: endOfSkipped(text, own ? at + 4 : at + 3) };
        if (found && (found.kind !== reading.kind || found.at !== reading.at)) throw uncertain();
        found = reading;
      }
    }
  }
  if (!found) throw uncertain();
  return found;
}

/** Of servers that are still met. Both ends stand for all between where the version is not known. */
const versionsOf = ({ version }: MysqlTextSettings): readonly number[] =>
  version === undefined ? [50_500, 99_998] : [version];

/** How many digits are the version. */
function lengthsOf(
  text: string,
  from: number,
  digits: number,
  family: 'mysql' | 'mariadb',
  version: number,
): readonly number[] {
  if (digits === 5) return [5];
  if (family === 'mariadb') return [6];
  // In the course of 8.0 MySQL learned six digits, with a blank behind.
  if (!isSpace(text.charCodeAt(from + 6)) || version < 80_000) return [5];
  return version >= 80_400 ? [6] : [5, 6];
}

function runsOn(asked: number, family: 'mysql' | 'mariadb', version: number, own: boolean): boolean {
  if (family === 'mysql') return asked <= version;
  // A cluster's node runs it, to check itself: which server is one is not known.
  if (asked === 99_997) throw uncertain();
  return asked <= version && (asked < 50_700 || asked > 99_999 || own);
}

/** Behind the end of a plain comment, whose content begins at `from`. */
function endOfComment(text: string, from: number): number {
  const end = text.indexOf('*/', from);
  if (end < 0) throw new MysqlFault('syntax', 'holds a comment that does not end');
  return end + 2;
}

function endOfSkipped(text: string, from: number): number {
  for (let at = from; ; ) {
    const end = text.indexOf('*/', at);
    const inner = text.indexOf('/*', at);
    if (end < 0) throw new MysqlFault('syntax', 'holds a comment that does not end');
    if (inner < 0 || end < inner) return end + 2;
    at = endOfComment(text, inner + 2);
  }
}

/** The hints' own reader takes a quoted text as one, with what ends a comment inside. */
export function checkHints(text: string, from: number, to: number): void {
  for (let at = from; at < to; at++) {
    const letter = text[at];
    if (letter !== "'" && letter !== '"' && letter !== '`') continue;
    const closed = text.indexOf(letter, at + 1);
    if (closed < 0 || closed >= to) throw new MysqlFault('syntax', 'holds hints whose end is not certain');
    at = closed;
  }
}

const uncertain = (): MysqlFault =>
  new MysqlFault('string_syntax', 'holds a comment that servers of some version run, and the version is not known');
