// MySQL 9 as a target, and its clients.

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { LEAKS_OF_MYSQL_9, MADE_IN_MYSQL_9 } from '../../attacks/mysql-masks-later.ts';
import { password } from '../../harness/gateway.ts';
import { laterRelease, notHere } from '../../harness/mysql/debian-root.ts';
import { type GuardedMysql, startGuardedMysql } from '../../harness/mysql/guarded.ts';
import { run as runProgram, until } from '../../harness/run.ts';
import { PEOPLE, RESTORE, SPELT } from '../../harness/mysql/people.ts';
import { itHidesColumns, itReadsAsTheServerDoes } from './later-release.ts';

const release = laterRelease('mysql-9');
let place: GuardedMysql;

beforeAll(async () => {
  if (!release) return;
  const gtid = ['--gtid-mode=ON', '--enforce-gtid-consistency=ON'];
  place = await startGuardedMysql({ serverVersion: '9.7.0-gatehouse' }, gtid, release);
  await place.server.sql(...PEOPLE, ...RESTORE, ...MADE_IN_MYSQL_9);
});
beforeEach(({ skip }) => {
  skip(!release, notHere('mysql-9'));
  place.rules([]);
});
afterAll(() => place?.close());

describe('a target', () => {
  it('is logged in to by caching_sha2_password, in full and then fast, and sha256_password', async () => {
    const off = { mode: 'off' } as const;
    await place.server.sql(
      "create user sha2@'127.0.0.1' identified with caching_sha2_password by 'geheim ü', sha256@'127.0.0.1' identified with sha256_password by 'geheim ü'",
      "grant all on shop.* to sha2@'127.0.0.1', sha256@'127.0.0.1'",
    );
    const own = { user: 'sha2', password: password('geheim ü') };
    place.target('clear', { ...own, tls: off });
    expect(await place.whoAmI('clear')).toMatch(
      /^1429 Gatehouse: The database asks for the password itself .* has no TLS/,
    );
    place.target('sha2', own);
    expect(await place.whoAmI('sha2')).toBe('sha2@127.0.0.1');
    expect(await place.whoAmI('sha2')).toBe('sha2@127.0.0.1');
    // It is cached now.
    expect(await place.whoAmI('clear')).toBe('sha2@127.0.0.1');
    place.target('sha256', { ...own, user: 'sha256' });
    expect(await place.whoAmI('sha256')).toBe('sha256@127.0.0.1');
    place.target('sha256clear', { ...own, user: 'sha256', tls: off });
    expect(await place.whoAmI('sha256clear')).toMatch(/^1429 Gatehouse: The database asks for the password itself/);
    place.target('wrong', { ...own, password: password('other') });
    expect(await place.whoAmI('wrong')).toMatch(
      /^1429 Gatehouse: The database refused the gateway's own login \(1045\)/,
    );
  });
});

describe('under masks, it', () => itHidesColumns(() => place, LEAKS_OF_MYSQL_9));
it('blocks, answers in order, says what changed in the session, and ends what its own user runs', async () => {
  place.rules([{ block: ['drop', 'truncate'] }]);
  const c = await place.connect({ multipleStatements: true });
  const answers = await Promise.all(
    ['select 1 as a', 'drop table orders', 'table orders', 'truncate orders', 'values row(1)'].map((text) =>
      c.query(text).then(
        ([rows]) => (rows as unknown[]).length,
        ({ errno }) => errno,
      ),
    ),
  );
  expect(answers).toEqual([1, 1227, 2, 1227, 1]);
  const [tracked] = await c.query(
    "set session_track_gtids = OWN_GTID; set names 'latin1'; use shop; insert into orders (id) values (80)",
  );
  expect(JSON.stringify(tracked)).toMatch(
    /"systemVariables":\{[^}]*"character_set_client":"latin1".*"schema":"shop".*"gtids":\["[0-9a-f-]{36}:\d+"\]/,
  );
  // Quotes are read as the server reads them now.
  await c.query("set sql_mode = 'ansi_quotes,no_backslash_escapes'");
  expect(await c.query("select 'a\\'; drop table orders; -- '").catch(({ errno }) => errno)).toBe(1227);
  await c.query('delete from orders where id = 80');
  const other = await place.connect();
  const sleeping = other.query('select sleep(60) as s').then(
    ([rows]) => rows,
    ({ errno }) => errno,
  );
  await until('it sleeps', async () => {
    const [row] = await place.server.sql(
      "select count(*) as n from performance_schema.processlist where info like 'select sleep(60)%'",
    );
    return Number(row?.n) === 1;
  });
  await c.query(`kill query ${other.threadId}`);
  expect([[{ s: 1 }], 1317]).toContainEqual(await sleeping);
  const [own] = await place.server.sql('select connection_id() as id');
  expect(await c.query(`kill ${own?.id}`).catch(({ errno }) => errno)).toBe(1095);
  for (const one of [c, other]) await one.end();
});

