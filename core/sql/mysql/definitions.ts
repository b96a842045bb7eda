// CREATE, ALTER, DROP, RENAME and TRUNCATE: of what, and what is lost by it.

import type { RelationName, StatementClass } from '../statement.ts';
import { readAccountChange } from './accounts.ts';
import { skipBody } from './blocks.ts';
import { NO_WORDS } from './expressions.ts';
import { expressions, readSubquery, readTerms, reads } from './query-reading.ts';
import type { Reading } from './reading.ts';
import { readLibrary, readRoutine, readTrigger, skipElements } from './routines.ts';

const CLASSES: Readonly<Record<string, StatementClass>> = {
  user: 'privilege',
  role: 'privilege',
  server: 'privilege',
  'resource group': 'privilege',
};
const classOfObject = (object: string): StatementClass => CLASSES[object] ?? 'schema';

/** A database is a schema. An account counts as a role, too. */
const namesOf = (verb: string, object: string): { verbs: string[]; also?: string[] } => {
  if (object === 'database') return { verbs: [verb, `${verb} database`, `${verb} schema`] };
  if (object === 'user') return { verbs: [verb, `${verb} user`], also: [`${verb} role`] };
  return { verbs: [verb, `${verb} ${object}`] };
};

const OBJECTS: ReadonlySet<string> = new Set(
  `table tables view index database schema procedure function trigger event user role server tablespace sequence
  logfile resource undo spatial instance library`.split(/\s+/),
);

/** The kind of object, whose words are taken. */
function readObject(r: Reading): string {
  const word = r.takeAny(OBJECTS);
  switch (word) {
    case undefined:
      return r.fail();
    case 'tables':
      return 'table';
    case 'schema':
      return 'database';
    case 'logfile':
    case 'resource':
      r.expect('group');
      return `${word} group`;
    case 'undo':
      r.expect('tablespace');
      return 'tablespace';
    case 'spatial':
      r.expect('reference');
      r.expect('system');
      return 'spatial reference system';
    default:
      return word;
  }
}

const ifExists = (r: Reading): void => {
  if (r.take('if')) {
    r.take('not');
    r.expect('exists');
  }
};

const databaseOf = (r: Reading): RelationName => (r.atName && !r.done ? { schema: r.name() } : r.everyTable());

// --- CREATE ---

/** These may stand between CREATE or ALTER and what it is of. */
const ADJECTIVES: ReadonlySet<string> = new Set(
  'temporary unique fulltext vector aggregate online offline ignore external materialized json relational duality'.split(
    ' ',
  ),
);
/** MariaDB's OR REPLACE of these drops what was there, with all that was in it. */
const LOSES: ReadonlySet<string> = new Set(['table', 'database', 'sequence', 'user', 'role', 'server', 'index']);

export function readCreate(r: Reading): void {
  const replaces = r.takeAll('or', 'replace');
  readViewOptions(r);
  while (r.takeAny(ADJECTIVES)) readViewOptions(r);
  if (r.at('spatial') && r.peek() === 'index') r.next();
  const object = readObject(r);
  const names = namesOf('create', object);
  const lost = replaces && LOSES.has(object) ? ['drop', `drop ${object}`] : [];
  const also = [...(names.also ?? []), ...lost];
  const act = { verbs: names.verbs, ...(also.length > 0 && { also }), class: classOfObject(object) };
  r.kind = `create ${object}`;
  ifExists(r);
  switch (object) {
    case 'table': {
      const relation = r.relation();
      r.act({ ...act, relation });
      readTableDefinition(r);
      return;
    }
    case 'view':
      r.act({ ...act, relation: r.relation() });
      if (r.at('(')) expressions.bracketed(r);
      r.expect('as');
      readSubquery(r);
      if (r.take('with')) expressions.read(r, NO_WORDS);
      return;
    case 'index': {
      while (!r.at('on') && !r.done) r.next();
      r.expect('on');
      r.act({ ...act, relation: r.relation() });
      skipOptions(r);
      return;
    }
    case 'database':
      r.act({ ...act, relation: databaseOf(r) });
      skipOptions(r);
      return;
    case 'user':
    case 'role':
      r.act(act);
      readAccountChange(r);
      return;
    case 'procedure':
    case 'function':
      r.act(act);
      readRoutine(r, object);
      return;
    case 'library':
      r.act(act);
      r.relation();
      readLibrary(r);
      return;
    case 'trigger':
      readTrigger(r, act);
      return;
    case 'event':
      r.act(act);
      r.relation();
      while (!r.at('do')) {
        if (r.done) r.fail();
        r.next();
      }
      r.next();
      skipBody(r);
      r.hides('what an event will do is not seen', 'create event');
      return;
    default:
      r.act(object === 'sequence' ? { ...act, relation: r.relation() } : act);
      skipOptions(r);
  }
}

