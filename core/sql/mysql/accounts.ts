// Accounts and what they may do: GRANT, REVOKE, CREATE USER and their kin.

import type { RelationName } from '../statement.ts';
import type { Reading } from './reading.ts';

/** `u`, `'u'@'h'`, CURRENT_USER(): its name. undefined: none stands here. */
function readAccount(r: Reading): string | undefined {
  const { lexer } = r;
  const name = lexer.kind === 'string' ? (lexer.value ?? '') : r.atName ? lexer.name : undefined;
  if (name === undefined) return undefined;
  r.next();
  if (r.at('(')) {
    r.next();
    r.expect(')');
  }
  if (lexer.kind === 'variable') r.next();
  return name;
}

/** A list of accounts with what is said about each. Whatever else stands there is not looked at: no query can. */
export function readAccountChange(r: Reading): void {
  let first = true;
  while (!r.done) {
    if (r.at('select')) r.fail();
    const name = first && !r.at('if') ? readAccount(r) : undefined;
    if (name === undefined) {
      first = r.at(',') || r.at('to') || r.at('for') || r.at('exists') || r.at('role') || r.at('from');
      r.next();
    } else {
      r.roles.add(name);
      first = false;
    }
  }
}

export function readGrant(r: Reading, verb: 'grant' | 'revoke'): void {
  r.kind = verb;
  const act = { verbs: [verb], class: 'privilege' as const };
  const names: string[] = [];
  let open = 0;
  const ends = verb === 'grant' ? 'to' : 'from';
  r.takeAll('if', 'exists');
  r.takeAll('admin', 'option', 'for');
  while (!r.at('on') && !(open === 0 && r.at(ends))) {
    if (r.done) r.fail();
    if (r.at('(')) open++;
    else if (r.at(')')) open--;
    const { kind } = r.lexer;
    if (open === 0 && (kind === 'name' || kind === 'string' || kind === 'word'))
      names.push(kind === 'string' ? (r.lexer.value ?? '') : r.lexer.name);
    r.next();
  }
  if (r.take('on')) {
    // PROXY: as another account.
    if (names[0]?.toLowerCase() === 'proxy') {
      const account = readAccount(r);
      if (account !== undefined) r.roles.add(account);
      r.act(act);
    } else r.act({ ...act, ...relationOf(r) });
  } else {
    // Roles that are given.
    for (const name of names) r.roles.add(name);
    r.act(act);
  }
  r.expect(ends);
  readAccountChange(r);
}

/** In GRANT, % and _ in a database's name stand for other letters, unless they are escaped. */
function schemasLike(name: string): RelationName {
  const plain = name.replaceAll('\\_', '').replaceAll('\\%', '');
  return plain.includes('%') || plain.includes('_') ? {} : { schema: name.replaceAll('\\', '') };
}

/** `*`, `*.*`, `db.*`, `db.t`, `t`; of a routine, none. */
function relationOf(r: Reading): { readonly relation?: RelationName } {
  const routine = r.take('procedure') || r.take('function') || r.take('package') || r.take('library');
  if (!routine) r.take('table');
  let relation: RelationName;
  if (r.take('*')) {
    if (!r.take('.')) relation = r.everyTable();
    else {
      r.expect('*');
      relation = {};
    }
  } else {
    const first = r.lexer.kind === 'string' ? (r.lexer.value ?? '') : r.lexer.name;
    r.next();
    if (!r.take('.')) relation = r.named(first);
    else if (r.take('*')) relation = schemasLike(first);
    else relation = { schema: first, name: r.name() };
  }
  return routine ? {} : { relation };
}
