// Names of prepared statements and portals whose meaning hangs on what the target has not answered yet: a Parse that
// fails, a cursor of SQL that took a portal's name. What is judged, shown to approvers, masked and recorded is what runs.

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  bind,
  closeStatement,
  describePortal,
  execute,
  parse,
  query,
  sync,
} from '../harness/postgres/client-messages.ts';
import { answersOf, type Guarded, startGuarded } from '../harness/guarded.ts';
import type { RawPeer } from '../harness/postgres/raw-postgres.ts';

let g: Guarded;
const MASK = { mask: [{ columns: ['*.email'], with: 'partial' as const }] };
const approved = { kind: 'approved', by: ['bob@example.com'], comment: '' } as const;

beforeAll(async () => {
  g = await startGuarded();
  await g.sql(
    "create table people (email text); insert into people values ('secret@real.example'); create table notes (note text); insert into notes values ('a note'); create table logins (name text, password text)",
  );
});
afterAll(() => g?.close());
beforeEach(async () => {
  g.leave();
  g.gateway.log.sessions.length = 0;
  g.gateway.edge.held.length = 0;
  await g.sql('create table if not exists wanted (a int); create table if not exists scratch (a int)');
});

/** Prepares `first` as s, then sends what prepares `second` as s and fails, with what executes s behind its Sync. */
async function redefine(peer: RawPeer, first: string, second: readonly Buffer[], ...values: string[]): Promise<void> {
  peer.send(parse('s', first), sync());
  await peer.upTo('Z');
  peer.send(...second, sync(), bind('', 's', ...values), describePortal(''), execute(''), sync());
}
const AGAIN = (text: string) => [parse('s', text)];
const PASSED_OVER = (text: string) => [parse('x', 'select nosuch'), closeStatement('s'), parse('s', text)];
const shown = (messages: readonly { readonly body: Buffer }[]) =>
  messages.map(({ body }) => body.toString('latin1')).join('\n');

describe.each([
  ['a Parse of a name that is taken', AGAIN],
  ['a Parse that is passed over', PASSED_OVER],
])('behind %s', (_what, second) => {
  it('what waits for an approval is what runs', async () => {
    g.rules([{ hold: ['drop'], approval: { from: ['dba'], count: 1, within: 300_000 } }]);
    const peer = await g.session();
    await redefine(peer, 'drop table wanted', second('drop table scratch'));
    const held = await g.held();
    expect(held.asked.action).toMatchObject({ text: 'drop table wanted', touches: ['wanted'] });
    held.decide(approved);
    await peer.upTo('Z');
    await peer.upTo('Z');
    expect(await g.sql("select relname from pg_class where relname in ('wanted', 'scratch')")).toBe('scratch');
  });

  it.each([
    ['masks', [], MASK],
    ['strict masks under an allow list', [{ allow: ['select'] }], { mask: [{ ...MASK.mask[0], strict: true }] }],
  ])('%s hold for what runs', async (_which, statements, more) => {
    g.rules(statements, more as typeof MASK);
    const peer = await g.session();
    await redefine(peer, 'select upper(email) from people', second('select note from notes'));
    await peer.upTo('Z');
    const answer = await peer.upTo('Z');
    expect(answersOf(answer).at(-1)).toBe('Z I');
    expect(shown(answer)).not.toContain('REAL.EXAMPLE');
    peer.socket.end();
    expect((await g.recorded()).wire('target').includes('REAL.EX')).toBe(false);
  });

  it.each([
    ['under rules', [{ block: ['truncate'] }], 'select email from people'],
    ['without rules', undefined, '-- s: it is not certain what was prepared'],
  ])('the recording never names another statement, %s', async (_how, statements, text) => {
    g.rules(statements ?? [], statements ? {} : { statements: undefined as never });
    const peer = await g.session();
    await redefine(peer, 'select email from people', second("select 'harmless'"));
    await peer.upTo('Z');
    expect(shown(await peer.upTo('Z'))).toContain('secret@real.example');
    peer.socket.end();
    const recording = await g.recorded();
    const ran = recording.facts('statement.finished').filter(({ rows }) => rows === 1);
    const started = recording.facts('statement.started').filter(({ action }) => action === ran[0]?.action);
    expect(started.map((fact) => fact.text)).toEqual([text]);
  });

  it.each([
    ['under rules', [{ block: ['truncate'] }]],
    ['without rules', undefined],
  ])('a secret among the parameters is hidden, %s', async (_how, statements) => {
    g.rules(statements ?? [], statements ? {} : { statements: undefined as never });
    const peer = await g.session();
    const insert = 'insert into logins (name, password) values ($1, $2)';
    await redefine(peer, insert, second('select $1::text, $2::text'), 'bob', 'hunter22');
    await peer.upTo('Z');
    await peer.upTo('Z');
    peer.socket.end();
    const recording = await g.recorded();
    expect(recording.facts('statement.finished').flatMap(({ tags }) => tags)).toContain('INSERT 0 1');
    expect(JSON.stringify(recording.facts('statement.started'))).not.toContain('hunter22');
    expect(recording.wire('client').includes('hunter22')).toBe(false);
  });
});

