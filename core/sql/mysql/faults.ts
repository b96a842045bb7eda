import type { Unparsable } from '../statement.ts';
import { VERBS } from '../vocabulary.ts';

/** Ends the reading of a text; summarizeMysql makes an Unparsable of it. The message quotes nothing of the text but words of SQL. */
export class MysqlFault extends Error {
  readonly reason: Unparsable['reason'];

  constructor(reason: Unparsable['reason'], message: string) {
    super(message);
    this.reason = reason;
  }
}

/** What may be quoted: of any other word nobody knows whether it is somebody's secret. */
const WORDS: ReadonlySet<string> = new Set([
  ...[...VERBS].flatMap((verb) => verb.split(' ')),
  ...['from', 'where', 'by', 'order', 'group', 'having', 'limit', 'and', 'or', 'not', 'as', 'on', 'using', 'join'],
  ...['left', 'right', 'inner', 'outer', 'cross', 'values', 'union', 'in', 'is', 'null', 'like', 'between', 'exists'],
  ...['if', 'then', 'else', 'end', 'case', 'when', 'return', 'returning', 'with', 'to', 'for', 'distinct', 'all'],
]);

interface Token {
  readonly kind: string;
  readonly word: string;
  readonly start: number;
  /** Before `start`: what begins there could not be read as a token. */
  readonly end: number;
  readonly text: string;
}

/** The same fault with the place of the token at which the text is not understood: lines and characters from 1. */
export function atToken({ reason, message }: MysqlFault, { kind, word, start, end, text }: Token): MysqlFault {
  if (kind === 'end' && start >= text.length) return new MysqlFault(reason, `${message} (at its end)`);
  const before = text.slice(0, start);
  const line = before.split('\n').length;
  const column = start - before.lastIndexOf('\n');
  const isShown = end > start && (kind === 'sign' || (kind === 'word' && WORDS.has(word)));
  const shown = isShown ? `, near "${word}"` : '';
  return new MysqlFault(reason, `${message} (line ${line}, column ${column}${shown})`);
}
