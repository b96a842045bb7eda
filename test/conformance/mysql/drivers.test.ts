// Drivers of Debian's: a day of each, through the gateway and past it, seen alike. PHP's mysqli changes the user at each reuse
// of a persistent connection, MariaDB's pool for Java resets it.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { type GuardedMysql, startGuardedMysql } from '../../harness/mysql/guarded.ts';
import { run } from '../../harness/run.ts';

const SCRIPTS = join(import.meta.dirname, '../../fixtures/mysql/drivers');
const JAR = '/usr/share/java/mariadb-java-client.jar';
let place: GuardedMysql;

beforeAll(async () => {
  place = await startGuardedMysql({ serverVersion: '5.5.5-10.11.19-MariaDB-gatehouse' });
  await place.server.sql(
    'use shop',
    `create table kinds (id int primary key, i8 tinyint, u64 bigint unsigned, d decimal(20,6), f float, db double, dt date,
      tm time(3), dtm datetime(6), ts timestamp null, y year, c char(5), vc varchar(50), tx mediumtext, bl blob, vb varbinary(9), bt bit(9),
      en enum('a','b'), st set('x','y'), js json)`,
    `insert into kinds values (1, -128, 18446744073709551615, -1234.5, 1.5, 1e300, '1987-06-05', '-12:34:56.789', '2024-02-29 12:34:56.123456',
      '2024-01-01 00:00:01', 2024, 'abc', 'näthing 😀', repeat('t', 70000), x'00ff27', x'01', b'100000001', 'b', 'x,y', '{"a": [1, null]}'),
     (2, 0, 0, 0, 0, 0, '2000-01-01', '00:00:00', '2000-01-01 00:00:00', null, null, '', '', '', '', '', b'0', 'a', '', '0')`,
    'insert into kinds (id) values (3)',
    'create table notes (id int primary key auto_increment, note text)',
    'create table numbers (n int primary key)',
    'insert into numbers select seq from seq_1_to_5000',
    'create procedure both_of(in a int, out b int) begin set b = a * 2; select a as first; select b as second; end',
  );
});
beforeEach(() => place.rules([{ block: ['drop database', 'truncate'] }], { unparsable: 'allow' }));
afterAll(() => place.close());

it.each([
  ['PHP: mysqli and PDO', '/usr/bin/php', [join(SCRIPTS, 'mysqli.php')], '/usr/share/php8.2-mysql', 3],
  ['Perl: DBD::mysql', '/usr/bin/perl', [join(SCRIPTS, 'dbd.pl')], '/usr/share/doc/libdbd-mysql-perl', 0],
  [
    'Java: MariaDB Connector/J',
    '/usr/bin/java',
    ['-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-cp', JAR, join(SCRIPTS, 'Jdbc.java')],
    JAR,
    0,
  ],
])('%s', async (_name, program, args, proof, changes) => {
  const earlier = place.gateway.log.sessions.length;
  expect(existsSync(proof), `${proof}, of a Debian package`).toBe(true);
  const { gateway, server, secret, caFile } = place;
  const ways = [
    [String(gateway.port), 'alice@example.com#demo', secret],
    [String(server.port), 'app', 'app-password'],
  ];
  const [through, past] = await Promise.all(
    ways.map((way) => run(program, [...args, ...way, caFile], { timeoutMs: 110_000 })),
  );
  expect(through).toEqual(past);
  expect(past).toMatchObject({ code: 0, stderr: '' });
  expect(past?.stdout.split('\n').length).toBeGreaterThan(20);
  const started = place.gateway.log.sessions.slice(earlier).flatMap((session) => session.facts('statement.started'));
  expect(started.filter(({ text }) => text.startsWith('-- COM_CHANGE_USER'))).toHaveLength(changes);
});
