// What a session does to itself: settings, transactions, names of prepared statements, the current database.

import { NO_WORDS, setUserVariable } from './expressions.ts';
import { expressions } from './query-reading.ts';
import type { Reading } from './reading.ts';

// --- SET ---

const SCOPES: ReadonlySet<string> = new Set(['global', 'session', 'local', 'persist', 'persist_only']);
const ASSIGNMENT_ENDS: ReadonlySet<string> = new Set([',', 'for']);
const LIST_ENDS: ReadonlySet<string> = new Set([',']);
/** A session of its own gets no further by these: clients and dumps set them unasked. */
const HARMLESS: ReadonlySet<string> = new Set(
  `autocommit sql_mode time_zone net_read_timeout net_write_timeout wait_timeout interactive_timeout sql_select_limit
  sql_safe_updates lc_time_names lc_messages transaction_isolation tx_isolation transaction_read_only tx_read_only
  foreign_key_checks unique_checks sql_notes sql_warnings sql_quote_show_create group_concat_max_len
  max_execution_time max_statement_time lock_wait_timeout innodb_lock_wait_timeout profiling profiling_history_size
  sql_auto_is_null sql_big_selects big_tables optimizer_switch information_schema_stats_expiry timestamp
  default_storage_engine names character_set_client character_set_results character_set_connection
  character_set_database character_set_server collation_connection collation_database collation_server
  sql_log_off old_mode max_allowed_packet note_verbosity`.split(/\s+/),
);
const PRIVILEGED: ReadonlySet<string> = new Set([
  ...['sql_log_bin', 'gtid_next', 'gtid_purged', 'pseudo_thread_id', 'pseudo_slave_mode', 'pseudo_replica_mode'],
  ...['binlog_format', 'server_id', 'session_authorization'],
]);

const TEXTS: ReadonlySet<string> = new Set(['prepare', 'execute immediate']);
const READS_TEXT: ReadonlySet<string> = new Set(['sql_mode', 'character_set_client']);

function setting(r: Reading, scope: string | undefined, name: string): void {
  const folded = name.toLowerCase();
  if (scope === 'global' || scope === 'persist' || scope === 'persist_only') {
    const verbs = scope === 'global' ? ['set global'] : ['set persist'];
    r.does(verbs, 'privilege', { also: ['set', 'set global'], setting: folded });
    return;
  }
  r.does(['set'], PRIVILEGED.has(folded) ? 'privilege' : 'session', {
    setting: folded,
    ...(HARMLESS.has(folded) && { free: true }),
  });
}

export function readSet(r: Reading, nested: (r: Reading) => void): void {
  r.kind = 'set';
  if (r.at('statement') && r.peek() !== '=') {
    r.next();
    readAssignments(r, ASSIGNMENT_ENDS);
    r.expect('for');
    const summary = r.nest(nested);
    r.nested.push(summary);
    // Its text is read when it runs, by what was set for it.
    if (TEXTS.has(summary.kind) && r.acts.some(({ setting: name }) => name !== undefined && READS_TEXT.has(name ?? '')))
      r.hides('what its text means hangs on a setting of its own', 'execute immediate', 'prepare');
    return;
  }
  if (r.at('password') && r.peek() !== '.') {
    r.kind = 'set password';
    r.does(['set password'], 'privilege', { also: ['set', 'alter user'] });
    skipRest(r);
    return;
  }
  if (r.takeAll('default', 'role')) {
    r.does(['set default role'], 'privilege', { also: ['set'] });
    skipRest(r);
    return;
  }
  if (r.takeAll('resource', 'group')) {
    r.does(['set resource group'], 'privilege', { also: ['set'] });
    skipRest(r);
    return;
  }
  if (r.at('role') && r.peek() !== '=' && r.peek() !== '.') {
    r.next();
    readRole(r);
    return;
  }
  readAssignments(r, LIST_ENDS);
}

function readRole(r: Reading): void {
  r.kind = 'set role';
  do {
    const { kind } = r.lexer;
    const name = kind === 'string' ? (r.lexer.value ?? null) : r.atName ? r.lexer.name : r.fail();
    const open = kind === 'word' && (r.at('default') || r.at('all'));
    r.does(['set role'], 'privilege', { also: ['set'], role: open ? null : name, setting: 'role' });
    r.next();
    if (r.lexer.kind === 'variable') r.next();
    if (r.take('except')) skipRest(r);
  } while (r.take(','));
}