/** ALGORITHM, DEFINER and SQL SECURITY stand before what is defined. */
function readViewOptions(r: Reading): void {
  for (;;) {
    if (r.take('algorithm')) {
      r.expect('=');
      r.next();
    } else if (r.take('definer')) {
      r.expect('=');
      readDefiner(r);
    } else if (r.takeAll('sql', 'security')) r.next();
    else return;
  }
}

function readDefiner(r: Reading): void {
  const { kind, name } = r.lexer;
  if (kind === 'string' || r.atName) {
    r.roles.add(kind === 'string' ? (r.lexer.value ?? '') : name);
    r.next();
  } else r.fail();
  if (r.take('(')) r.expect(')');
  if (r.lexer.kind === 'variable') r.next();
}

/** Nothing in it does anything: engines, character sets, comments. */
function skipOptions(r: Reading): void {
  let open = 0;
  for (; !r.done; r.next()) {
    if (r.at('(')) open++;
    else if (r.at(')') && --open < 0) r.fail();
    if (r.at('select')) r.fail();
  }
  if (open > 0) r.fail();
}

/** Their rows are elsewhere: files of the server, tables of other servers. */
const FOREIGN_ENGINES: ReadonlySet<string> = new Set(['connect', 'federated', 'federatedx', 'spider', 's3']);

/** Behind a table's name: LIKE another, columns, options and a query. */
function readTableDefinition(r: Reading): void {
  while (!r.done && !r.at(')')) {
    if (r.take('like')) {
      reads(r, r.relation());
    } else if (r.at('select') || (r.at('with') && r.peek() !== 'system') || r.at('table')) {
      readsRows(r);
    } else if (r.take('as')) {
      if (!r.at('(') && !expressions.startsQuery(r)) r.fail();
      readsRows(r);
    } else if (r.at('(')) readElements(r);
    else readOption(r);
  }
}

function readsRows(r: Reading): void {
  const created = r.acts[0];
  if (created) r.acts[0] = { ...created, verbs: [...created.verbs, 'create table as'] };
  readSubquery(r);
}

function readOption(r: Reading): void {
  const word = r.lexer.word;
  r.next();
  if (word === 'engine' || word === 'type') {
    r.take('=');
    const engine = r.lexer.kind === 'string' ? (r.lexer.value ?? '') : r.lexer.name;
    if (FOREIGN_ENGINES.has(engine.toLowerCase()))
      r.hides('its rows are kept elsewhere', 'create table', 'alter table');
  } else if (word === 'union') {
    r.take('=');
    r.expect('(');
    while (!r.at(')')) {
      if (r.done) r.fail();
      reads(r, r.relation());
      r.take(',');
    }
    r.next();
  }
}

/** Columns and keys between brackets, or a query. */
function readElements(r: Reading): void {
  const mark = r.lexer.mark();
  r.next();
  if (r.take('like')) {
    reads(r, r.relation());
    r.expect(')');
    return;
  }
  let brackets = 0;
  while (r.at('(') && brackets < 8) {
    r.next();
    brackets++;
  }
  if (r.at('select') || r.at('with') || r.at('table')) {
    r.lexer.reset(mark);
    const created = r.acts[0];
    if (created) r.acts[0] = { ...created, verbs: [...created.verbs, 'create table as'] };
    readTerms(r);
    return;
  }
  r.lexer.reset(mark);
  r.next();
  skipElements(r);
  r.expect(')');
}

// --- ALTER ---

export function readAlter(r: Reading): void {
  readViewOptions(r);
  while (r.takeAny(ADJECTIVES)) readViewOptions(r);
  const object = readObject(r);
  const { verbs, also } = namesOf('alter', object);
  r.kind = `alter ${object}`;
  const act = { verbs, ...(also && { also }), class: classOfObject(object) };
  if (object !== 'database') ifExists(r);
  switch (object) {
    case 'table':
      readAlterTable(r, act);
      return;
    case 'view':
      r.act({ ...act, relation: r.relation() });
      if (r.at('(')) expressions.bracketed(r);
      r.expect('as');
      readSubquery(r);
      if (r.take('with')) expressions.read(r, NO_WORDS);
      return;
    case 'database':
      r.act({
        ...act,
        relation:
          r.at('character') || r.at('charset') || r.at('collate') || r.at('default') ? r.everyTable() : databaseOf(r),
      });
      skipOptions(r);
      return;
    case 'user':
    case 'role':
      r.act(act);
      readAccountChange(r);
      return;
    case 'event':
      r.act(act);
      r.relation();
      while (!r.done && !r.at('do')) r.next();
      if (r.take('do')) {
        skipBody(r);
        r.hides('what an event will do is not seen', 'alter event', 'create event');
      }
      return;
    case 'instance':
      r.act({ ...act, class: 'privilege' });
      skipOptions(r);
      return;
    default:
      r.act(object === 'sequence' ? { ...act, relation: r.relation() } : act);
      skipOptions(r);
  }
}

