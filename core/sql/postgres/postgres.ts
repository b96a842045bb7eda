// PostgreSQL's statements as summaries, from PostgreSQL's own parser. The parser is given in
// (libpg_query's WASM build belongs to the platform); the tree's shape is in tree.ts.
//
// What a text alone cannot say is not guessed: what views, triggers, rules, defaults, operators and
// the database's own functions do when a statement touches them.

import { err, ok, type Result } from '../../result.ts';
import { cutText } from '../../text/cut-text.ts';
import { summarizeStatement } from './statements.ts';
import { asEscaping } from './strings.ts';
import { type Fields, nodeOf, TreeFault } from './tree.ts';
import { everyStatement, type StatementSummary, type Unparsable } from '../statement.ts';

/** `parseSync` of libpg-query: gives `{ stmts: [{ stmt, stmt_location?, stmt_len? }] }`, throws for a syntax error. */
export type PgParser = (text: string) => unknown;

export interface PgTextSettings {
  /**
   * What the server has for `standard_conforming_strings` when it reads this text; undefined: not
   * certain (a change may be under way), and a text is read only if it says the same either way. Off, a
   * backslash in a plain string escapes, and the text means something else than this parser reads.
   */
  readonly standardConformingStrings: boolean | undefined;
}

export const CONFORMING: PgTextSettings = { standardConformingStrings: true };

/** Beyond this a text is not parsed: its tree is some twenty times as large, in memory that others need. */
export const MAX_TEXT_CHARACTERS = 1_048_576;

/**
 * Beyond this a text is not judged: statements and acts together. A megabyte holds a hundred thousand, and judging them
 * would hold up every other session.
 */
const MAX_ACTS = 20_000;

/**
 * The statements of one text, in order; none for an empty one. The parser knows grammar 18: what an
 * older server would refuse is summarised, what a newer one has learned is a syntax error here.
 */
export function summarizePostgres(
  parse: PgParser,
  text: string,
  settings: PgTextSettings,
): Result<readonly StatementSummary[], Unparsable> {
  const read = summarizeTree(parse, text, settings);
  if (!read.ok || settings.standardConformingStrings !== undefined || !text.includes('\\')) return read;
  // Its statements are the same, but a string may name a setting or a role.
  const otherwise = summarizeTree(parse, asEscaping(text) ?? '', CONFORMING);
  return otherwise.ok && says(read.value) === says(otherwise.value) ? read : err(ambiguous());
}

function summarizeTree(
  parse: PgParser,
  text: string,
  settings: PgTextSettings,
): Result<readonly StatementSummary[], Unparsable> {
  const unread = readTree(parse, text, settings);
  if (!unread.ok) return unread;
  try {
    let acts = unread.value.length;
    const summaries: StatementSummary[] = [];
    for (const { node, at } of unread.value) {
      const summary = summarizeStatement(node, at);
      for (const one of everyStatement(summary)) acts += one.acts.length;
      if (acts > MAX_ACTS) return err({ reason: 'too_long', message: `does more than ${MAX_ACTS} things` });
      summaries.push(summary);
    }
    return ok(summaries);
  } catch (error) {
    return err(asUnparsable(error));
  }
}

const says = (summaries: readonly StatementSummary[]): string =>
  JSON.stringify(summaries, (key, value: unknown) => (key === 'at' ? undefined : value));

interface ReadStatement {
  readonly node: { readonly type: string; readonly fields: Fields };
  readonly at: StatementSummary['at'];
}

/** Parses, with every check on the text before. Never throws. */
export function readTree(
  parse: PgParser,
  text: string,
  settings: PgTextSettings,
): Result<readonly ReadStatement[], Unparsable> {
  const fault = refuseText(text, settings);
  if (fault) return err(fault);
  if (text === '') return ok([]);
  try {
    const parsed = parse(text);
    const statements = typeof parsed === 'object' && parsed !== null && 'stmts' in parsed ? parsed.stmts : undefined;
    if (!Array.isArray(statements)) return err(asUnparsable(undefined));
    return ok(
      statements.map((raw: Fields) => {
        const node = nodeOf(raw.stmt);
        if (!node) throw new TreeFault('unknown_node', 'a statement without a node');
        const at = { offset: Number(raw.stmt_location ?? 0), length: Number(raw.stmt_len ?? 0) };
        return { node, at };
      }),
    );
  } catch (error) {
    return err(asUnparsable(error));
  }
}

function refuseText(text: string, settings: PgTextSettings): Unparsable | undefined {
  if (text.length > MAX_TEXT_CHARACTERS)
    return { reason: 'too_long', message: `longer than ${MAX_TEXT_CHARACTERS} characters` };
  // The parser stops at a NUL; the server would not have been sent what follows it, or would.
  if (text.includes('\0')) return { reason: 'nul', message: 'holds a NUL byte' };
  // A replacement character stands for bytes that could not be read, a lone surrogate for none.
  if (text.includes('\uFFFD') || !text.isWellFormed())
    return { reason: 'encoding', message: 'is not whole in its encoding' };
  const conforming = settings.standardConformingStrings;
  if (conforming === true || !text.includes('\\')) return undefined;
  return conforming === undefined && asEscaping(text) !== undefined ? undefined : ambiguous();
}

const ambiguous = (): Unparsable => ({
  reason: 'string_syntax',
  message: 'holds a backslash while standard_conforming_strings is not known to be on',
});

export function asUnparsable(error: unknown): Unparsable {
  if (error instanceof TreeFault) return { reason: error.reason, message: error.message };
  // V8's stack and that of the WASM module alike; both go on afterwards.
  if (error instanceof RangeError || (error instanceof Error && error.name === 'RuntimeError'))
    return { reason: 'too_deep', message: 'is nested too deeply' };
  if (error instanceof Error && /stack depth|memory/i.test(error.message))
    return { reason: 'too_deep', message: 'is nested too deeply' };
  return syntaxError(error);
}

/** Of what an unended string has swallowed, the client needs no more. */
const MAX_SAID = 300;

/** libpg_query's error has PostgreSQL's message and place: characters, from 0. */
function syntaxError(error: unknown): Unparsable {
  const details: unknown = error instanceof Error && 'sqlDetails' in error ? error.sqlDetails : undefined;
  if (typeof details !== 'object' || details === null || !('message' in details) || !('cursorPosition' in details))
    return { reason: 'syntax', message: 'has a syntax error' };
  const text = String(details.message);
  const message = text.length <= MAX_SAID ? text : `${cutText(text, MAX_SAID)}..."`;
  const at = Number(details.cursorPosition);
  const position = at >= 0 ? at + 1 : undefined;
  const where = position === undefined ? '' : ` at character ${position}`;
  return { reason: 'syntax', message: `has a syntax error${where}`, said: { message, position } };
}