function readAssignments(r: Reading, ends: ReadonlySet<string>): void {
  let scope: string | undefined;
  do {
    if (r.lexer.kind === 'variable') {
      setUserVariable(r, r.lexer.name);
      r.next();
      assigned(r, ends);
      continue;
    }
    if (r.lexer.kind === 'system variable') {
      let name = r.lexer.name;
      r.next();
      let own: string | undefined;
      while (r.take('.')) {
        if (own === undefined && SCOPES.has(name.toLowerCase())) own = name.toLowerCase();
        name = r.name();
      }
      setting(r, own, name);
      assigned(r, ends);
      continue;
    }
    // A scope goes on for what follows without one.
    if (r.atAny(SCOPES) && r.peek() !== '=' && r.peek() !== ':=') scope = r.takeAny(SCOPES);
    if (r.at('transaction') && r.peek() !== '=') {
      readTransactionSetting(r, scope);
      continue;
    }
    if (r.take('names') || r.takeAll('character', 'set') || r.takeAll('char', 'set') || r.take('charset')) {
      setting(r, undefined, 'character_set_client');
      setting(r, undefined, 'character_set_results');
      setting(r, undefined, 'collation_connection');
      r.take('=');
      expressions.read(r, ends);
      continue;
    }
    let name = r.name();
    while (r.take('.')) name = r.name();
    setting(r, scope, name);
    assigned(r, ends);
  } while (r.take(','));
}

function assigned(r: Reading, ends: ReadonlySet<string>): void {
  if (!r.take('=')) r.expect(':=');
  const { start } = r.lexer;
  expressions.read(r, ends);
  if (r.lexer.start === start) r.fail();
}

function readTransactionSetting(r: Reading, scope: string | undefined): void {
  r.next();
  const verbs = ['set transaction'];
  if (scope === 'global') r.does(['set global'], 'privilege', { also: ['set', ...verbs] });
  else r.does(verbs, 'session', { also: ['set'], setting: 'transaction_isolation', free: true });
  skipRest(r);
}

/** Names and words that nothing can hide in. */
export function skipRest(r: Reading): void {
  while (!r.done) {
    if (r.at('select')) r.fail();
    r.next();
  }
}

// --- transactions, prepared statements, databases ---

export function readTransaction(r: Reading, verb: string): void {
  r.kind = verb;
  r.does([verb, 'transaction'], 'session', { free: true });
  skipRest(r);
}

/** These outlive the session, or end another's. */
export function readXa(r: Reading): void {
  r.kind = 'xa';
  r.does(['xa', 'transaction'], 'session');
  skipRest(r);
}

export function readUse(r: Reading): void {
  r.kind = 'use';
  r.does(['use'], 'session', { free: true });
  r.uses = r.name();
}

const UNSEEN = 'what a variable or a computation holds is not seen';

export function readPrepare(r: Reading): void {
  r.kind = 'prepare';
  const name = r.name().toLowerCase();
  r.expect('from');
  r.does(['prepare'], 'session', { free: true });
  r.prepares = name;
  const text = readWritten(r);
  if (text !== undefined) {
    r.nested.push(...r.readText(text));
    return;
  }
  // What is kept under the name is opaque when it is executed, too.
  r.nested.push(
    r.nest((inner) => {
      inner.kind = 'prepare';
      inner.hides(UNSEEN, 'prepare', 'execute');
    }),
  );
}

/** A text that stands there as it is, up to the end or USING. Anything else is read as an expression. */
function readWritten(r: Reading): string | undefined {
  let text: string | undefined = '';
  const { lexer } = r;
  const strings = lexer.kind === 'string';
  while (lexer.kind === 'string') {
    const { value } = lexer;
    text = value === undefined || text === undefined ? undefined : text + value;
    r.next();
  }
  if (strings && (r.done || r.at('using'))) return text;
  expressions.read(r, USING);
  return undefined;
}

const USING: ReadonlySet<string> = new Set(['using']);

export function readExecuteStatement(r: Reading): void {
  if (r.at('immediate') && r.peek() !== ';' && r.peek() !== 'using') {
    const mark = r.lexer.mark();
    r.next();
    if (r.lexer.kind !== 'end') {
      readImmediate(r);
      return;
    }
    r.lexer.reset(mark);
  }
  r.kind = 'execute';
  r.does(['execute'], 'session', { free: true });
  r.executes = r.name().toLowerCase();
  if (r.take('using')) expressions.read(r, NO_WORDS);
}

function readImmediate(r: Reading): void {
  r.kind = 'execute immediate';
  r.does(['execute immediate'], 'session', { also: ['execute'], free: true });
  const text = readWritten(r);
  if (text === undefined) r.hides(UNSEEN, 'execute immediate');
  else r.nested.push(...r.readText(text));
  if (r.take('using')) expressions.read(r, NO_WORDS);
}

export function readDeallocate(r: Reading): void {
  r.kind = 'deallocate';
  r.expect('prepare');
  r.does(['deallocate'], 'session', { free: true });
  r.deallocates = r.name().toLowerCase();
}