/** Behind DROP in ALTER TABLE: what is lost then is no column. */
const NO_COLUMN: ReadonlySet<string> = new Set([
  'index',
  'key',
  'primary',
  'foreign',
  'constraint',
  'check',
  'default',
]);

const KEYS_SWITCHES: ReadonlySet<string> = new Set(['disable', 'enable']);

function readAlterTable(r: Reading, act: { verbs: readonly string[]; class: StatementClass }): void {
  const relation = r.relation();
  if (readKeysSwitch(r, relation)) return;
  const also = new Set<string>();
  let first = true;
  while (!r.done && !r.at(')')) {
    if (r.at('select')) r.fail();
    if (r.at('(')) {
      r.next();
      skipElements(r);
      r.expect(')');
    } else if (r.take('drop')) {
      if (r.atAny(NO_COLUMN)) r.next();
      else {
        also.add('drop');
        also.add(r.at('partition') ? 'drop partition' : 'drop column');
      }
    } else if (r.take('truncate')) also.add('truncate');
    else if (r.take('discard')) also.add('drop');
    // EXCHANGE PARTITION ... WITH TABLE, CONVERT TABLE ... TO PARTITION and the reverse.
    else if (r.take('table')) r.act({ ...act, relation: r.relation() });
    else if (first && r.take('rename')) readRenaming(r, act);
    else if (r.take('references')) r.act({ ...act, relation: r.relation() });
    else {
      first = r.at(',');
      readOption(r);
      continue;
    }
    first = false;
  }
  r.acts.unshift({ ...act, ...(also.size > 0 && { also: [...also] }), relation });
}

/** DISABLE or ENABLE KEYS as the only alteration, as dumps have it around a table's rows: maintenance, which defines nothing. */
function readKeysSwitch(r: Reading, relation: RelationName): boolean {
  const mark = r.lexer.mark();
  const word = r.takeAny(KEYS_SWITCHES);
  if (word !== undefined && r.take('keys') && r.done) {
    r.kind = `${word} keys`;
    r.does([r.kind], 'schema', { relation });
    return true;
  }
  r.lexer.reset(mark);
  return false;
}

/** RENAME [TO | AS] another; RENAME COLUMN, INDEX and KEY stay within. */
function readRenaming(r: Reading, act: { verbs: readonly string[]; class: StatementClass }): void {
  if (r.at('column') || r.at('index') || r.at('key')) return;
  if (!r.take('to') && !r.take('as')) r.take('=');
  r.act({ ...act, relation: r.relation() });
}

// --- DROP, RENAME, TRUNCATE ---

export function readDrop(r: Reading): void {
  if (r.take('prepare')) {
    r.kind = 'deallocate';
    r.does(['deallocate'], 'session', { free: true });
    r.deallocates = r.name().toLowerCase();
    return;
  }
  r.take('temporary');
  if (r.at('spatial') && r.peek() === 'index') r.next();
  const object = readObject(r);
  const { verbs, also } = namesOf('drop', object);
  r.kind = `drop ${object}`;
  const act = { verbs, ...(also && { also }), class: classOfObject(object) };
  ifExists(r);
  switch (object) {
    case 'table':
    case 'view':
    case 'sequence':
      do r.act({ ...act, relation: r.relation() });
      while (r.take(','));
      break;
    case 'index':
      r.name();
      r.expect('on');
      r.act({ ...act, relation: r.relation() });
      break;
    case 'database':
      r.act({ ...act, relation: databaseOf(r) });
      break;
    case 'user':
    case 'role':
      r.act(act);
      readAccountChange(r);
      return;
    default:
      r.act(act);
  }
  skipOptions(r);
}

export function readRename(r: Reading): void {
  if (r.take('user')) {
    r.kind = 'rename user';
    r.does(['rename', 'rename user'], 'privilege', { also: ['alter', 'alter user', 'alter role'] });
    readAccountChange(r);
    return;
  }
  if (!r.take('tables')) r.expect('table');
  r.kind = 'rename table';
  ifExists(r);
  const act = { verbs: ['rename', 'rename table'], also: ['alter', 'alter table'], class: 'schema' as const };
  do {
    r.act({ ...act, relation: r.relation() });
    if (r.take('wait')) r.next();
    else r.take('nowait');
    r.expect('to');
    r.act({ ...act, relation: r.relation() });
  } while (r.take(','));
}

export function readTruncate(r: Reading): void {
  r.kind = 'truncate';
  r.take('table');
  r.does(['truncate'], 'write', { relation: r.relation() });
  if (r.take('wait')) r.next();
  else r.take('nowait');
}
