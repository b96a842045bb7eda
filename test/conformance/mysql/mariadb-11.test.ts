// MariaDB 11.8 as a target, and its clients.

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { LEAKS_OF_MARIADB_11, MADE_IN_MARIADB_11 } from '../../attacks/mysql-masks-later.ts';
import { password } from '../../harness/gateway.ts';
import { laterRelease, notHere } from '../../harness/mysql/debian-root.ts';
import { type GuardedMysql, startGuardedMysql } from '../../harness/mysql/guarded.ts';
import { run as runProgram } from '../../harness/run.ts';
import { PEOPLE, RESTORE } from '../../harness/mysql/people.ts';
import { itHidesColumns, itReadsAsTheServerDoes } from './later-release.ts';

const release = laterRelease('mariadb-11.8');
let place: GuardedMysql;

beforeAll(async () => {
  if (!release) return;
  place = await startGuardedMysql(
    { serverVersion: '11.8.9-MariaDB-gatehouse' },
    ['--plugin-load-add=auth_parsec', '--plugin-load-add=auth_ed25519'],
    release,
  );
  await place.server.sql(...PEOPLE, ...RESTORE, ...MADE_IN_MARIADB_11);
});
beforeEach(({ skip }) => {
  skip(!release, notHere('mariadb-11.8'));
  place.rules([]);
});
afterAll(() => place?.close());

describe('a target', () => {
  it('is logged in to by parsec and ed25519, inside TLS and without', async () => {
    await place.server.sql(
      "create user parsec@'127.0.0.1' identified via parsec using password('geheim ü'), ed@'127.0.0.1' identified via ed25519 using password('geheim ü')",
      "grant all on shop.* to parsec@'127.0.0.1', ed@'127.0.0.1'",
    );
    for (const user of ['parsec', 'ed']) {
      place.target(user, { user, password: password('geheim ü') });
      expect(await place.whoAmI(user)).toBe(`${user}@127.0.0.1`);
      place.target(user, { user, password: password('geheim ü'), tls: { mode: 'off' } as never });
      expect(await place.whoAmI(user)).toBe(`${user}@127.0.0.1`);
      place.target(user, { user, password: password('other') });
      expect(await place.whoAmI(user)).toMatch(
        /^1429 Gatehouse: The database refused the gateway's own login \(1045\)/,
      );
    }
  });
});

describe('under masks, it', () => itHidesColumns(() => place, LEAKS_OF_MARIADB_11));
describe('its statements', () => itReadsAsTheServerDoes(() => place));

describe('its own clients, which verify the certificate without being asked,', () => {
  type Way = 'through' | 'past';
  const client = async (
    program: string,
    args: readonly string[],
    { input = '', way = 'through' as Way, ca = true } = {},
  ) => {
    const { gateway, server, secret, caFile } = place;
    const [file, ...begin] = release?.command(`usr/bin/${program}`) ?? ['', ''];
    const to =
      way === 'through'
        ? [`-P${gateway.port}`, '-ualice@example.com#demo', `-p${secret}`]
        : [`-P${server.port}`, '-uapp', '-papp-password'];
    const plugins = `--plugin-dir=${release?.root}/usr/lib/x86_64-linux-gnu/libmariadb3/plugin`;
    const begun = [...begin, '--no-defaults', '-h127.0.0.1', plugins, ...(ca ? [`--ssl-ca=${caFile}`] : [])];
    return runProgram(file, [...begun, ...to, ...args], { input });
  };
  /** One behind the other: they write to the same tables. */
  const both = async (program: string, args: readonly string[], input = '') => [
    await client(program, args, { input, way: 'through' }),
    await client(program, args, { input, way: 'past' }),
  ];

  it.each([
    [
      'a batch',
      ['-t', 'shop'],
      'select id, name from people; insert into orders (id) values (70) returning id; select row_count(); delete from orders where id = 70; show warnings;',
    ],
    ['errors', ['-t', '--force', 'shop'], 'select 1; selec 2; select * from missing; select 3;'],
    ['a procedure with results', ['-t', 'shop'], 'set @t = 2; call names(1, @t); select @t;'],
    [
      'types',
      ['-t', 'shop'],
      "select json_object('a', 1), vec_fromtext('[1,2]'), _utf8mb4'ä' collate utf8mb4_uca1400_as_cs, cast('::1' as inet6), cast(uuid() as uuid) is null",
    ],
    [
      'session settings',
      ['-t', 'shop'],
      'set names latin1; set sql_mode = \'ansi_quotes\'; select "id" from orders; select nextval(missing)',
    ],
  ])('mariadb: %s', async (_name, args, input) => {
    const [through, past] = await both('mariadb', args, input);
    expect(through).toEqual(past);
    expect(past?.stdout.length).toBeGreaterThan(10);
  });

  it('mariadb-dump and restore', async () => {
    const dump = [
      '--single-transaction',
      '--routines',
      '--triggers',
      '--hex-blob',
      '--skip-dump-date',
      'shop',
      'people',
      'orders',
    ];
    const [through, past] = await both('mariadb-dump', dump);
    const body = (text = '') => text.replace(/^-- .*\n/gm, '');
    expect(through?.stderr).toBe(past?.stderr);
    expect(body(through?.stdout)).toBe(body(past?.stdout));
    expect(body(through?.stdout)).toContain('123-45-6789');
    await place.server.sql('create database copy');
    expect(await client('mariadb', ['copy'], { input: through?.stdout ?? '' })).toEqual({
      code: 0,
      stdout: '',
      stderr: '',
    });
    expect(await place.server.sql('select count(*) as n from copy.people')).toEqual([{ n: 2 }]);
    await place.server.sql('drop database copy');
  });

  it('need the authority of the certificate: by the password alone they can verify no gateway, and send it nothing', async () => {
    const before = place.gateway.log.sessions.length;
    const ran = await client('mariadb', ['-e', 'select 1'], { ca: false });
    expect(ran).toEqual({ code: 1, stdout: '', stderr: expect.stringMatching(/TLS\/SSL error: /) });
    expect(place.gateway.log.sessions).toHaveLength(before);
  });
});
