// Statements about the server and its tables as a whole: SHOW, FLUSH, KILL, CHECK TABLE and their kin.

import { asPlanned, type StatementClass } from '../statement.ts';
import { NO_WORDS } from './expressions.ts';
import { expressions } from './query-reading.ts';
import type { Reading } from './reading.ts';
import { readTransaction, skipRest } from './session-statements.ts';

type Read = (r: Reading) => void;

/** A statement that is one thing, named by words that hold no query. */
const simple =
  (verb: string, kind: StatementClass, also?: readonly string[]): Read =>
  (r) => {
    r.kind = verb;
    r.does([verb], kind, also && { also });
    skipRest(r);
  };

/** The same with values, which may hold queries. */
const withValues =
  (verb: string, kind: StatementClass, free = false): Read =>
  (r) => {
    r.kind = verb;
    r.does([verb], kind, free ? { free: true } : {});
    expressions.read(r, NO_WORDS);
  };

const opaque =
  (verb: string, why: string, also?: readonly string[]): Read =>
  (r) => {
    simple(verb, 'opaque', also)(r);
    r.hides(why, verb);
  };

/** A list of tables, each with the same done to it. */
function onTables(verb: string, kind: StatementClass): Read {
  return (r) => {
    r.kind = verb;
    if (!r.take('no_write_to_binlog')) r.take('local');
    if (!r.take('tables') && !r.take('view')) r.expect('table');
    do {
      r.does([verb], kind, { relation: r.relation() });
      if (r.at('persistent')) while (!r.done && !r.at(',')) skipOne(r);
    } while (r.take(','));
    skipRest(r);
  };
}

function skipOne(r: Reading): void {
  if (r.at('(')) expressions.bracketed(r);
  else r.next();
}

function lock(r: Reading): void {
  r.kind = 'lock';
  if (r.take('instance')) {
    r.does(['lock'], 'privilege');
    skipRest(r);
    return;
  }
  if (!r.take('tables')) r.expect('table');
  do {
    r.does(['lock'], 'write', { relation: r.relation() });
    while (!r.done && !r.at(',')) r.next();
  } while (r.take(','));
}

const COLUMN_WORDS: ReadonlySet<string> = new Set(['columns', 'fields', 'index', 'indexes', 'keys']);
const CREATED: ReadonlySet<string> = new Set(['table', 'view', 'sequence']);
const FILTERS: ReadonlySet<string> = new Set(['where', 'like', 'limit']);

function show(r: Reading): void {
  r.kind = 'show';
  const logged = (r.at('binlog') || r.at('relaylog')) && r.peek() === 'events';
  if (logged) {
    r.does(['show binlog events'], 'privilege', { also: ['show'] });
    expressions.read(r, NO_WORDS);
    return;
  }
  while (r.take('extended') || r.take('full'));
  if (r.takeAny(COLUMN_WORDS) !== undefined) {
    if (!r.take('from')) r.expect('in');
    let relation = r.relation();
    if (r.take('from') || r.take('in')) relation = { ...relation, schema: r.name() };
    r.does(['show'], 'read', { relation });
  } else if (r.take('create') && r.takeAny(CREATED)) r.does(['show'], 'read', { relation: r.relation() });
  else r.does(['show'], 'read');
  while (!r.done && !r.atAny(FILTERS)) {
    if (r.at('select')) r.fail();
    r.next();
  }
  while (r.takeAny(FILTERS)) expressions.read(r, FILTERS);
}

const READABLE: ReadonlySet<string> = new Set('select insert replace update delete with values ('.split(' '));

/** EXPLAIN, DESCRIBE: of a statement that is planned and not run, or of a table. */
export const explain =
  (nested: Read): Read =>
  (r) => {
    r.kind = 'explain';
    r.does(['explain'], 'read');
    const runs = r.take('analyze');
    for (;;) {
      if (r.at('format') && r.peek() === '=') {
        r.next();
        r.next();
        r.next();
      } else if ((r.at('extended') || r.at('partitions')) && READABLE.has(r.peek())) r.next();
      else if (r.take('into')) {
        if (r.lexer.kind !== 'variable') r.fail();
        r.next();
      } else if (r.take('for')) {
        if (r.take('connection')) {
          expressions.read(r, NO_WORDS);
          return;
        }
        if (!r.take('database')) r.expect('schema');
        r.name();
      } else break;
    }
    if (!r.atAny(READABLE) && !r.at('table')) {
      if (runs) r.fail();
      r.acts.pop();
      r.does(['show', 'explain'], 'read', { relation: r.relation() });
      if (!r.done) r.next();
      return;
    }
    const summary = r.nest(nested);
    r.nested.push(runs ? summary : asPlanned(summary));
  };

/** ANALYZE TABLE, and MariaDB's ANALYZE of a statement, which runs it. */
export const analyze =
  (nested: Read): Read =>
  (r) => {
    if (r.at('format') || r.atAny(READABLE)) {
      r.kind = 'explain';
      r.does(['explain'], 'read');
      if (r.take('format')) {
        r.expect('=');
        r.next();
      }
      r.nested.push(r.nest(nested));
    } else onTables('analyze', 'schema')(r);
  };

function flush(r: Reading): void {
  simple('flush', 'privilege')(r);
}

function start(r: Reading): void {
  if (r.take('transaction')) readTransaction(r, 'begin');
  else simple('start replica', 'privilege')(r);
}

function call(r: Reading): void {
  r.kind = 'call';
  const { schema, name = '' } = r.relation();
  r.does(['call'], 'opaque');
  r.opaque.push({
    why: 'what a procedure does is not seen',
    verbs: ['call'],
    function: { ...(schema !== undefined && { schema }), name },
  });
  expressions.read(r, NO_WORDS);
}

function install(verb: string): Read {
  return (r) => {
    const what = r.at('component') ? 'component' : 'plugin';
    opaque(`${verb} ${what}`, "what a library's code does is not seen")(r);
  };
}

/** By their first words. */
export const ADMINISTRATION: ReadonlyMap<string, Read> = new Map([
  ['show', show],
  ['check', onTables('check table', 'schema')],
  ['checksum', onTables('checksum table', 'read')],
  ['repair', onTables('repair table', 'schema')],
  ['optimize', onTables('optimize', 'schema')],
  ['lock', lock],
  ['unlock', simple('unlock', 'session')],
  ['flush', flush],
  ['kill', withValues('kill', 'privilege')],
  ['do', withValues('do', 'read')],
  ['call', call],
  ['help', withValues('help', 'read')],
  ['signal', withValues('signal', 'session', true)],
  ['resignal', withValues('signal', 'session', true)],
  ['get', withValues('get diagnostics', 'session', true)],
  ['purge', withValues('purge logs', 'privilege')],
  ['change', simple('change replication', 'privilege')],
  ['reset', simple('reset server', 'privilege', ['reset'])],
  ['start', start],
  ['stop', simple('stop replica', 'privilege')],
  ['install', install('install')],
  ['uninstall', install('uninstall')],
  ['shutdown', simple('shutdown', 'privilege')],
  ['restart', simple('restart', 'privilege')],
  ['clone', simple('clone', 'privilege')],
  [
    'import',
    (r: Reading) => {
      r.expect('table');
      r.expect('from');
      simple('import table', 'schema', ['create', 'create table'])(r);
    },
  ],
  ['binlog', opaque('binlog', 'what events of a log do is not seen')],
  ['cache', simple('cache index', 'session')],
  ['backup', simple('backup', 'privilege')],
]);
