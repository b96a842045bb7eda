// What somebody who knows the server and its protocol well tries against rules: names that the server takes
// for another, settings that change unseen, schemas that no path names, functions under other names.

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { message } from '../../connector/protocols/postgres/wire/messages.ts';
import * as say from '../harness/postgres/client-messages.ts';
import { answersOf, fieldsOf, type Guarded, startGuarded } from '../harness/guarded.ts';
import { dialRaw, logInRaw, type RawMessage, type RawPeer } from '../harness/postgres/raw-postgres.ts';

let g: Guarded;
const approval = { from: ['dba'], count: 1, within: 300_000 };

beforeAll(async () => {
  g = await startGuarded();
  await g.sql('create table kept (id int); create role reader; create schema hr; create table hr.salaries (pay int)');
});

afterAll(() => g?.close());

beforeEach(() => {
  g.gateway.log.sessions.length = 0;
  g.rules([{ block: ['drop'] }]);
});

afterEach(() => g.leave());

async function ask(peer: RawPeer, ...messages: Buffer[]): Promise<string[]> {
  peer.send(...messages);
  return answersOf(await peer.upTo('Z'));
}

const REFUSED = ['E 42501', 'Z I'];

describe('names of prepared statements', () => {
  const LONG = 'n'.repeat(63);
  const closeStatement = (name: string) => message('C', `S${name}\0`);

  /** Denies what is held, which shows that it was. */
  async function denied(peer: RawPeer, ...messages: Buffer[]): Promise<string[]> {
    peer.send(...messages);
    (await g.held()).decide({ kind: 'denied', by: ['bob@example.com'], comment: '' });
    return answersOf(await peer.upTo('Z'));
  }

  beforeEach(() => g.rules([{ hold: ['truncate'], approval }]));

  it('the server looks at 63 bytes of one, so nobody reaches a held statement by a longer one', async () => {
    const peer = await g.session();
    await ask(peer, say.parse(`${LONG}a`, 'truncate kept'), say.sync());
    expect(await denied(peer, say.bind('', `${LONG}b`), say.execute(), say.sync())).toEqual(REFUSED);
    // Closed by yet another spelling, and prepared anew as something to be held.
    await ask(peer, closeStatement(`${LONG}c`), say.parse(LONG, 'select 1'), say.sync());
    await ask(peer, closeStatement(`${LONG}d`), say.parse(`${LONG}e`, 'truncate kept'), say.sync());
    expect(await denied(peer, say.bind('', LONG), say.execute(), say.sync())).toEqual(REFUSED);
  });

  it('letters of any language are known where both sides write UTF-8, as are quotes and blanks', async () => {
    const peer = await g.session();
    for (const name of ['Größe', '日本 "1"', "l'été", '😀']) {
      const all = [say.parse(name, 'select 1'), say.bind(name, name), say.execute(name), say.sync()];
      expect(await ask(peer, ...all)).toEqual(['1', '2', 'D', 'C SELECT 1', 'Z I']);
      expect(await ask(peer, say.bind('', name), say.execute(), say.sync())).toEqual(['2', 'D', 'C SELECT 1', 'Z I']);
    }
    expect(await ask(peer, say.query('execute "Größe"'))).toEqual(['T', 'D', 'C SELECT 1', 'Z I']);
    expect(await ask(peer, say.query('prepare "étude"(int) as select $1 + 1'))).toEqual(['C PREPARE', 'Z I']);
    expect(await ask(peer, say.bind('', 'étude', '1'), say.execute(), say.sync())).toEqual([
      '2',
      'D',
      'C SELECT 1',
      'Z I',
    ]);
    await ask(peer, say.parse('gehört', 'truncate kept'), say.sync());
    expect(await denied(peer, say.bind('', 'gehört'), say.execute(), say.sync())).toEqual(REFUSED);
    expect(await ask(peer, say.query('execute "gehört"'))).toEqual(REFUSED);
    expect(g.gateway.log.last.facts('statement.started').map(({ text }) => text)).toContain('truncate kept');
    // Beyond 63 bytes two of them may be one to the server.
    await ask(peer, say.parse(`é${LONG}a`, 'truncate kept'), say.sync());
    expect(await ask(peer, say.bind('', `é${LONG}b`), say.execute(), say.sync())).toEqual(REFUSED);
  });

  it('one that hangs on the encoding is not known, whatever was last prepared under its bytes', async () => {
    const peer = await g.session();
    await ask(peer, say.parse('é', 'truncate kept'), say.sync());
    peer.send(say.query("set client_encoding = 'LATIN1'"), say.parse('é', 'select 1'), say.sync());
    await peer.upTo('Z');
    await peer.upTo('Z');
    await ask(peer, say.query("set client_encoding = 'UTF8'"));
    expect(await ask(peer, say.bind('', 'é'), say.execute(), say.sync())).toEqual(REFUSED);
    expect(await ask(peer, say.query('execute "é"'))).toEqual(REFUSED);
    expect(await ask(peer, say.parse('plain', "select 'é'"), say.bind('', 'plain'), say.execute(), say.sync())).toEqual(
      ['1', '2', 'D', 'C SELECT 1', 'Z I'],
    );
  });
});

