// INSERT, REPLACE, UPDATE, DELETE, LOAD and HANDLER: what they write, and what they read on the way.

import type { RelationName } from '../statement.ts';
import { readsChoice } from './choosing.ts';
import { NO_WORDS } from './expressions.ts';
import { expressions, readSubquery, readTable, readTables, readTerms, type TableFactor } from './query-reading.ts';
import type { Reading } from './reading.ts';

const PRIORITIES: ReadonlySet<string> = new Set([
  'low_priority',
  'high_priority',
  'delayed',
  'quick',
  'ignore',
  'concurrent',
]);
const BEHIND_WHERE: ReadonlySet<string> = new Set(['order', 'limit', 'returning']);
const QUERY_WORDS: ReadonlySet<string> = new Set([
  'select',
  'with',
  'table',
  'values',
  'value',
  'set',
  'on',
  'returning',
  'as',
]);

/** Reading its own table goes with the statement, as far as allowing it goes; a rule against reading still sees it. */
const readsItsOwn = (r: Reading, relation: RelationName): void => r.does(['select'], 'read', { relation, free: true });

export function readInsert(r: Reading, verb: 'insert' | 'replace'): void {
  r.kind = verb;
  while (r.takeAny(PRIORITIES));
  r.take('into');
  const relation = r.relation();
  r.does([verb], 'write', { ...(verb === 'replace' && { also: ['insert', 'delete'] }), relation });
  if (r.take('partition')) expressions.bracketed(r);
  for (;;) {
    if (r.done || r.at(')')) return;
    if (r.at('select') || r.at('with') || r.at('table')) readSubquery(r);
    else if (r.takeAll('on', 'duplicate', 'key', 'update')) {
      r.does(['update'], 'write', { relation });
      readsItsOwn(r, relation);
    } else if (r.take('returning')) readsItsOwn(r, relation);
    // Columns, rows, and a query in brackets with what may follow it.
    else if (r.at('(')) readBracketed(r);
    else if (!r.takeAny(QUERY_WORDS)) expressions.read(r, QUERY_WORDS);
  }
}

function readBracketed(r: Reading): void {
  const mark = r.lexer.mark();
  r.next();
  if (expressions.startsQuery(r) && !r.at('values')) {
    r.lexer.reset(mark);
    readTerms(r);
    return;
  }
  r.lexer.reset(mark);
  expressions.bracketed(r);
}

export function readUpdate(r: Reading): void {
  r.kind = 'update';
  while (r.takeAny(PRIORITIES));
  const found: TableFactor[] = [];
  readTables(r, found);
  r.expect('set');
  const assigned = readAssignments(r);
  const withoutWhere = !readWhere(r) && { withoutWhere: true as const };
  readRest(r);
  for (const factor of found) {
    const { relation, alias } = factor;
    if (!relation) continue;
    // A name without a table could be any's.
    const written = found.length === 1 || assigned === undefined || assigned.has(alias ?? '');
    if (written) r.does(['update'], 'write', { relation, ...withoutWhere });
    r.does(['select'], 'read', { relation, ...(written && { free: true }) });
  }
}

/** The tables whose columns are assigned to, by what they are called; undefined: any of them. */
function readAssignments(r: Reading): ReadonlySet<string> | undefined {
  const tables = new Set<string>();
  let any = false;
  do {
    const parts = [r.name()];
    while (r.take('.')) parts.push(r.name());
    if (!r.take('=')) r.expect(':=');
    const table = parts.at(-2);
    if (table === undefined) any = true;
    else tables.add(table.toLowerCase());
    expressions.read(r, ASSIGNED);
  } while (r.take(','));
  return any ? undefined : tables;
}

const ASSIGNED: ReadonlySet<string> = new Set([',', 'where', ...BEHIND_WHERE]);

/** Whether rows are chosen. */
const readWhere = (r: Reading): boolean => r.take('where') && readsChoice(r, BEHIND_WHERE);

function readRest(r: Reading): void {
  while (r.takeAny(BEHIND_WHERE)) expressions.read(r, BEHIND_WHERE);
}

