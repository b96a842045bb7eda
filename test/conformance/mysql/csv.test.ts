// CSV of results as the mysql client printed them, through a gateway to a real MariaDB: text and binary results, all types.

import type { RowDataPacket } from 'mysql2/promise';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { expectSameInCuts } from '../../harness/session/cut-recorded.ts';
import { exportRecorded, unzipped } from '../../harness/session/exported.ts';
import { type GuardedMysql, startGuardedMysql } from '../../harness/mysql/guarded.ts';

let place: GuardedMysql;
beforeAll(async () => {
  place = await startGuardedMysql();
  await place.server.sql(
    'use shop',
    `create table kinds (id int primary key, i8 tinyint, u64 bigint unsigned, d decimal(20,6), f float, db double, dt date,
      tm time(3), dtm datetime(6), ts timestamp null, y year, c char(5), vc varchar(50), tx mediumtext, bl blob, vb varbinary(9), bt bit(9),
      en enum('a','b'), st set('x','y'), l1 varchar(9) character set latin1)`,
    `insert into kinds values (1, -128, 18446744073709551615, -1234.5, 1.5, 1e300, '1987-06-05', '-12:34:56.789', '2024-02-29 12:34:56.123456',
      '2024-01-01 00:00:01', 2024, 'abc', 'näthing 😀', repeat('t', 70000), x'00ff27', x'01', b'100000001', 'b', 'x,y', 'ä'),
     (2, 0, 0, 0, 0.1, 0, '2000-01-01', '00:00:00', '2000-01-01 00:00:00', null, null, '', '', '', '', '', b'0', 'a', '', ''),
     (3, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null)`,
  );
});
afterAll(() => place.close());

const ROW_1 = [
  ...['1', '-128', '18446744073709551615', '-1234.500000', '1.5', '1e300', '1987-06-05', '-12:34:56.789'],
  ...['2024-02-29 12:34:56.123456', '2024-01-01 00:00:01', '2024', 'abc', 'näthing 😀', 't'.repeat(70_000)],
  ...['0x00FF27', '0x01', '0x0101', 'b', '"x,y"', 'ä'],
].join(',');
const ROW_2 = '2,0,0,0.000000,0.1,0,2000-01-01,00:00:00.000,2000-01-01 00:00:00.000000,,,"","","",0x,0x,0x0000,a,"",""';
const ROW_3 = `3${','.repeat(19)}`;
const HEAD = 'id,i8,u64,d,f,db,dt,tm,dtm,ts,y,c,vc,tx,bl,vb,bt,en,st,l1';

it('has every type of a text result and of a prepared statement alike', async () => {
  const connection = await place.connect();
  const [text] = await connection.query('select * from kinds order by id');
  const [binary] = await connection.execute('select * from kinds where id > ? order by id', [0]);
  expect(text).toHaveLength(3);
  expect(binary).toHaveLength(3);
  await connection.end();
  const recording = await place.recorded();
  const numbers = recording.facts('statement.started').filter(({ text }) => text.startsWith('select * from kinds'));
  expect(numbers.map(({ form }) => form)).toEqual(['simple', 'extended']);
  for (const { action } of numbers) {
    const csv = await exportRecorded(recording, { format: 'csv', statement: action, exact: 'true' });
    expect(csv.toString().split('\r\n')).toEqual([HEAD, ROW_1, ROW_2, ROW_3, '']);
  }
});

it('is what the mysql client prints', async () => {
  const statement = 'select id, i8, u64, d, dt, tm, dtm, c, en, hex(bl) as h from kinds order by id';
  const ran = await place.run('mariadb', ['--batch', '-e', statement]);
  expect(ran.code).toBe(0);
  const recording = await place.recorded();
  const action = recording.facts('statement.started').find(({ text }) => text === statement)?.action;
  const csv = await exportRecorded(recording, { format: 'csv', statement: action, exact: 'true' });
  const printed = ran.stdout.replaceAll('NULL', '').replaceAll('\t', ',');
  expect(csv.toString().replaceAll('\r\n', '\n').replaceAll('""', '')).toBe(printed);
});

it('keeps the results of several statements and of a procedure apart', async () => {
  await place.server.sql(
    'use shop',
    'create procedure both_of(in a int) begin select a as first; select a * 2 as second; end',
  );
  const connection = await place.connect({ multipleStatements: true });
  await connection.query("select 1 as one; do 0; select 'two' as two, null as n");
  await connection.query('call both_of(21)');
  await expect(connection.query('select nothing')).rejects.toThrow();
  await connection.end();
  const recording = await place.recorded();
  const files = await unzipped(await exportRecorded(recording, { format: 'csv' }, 200), `${place.caFile}.zip`);
  const contents = Object.entries(files)
    .filter(([name]) => name !== 'statements.csv')
    .map(([, text]) => text);
  expect(contents).toEqual(
    expect.arrayContaining(['one\r\n1\r\n', 'two,n\r\ntwo,\r\n', 'first\r\n21\r\n', 'second\r\n42\r\n']),
  );
  expect(files['statements.csv']).toMatch(/select nothing,,"?",0,[\d.]+,"?ERROR 1054 \(42S22\)/);
});

it('has rows that are longer than a packet of the protocol', async () => {
  const connection = await place.connect();
  await connection.query('set max_statement_time = 0');
  const [rows] = await connection.query<RowDataPacket[]>(
    "select repeat('a', 9000000) as a, repeat('b', 9000000) as b, 1 as c",
  );
  expect(rows[0]?.a).toHaveLength(9_000_000);
  await connection.end();
  const recording = await place.recorded();
  const action = recording.facts('statement.started').find(({ text }) => text.includes('9000000'))?.action;
  const csv = (await exportRecorded(recording, { format: 'csv', statement: action }, 1024 * 1024)).toString();
  const head = `a,b,c\r\n${'a'.repeat(9_000_000)},`;
  // Not toBe, which would print all of it.
  expect(csv.startsWith(head)).toBe(true);
  expect(csv.slice(head.length)).toMatch(
    /^… \(cut: 180000\d\d bytes were recorded\),… \(cut: 180000\d\d bytes were recorded\)\r\n$/,
  );
});

it('shows masked values as they are recorded', async () => {
  place.rules([], { mask: [{ columns: ['kinds.vc'], with: 'placeholder' }] });
  const connection = await place.connect();
  await connection.query('select id, vc from kinds order by id');
  await connection.end();
  const recording = await place.recorded();
  const action = recording.facts('statement.started').find(({ text }) => text.includes('vc from kinds'))?.action;
  const csv = (await exportRecorded(recording, { format: 'csv', statement: action })).toString();
  expect(csv).toMatch(/^id,vc\r\n1,\[masked\]\r\n2,\[masked\]\r\n3,\r\n$/);
});

it('is the same in all formats when it is made by runs that are cut short and killed', async () => {
  const connection = await place.connect({ multipleStatements: true });
  await connection.query('select * from kinds order by id');
  await connection.execute('select * from kinds where id > ? order by id', [0]);
  await connection.query("select 1 as one; do 0; select 'two' as two, null as n");
  await expect(connection.query('select nothing')).rejects.toThrow();
  await connection.end();
  const formats = await expectSameInCuts(await place.recorded());
  expect(formats).toEqual(expect.arrayContaining(['ndjson', 'text', 'markdown', 'html', 'asciicast', 'csv']));
  expect(formats.filter((format) => /^csv \d/.test(format))).not.toEqual([]);
});
