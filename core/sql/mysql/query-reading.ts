// Queries: SELECT, VALUES and TABLE with all that may stand around them, and the tables that they name.

import { Expressions, NO_WORDS, SET_OPERATIONS, setUserVariable } from './expressions.ts';
import type { Reading } from './reading.ts';
import type { RelationName } from '../statement.ts';

/** A table, or what stands in the place of one, in a list of them. */
export interface TableFactor {
  /** undefined: a query, or another source that is no table. */
  readonly relation: RelationName | undefined;
  /** In lower case, by which it is called in the statement. */
  readonly alias: string | undefined;
}

/** These begin a clause of a SELECT, or end it. */
const CLAUSES: ReadonlySet<string> = new Set(
  `from into for lock union except intersect on returning procedure where group having order limit window`.split(' '),
);
const JOINS: ReadonlySet<string> = new Set(
  'natural inner cross left right join straight_join on using set , }'.split(' '),
);
const AFTER_CONDITION: ReadonlySet<string> = new Set([...CLAUSES, ...JOINS]);
/** What follows a table that has no alias. */
const NO_ALIAS: ReadonlySet<string> = new Set([
  ...AFTER_CONDITION,
  ...'partition use force ignore values value select with fetch as before full outer'.split(' '),
]);
const HINT_WORDS: ReadonlySet<string> = new Set(['use', 'force', 'ignore']);
const OPERATORS: ReadonlySet<string> = new Set(['+', '-', '*', '/', '%', 'div', 'mod']);

export const expressions = new Expressions(readSubquery);

/** Up to the bracket or the end behind it; what follows an INSERT's query is left. */
export function readSubquery(r: Reading): void {
  const outer = r.ctes;
  if (r.take('with')) readWith(r);
  readTerms(r);
  r.ctes = outer;
}

/** A query without its WITH. */
export function readTerms(r: Reading): void {
  readTerm(r);
  for (;;) {
    if (r.takeAny(SET_OPERATIONS)) {
      if (!r.take('all')) r.take('distinct');
      readTerm(r);
    } else if (r.done || r.at(')') || r.at('returning') || atDuplicate(r)) return;
    // ORDER BY, LIMIT and INTO of the whole.
    else if (!readClause(r, [])) readSome(r);
  }
}

/** Behind WITH: its names hide tables from here on. */
export function readWith(r: Reading): void {
  const recursive = r.take('recursive');
  const ctes = new Set(r.ctes);
  do {
    const name = r.name();
    if (r.at('(')) expressions.bracketed(r);
    r.expect('as');
    // Without RECURSIVE, a query sees only the names before its own. The server takes any name of a recursive one.
    if (recursive) ctes.add(name);
    r.ctes = new Set(ctes);
    r.expect('(');
    expressions.query(r);
    r.expect(')');
    if (r.take('cycle')) {
      do r.name();
      while (r.take(','));
      r.expect('restrict');
    }
    ctes.add(name);
  } while (r.take(','));
  r.ctes = ctes;
}

function readTerm(r: Reading): void {
  if (r.take('(')) {
    expressions.query(r);
    r.expect(')');
  } else if (r.take('select')) readSelect(r);
  else if (r.take('values')) expressions.read(r, CLAUSES);
  else if (r.take('table')) reads(r, r.relation());
  else r.fail();
}

function readSelect(r: Reading): void {
  const tables: TableFactor[] = [];
  let from = false;
  for (;;) {
    if (r.done || r.at(')') || r.atAny(SET_OPERATIONS) || r.at('returning') || atDuplicate(r)) return;
    if (r.take('from')) {
      if (from) r.fail();
      from = true;
      readTables(r, tables);
      for (const { relation } of tables) if (relation) reads(r, relation);
    } else if (!readClause(r, tables)) readSome(r);
  }
}

/** A clause that does something. */
function readClause(r: Reading, tables: readonly TableFactor[]): boolean {
  if (r.take('into')) {
    readInto(r);
    return true;
  }
  const locks = r.takeAll('for', 'update') || r.takeAll('for', 'share') || r.takeAll('lock', 'in', 'share', 'mode');
  if (!locks) return false;
  const verbs = ['select for update'];
  const locked = tables.filter(({ relation }) => relation);
  for (const { relation } of locked) if (relation) r.does(verbs, 'write', { relation });
  if (locked.length === 0) r.does(verbs, 'write');
  if (r.take('of')) {
    do r.relation();
    while (r.take(','));
  }
  return true;
}

function readSome(r: Reading): void {
  const { start } = r.lexer;
  expressions.read(r, CLAUSES);
  if (r.lexer.start !== start) return;
  // A word that begins a clause which does nothing of its own.
  if (r.done || r.at(')') || r.at('from')) r.fail();
  r.next();
}

function readInto(r: Reading): void {
  if (r.at('outfile') || r.at('dumpfile')) {
    const verb = `select into ${r.lexer.word}`;
    r.next();
    if (r.lexer.kind !== 'string') r.fail();
    r.does([verb], 'privilege', { also: ['select into'] });
    if (r.kind === '' || r.kind === 'select') r.kind = verb;
    r.next();
    return;
  }
  do {
    if (r.lexer.kind === 'variable') setUserVariable(r, r.lexer.name);
    else if (!r.atName) r.fail();
    r.next();
  } while (r.take(','));
}

