// Unmodified clients and a real MariaDB: what they get through the gateway is what they get past it.

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type GuardedMysql, startGuardedMysql } from '../../harness/mysql/guarded.ts';
import { run, until } from '../../harness/run.ts';

let place: GuardedMysql;

beforeAll(async () => {
  place = await startGuardedMysql({ serverVersion: '5.5.5-10.11.19-MariaDB-gatehouse' });
  await place.server.sql(
    'use shop',
    'create table people (id int primary key auto_increment, name varchar(50), born date, note text, data blob)',
    "insert into people values (1, 'Ann', '1987-06-05', 'näthing 😀', x'00ff27'), (2, 'Bob', null, null, '')",
    'create table numbers (n int primary key)',
    'insert into numbers select seq from seq_1_to_5000',
    'create view grown as select id, name from people where born is not null',
    'create trigger named before insert on people for each row set new.name = upper(new.name)',
    `create procedure both_of(in a int, out b int) begin set b = a * 2; select a as first; select b as second; end`,
    'create procedure slow() select sleep(60)',
  );
});
// What nobody can read goes on, so that an error of syntax is the server's own.
beforeEach(() => place.rules([{ block: ['drop database', 'truncate'] }], { unparsable: 'allow' }));
afterAll(() => place.close());

const BOTH = ['through', 'past'] as const;
const way = (which: 'through' | 'past') => (which === 'past' ? ('gateway' as const) : undefined);

describe('mariadb', () => {
  it.each([
    [
      'a batch',
      ['-t', 'shop'],
      "select * from people; select 1; insert into people (name) values ('x'); select row_count(); delete from people where id > 2; show warnings;",
    ],
    ['an error in a batch', ['-t', '--force', 'shop'], 'select 1; selec 2; select 3;'],
    ['several statements in one', ['-t', '--delimiter=//', 'shop'], 'select 1; select 2; selec 3; select 4//'],
    ['a procedure with results', ['-t', 'shop'], 'call both_of(4, @b); select @b;'],
    [
      'warnings',
      ['-t', '--show-warnings', 'shop'],
      "select cast('x' as int); insert ignore into numbers values (1); show warnings; show errors;",
    ],
    ['binary data', ['-t', '--binary-as-hex', 'shop'], 'select * from people'],
    ['many rows', ['shop'], 'select * from numbers a join (select 1 union select 2) b'],
    [
      'transactions',
      ['-t', 'shop'],
      'begin; update people set note = 1; rollback; select note from people; select @@in_transaction;',
    ],
  ])('%s', async (_name, args, input) => {
    const [through, past] = await Promise.all(
      BOTH.map(async (which) => place.run('mariadb', ['--default-character-set=utf8mb4', ...args], input, way(which))),
    );
    expect(through).toEqual(past);
  });

  it('says why it was blocked, by a code that means it', async () => {
    const ran = await place.run('mariadb', ['shop'], 'truncate table numbers');
    expect(ran.code).toBe(1);
    expect(ran.stderr).toMatch(/ERROR 1227 \(42000\) at line 1: Gatehouse: Blocked by rule orders-prod/);
  });
});

describe('mariadb-dump', () => {
  it('dumps as it does past the gateway, and restores through it, under rules', async () => {
    const dump = ['--routines', '--triggers', '--events', '--hex-blob', '--skip-dump-date', 'shop'];
    const [through, past] = await Promise.all(BOTH.map((which) => place.run('mariadb-dump', dump, '', way(which))));
    expect(through?.stderr).toBe(past?.stderr);
    expect(through?.stdout.length).toBeGreaterThan(5_000);
    // The header names the server by the version that it greeted with.
    const body = (text: string | undefined) =>
      text
        ?.split('\n')
        .filter((line) => !line.startsWith('-- '))
        .join('\n');
    expect(body(through?.stdout)).toBe(body(past?.stdout));
    await place.server.sql('create database copy');
    const restored = await place.run('mariadb', ['copy'], through?.stdout);
    expect(restored).toEqual({ code: 0, stdout: '', stderr: '' });
    expect(await place.server.sql('select count(*) as n from copy.numbers')).toEqual([{ n: 5000 }]);
    const again = await place.run('mariadb-dump', [...dump.slice(0, -1), 'copy'], '', 'gateway');
    expect(body(again.stdout)?.replaceAll('`copy`', '`shop`')).toBe(body(past?.stdout)?.replaceAll('`copy`', '`shop`'));
  });
});

describe('mysql2', () => {
  it.each([
    ['inside TLS', {}],
    ['in plain text, with the password encrypted for a key of the gateway', { ssl: undefined as never }],
  ])('%s: text and prepared statements, types, errors', async (_name, options) => {
    const both = await Promise.all(
      BOTH.map(async (which) => {
        const c = await place.connect({ dateStrings: true, ...options }, way(which));
        const seen: unknown[] = [];
        const take = async (work: Promise<unknown>) =>
          seen.push(
            await work.catch(({ code, errno, sqlState, sqlMessage }) => ({ code, errno, sqlState, sqlMessage })),
          );
        await take(c.query('select * from people').then(([rows]) => rows));
        await take(c.execute('select ?, ?, ?, ?', [1, 'ä', null, Buffer.from([0, 255])]).then(([rows]) => rows));
        for (const id of [1, 2, 3]) await take(c.execute('select * from people where id = ?', [id]).then(([r]) => r));
        await take(
          c
            .execute('insert into people (name, data) values (?, ?)', ['c', Buffer.alloc(300_000, 'y')])
            .then(([r]) => ({ ...(r as object), insertId: 0 })),
        );
        await take(c.query('delete from people where id > 2').then(([r]) => r));
        await take(c.query('selec 1'));
        await take(c.execute('select * from missing'));
        await take(
          c
            .query('select repeat("x", 3000000) as long_one')
            .then(([r]) => (r as { long_one: string }[])[0]?.long_one.length),
        );
        await take(c.ping());
        await take(c.changeUser({ database: 'information_schema' }));
        await take(c.query('select database() as d').then(([r]) => r));
        await c.end();
        return seen;
      }),
    );
    expect(both[0]).toEqual(both[1]);
  });

  it('commands in one go are answered in their order, the blocked ones too', async () => {
    const c = await place.connect();
    const texts = ['select 1 as a', 'truncate table numbers', 'select 2 as a', 'drop database shop', 'select 3 as a'];
    const answers = await Promise.all(
      texts.map((text) =>
        c.query(text).then(
          ([rows]) => rows,
          ({ errno }) => errno,
        ),
      ),
    );
    expect(answers).toEqual([[{ a: 1 }], 1227, [{ a: 2 }], 1227, [{ a: 3 }]]);
    await c.end();
  });
});