export function readDelete(r: Reading): void {
  r.kind = 'delete';
  while (r.takeAny(PRIORITIES));
  // MariaDB: what was, which no WHERE chooses among.
  if (r.at('history') && r.peek() === 'from') {
    r.next();
    r.next();
    const relation = r.relation();
    r.does(['delete'], 'write', { relation, withoutWhere: true });
    if (r.take('before')) expressions.read(r, NO_WORDS);
    return;
  }
  if (!r.take('from')) {
    const targets = readTargets(r);
    r.expect('from');
    readDeleteFrom(r, targets);
    return;
  }
  const mark = r.lexer.mark();
  const targets = readTargets(r);
  if (r.take('using')) {
    readDeleteFrom(r, targets);
    return;
  }
  r.lexer.reset(mark);
  const { relation } = readTable(r);
  if (!relation) r.fail();
  finishDelete(r, [relation], []);
}

/** `a, b.*, c.d`: names of tables, or what they are called further on. */
function readTargets(r: Reading): RelationName[] {
  const targets: RelationName[] = [];
  do {
    r.take('.');
    const first = r.name();
    if (!r.take('.') || r.take('*')) {
      targets.push({ name: first });
      continue;
    }
    targets.push({ schema: first, name: r.name() });
    if (r.take('.')) r.expect('*');
  } while (r.take(','));
  return targets;
}

function readDeleteFrom(r: Reading, targets: readonly RelationName[]): void {
  const found: TableFactor[] = [];
  readTables(r, found);
  const deleted = new Set<TableFactor>();
  for (const { schema, name = '' } of targets) {
    const folded = name.toLowerCase();
    const meant = found.filter(
      ({ relation, alias }) =>
        relation && (schema === undefined ? alias === folded : relation.name?.toLowerCase() === folded),
    );
    // The server refuses a name that is none of them, unless there is more to names than this reader knows.
    for (const factor of meant.length > 0 ? meant : found) deleted.add(factor);
  }
  const tables = [...deleted].flatMap(({ relation }) => (relation ? [relation] : []));
  const others = found.flatMap((factor) => (factor.relation && !deleted.has(factor) ? [factor.relation] : []));
  finishDelete(r, tables, others);
}

function finishDelete(r: Reading, tables: readonly RelationName[], others: readonly RelationName[]): void {
  const { columns } = r;
  const chosen = readWhere(r);
  readRest(r);
  for (const relation of tables) {
    r.does(['delete'], 'write', { relation, ...(!chosen && { withoutWhere: true }) });
    if (r.columns > columns || tables.length + others.length > 1) readsItsOwn(r, relation);
  }
  for (const relation of others) r.does(['select'], 'read', { relation });
}

/** LOAD DATA, LOAD XML, LOAD INDEX INTO CACHE. */
const OF_THE_CLIENT = 'it sends a file of the client';

export function readLoad(r: Reading): void {
  if (r.take('index')) {
    r.kind = 'load index';
    r.does(['load index'], 'session');
    expressions.read(r, NO_WORDS);
    return;
  }
  const verb = r.take('xml') ? 'load xml' : 'load data';
  if (verb === 'load data') r.expect('data');
  r.kind = verb;
  while (r.takeAny(PRIORITIES));
  const local = r.take('local');
  // MySQL's bulk load: FROM, and from a URL.
  if (!r.take('infile')) {
    r.expect('from');
    if (!r.take('infile') && !r.take('url')) r.take('s3');
  }
  if (r.lexer.kind !== 'string') r.fail();
  if (local) r.clientFile = r.lexer.value ?? null;
  r.next();
  if (r.take('count')) r.next();
  if (r.takeAll('in', 'primary')) {
    r.expect('key');
    r.expect('order');
  }
  const replaces = r.take('replace');
  if (!replaces) r.take('ignore');
  r.expect('into');
  r.expect('table');
  const relation = r.relation();
  const also = ['load data', 'insert', ...(replaces ? ['replace', 'delete'] : [])];
  if (local) {
    r.does(['load data local'], 'write', { also: [verb, ...also], relation, askedFor: OF_THE_CLIENT });
  } else {
    r.does([verb], 'write', { also, relation });
    r.does(['load data file'], 'privilege', { also: [verb] });
  }
  while (!r.done) {
    const { start } = r.lexer;
    expressions.read(r, NO_WORDS);
    if (r.lexer.start === start) return;
  }
}

export function readHandler(r: Reading): void {
  r.kind = 'handler';
  const relation = r.relation();
  if (r.take('open')) {
    r.does(['handler'], 'read', { also: ['select'], relation });
    if (r.take('as') || r.atName) r.name();
    return;
  }
  // What was opened was judged then; the name may be another one since.
  if (!r.take('close')) r.expect('read');
  r.does(['handler'], 'read', { free: true });
  expressions.read(r, NO_WORDS);
}