describe('a text behind something that may change settings unseen', () => {
  /** With standard_conforming_strings off, the first string ends at the second quote of two, and a DROP follows. */
  const TWO_WAYS = "select '\\' , 'x; drop table kept --'";
  const isKept = () => g.sql("select to_regclass('kept')");
  afterEach(async () => expect(await isKept()).toBe('kept'));

  it('is not run where it can be read in two ways: settings changed through a view', async () => {
    const peer = await g.session();
    await ask(peer, say.query('create temp view v as select * from pg_settings'));
    const off = say.query("update v set setting = 'off' where name = 'standard_conforming_strings'");
    expect(await ask(peer, off, say.query(TWO_WAYS))).toEqual(['T', 'D', 'C UPDATE 0', 'S', 'Z I']);
    expect(answersOf(await peer.upTo('Z'))).toEqual(REFUSED);
  });

  it('is not run either where a letter may have eaten the backslash', async () => {
    const peer = await g.session();
    await ask(peer, say.query('create temp view v as select * from pg_settings'));
    const sjis = say.query("update v set setting = 'SJIS' where name = 'client_encoding'");
    // E3 81 82 5C: あ and a backslash, or two letters of SJIS, behind which the string ends.
    peer.send(sjis, say.query("select E'あ\\'; drop table kept --'"));
    await peer.upTo('Z');
    expect(answersOf(await peer.upTo('Z'))).toEqual(REFUSED);
  });

  it('runs where it says the same either way', async () => {
    const peer = await g.session();
    const like = "select 'a_b' like 'a\\_b', 'a1' ~ '^a\\d$', E'it\\'s', 'é'";
    peer.send(say.query('select now()'), say.query(like), say.run('select now()'), say.run(like), say.sync());
    const seen: RawMessage[] = [];
    for (let i = 0; i < 3; i++) seen.push(...(await peer.upTo('Z')));
    expect(answersOf(seen).filter((one) => one.startsWith('C'))).toEqual(Array(4).fill('C SELECT 1'));
  });

  it('runs in either case when nothing is under way', async () => {
    const peer = await g.session();
    await ask(peer, say.query('select now()'));
    expect(await ask(peer, say.query("select 'a\\' like '%\\%' escape '\\'"))).toEqual(['T', 'D', 'C SELECT 1', 'Z I']);
  });

  it("a new configuration, which running sessions take up unannounced, is not the rules' to let through", async () => {
    const peer = await g.session();
    for (const set of ['standard_conforming_strings = off', "client_encoding = 'SJIS'"])
      expect(await ask(peer, say.query(`alter system set ${set}`))).toEqual(REFUSED);
    expect(await ask(peer, say.query('alter system reset all'))).toEqual(REFUSED);
    expect(await ask(peer, say.query("alter system set log_statement = 'none'"))).toEqual(['C ALTER SYSTEM', 'Z I']);
  });
});