it('shows all of information_schema beside columns that are masked in every table', async () => {
  place.rules([], { mask: [{ columns: ['*.ssn'], with: 'placeholder' }] });
  const ways = [await place.connect(), await place.connect({}, 'gateway')];
  for (const text of [
    "select * from information_schema.tables where table_schema = 'shop' and table_name = 'orders'",
    "select * from information_schema.columns where table_schema = 'shop' order by table_name, ordinal_position",
    "select t.*, c.* from information_schema.tables t join information_schema.columns c using (table_schema, table_name) where c.column_name = 'ssn' order by t.table_name",
  ]) {
    const [through, past] = await Promise.all(ways.map((c) => c.query(text).then(([rows]) => rows)));
    expect(through).toEqual(past);
    expect(past).not.toEqual([]);
  }
  for (const text of [
    'select * from information_schema.schemata s, (select ssn as z from people) schemata',
    'select s.*, p.* from information_schema.schemata s, (select concat(ssn) as schema_name from people) p',
    "select d.* from information_schema.tables t, lateral (select max(ssn) as engine from people) d where t.table_name = 'orders'",
  ]) {
    const seen = await ways[0]?.query(text).then(
      ([rows]) => JSON.stringify(rows),
      ({ message }) => message,
    );
    for (const value of SPELT) expect(seen).not.toContain(value);
  }
});
it('shows nobody what a replica signs in with', async () => {
  await place.server.sql(
    "change replication source to source_host = '127.0.0.1', source_user = 'replica', source_password = 'geheim'",
  );
  const c = await place.connect();
  const [rows] = await c.query('select User_name as u, m.User_password as p from mysql.slave_master_info m');
  expect(rows).toEqual([{ u: 'replica', p: '[masked]' }]);
  await c.end();
});

describe('its statements', () => itReadsAsTheServerDoes(() => place));

describe('its own clients, which verify the certificate,', () => {
  const client = async (program: string, args: readonly string[], input = '', way: 'through' | 'past' = 'through') => {
    const { gateway, server, secret, caFile } = place;
    const [file, ...begin] = release?.command(`usr/bin/${program}`) ?? ['', ''];
    const to =
      way === 'through'
        ? [`-P${gateway.port}`, '-ualice@example.com#demo', `-p${secret}`]
        : [`-P${server.port}`, '-uapp', '-papp-password'];
    const verified = ['--no-defaults', '-h127.0.0.1', '--ssl-mode=VERIFY_IDENTITY', `--ssl-ca=${caFile}`];
    const ran = await runProgram(file, [...begin, ...verified, ...to, ...args], { input });
    return { ...ran, stderr: ran.stderr.replace(/^.*Using a password on the command line interface.*\n/gm, '') };
  };
  /** One behind the other: they write to the same tables. */
  const both = async (program: string, args: readonly string[], input = '') => [
    await client(program, args, input, 'through'),
    await client(program, args, input, 'past'),
  ];

  it.each([
    [
      'a batch',
      ['-t', 'shop'],
      'select * from people; select 1; insert into orders (id) values (70); select row_count(); delete from orders where id = 70; show warnings;',
    ],
    ['errors', ['-t', '--force', 'shop'], 'select 1; selec 2; select * from missing; select 3;'],
    ['a procedure with results', ['-t', 'shop'], 'set @t = 2; call names(1, @t); select @t;'],
    ['several statements in one', ['-t', '--delimiter=//', 'shop'], 'select 1; select 2; selec 3; select 4//'],
    [
      'types',
      ['-t', '--column-type-info', 'shop'],
      "select json_object('a', 1), string_to_vector('[1,2]'), _utf8mb4'ä' collate utf8mb4_0900_as_cs, b'101', cast(1 as decimal(9,2)), now(6) > 0",
    ],
    [
      'session settings',
      ['-t', 'shop'],
      'set names latin1; set sql_mode = \'ansi_quotes\'; select "id" from orders; set session_track_gtids = OWN_GTID; insert into orders (id) values (71); delete from orders where id = 71',
    ],
    [
      'what only it has',
      ['-t', '--init-command=set @a = 5', 'shop'],
      'select @a; table orders; values row(1, 2); select 1 intersect select 1; explain format=tree select 1',
    ],
  ])('mysql: %s', async (_name, args, input) => {
    const [through, past] = await both('mysql', args, input);
    expect(through).toEqual(past);
    expect(past?.stdout.length).toBeGreaterThan(10);
  });

  it('mysqldump and restore, mysqlshow, mysqladmin', async () => {
    const dump = [
      '--single-transaction',
      '--routines',
      '--triggers',
      '--events',
      '--hex-blob',
      '--set-gtid-purged=OFF',
      '--skip-dump-date',
      'shop',
      'people',
      'orders',
    ];
    const [through, past] = await both('mysqldump', dump);
    const body = (text = '') => text.replace(/^-- .*\n/gm, '');
    expect(through?.stderr).toBe(past?.stderr);
    expect(body(through?.stdout)).toBe(body(past?.stdout));
    expect(body(through?.stdout)).toContain('123-45-6789');
    await place.server.sql('create database copy');
    expect(await client('mysql', ['copy'], through?.stdout)).toEqual({ code: 0, stdout: '', stderr: '' });
    expect(await place.server.sql('select count(*) as n from copy.people')).toEqual([{ n: 2 }]);
    await place.server.sql('drop database copy');
    for (const [program, args] of [
      ['mysqlshow', ['shop']],
      ['mysqladmin', ['ping']],
    ] as const) {
      const [seen, real] = await both(program, args);
      expect(seen).toEqual(real);
      expect(real?.code).toBe(0);
    }
  });
});
