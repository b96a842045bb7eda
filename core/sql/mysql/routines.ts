// Routines, triggers and MariaDB's blocks: what stands before their code, and where that ends.

import type { StatementClass } from '../statement.ts';
import { BLOCK_WORDS, skipBody } from './blocks.ts';
import { expressions } from './query-reading.ts';
import type { Reading } from './reading.ts';

export function skipElements(r: Reading): void {
  for (let open = 0; ; ) {
    if (r.done) r.fail();
    if (r.at(')') && open-- === 0) return;
    if (r.at('(')) open++;
    if (r.at('select')) r.fail();
    if (r.take('references')) r.does(['create', 'create table'], 'schema', { relation: r.relation() });
    else r.next();
  }
}

const CHARACTERISTICS: ReadonlySet<string> = new Set(
  'comment language using not deterministic contains no reads modifies sql security data definer invoker'.split(' '),
);

export function readRoutine(r: Reading, object: 'procedure' | 'function'): void {
  r.relation();
  if (object === 'function' && r.take('returns')) {
    r.next();
    r.expect('soname');
    r.next();
    r.hides("what a library's function does is not seen", 'create function');
    return;
  }
  r.expect('(');
  skipElements(r);
  r.expect(')');
  if (object === 'function') {
    r.expect('returns');
    readType(r);
  }
  readCharacteristics(r);
  // MySQL: code in another language stands in a string.
  if (r.take('as')) r.next();
  else skipBody(r);
  r.hides(`what a ${object} will do is not seen`, `create ${object}`);
}

/** MySQL 9: code that routines in another language use. */
export function readLibrary(r: Reading): void {
  readCharacteristics(r);
  r.expect('as');
  r.next();
  r.hides("what a library's code does is not seen", 'create library');
}

function readCharacteristics(r: Reading): void {
  for (;;) {
    const word = r.takeAny(CHARACTERISTICS);
    if (word === undefined) return;
    if (word === 'comment' || word === 'language') r.next();
    else if (word === 'using') expressions.bracketed(r);
  }
}

const TYPE_WORDS: ReadonlySet<string> = new Set(
  'unsigned signed zerofill binary ascii unicode varying precision varchar character byte'.split(' '),
);

function readType(r: Reading): void {
  r.next();
  if (r.take('of')) r.relation();
  for (;;) {
    if (r.at('(')) expressions.bracketed(r);
    else if (r.takeAll('character', 'set') || r.take('charset') || r.take('collate')) r.next();
    else if (!r.takeAny(TYPE_WORDS)) return;
  }
}

export function readTrigger(r: Reading, act: { verbs: readonly string[]; class: StatementClass }): void {
  r.relation();
  while (!r.at('on')) {
    if (r.done) r.fail();
    r.next();
  }
  r.next();
  r.act({ ...act, relation: r.relation() });
  r.expect('for');
  r.expect('each');
  r.expect('row');
  if (r.take('follows') || r.take('precedes')) r.name();
  if (r.take('when')) expressions.bracketed(r);
  skipBody(r);
  r.hides('what a trigger will do is not seen', 'create trigger');
}

/** MariaDB: a block outside of any routine. */
export function readCompound(r: Reading): void {
  r.kind = 'begin not atomic';
  skipBody(r);
  r.does(['begin not atomic'], 'opaque', { also: ['do'] });
  r.hides('what a block does is not seen', 'begin not atomic');
}

export const startsBlock = (r: Reading): boolean =>
  r.at('begin') ? r.peek() === 'not' : r.atAny(BLOCK_WORDS) || (r.atName && r.peek() === ':');