it('a table of pg_catalog is one without its schema too, whatever the search path', async () => {
  g.rules([{ block: ['* on pg_catalog.pg_authid'] }]);
  const peer = await g.session();
  expect(await ask(peer, say.query('select rolname from pg_authid'))).toEqual(REFUSED);
  expect(await ask(peer, say.query('select relname from pg_class limit 1'))).toContain('C SELECT 1');
  g.rules([{ allow: ['select on public.*', 'set search_path'] }]);
  const other = await g.session();
  await ask(other, say.query('set search_path = public'));
  expect(await ask(other, say.query('select rolname from pg_authid'))).toEqual(REFUSED);
  expect(await ask(other, say.query('select * from kept'))).toEqual(['T', 'C SELECT 0', 'Z I']);
});

describe('settings in the start-up packet', () => {
  const started = async (parameters: Record<string, string>): Promise<RawMessage | undefined> => {
    const peer = await dialRaw(g.gateway.port);
    const seen = await logInRaw(peer, g.secret, parameters);
    peer.socket.destroy();
    return seen.at(-1);
  };

  it.each([
    { role: 'reader' },
    { ROLE: 'reader' },
    { options: '-c role=reader' },
    { options: '-crole=rea\\der --work-mem=1MB' },
    { options: '--session-replication-role=replica' },
    { search_path: 'hr' },
    { options: '-O' },
  ] as Record<string, string>[])('%j is stopped as SET is', async (parameters) => {
    g.rules([{ block: ['set role', 'set session_replication_role'] }, { hold: ['set search_path'], approval }]);
    const last = await started(parameters);
    expect(last?.type).toBe('E');
    expect(fieldsOf(last as RawMessage)).toMatchObject({ S: 'FATAL', C: '42501' });
    expect(fieldsOf(last as RawMessage).M).toContain('orders-prod');
  });

  it('what drivers send of themselves goes on, also under an allow list', async () => {
    g.rules([{ allow: ['select'] }]);
    const sent = { client_encoding: 'UTF8', DateStyle: 'ISO', TimeZone: 'UTC', extra_float_digits: '2' };
    expect((await started({ ...sent, options: '-c statement_timeout=5s' }))?.type).toBe('Z');
    expect((await started({ search_path: 'hr' }))?.type).toBe('E');
  });
});

it('a function that is known by its name cannot get another', async () => {
  g.rules([{ block: ['function pg_read_file'] }]);
  const peer = await g.session();
  const type = say.query('create type holder as (a text)');
  await ask(peer, type);
  for (const text of [
    'create operator @@@@ (rightarg = text, function = pg_read_file)',
    'create operator @@@@ (rightarg = text, procedure = "pg_catalog"."pg_read_file")',
    'create cast (holder as text) with function pg_read_file(text)',
    'create aggregate q(text, boolean) (sfunc = set_config, stype = text)',
  ])
    expect([text, ...(await ask(peer, say.query(text)))]).toEqual([text, ...REFUSED]);
  expect(await ask(peer, say.query('create aggregate total(int) (sfunc = int4pl, stype = int)'))).toEqual([
    'C CREATE AGGREGATE',
    'Z I',
  ]);
});

it('each statement of one text counts against the limit of statements', async () => {
  g.rules([], { statements: undefined as never, limits: { statementsPerMinute: 100 } });
  const peer = await g.session();
  const many = (count: number) => say.query('select 1;'.repeat(count));
  expect(await ask(peer, many(60))).toHaveLength(60 * 3 + 1);
  expect(await ask(peer, many(41))).toEqual(['E 53400', 'Z I']);
  peer.send(many(101));
  const [error] = await peer.upTo('Z');
  expect(fieldsOf(error as RawMessage).M).toContain('Send these 101 in smaller parts.');
  expect((await ask(peer, many(40))).at(-1)).toBe('Z I');
  expect(await ask(peer, many(1))).toEqual(['E 53400', 'Z I']);
});
