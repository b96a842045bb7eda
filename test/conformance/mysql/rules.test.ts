// What a policy does to sessions of a real MariaDB, and what of them is recorded.

import type { Connection } from 'mysql2/promise';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { packet } from '../../../connector/protocols/mysql/wire/packets.ts';
import { readError } from '../../../connector/protocols/mysql/wire/replies.ts';
import { littleEndian } from '../../../connector/protocols/mysql/wire/values.ts';
import { password, startGateway, trusted } from '../../harness/gateway.ts';
import { type GuardedMysql, startGuardedMysql } from '../../harness/mysql/guarded.ts';
import { dialMysql, logInRawMysql, query, settingsAnswer, startFakeMysql } from '../../harness/mysql/raw-mysql.ts';
import { until } from '../../harness/run.ts';

const USER = 'alice@example.com#demo';
const APPROVED = { kind: 'approved', by: ['bob@example.com'], comment: '' } as const;
let place: GuardedMysql;

beforeAll(async () => {
  place = await startGuardedMysql();
  await place.server.sql(
    'use shop',
    'create table t (id int primary key, name varchar(50))',
    'create table other (id int)',
  );
});
beforeEach(async () => {
  await place.server.sql('delete from shop.t', "insert into shop.t values (1, 'a'), (2, 'b')");
});
afterAll(() => place.close());

const HOLD = { hold: ['delete'], approval: { from: ['dba'], count: 1, within: 300_000 } };
/** The rows; or the number of the error. */
const errnoOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    (result) => (result as readonly unknown[])[0],
    ({ errno }) => errno,
  );
const namesOf = async () => (await place.server.sql('select name from shop.t order by id')).map(({ name }) => name);
const held = async () => {
  const { edge } = place.gateway;
  await until('a statement is held', () => edge.held.length > 0);
  const one = edge.held.shift();
  if (!one) throw new Error('nothing is held');
  return one;
};
async function session<T>(work: (c: Connection) => Promise<T>): Promise<T> {
  const c = await place.connect();
  return work(c).finally(() => c.end().catch(() => {}));
}