it('a portal that could not be made anew is the one that it was', async () => {
  g.rules([], MASK);
  const peer = await g.session();
  peer.send(query('begin'), parse('a', 'select upper(email) from people'), parse('b', 'select note from notes'));
  peer.send(bind('p', 'a'), describePortal('p'), sync(), query('savepoint x'));
  for (let answers = 0; answers < 3; answers++) await peer.upTo('Z');
  peer.send(bind('p', 'b'), describePortal('p'), sync(), query('rollback to x'), execute('p'), sync());
  const seen = [await peer.upTo('Z'), await peer.upTo('Z'), await peer.upTo('Z')].flat();
  expect(answersOf(seen)).toContain('E 42P03');
  expect(shown(seen)).toContain('S***@R***.EXAMPLE');
  expect(shown(seen)).not.toContain('REAL.EXAMPLE');
});

describe('a portal that was described, and whose name a cursor of SQL took', () => {
  const DECLARE = 'declare p cursor for select upper(email) from people';
  it.each([
    ['by CLOSE and DECLARE', [query('close p'), query(DECLARE)]],
    ['by ROLLBACK TO and DECLARE', [query('rollback to x'), query(DECLARE)]],
    [
      'by code of a DO block',
      [
        query('close p'),
        query("do $$ declare r refcursor := 'p'; begin open r for select upper(email) from people; end $$"),
      ],
    ],
  ])('shows nothing that is masked: %s', async (_how, takes) => {
    g.rules([], MASK);
    const peer = await g.session();
    peer.send(query('begin; savepoint x'));
    await peer.upTo('Z');
    peer.send(parse('s', 'select note from notes'), bind('p', 's'), describePortal('p'), sync(), ...takes);
    peer.send(execute('p', 2), sync());
    const seen = [];
    for (let answers = 0; answers < 2 + takes.length; answers++) seen.push(...(await peer.upTo('Z')));
    expect(answersOf(seen)).toContain('E 0A000');
    expect(shown(seen)).not.toContain('REAL.EXAMPLE');
  });
});

it('EXECUTE in SQL is not held: those who approve could not see what runs', async () => {
  g.rules([{ hold: ['drop'], approval: { from: ['dba'], count: 1, within: 300_000 } }]);
  const peer = await g.session();
  peer.send(parse('s', 'drop table wanted'), sync(), query('execute s'));
  await peer.upTo('Z');
  expect(answersOf(await peer.upTo('Z'))).toEqual(['E 42501', 'Z I']);
  expect(g.gateway.edge.held).toEqual([]);
  expect(await g.sql("select count(*) from pg_class where relname = 'wanted'")).toBe('1');
});

it('what waits for an answer goes on when that is passed over', async () => {
  g.rules([{ block: ['truncate'] }]);
  const peer = await g.session();
  peer.send(parse('s', 'select 1'), sync());
  await peer.upTo('Z');
  // The server answers no Query between a failed message and its Sync.
  peer.send(parse('s', 'select 2'), query('select 3'), execute('nowhere'), sync());
  expect(answersOf(await peer.upTo('Z'))).toEqual(['E 42P05', 'Z I']);
});
