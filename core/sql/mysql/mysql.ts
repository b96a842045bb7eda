// MySQL's and MariaDB's statements as summaries, by a lexer and a reader of our own: no parser that can be had knows what
// a session's settings make of a text (docs/adr/0021-mysql-is-read-by-a-reader-of-our-own.md).
//
// What a text alone cannot say is not guessed: what views, triggers, defaults and the database's own functions do when a
// statement touches them.

import { err, ok, type Result } from '../../result.ts';
import { everyStatement, type StatementSummary, type Unparsable } from '../statement.ts';
import { changesOf } from './changes.ts';
import { atToken, MysqlFault } from './faults.ts';
import { MysqlLexer } from './lexer.ts';
import { Reading } from './reading.ts';
import { lettersIn, type MysqlTextSettings } from './settings.ts';
import { readStatement } from './statement-reading.ts';

/** The most that a server takes by default (max_allowed_packet) is 64 MiB, and mysqldump writes rows of 1 MiB to 16 MiB together. */
export const MAX_MYSQL_CHARACTERS = 67_108_864;

/** Beyond this a text is not judged: statements and acts together. */
const MAX_ACTS = 20_000;

/**
 * The statements of one text, in order; none for an empty one. A text is what one COM_QUERY or COM_STMT_PREPARE holds,
 * whether or not the client may send several statements in one.
 */
export function summarizeMysql(
  text: string,
  settings: MysqlTextSettings,
): Result<readonly StatementSummary[], Unparsable> {
  const fault = refuseText(text, settings);
  if (fault) return err(fault);
  try {
    return ok(readText(text, settings, undefined, 0));
  } catch (error) {
    if (error instanceof MysqlFault) return err({ reason: error.reason, message: error.message });
    if (error instanceof RangeError) return err({ reason: 'too_deep', message: 'is nested too deeply' });
    throw error;
  }
}

function readText(
  text: string,
  settings: MysqlTextSettings,
  current: string | undefined,
  depth: number,
): readonly StatementSummary[] {
  const lexer = new MysqlLexer(text, settings);
  try {
    return readStatements(lexer, text, current, depth);
  } catch (error) {
    // Of a text within a string: where that stands.
    throw error instanceof MysqlFault && depth === 0 && PLACED.has(error.reason) ? atToken(error, lexer) : error;
  }
}

/** Faults of some place in the text. */
const PLACED: ReadonlySet<Unparsable['reason']> = new Set(['syntax', 'string_syntax', 'encoding', 'too_deep']);

function readStatements(
  lexer: MysqlLexer,
  text: string,
  current: string | undefined,
  depth: number,
): readonly StatementSummary[] {
  const summaries: StatementSummary[] = [];
  const bytes = new ByteOffsets(text);
  let schema = current;
  let acts = 0;
  lexer.beginStatement();
  for (;;) {
    while (lexer.word === ';') lexer.beginStatement();
    if (lexer.kind === 'end') return summaries;
    const from = lexer.start;
    const reading = new Reading({
      lexer,
      schema,
      depth,
      readText: (inner, deeper) => readText(inner, lexer.settings, schema, deeper),
    });
    // The way out of that mode is read all the same.
    if (lexer.settings.otherGrammar === true && lexer.word !== 'set')
      throw new MysqlFault('syntax', 'is read with the grammar of another database (sql_mode)');
    readStatement(reading);
    const offset = bytes.at(from);
    const summary = reading.finish({ offset, length: bytes.at(lexer.start) - offset });
    for (const one of everyStatement(summary)) acts += 1 + one.acts.length;
    if (acts > MAX_ACTS) throw new MysqlFault('too_long', `does more than ${MAX_ACTS} things`);
    summaries.push(summary);
    schema = summary.uses ?? schema;
    const { modes, characterSet } = changesOf([summary]);
    if (modes || characterSet) lexer.settings = uncertain(lexer.settings, modes, characterSet);
    if (characterSet && !isAscii(text.slice(lexer.start))) throw new MysqlFault('encoding', HIDING);
  }
}

/** For what stands behind a statement that may have changed them. */
const uncertain = (settings: MysqlTextSettings, modes: boolean, characterSet: boolean): MysqlTextSettings => ({
  ...settings,
  ...(modes && { ansiQuotes: undefined, noBackslashEscapes: undefined, otherGrammar: undefined }),
  ...(characterSet && { characterSet: undefined }),
});

const HIDING = 'holds letters whose bytes may be quotes in its character set';

function refuseText(text: string, settings: MysqlTextSettings): Unparsable | undefined {
  if (text.length > MAX_MYSQL_CHARACTERS)
    return { reason: 'too_long', message: `longer than ${MAX_MYSQL_CHARACTERS} characters` };
  if (text.includes('\0')) return { reason: 'nul', message: 'holds a NUL byte' };
  // A replacement character stands for bytes that could not be read, a lone surrogate for none.
  if (text.includes('\uFFFD') || !text.isWellFormed())
    return { reason: 'encoding', message: 'is not whole in its encoding' };
  if (lettersIn(settings.characterSet) === 'nowhere' && !isAscii(text)) return { reason: 'encoding', message: HIDING };
  return undefined;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: ASCII is what all character sets share
const isAscii = (text: string): boolean => !/[^\x00-\x7f]/.test(text);

/** Offsets in UTF-8 of places in a text that are asked for in order. */
class ByteOffsets {
  readonly #text: string;
  readonly #ascii: boolean;
  #at = 0;
  #bytes = 0;

  constructor(text: string) {
    this.#text = text;
    this.#ascii = isAscii(text);
  }

  at(place: number): number {
    if (this.#ascii) return place;
    this.#bytes += new TextEncoder().encode(this.#text.slice(this.#at, place)).length;
    this.#at = place;
    return this.#bytes;
  }
}
