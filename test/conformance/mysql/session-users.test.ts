// Users that live as long as a session, at MariaDB and MySQL: their rights, what stays of what they made, how they go.

import { createSecureContext } from 'node:tls';
import mysql, { type Connection } from 'mysql2/promise';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createAuthority } from '../../harness/certificates.ts';
import { type Gateway, password, startGateway, trusted } from '../../harness/gateway.ts';
import { laterRelease, notHere } from '../../harness/mysql/debian-root.ts';
import { type MariadbServer, startMariadb } from '../../harness/mysql/mariadb.ts';
import { until } from '../../harness/run.ts';

const mysql9 = laterRelease('mysql-9');

describe.each(['MariaDB', 'MySQL'] as const)('at %s', (family) => {
  const isMariadb = family === 'MariaDB';
  const missing = !isMariadb && !mysql9;
  let server: MariadbServer;
  let gateway: Gateway;
  let ca: string;
  const connections: Connection[] = [];

  beforeAll(async () => {
    if (missing) return;
    const authority = await createAuthority();
    ca = authority.ca;
    const own = await authority.issue(['localhost', '127.0.0.1']);
    const release = isMariadb ? undefined : mysql9;
    server = await startMariadb({ tls: own, release, settings: ['--general-log=1', '--general-log-file=general.log'] });
    await server.sql(
      'create database shop',
      'create table shop.people (id int, email varchar(40))',
      "insert into shop.people values (1, 'ann@example.com')",
      'create role template',
      'grant select, insert, create, create view, show view on shop.* to template',
      "create user gatehouse@'127.0.0.%' identified by 'admin-password'",
      "grant create user on *.* to gatehouse@'127.0.0.%'",
      "grant select, show view on shop.* to gatehouse@'127.0.0.%'",
      "grant template to gatehouse@'127.0.0.%' with admin option",
      ...(isMariadb
        ? [
            "grant select, update on mysql.* to gatehouse@'127.0.0.%'",
            "grant process, connection admin on *.* to gatehouse@'127.0.0.%'",
          ]
        : ["grant process, connection_admin on *.* to gatehouse@'127.0.0.%'"]),
      "create user weak@'127.0.0.1' identified by 'admin-password'",
      "create user creator@'127.0.0.1' identified by 'admin-password'",
      "grant create user on *.* to creator@'127.0.0.1'",
      ...(isMariadb ? ["grant select, update on mysql.* to creator@'127.0.0.1'"] : []),
    );
    const as = (user: string) => ({
      ...trusted(server.port, { user, password: password('admin-password'), database: 'shop' }),
      tls: { mode: 'verify-full', ca: authority.ca, serverName: undefined } as const,
    });
    gateway = await startGateway({
      protocol: 'mysql',
      tls: createSecureContext(own),
      ...(isMariadb && { listener: { serverVersion: '11.4.0-MariaDB' } }),
      targets: { demo: as('gatehouse'), weak: as('weak'), creator: as('creator') },
      templates: { demo: 'template', weak: 'template', creator: 'template' },
    });
  });
  beforeEach(({ skip }) => skip(missing, notHere('mysql-9')));
  afterEach(async () => {
    if (missing) return;
    for (const connection of connections.splice(0)) connection.destroy();
    await until('sessions are over', () => gateway.sessions.live().length === 0);
    await gateway.givenBack();
    gateway.told.length = 0;
  });
  afterAll(async () => {
    await gateway?.close();
    await server?.stop();
    expect(gateway?.bugs ?? []).toEqual([]);
  });

  const connect = async (resource = 'demo'): Promise<Connection> => {
    const connection = await mysql
      .createConnection({
        ...{ host: '127.0.0.1', port: gateway.port, user: `alice@example.com#${resource}`, ssl: { ca } },
        ...{ password: gateway.edge.issue({ resource }).secret, database: 'shop' },
      })
      .catch((error: Error) => {
        throw new Error(error.message, { cause: [...gateway.told] });
      });
    connection.on('error', () => {});
    connections.push(connection);
    return connection;
  };
  const rows = async (connection: Connection, text: string) => (await connection.query(text))[0];
  const leave = async (connection: Connection): Promise<void> => {
    await connection.end();
    await until('the session is over', () => gateway.sessions.live().length === 0);
    await gateway.givenBack();
  };
  const usersLeft = () => server.sql("select user from mysql.user where user like 'gh|_%' escape '|' order by user");

  it('a session is a user of its own with the template alone, whose name is in its recording', async () => {
    const connection = await connect();
    const [one] = (await rows(connection, 'select user() as me, (select email from people) as email')) as {
      me: string;
      email: string;
    }[];
    const { opened } = gateway.log.last;
    const name = one?.me.slice(0, one.me.lastIndexOf('@')) ?? '';
    expect(name.slice(0, 29)).toBe(`gh_${opened.session.slice(-26)}`);
    expect(one?.email).toBe('ann@example.com');
    expect(gateway.log.last.facts('user.created')).toEqual([
      { kind: 'user.created', user: name, by: 'gatehouse', role: 'template' },
    ]);
    await expect(connection.query('select * from mysql.user')).rejects.toThrow(/denied/);
    expect(await server.sql(`select user, host from mysql.user where user = '${name}'`)).toEqual([
      expect.objectContaining({}),
    ]);
    // A fresh session of the same user, and its own queries end by it.
    await connection.changeUser({});
    expect(await rows(connection, 'select email from people')).toEqual([{ email: 'ann@example.com' }]);
    if (!isMariadb)
      await expect(connection.query("alter user user() identified by 'mine'")).rejects.toThrow(/password/i);
    await leave(connection);
    expect(await usersLeft()).toEqual([]);
    expect(gateway.told).toEqual([]);
  });

  it('each connection has another, and what it still runs at its end is ended with it', async () => {
    const one = await connect();
    const { grant } = gateway.log.last.opened;
    const two = await connect();
    one.query('select sleep(60) as s').catch(() => {});
    const sleeping = () =>
      server.sql("select id from information_schema.processlist where info like 'select sleep(60)%'");
    await until('it sleeps', async () => (await sleeping()).length === 1);
    gateway.edge.revoke(grant.id);
    await until('one is over', () => gateway.sessions.live().length === 1);
    await gateway.givenBack();
    await until('its statement is over', async () => (await sleeping()).length === 0);
    expect(await rows(two, 'select 1 as still')).toEqual([{ still: 1 }]);
    expect(await usersLeft()).toHaveLength(1);
  });

  it('what has it for a definer stays, and the operator is told', async () => {
    const connection = await connect();
    await connection.query('create table made (a int)');
    await connection.query('insert into made values (7)');
    await connection.query('create view seen as select email from people');
    await leave(connection);
    expect(await server.sql('select * from shop.made')).toEqual([{ a: 7 }]);
    // MariaDB's definers have the rights of no role; a role can be the definer there.
    if (!isMariadb) expect(await server.sql('select * from shop.seen')).toEqual([{ email: 'ann@example.com' }]);
    expect(gateway.told).toEqual([expect.stringMatching(/1 views, .* have it for their definer. It is locked/)]);
    const [left] = (await usersLeft()) as { user: string; User?: string }[];
    const user = left?.user ?? left?.User ?? '';
    await expect(
      mysql.createConnection({ host: '127.0.0.1', port: server.port, user, password: 'x', ssl: { ca } }),
    ).rejects.toThrow();
    await server.sql('drop view shop.seen', 'drop table shop.made', `drop user '${user}'@'127.0.0.%'`);
    if (!isMariadb) return;
    const again = await connect();
    await again.query('create definer = current_role view seen as select email from people');
    await leave(again);
    expect(await server.sql('select * from shop.seen')).toEqual([{ email: 'ann@example.com' }]);
    expect(await usersLeft()).toEqual([]);
    await server.sql('drop view shop.seen');
  });

  it.each([
    ['weak', /grant create user on \*\.\* to 'weak'@'127\.0\.0\.1'/],
    ['creator', /grant '?template'? to 'creator'@'127\.0\.0\.1' with admin option/],
  ])('is refused where none can be made (%s), and the operator is told what is lacking', async (resource, words) => {
    await expect(connect(resource)).rejects.toThrow(
      'The gateway could not make a user for this session at the database. Tell an administrator.',
    );
    expect(gateway.told).toEqual([expect.stringMatching(words)]);
    const target = await gateway.entrance.targets(resource as never, {} as never);
    const tried = target.ok && (await gateway.entrance.protocol.tryRights?.(target.value));
    expect(tried).toEqual({ ok: false, error: expect.stringMatching(words) });
    expect(await usersLeft()).toEqual([]);
  });

  it('sweeps what a crash left, and nothing else', async () => {
    const [a, b, c] = ['a', 'b', 'c'].map((letter) => `gh_${letter.repeat(26)}`) as [string, string, string];
    const [past, future] = isMariadb ? [`_${(1e9).toString(32)}`, `_${(4e9).toString(32)}`] : ['', ''];
    const mark = (untilSeconds: number) =>
      isMariadb ? '' : ` comment 'Gatehouse session ses_x of connector con_x until ${untilSeconds}'`;
    await server.sql(
      `create user '${a}${past}'@'127.0.0.%'${mark(1e9)}`,
      `create user '${b}${future}'@'127.0.0.%'${mark(4e9)}`,
      `create user '${c}'@'127.0.0.%'`,
    );
    const target = await gateway.entrance.targets('demo' as never, {} as never);
    const other = await startGateway({
      ...{ protocol: 'mysql', allowPlainText: true, templates: { demo: 'template' } },
      targets: { demo: { ...(target.ok && target.value), sessionUser: undefined } as never },
    });
    const again = await mysql.createConnection({
      ...{ host: '127.0.0.1', port: other.port, user: 'alice@example.com#demo', password: other.edge.issue().secret },
    });
    await again.end();
    await until('it is over', () => other.sessions.live().length === 0);
    await other.givenBack();
    expect(other.told).toEqual([]);
    const left = (await usersLeft()).map((row) => row.user ?? row.User);
    expect(left).toEqual([`${b}${future}`, c]);
    await server.sql(...left.map((user) => `drop user '${user}'@'127.0.0.%'`));
    await other.close();
  });
});