const atDuplicate = (r: Reading): boolean => r.at('on') && r.peek() === 'duplicate';

export function reads(r: Reading, relation: RelationName): void {
  r.does(['select'], 'read', { relation });
}

// --- tables ---

/** A list of tables and joins of them. What is done to those found is up to the caller; what queries among them do is noted. */
export function readTables(r: Reading, found: TableFactor[]): void {
  do readJoined(r, found);
  while (r.take(','));
}

function readJoined(r: Reading, found: TableFactor[]): void {
  readFactor(r, found);
  for (;;) {
    if (r.at('on') && !atDuplicate(r)) {
      r.next();
      expressions.read(r, AFTER_CONDITION);
    } else if (r.at('using') && r.peek() === '(') {
      r.next();
      expressions.bracketed(r);
    } else if (takeJoin(r)) readFactor(r, found);
    else return;
  }
}

function takeJoin(r: Reading): boolean {
  if (r.take('join') || r.take('straight_join')) return true;
  if (r.take('natural')) {
    if (!r.take('inner') && (r.take('left') || r.take('right') || r.take('full'))) r.take('outer');
  } else if (r.take('left') || r.take('right')) r.take('outer');
  else if (r.at('full') && (r.peek() === 'join' || r.peek() === 'outer')) {
    r.next();
    r.take('outer');
  } else if (!r.take('inner') && !r.take('cross')) return false;
  r.expect('join');
  return true;
}

function readFactor(r: Reading, found: TableFactor[]): void {
  // ODBC: { OJ a LEFT JOIN b ON ... }
  if (r.take('{')) {
    r.name();
    r.deeper(() => readTables(r, found));
    r.expect('}');
    return;
  }
  r.take('lateral');
  if (r.at('(')) {
    r.next();
    if (expressions.startsQuery(r)) {
      expressions.query(r);
      found.push({ relation: undefined, alias: undefined });
    } else r.deeper(() => readBracketedTables(r, found));
    r.expect(')');
    const alias = readAlias(r);
    if (alias !== undefined && r.at('(')) expressions.bracketed(r);
    return;
  }
  if (r.at('json_table') && r.peek() === '(') {
    r.next();
    expressions.bracketed(r);
    found.push({ relation: undefined, alias: readAlias(r) });
    return;
  }
  found.push(readTable(r));
}

/** `(a, b JOIN c)`, and `((SELECT 1) UNION SELECT 2)`. */
function readBracketedTables(r: Reading, found: TableFactor[]): void {
  readTables(r, found);
  if (r.at(')')) return;
  while (r.takeAny(SET_OPERATIONS)) {
    if (!r.take('all')) r.take('distinct');
    readTerm(r);
  }
  if (r.at('order') || r.at('limit')) {
    r.next();
    expressions.read(r, NO_WORDS);
  }
}

/** A table with its partitions, its alias and its index hints. */
export function readTable(r: Reading): TableFactor {
  const bare = !r.at('.');
  const plain = r.lexer.kind === 'word';
  const word = r.lexer.word;
  const relation = r.relation();
  const written = r.schemaWritten;
  if (r.at('(')) r.fail();
  if (r.take('partition')) expressions.bracketed(r);
  if (r.at('for') && (r.peek() === 'system_time' || r.peek() === 'portion')) readPeriod(r);
  const alias = readAlias(r);
  while (r.atAny(HINT_WORDS)) {
    r.next();
    if (!r.take('index')) r.expect('key');
    while (!r.at('(') && !r.done) r.next();
    expressions.bracketed(r);
  }
  // DUAL is no table, and a name of WITH hides one. In other case it may be another name, as of tables.
  const none = bare && !written && ((plain && word === 'dual') || r.ctes.has(relation.name ?? ''));
  return { relation: none ? undefined : relation, alias: alias ?? relation.name?.toLowerCase() };
}

function readAlias(r: Reading): string | undefined {
  if (r.take('as')) return r.lexer.kind === 'string' ? r.fail() : r.name().toLowerCase();
  if (!r.atName || (r.lexer.kind === 'word' && r.atAny(NO_ALIAS))) return undefined;
  return r.name().toLowerCase();
}

/** MariaDB: FOR SYSTEM_TIME ..., FOR PORTION OF p FROM a TO b. */
function readPeriod(r: Reading): void {
  r.next();
  if (r.take('portion')) {
    r.expect('of');
    r.name();
  } else {
    r.expect('system_time');
    if (r.take('all')) return;
  }
  if (r.take('as')) {
    r.expect('of');
    readMoment(r);
  } else if (r.take('between')) {
    readMoment(r);
    r.expect('and');
    readMoment(r);
  } else {
    r.expect('from');
    readMoment(r);
    r.expect('to');
    readMoment(r);
  }
}

function readMoment(r: Reading): void {
  r.take('transaction');
  if (r.at('timestamp') && r.peek() !== '(') r.next();
  do {
    const interval = r.take('interval');
    if (r.at('(')) expressions.bracketed(r);
    else {
      expressions.part(r);
      if (r.at('(')) expressions.bracketed(r);
    }
    if (interval) r.next();
  } while (r.takeAny(OPERATORS));
}
