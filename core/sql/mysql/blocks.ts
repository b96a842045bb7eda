// Where code ends that is made of statements: bodies of procedures, functions, triggers and events, and MariaDB's blocks
// outside of them. The code itself is not read.

import type { Reading } from './reading.ts';

/** These open what an END closes, where a statement begins. */
export const BLOCK_WORDS: ReadonlySet<string> = new Set(['begin', 'if', 'case', 'loop', 'while', 'repeat', 'for']);
/** A statement begins directly behind them. */
const BODY_FOLLOWS: ReadonlySet<string> = new Set(['begin', 'loop', 'repeat']);

/** What is open, from without to within: a word of BLOCK_WORDS; `value` for a CASE in an expression; `until` for the end of a REPEAT. */
type Open = string[];

/** Skips one statement of a body, with all within, up to its semicolon or the text's end. */
export function skipBody(r: Reading): void {
  const open: Open = [];
  let starts = true;
  while (open.length > 0 || !r.done) {
    if (r.lexer.kind === 'end') r.fail();
    starts = skipToken(r, open, starts);
  }
}

/** Whether a statement begins behind what was skipped. */
function skipToken(r: Reading, open: Open, starts: boolean): boolean {
  const { word, kind } = r.lexer;
  const around = open.at(-1);
  if (word === 'end' && (starts || around === 'value' || around === 'until')) return skipEnd(r, open);
  if (starts && r.atName && r.peek() === ':') {
    r.next();
    r.next();
    return true;
  }
  r.next();
  if (kind !== 'word') return word === ';';
  if (word === 'case' && !starts) {
    open.push('value');
    return false;
  }
  if (starts) {
    if (word === 'declare') return skipDeclare(r);
    if (word === 'until' && around === 'repeat') {
      open.push('until');
      return false;
    }
    if (BLOCK_WORDS.has(word)) {
      open.push(word);
      if (word === 'begin') r.takeAll('not', 'atomic');
      return BODY_FOLLOWS.has(word);
    }
  }
  if (word === 'then' || word === 'else') return around === 'if' || around === 'case';
  return word === 'do' && (around === 'while' || around === 'for');
}

function skipEnd(r: Reading, open: Open): boolean {
  r.next();
  let closed = open.pop();
  if (closed === 'value') return false;
  if (closed === 'until') closed = open.pop();
  if (closed === undefined) r.fail();
  if (closed !== 'begin') r.expect(closed);
  // The label that it had.
  if (r.atName) r.next();
  if (open.length > 0) r.expect(';');
  else if (!r.done) r.fail();
  return true;
}

/** `DECLARE ... HANDLER FOR a, b` has a statement behind it. */
function skipDeclare(r: Reading): boolean {
  if (!(r.take('continue') || r.take('exit') || r.take('undo'))) return false;
  r.expect('handler');
  r.expect('for');
  do {
    if (r.take('not')) r.expect('found');
    else if (r.take('sqlstate')) {
      r.take('value');
      r.next();
    } else r.next();
  } while (r.take(','));
  return true;
}