describe('a text', () => {
  beforeEach(() => place.rules([{ block: ['drop', 'truncate', 'delete without where'] }]));

  it.each([
    'drop table t',
    'select 1; drop table t',
    '/*!50000 drop */ table t',
    '/*M!100101 truncate t */',
    "select 'a'; /*! delete from t */",
    'dr/**/op table t',
  ])('%s is blocked, or is no statement, and runs nowhere', async (text) => {
    await session(async (c) => {
      expect([1227, 1064]).toContain(await errnoOf(c.query({ sql: text })));
      expect(await errnoOf(c.query('select count(*) as n from t'))).toEqual([{ n: 2 }]);
    });
  });

  it('that cannot be read is told with its place', async () => {
    await session(async (c) => {
      await expect(c.query("select 'it''s';\n creat table x (a int)")).rejects.toMatchObject({
        errno: 1227,
        message: expect.stringMatching(/Blocked by rule orders-prod: .*parser knows \(line 2, column 2\)/),
      });
    });
  });

  it('is read as the session reads it: sql_mode that the server was set to, by any way', async () => {
    for (const set of [
      "set sql_mode = 'ANSI_QUOTES'",
      "set @@session.sql_mode := concat(@@sql_mode, ',ANSI_QUOTES')",
      "set autocommit = 1, sql_mode = 'ANSI_QUOTES'",
    ])
      await session(async (c) => {
        await c.query(set);
        // A name under ANSI_QUOTES, and a string that hides what follows without.
        expect(await errnoOf(c.query('select 1 as "it\'s"; drop table t -- \''))).toBe(1227);
        expect(await errnoOf(c.query('select id as "a" from t where id = 1'))).toEqual([{ a: 1 }]);
      });
    await session(async (c) => {
      await c.query("set sql_mode = 'NO_BACKSLASH_ESCAPES'");
      expect(await errnoOf(c.query("select 'a\\'; drop table t; -- '"))).toBe(1227);
    });
    expect(await namesOf()).toEqual(['a', 'b']);
  });

  it('in a character set whose letters hide quotes is not read, and in others it is', async () => {
    await session(async (c) => {
      await c.query('set names gbk');
      expect(await errnoOf(c.query("select 'plain'"))).toEqual([{ plain: 'plain' }]);
      expect(await errnoOf(c.query("select '中'"))).toBe(1227);
      await c.query('set names latin1');
      expect(await errnoOf(c.query('truncate t'))).toBe(1227);
    });
  });

  it('asking for the settings leaves warnings and the last insert id as they were', async () => {
    await place.server.sql('create table if not exists shop.auto (id int primary key auto_increment)');
    await session(async (c) => {
      await c.query('insert into auto () values ()');
      await c.query("set sql_mode = ''");
      await c.query("select cast('x' as int) as n");
      await c.query("set sql_mode = 'ANSI_QUOTES'");
      const [[row]] = (await c.query('select last_insert_id() as id')) as unknown as [[{ id: number }]];
      expect(row.id).toBeGreaterThan(0);
      await c.query("set session sql_mode = 'NO_SUCH_MODE'").catch(() => {});
      expect(await errnoOf(c.query('show warnings'))).toMatchObject([{ Level: 'Error' }]);
    });
  });

  it('what a statement left behind is what the server says of it', async () => {
    // A rule that blocks would block the CALL, which nobody sees into.
    place.rules([{ warn: ['drop'] }]);
    const texts = [
      "set sql_mode = ''; select row_count() as n",
      "insert into t values (7, 'x'), (8, 'y'); set names utf8mb4; select row_count() as n",
      "select sql_calc_found_rows id from t limit 1; set sql_mode = 'ANSI_QUOTES'; select found_rows() as n",
      "select cast('x' as int) as n; set sql_mode = ''; show warnings",
      "select cast('x' as int) as n; set sql_mode = ''; select @@warning_count as n, @@error_count as m",
      "select cast('x' as int) as n; set names latin1; get diagnostics @n = number; select @n as n",
      "update t set name = 'z' where id > 1; set sql_mode = ''; set @n = row_count(); select @n as n",
      'call touch(); select row_count() as n; call touch(); set @n = found_rows(); select @n as n',
    ];
    await place.server.sql('create or replace procedure shop.touch() update shop.t set name = concat(name, 1)');
    const seen = [];
    for (const past of [undefined, 'gateway'] as const) {
      const c = await place.connect({}, past);
      const answers = [];
      for (const text of texts)
        for (const statement of text.split('; ')) answers.push([statement, await errnoOf(c.query(statement))]);
      await c.end();
      await place.server.sql('delete from shop.t', "insert into shop.t values (1, 'a'), (2, 'b')");
      seen.push(answers.filter(([statement]) => !/^(?:call|insert|update)/.test(String(statement))));
    }
    expect(seen[0]).toEqual(seen[1]);
  });

  it('that is read before the settings are asked for is one that hangs on none', async () => {
    await session(async (c) => {
      await c.query("set sql_mode = 'ANSI_QUOTES'");
      for (const text of [
        'select row_count() as "it\'s"; drop table t -- \'',
        'select row_count() /*!; drop table t */',
        'select found_rows(); truncate t',
      ])
        expect([1227, 1064]).toContain(await errnoOf(c.query(text)));
    });
    expect(await namesOf()).toEqual(['a', 'b']);
  });
});

describe('a prepared statement', () => {
  it('is blocked when it is prepared, and when the rules have come since', async () => {
    place.rules([{ block: ['truncate'] }]);
    const { edge } = place.gateway;
    await session(async (c) => {
      expect(await errnoOf(c.execute('truncate t'))).toBe(1227);
      const update = await c.prepare('update t set name = ? where id = ?');
      await update.execute(['c', 1]);
      edge.applyRules({
        ...edge.rules,
        policyVersion: edge.rules.policyVersion + 1,
        statements: [{ block: ['update'] }],
      });
      expect(await errnoOf(update.execute(['d', 1]))).toBe(1227);
    });
    expect(await namesOf()).toEqual(['c', 'b']);
  });

  it('in SQL is judged by what the name was prepared as', async () => {
    place.rules([{ block: ['truncate'] }]);
    await session(async (c) => {
      expect(await errnoOf(c.query("prepare p from 'truncate t'"))).toBe(1227);
      await c.query("prepare p from 'select 7 as n'");
      expect(await errnoOf(c.query('execute p'))).toEqual([{ n: 7 }]);
      expect(await errnoOf(c.query('execute q'))).toBe(1227);
    });
  });

  it('keeps its types from run to run, also in the recording', async () => {
    place.rules([]);
    const secret = place.secret;
    const peer = await dialMysql(place.gateway.port);
    expect((await logInRawMysql(peer, USER, secret))?.payload[0]).toBe(0);
    peer.send(packet(0, 0x16, 'select ? + 1'));
    const prepared = await peer.next();
    const id = prepared?.payload.readUInt32LE(1) ?? 0;
    const execute = (types: boolean, value: number, iterations = 1) =>
      packet(
        0,
        0x17,
        littleEndian(id, 4),
        0,
        littleEndian(iterations, 4),
        0,
        ...(types ? [1, 3, 0] : [0]),
        littleEndian(value, 4),
      );
    peer.send(execute(true, 41), execute(false, 42), packet(0, 0x19, littleEndian(id, 4)), packet(0, 1));
    await peer.untilClosed();
    const started = (await place.recorded()).facts('statement.started');
    expect(started.map(({ text, parameters }) => [text, parameters?.[0]?.value, parameters?.[0]?.type])).toEqual([
      ['select ? + 1', '41', 3],
      ['select ? + 1', '42', 3],
    ]);
    expect((await place.recorded()).facts('statement.finished').map(({ rows }) => rows)).toEqual([1, 1]);
  });
});