describe('PyMySQL', () => {
  const python = async (program: string) => {
    const { gateway, server, secret, caFile } = place;
    const begin = `
import pymysql, pymysql.cursors, sys
def connect(**way): return pymysql.connect(host='127.0.0.1', charset='utf8mb4', ssl={'ca': sys.argv[3]}, max_allowed_packet=1<<26, **way)
through = lambda: connect(port=int(sys.argv[1]), user='alice@example.com#demo', password=sys.argv[2])
past = lambda: connect(port=int(sys.argv[4]), user='app', password='app-password', database='shop')
`;
    const args = ['-c', begin + program, String(gateway.port), secret, caFile, String(server.port)];
    const { stdout, stderr } = await run('/usr/bin/python3', args, { timeoutMs: 110_000 });
    expect(stderr).toBe('');
    return stdout.trim();
  };

  it('reads, writes, gets errors, calls procedures and streams rows as past the gateway', async () => {
    const program = `
def go(c):
    out = []
    with c.cursor() as k:
        k.execute('select * from people'); out.append(repr(k.fetchall()))
        k.execute('insert into people (name) values (%s)', ('zoe',)); out.append(k.rowcount)
        c.rollback()
        try: k.execute('selec 1')
        except Exception as e: out.append(repr(e))
        k.callproc('both_of', (3, 0)); out.append(repr(k.fetchall())); k.nextset(); out.append(repr(k.fetchall()))
        while k.nextset(): pass
    with c.cursor(pymysql.cursors.SSCursor) as k:
        k.execute('select n from numbers'); out.append(sum(r[0] for r in k))
    c.ping(); c.close()
    return out
print(go(through()) == go(past()))`;
    expect(await python(program)).toBe('True');
  });

  it('sends and gets packets of 16 MiB and more', async () => {
    await place.server.sql('set global max_allowed_packet = 67108864');
    const program = `
c = through()
with c.cursor() as k:
    for size in (0xffffff - 24, 0xffffff - 23, 0xffffff - 5, 0x1000000):
        k.execute('select length("%s") as n' % ('z' * size)); assert k.fetchall() == ((size,),), size
        k.execute('select repeat("y", %s)' % size); assert k.fetchall() == (('y' * size,),), size
c.ping(); print('done')`;
    expect(await python(program)).toBe('done');
  });
});

describe('KILL', () => {
  it('by the id of the greeting and by CONNECTION_ID(), on another connection of the same person', async () => {
    const killer = await place.connect();
    for (const which of ['greeting', 'own'] as const) {
      const c = await place.connect();
      const [[own]] = (await c.query('select connection_id() as id')) as unknown as [[{ id: number }]];
      const id = which === 'greeting' ? c.threadId : own.id;
      expect(c.threadId).not.toBe(own.id);
      const sleeping = c.query('select sleep(60) as s').then(
        ([rows]) => rows,
        ({ errno }) => errno,
      );
      await until('it sleeps', async () => {
        const [{ n }] = (await place.server.sql(
          "select count(*) as n from information_schema.processlist where info like 'select sleep(60)%'",
        )) as [{ n: number }];
        return Number(n) === 1;
      });
      await killer.query(`kill query ${id}`);
      expect([[{ s: 1 }], 1317]).toContainEqual(await sleeping);
      await c.end();
    }
  });

  it("nobody else's", async () => {
    const c = await place.connect();
    const [other] = await place.server.sql('select connection_id() as id');
    for (const text of [
      `kill ${other?.id}`,
      'kill 1',
      `/*!50000 kill ${other?.id} */`,
      'kill connection_id()',
      `select 1; kill ${other?.id}`,
    ]) {
      const refused = await c.query(text).catch((error) => error);
      expect(refused.errno).toBe(1095);
    }
    expect(await place.server.sql('select 1 as alive')).toEqual([{ alive: 1 }]);
    await c.end();
  });

  it('a session that is revoked leaves nothing running at the target', async () => {
    const { id, secret } = place.gateway.edge.issue();
    const c = await place.connect({ password: secret });
    const running = c.query('select sleep(61)').catch(({ message }) => message);
    const count = async () =>
      Number(
        (
          await place.server.sql(
            "select count(*) as n from information_schema.processlist where info like 'select sleep(61)%'",
          )
        )[0]?.n,
      );
    await until('it runs', async () => (await count()) === 1);
    place.gateway.edge.revoke(id as never, 'left the team');
    expect(await running).toContain('left the team');
    await until('it is over', async () => (await count()) === 0);
  });
});
