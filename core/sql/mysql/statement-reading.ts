// Which statement it is, by its first words, and who reads the rest. One that is not in these tables is refused (law 3).

import { readGrant } from './accounts.ts';
import { ADMINISTRATION, analyze, explain } from './administration.ts';
import { readCreate, readDrop, readRename, readTruncate, readAlter } from './definitions.ts';
import { readCompound, startsBlock } from './routines.ts';
import { MysqlLexer } from './lexer.ts';
import { readSubquery, readTerms, readWith } from './query-reading.ts';
import type { Reading } from './reading.ts';
import {
  readDeallocate,
  readExecuteStatement,
  readPrepare,
  readSet,
  readTransaction,
  readUse,
  readXa,
} from './session-statements.ts';
import { readDelete, readHandler, readInsert, readLoad, readUpdate } from './writes.ts';

type Read = (r: Reading) => void;

/** Words that begin a query. They are not taken before it is read. */
const QUERIES: ReadonlySet<string> = new Set(['select', 'values', 'table', '(']);

/** By their first word, which is taken. */
const STATEMENTS: ReadonlyMap<string, Read> = new Map<string, Read>([
  ...ADMINISTRATION,
  ['insert', (r) => readInsert(r, 'insert')],
  ['replace', (r) => readInsert(r, 'replace')],
  ['update', readUpdate],
  ['delete', readDelete],
  ['load', readLoad],
  ['handler', readHandler],
  ['truncate', readTruncate],
  ['create', readCreate],
  ['alter', readAlter],
  ['drop', readDrop],
  ['rename', readRename],
  ['grant', (r) => readGrant(r, 'grant')],
  ['revoke', (r) => readGrant(r, 'revoke')],
  ['set', (r) => readSet(r, readStatement)],
  ['use', readUse],
  ['begin', (r) => readTransaction(r, 'begin')],
  ['commit', (r) => readTransaction(r, 'commit')],
  ['rollback', (r) => readTransaction(r, 'rollback')],
  ['savepoint', (r) => readTransaction(r, 'savepoint')],
  ['release', (r) => readTransaction(r, 'release')],
  ['xa', readXa],
  ['prepare', readPrepare],
  ['execute', readExecuteStatement],
  ['deallocate', readDeallocate],
  ['explain', explain(readStatement)],
  ['describe', explain(readStatement)],
  ['desc', explain(readStatement)],
  ['analyze', analyze(readStatement)],
  ['with', readWithStatement],
]);

/** The words that statements begin with, for the test that holds them against the servers' own list. */
export const FIRST_WORDS: readonly string[] = [...STATEMENTS.keys(), ...QUERIES];

/** Up to its semicolon or the text's end. Throws a MysqlFault for what it does not know. */
export function readStatement(r: Reading): void {
  const { hints } = r.lexer;
  const before = hints.length;
  const { word } = r.lexer;
  if (startsBlock(r)) readCompound(r);
  else if (QUERIES.has(word)) readSelected(r, readSubquery);
  else {
    const read = STATEMENTS.get(word);
    if (!read) r.fail();
    r.next();
    read(r);
  }
  if (!r.done) r.fail();
  for (const hint of hints.slice(before)) readHints(r, hint);
}

function readSelected(r: Reading, read: Read): void {
  r.kind = 'select';
  read(r);
  if (!r.acts.some(({ relation }) => relation)) r.does(['select'], 'read');
}

function readWithStatement(r: Reading): void {
  readWith(r);
  if (r.take('update')) readUpdate(r);
  else if (r.take('delete')) readDelete(r);
  else readSelected(r, readTerms);
}

/** SET_VAR(name = value) sets a variable for the statement. */
function readHints(r: Reading, hints: string): void {
  const lexer = new MysqlLexer(hints, r.lexer.settings);
  for (lexer.next(); lexer.kind !== 'end'; lexer.next()) {
    if (lexer.word !== 'set_var') continue;
    lexer.next();
    lexer.next();
    const named = lexer.kind === 'word' || lexer.kind === 'name';
    r.does(['set'], 'session', { setting: named ? lexer.name.toLowerCase() : null });
  }
}