describe('what is held', () => {
  beforeEach(() => place.rules([HOLD]));

  it('runs when it is approved: a text, and a prepared statement with its parameters', async () => {
    await session(async (c) => {
      const text = c.query('delete from t where id = 1');
      const one = await held();
      expect(one.asked.action).toMatchObject({
        text: 'delete from t where id = 1',
        touches: ['t'],
        inTransaction: false,
      });
      expect(await namesOf()).toEqual(['a', 'b']);
      one.decide(APPROVED);
      await text;
      expect(await namesOf()).toEqual(['b']);
      await c.query('begin');
      const prepared = c.execute('delete from t where id = ?', [2]);
      const two = await held();
      expect(two.asked.action).toMatchObject({
        text: 'delete from t where id = ?',
        parameters: ['2'],
        inTransaction: true,
      });
      two.decide({ kind: 'denied', by: ['bob@example.com'], comment: 'no' });
      expect(await errnoOf(prepared)).toBe(1227);
      // The transaction is the one that it was.
      expect(await errnoOf(c.query('select @@in_transaction as t'))).toEqual([{ t: 1 }]);
    });
    expect(await namesOf()).toEqual(['b']);
  });

  it('cannot be held where those who approve would not see all of it', async () => {
    await session(async (c) => {
      for (const work of [
        c.query(`delete from t where name = '${'x'.repeat(25_000)}'`),
        c.query(`delete from t where name = '${'x'.repeat(1_200_000)}'`),
        c.execute('delete from t where name = ?', ['y'.repeat(3_000)]),
      ])
        expect(await errnoOf(work)).toBe(1227);
    });
    expect(await namesOf()).toEqual(['a', 'b']);
  });
});

describe('secrets', () => {
  it('stand nowhere in the recording, and in the server', async () => {
    place.rules([]);
    await session(async (c) => {
      await c.query("create user bob@'127.0.0.1' identified by 'SESAME-1'");
      await c.query("set password for bob@'127.0.0.1' = password('SESAME-2')");
      await c.query("select password('SESAME-3')");
      await c.query("alter user bob@'127.0.0.1' identified by 'SESAME-4' nonsense").catch(() => {});
      await c.execute('select ? = password(?) as same', ['x', 'SESAME-5']);
      await c.query("drop user bob@'127.0.0.1'");
      await c.query("select 'kept'");
    });
    const recording = await place.recorded();
    const all =
      JSON.stringify(recording.frames.map(({ fact }) => fact)) + recording.wire('client') + recording.wire('target');
    expect(all).not.toMatch(/SESAME/);
    expect(all).toContain("select 'kept'");
    expect(recording.facts('values.hidden').length).toBeGreaterThan(0);
    expect(recording.facts('statement.finished').filter(({ error }) => error)).toMatchObject([
      { error: { code: '1064 (42000)', message: '[hidden]' } },
    ]);
  });
});

describe('bytes that are no letters', () => {
  const BYTES = Buffer.from([0xff, 0xe4, 0x80, 0xc3]);
  const ask = async (before: string, after: string) => {
    const peer = await dialMysql(place.gateway.port);
    expect((await logInRawMysql(peer, USER, place.secret))?.payload[0]).toBe(0);
    peer.send(packet(0, 3, Buffer.concat([Buffer.from(before), BYTES, Buffer.from(after)])));
    const first = await peer.next();
    peer.stream.destroy();
    return first?.payload[0] === 0xff ? first.payload.readUInt16LE(1) : 'passed';
  };
  beforeEach(() => place.rules([{ block: ['drop'] }]));

  it.each([
    ["select hex(_binary '", "') as h", 'passed'],
    ['select 1 /* ', ' */ + 1', 'passed'],
    ["select '", "'; drop table nothing", 1227],
    ["select '", "\\' ; drop table nothing; -- '", 'passed'],
    ['/*! drop table ', 'x */', 1227],
    ['select ', ' as x', 1227],
    ['drop table nothing -- ', '', 1227],
  ])('%s ... %s', async (before, after, seen) => expect(await ask(before, after)).toBe(seen));
});

