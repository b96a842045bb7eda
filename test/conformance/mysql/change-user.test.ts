// COM_CHANGE_USER, as pools and persistent connections send it: the same user gets a session as after a login, anybody else none.

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { packet } from '../../../connector/protocols/mysql/wire/packets.ts';
import { readError } from '../../../connector/protocols/mysql/wire/replies.ts';
import { littleEndian } from '../../../connector/protocols/mysql/wire/values.ts';
import { type GuardedMysql, startGuardedMysql } from '../../harness/mysql/guarded.ts';
import { dialMysql, logInRawMysql, query, type RawMysql } from '../../harness/mysql/raw-mysql.ts';

const USER = 'alice@example.com#demo';
let place: GuardedMysql;

beforeAll(async () => {
  place = await startGuardedMysql();
  await place.server.sql('create table shop.t (id int primary key)', 'insert into shop.t values (1), (2)');
});
beforeEach(() => place.rules([{ block: ['drop', 'truncate'] }]));
afterAll(() => place.close());

interface Change {
  readonly user?: string;
  readonly password?: string;
  readonly database?: string;
  readonly plugin?: string;
}
const changeUser = ({ user = USER, password = place.secret, database = '', plugin = 'mysql_clear_password' }: Change) =>
  packet(
    0,
    0x11,
    `${user}\0`,
    password.length + 1,
    `${password}\0`,
    `${database}\0`,
    littleEndian(45, 2),
    `${plugin}\0`,
  );

async function loggedIn(): Promise<RawMysql> {
  const peer = await dialMysql(place.gateway.port);
  expect((await logInRawMysql(peer, USER, place.secret))?.payload[0]).toBe(0);
  return peer;
}

describe('for the same user', () => {
  it.each([
    ['inside TLS', {}],
    ['in plain text', { ssl: undefined as never }],
  ])('%s: what the session had is gone, at the target and for whoever reads its texts', async (_name, options) => {
    const c = await place.connect(options);
    await c.query('set @kept = 1, sql_mode = "ANSI_QUOTES"');
    await c.query('create temporary table mine (n int)');
    await c.query('begin');
    await c.query('insert into t values (3)');
    await c.query("prepare p from 'select 7 as n'");
    const prepared = await c.prepare('select 1 as n');
    await c.changeUser({ database: 'mysql' });
    const [[seen]] = (await c.query(
      'select @kept as kept, @@sql_mode as modes, database() as d, @@in_transaction as t, @@character_set_client as cs',
    )) as unknown as [[Record<string, unknown>]];
    expect(seen).toMatchObject({ kept: null, d: 'mysql', t: 0, cs: 'utf8mb4' });
    expect(seen.modes).not.toContain('ANSI_QUOTES');
    await expect(c.query('select * from shop.mine')).rejects.toMatchObject({ errno: 1146 });
    // Not what the name stood for: by the server, and by the gateway's memory of it.
    await expect(c.query('execute p')).rejects.toMatchObject({ errno: 1227 });
    await expect(prepared.execute([])).rejects.toMatchObject({ errno: 1243 });
    // A string hides what stands in it, which it does not under ANSI_QUOTES.
    expect((await c.query(`select "it's; drop table t -- '" as s`))[0]).toHaveLength(1);
    expect((await c.query('select count(*) as n from shop.t'))[0]).toEqual([{ n: 2 }]);
    await c.end();
    const recording = await place.recorded();
    expect(recording.facts('statement.started').map(({ text }) => text)).toEqual(
      expect.arrayContaining(['-- COM_CHANGE_USER: session reset, database mysql']),
    );
    const all = (['client', 'target', 'gateway'] as const)
      .map((from) => recording.wire(from).toString('latin1'))
      .join('');
    expect(all).not.toContain(place.secret);
    expect(all).not.toContain('app-password');
    expect(recording.facts('values.hidden').length).toBeGreaterThan(0);
  });

  it('it is answered in its turn, between commands that came in the same write', async () => {
    const peer = await loggedIn();
    // Without a database it is the resource's own.
    peer.send(
      query('use mysql'),
      changeUser({}),
      query('do (select 1 from t limit 1)'),
      changeUser({}),
      query('truncate t'),
    );
    const answers = [];
    for (let left = 5; left > 0; left--) answers.push(await peer.next());
    expect(answers.map((one) => [one?.sequence, one?.payload[0]])).toEqual([
      [1, 0],
      [1, 0],
      [1, 0],
      [1, 0],
      [1, 0xff],
    ]);
    peer.stream.destroy();
  });

  it('a client that leaves in the middle of it ends its session and nothing else', async () => {
    const peer = await loggedIn();
    peer.send(changeUser({ plugin: 'mysql_native_password' }));
    expect((await peer.next())?.payload[0]).toBe(0xfe);
    peer.stream.destroy();
    expect((await place.recorded()).ended?.reason).toBe('client_closed');
  });
});

describe('refused, with the connection', () => {
  it.each<[string, () => Buffer, number, RegExp]>([
    ['another user', () => changeUser({ user: 'bob@example.com#demo' }), 1045, /user of this connection alone/],
    ['another resource', () => changeUser({ user: 'alice@example.com#other' }), 1045, /user of this connection alone/],
    ['the user of the target', () => changeUser({ user: 'app', password: 'app-password' }), 1045, /user of this/],
    ['another grant', () => changeUser({ password: place.gateway.edge.issue().secret }), 1045, /password of this/],
    ['no password', () => changeUser({ password: '' }), 1045, /No password came/],
    ['a database that is not there', () => changeUser({ database: 'missing' }), 1049, /no such database/],
    ['nonsense', () => packet(0, 0x11, 'a'), 1043, /not understood/],
    ['no end', () => packet(0, 0x11, Buffer.alloc(1_200_000, 'a')), 1043, /not understood/],
  ])('%s', async (_name, bytes, code, words) => {
    const peer = await loggedIn();
    peer.send(bytes(), query('select 1'));
    const [last, ...more] = await peer.untilClosed();
    expect(more).toEqual([]);
    expect(last?.sequence).toBe(1);
    expect(last && readError(last.payload)).toMatchObject({ code, message: expect.stringMatching(words) });
    const recording = await place.recorded();
    expect(recording.ended?.reason).toBe('policy_denied');
    expect(recording.facts('statement.finished')).toMatchObject([
      { error: { code: expect.stringContaining(`${code}`) } },
    ]);
    expect(recording.wire('client').toString('latin1')).not.toMatch(/app-password/);
  });

  it('a packet out of order within it', async () => {
    const peer = await loggedIn();
    peer.send(changeUser({ plugin: 'mysql_native_password' }), query('select 1'));
    const seen = await peer.untilClosed();
    expect(seen.map(({ payload }) => payload[0])).toEqual([0xfe, 0xff]);
  });
});