describe('commands', () => {
  const raw = async () => {
    const peer = await dialMysql(place.gateway.port);
    expect((await logInRawMysql(peer, USER, place.secret))?.payload[0]).toBe(0);
    return peer;
  };
  beforeEach(() => place.rules([{ block: ['drop', 'use', 'show'] }]));

  it.each([
    ['COM_INIT_DB', packet(0, 2, 'mysql'), 1227],
    ['COM_FIELD_LIST', packet(0, 4, 't\0'), 1227],
    ['COM_CREATE_DB', packet(0, 5, 'x'), 1235],
    ['COM_DROP_DB', packet(0, 6, 'shop'), 1235],
    ['COM_SHUTDOWN', packet(0, 8), 1235],
    ['COM_PROCESS_INFO', packet(0, 0x0a), 1235],
    ['COM_PROCESS_KILL', packet(0, 0x0c, littleEndian(1, 4)), 1095],
    ['COM_BINLOG_DUMP', packet(0, 0x12, Buffer.alloc(10)), 1235],
    ['COM_REGISTER_SLAVE', packet(0, 0x15, Buffer.alloc(18)), 1235],
  ])('%s is refused in its turn, and the session goes on', async (_name, bytes, code) => {
    const peer = await raw();
    peer.send(packet(0, 0x0e), bytes, packet(0, 0x0e), packet(0, 9));
    const answers = [await peer.next(), await peer.next(), await peer.next(), await peer.next()];
    expect(answers.map((one) => one?.sequence)).toEqual([1, 1, 1, 1]);
    expect(answers.map((one) => one?.payload[0])).toEqual([0, 0xff, 0, 'U'.charCodeAt(0)]);
    expect(answers[1] && readError(answers[1].payload).code).toBe(code);
    peer.stream.destroy();
  });

  it.each([
    ['a number that nobody knows', packet(0, 0x7f)],
    ["MariaDB's bulk execution", packet(0, 0xfa, Buffer.alloc(10))],
    ['nothing', packet(0)],
    ['a number out of order', packet(3, 0x0e)],
  ])('%s ends the session, with words', async (_name, bytes) => {
    const peer = await raw();
    peer.send(bytes, query('select 1'));
    const [last, ...more] = await peer.untilClosed();
    expect(more).toEqual([]);
    expect(last && readError(last.payload).message).toContain('The session ends');
    expect((await place.recorded()).ended?.reason).toBe('protocol_fault');
  });
});

describe('a target', () => {
  it.each([
    [
      'answers what nobody asked',
      Buffer.concat([packet(1, 0, 0, 0, 2, 0, 0, 0), packet(2, 0, 0, 0, 2, 0, 0, 0)]),
      /nobody asked/,
    ],
    ['breaks off in nonsense', packet(1, 0), /not understood/],
  ])('that %s ends the session', async (_name, answer, words) => {
    const target = await startFakeMysql(async (peer) => {
      for (let one = await peer.next(); one; one = await peer.next()) peer.send(settingsAnswer(one.payload) ?? answer);
    });
    const upstream = trusted(target.port, { user: 'app', password: password('x'), database: undefined });
    const gateway = await startGateway({ protocol: 'mysql', targets: { demo: upstream } });
    const peer = await dialMysql(gateway.port);
    await logInRawMysql(peer, USER, gateway.edge.issue().secret);
    peer.send(query('select 1'));
    const last = (await peer.untilClosed()).at(-1);
    expect(last && readError(last.payload).message).toMatch(words);
    await gateway.close();
    expect(gateway.log.last.ended?.reason).toBe('protocol_fault');
    await target.close();
  });

  it('that ends an idle session is heard by the client as it said it', async () => {
    place.rules([]);
    const peer = await dialMysql(place.gateway.port);
    await logInRawMysql(peer, USER, place.secret);
    peer.send(query('select connection_id()'));
    for (let left = 4; left > 0; left--) await peer.next();
    const [row] = await place.server.sql("select id from information_schema.processlist where user = 'app'");
    await place.server.sql(`kill ${row?.id}`);
    const [last] = await peer.untilClosed();
    if (last) expect([last.sequence, readError(last.payload).code]).toEqual([0, 1927]);
    expect((await place.recorded()).ended?.reason).toBe('target_closed');
  });
});
