// Users that live as long as a session, at PostgreSQL 18 and 15: their rights, what stays of what they made, how they go.

import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { cancelRequest } from '../../connector/protocols/postgres/wire/messages.ts';
import type { SessionId } from '../../core/ids.ts';
import { type Gateway, password, startGateway, trusted } from '../harness/gateway.ts';
import { type PostgresServer, startPostgres } from '../harness/postgres/postgres.ts';
import { dialRaw } from '../harness/postgres/raw-postgres.ts';
import { until } from '../harness/run.ts';

const HBA = ['host all all 127.0.0.1/32 scram-sha-256'];
const SETUP = `
  create role gatehouse login createrole password 'admin password';
  create role template nologin; grant template to gatehouse with admin option;
  create schema app authorization template; create schema template authorization template;
  alter role template set search_path = "$user", app, public;
  alter role template in database shop set "app.tenant" = 'o''neil \\ co';
  alter role template set statement_timeout = '42s'; alter role template set log_min_messages = 'error';
  grant set on parameter "app.tenant" to gatehouse;
  create table app.people (id int, email text); alter table app.people owner to template;
  insert into app.people values (1, 'ann@example.com');
  create role weak login password 'admin password';
  create role creator login createrole password 'admin password'; grant template to creator;
  create role super superuser;
`;

describe.each([18, 15] as const)('at PostgreSQL %d', (version) => {
  let server: PostgresServer;
  let gateway: Gateway;
  let root: pg.Client;
  const clients: pg.Client[] = [];

  beforeAll(async () => {
    // `trust` for postgres comes behind these lines.
    const hba = ['host all postgres 127.0.0.1/32 trust', ...HBA];
    server = await startPostgres({ version, hba, settings: ['log_statement=all', 'log_connections=on'] });
    const first = new pg.Client({ host: server.host, port: server.port, user: 'postgres', database: 'postgres' });
    await first.connect();
    await first.query('create database shop');
    await first.end();
    root = new pg.Client({ host: server.host, port: server.port, user: 'postgres', database: 'shop' });
    await root.connect();
    await root.query(SETUP);
    const as = (user: string) => trusted(server.port, { user, password: password('admin password'), database: 'shop' });
    const roles = { demo: 'template', weak: 'template', creator: 'template', nobody: 'nobody', super: 'super' };
    gateway = await startGateway({
      targets: {
        ...{ demo: as('gatehouse'), weak: as('weak'), creator: as('creator') },
        ...{ nobody: as('gatehouse'), super: as('gatehouse') },
      },
      templates: roles,
    });
  });
  afterEach(async () => {
    for (const client of clients.splice(0)) await client.end().catch(() => {});
    await until('sessions are over', () => gateway.sessions.live().length === 0);
    await gateway.givenBack();
    gateway.told.length = 0;
  });
  afterAll(async () => {
    await gateway?.close();
    await root?.end();
    await server?.stop();
    expect(gateway.bugs).toEqual([]);
  });

  const connect = async (resource = 'demo', database?: string): Promise<pg.Client> => {
    const client = new pg.Client({
      ...{ host: gateway.host, port: gateway.port, user: `alice@example.com#${resource}` },
      ...{ database: database ?? 'shop', password: gateway.edge.issue({ resource }).secret },
    });
    client.on('error', () => {});
    await client.connect().catch((error: Error) => {
      throw new Error(error.message, { cause: [...gateway.told] });
    });
    clients.push(client);
    return client;
  };
  const leave = async (client: pg.Client): Promise<void> => {
    await client.end();
    await until('the session is over', () => gateway.sessions.live().length === 0);
    await gateway.givenBack();
  };
  const rolesLeft = async (): Promise<string[]> =>
    (await root.query("select rolname from pg_roles where rolname like 'gh%' order by 1")).rows.map((it) => it.rolname);
  const userOf = (session: SessionId | undefined): string => `gh_${session?.slice(-26)}`;

  it('a session is a user of its own with the rights of the template, whose name is in its recording', async () => {
    const client = await connect();
    const { rows } = await client.query('select session_user, current_user, (select email from people) as email');
    const name = userOf(gateway.log.last.opened.session);
    expect(rows).toEqual([{ session_user: name, current_user: 'template', email: 'ann@example.com' }]);
    expect(gateway.log.last.facts('user.created')).toEqual([
      { kind: 'user.created', user: name, by: 'gatehouse', role: 'template' },
    ]);
    const [role] = (await root.query('select * from pg_roles where rolname = $1', [name])).rows;
    expect(role).toMatchObject({ rolsuper: false, rolcreaterole: false, rolcreatedb: false, rolbypassrls: false });
    // The grant of an hour, and five minutes.
    expect(Math.abs(role.rolvaliduntil - Date.now() - 65 * 60_000)).toBeLessThan(60_000);
    await expect(client.query('select * from pg_authid')).rejects.toThrow('permission denied');
    await leave(client);
    expect(await rolesLeft()).toEqual([]);
    expect(gateway.told).toEqual([expect.stringMatching(/not have the setting log_min_messages/)]);
    // A verifier, by which nobody logs in.
    expect(server.log()).toContain(`create role "${name}" login inherit password E'SCRAM-SHA-256$4096:`);
    expect(server.log()).toContain(`connection authorized: user=${name}`);
  });

  it('has the settings of the template, and another user for each connection of the client', async () => {
    const [one, two] = [await connect(), await connect()];
    const show =
      "select current_setting('search_path') as path, current_setting('app.tenant') as tenant, current_setting('statement_timeout') as timeout";
    expect((await one.query(show)).rows).toEqual([
      { path: '"$user", app, public', tenant: "o'neil \\ co", timeout: '42s' },
    ]);
    const names = await Promise.all([one, two].map((it) => it.query('select session_user')));
    expect(new Set(names.map(({ rows }) => rows[0].session_user)).size).toBe(2);
    await one.end();
    await until('one is over', () => gateway.sessions.live().length === 1);
    await gateway.givenBack();
    expect(await rolesLeft()).toHaveLength(1);
    expect((await two.query('select 1 as still')).rows).toEqual([{ still: 1 }]);
  });

  it('what it makes stays and is the template’s, also where it acted as itself', async () => {
    const client = await connect();
    await client.query('create table app.made (a int); insert into app.made values (7)');
    await client.query('discard all');
    await client.query(
      'create table app.mine (a int); insert into app.mine values (8); grant select on app.mine to public',
    );
    await client.query('set role none; create view app.seen as select * from app.mine');
    await client.query('alter default privileges grant select on tables to public');
    await leave(client);
    const owned = await root.query(
      "select relname, relowner::regrole::text as owner from pg_class where relname in ('made', 'mine', 'seen') order by 1",
    );
    expect(owned.rows).toEqual(['made', 'mine', 'seen'].map((relname) => ({ relname, owner: 'template' })));
    expect((await root.query('select * from app.seen')).rows).toEqual([{ a: 8 }]);
    expect(await rolesLeft()).toEqual([]);
    await root.query('drop table app.made, app.mine cascade');
  });

  it('a cancel reaches what it runs, and what it still runs at its end is ended with it', async () => {
    const client = await connect();
    const sleeping = expect(client.query('select pg_sleep(60)')).rejects.toThrow('canceling statement');
    await until(
      'it sleeps',
      async () => (await root.query("select from pg_stat_activity where query like 'select pg_sleep%'")).rowCount === 1,
    );
    const { processID, secretKey } = client as unknown as { processID: number; secretKey: number };
    const peer = await dialRaw(gateway.port);
    const key = Buffer.alloc(4);
    key.writeInt32BE(secretKey);
    peer.send(cancelRequest(processID, key));
    await sleeping;
    await peer.untilClosed();
    const lost = client.query('select pg_sleep(61)').catch(() => {});
    await until(
      'it sleeps',
      async () =>
        (await root.query("select from pg_stat_activity where query like 'select pg_sleep(61%'")).rowCount === 1,
    );
    gateway.edge.revoke(gateway.log.last.opened.grant.id);
    await lost;
    await until('it is over', () => gateway.sessions.live().length === 0);
    await gateway.givenBack();
    expect(await rolesLeft()).toEqual([]);
    expect(
      (
        await root.query(
          "select from pg_stat_activity where query like 'select pg_sleep(61%' and state = 'active' and pid <> pg_backend_pid()",
        )
      ).rowCount,
    ).toBe(0);
  });

  it.each([
    ['weak', /administrator "weak" may not create roles: alter role "weak" createrole/],
    ['nobody', /no role "nobody" to give to sessions/],
    ['super', /"super" is a superuser/],
    ...(version === 18
      ? ([['creator', /may not grant "template": grant "template" to "creator" with admin option/]] as const)
      : []),
  ] as const)(
    'is refused where none can be made (%s), and the operator is told what is lacking',
    async (resource, words) => {
      const refused = await connect(resource).then(
        () => 'connected',
        (error: Error) => error.message,
      );
      expect(refused).toBe(
        'Gatehouse: The gateway could not make a user for this session at the database. Tell an administrator.',
      );
      expect(gateway.told).toEqual([expect.stringMatching(words)]);
      const over = new AbortController().signal;
      const target = await gateway.entrance.targets(resource as never, { over } as never);
      const tried = target.ok && (await gateway.entrance.protocol.tryRights?.(target.value));
      expect(tried).toEqual({ ok: false, error: expect.stringMatching(words) });
      expect(await rolesLeft()).toEqual([]);
    },
  );

  it('sweeps what a crash left, and nothing else', async () => {
    const client = await connect();
    const owner = gateway.log.last.opened.connector.id;
    await leave(client);
    const now = Math.floor(Date.now() / 1000);
    const left = async (letter: string, until: string, of: string, made: number) => {
      const name = `gh_${letter.repeat(26)}`;
      await root.query(`create role ${name} login valid until '${until}'`);
      await root.query(`grant ${name} to gatehouse with admin option`);
      if (of) await root.query(`comment on role ${name} is 'Gatehouse session ses_x of connector ${of} made ${made}'`);
      return name;
    };
    await left('a', '2001-01-01', 'con_other', now);
    const others = await left('b', 'infinity', 'con_other', now - 3600);
    const unmarked = await left('c', '2001-01-01', '', 0);
    await left('d', 'infinity', owner, now - 3600);
    const young = await left('e', 'infinity', owner, now);
    await root.query(
      'create table app.kept as select 9 as a; alter table app.kept owner to gh_aaaaaaaaaaaaaaaaaaaaaaaaaa',
    );
    const other = await startGateway({
      targets: {
        demo: (await gateway.entrance
          .targets('demo' as never, {} as never)
          .then((it) => it.ok && { ...it.value, sessionUser: undefined })) as never,
      },
      templates: { demo: 'template' },
      connector: owner,
    });
    const again = new pg.Client({
      ...{ host: other.host, port: other.port, user: 'alice@example.com#demo', database: 'shop' },
      password: other.edge.issue().secret,
    });
    await again.connect();
    await again.end();
    await until('it is over', () => other.sessions.live().length === 0);
    await other.givenBack();
    expect(other.told).toEqual([expect.stringMatching(/log_min_messages/)]);
    expect(await rolesLeft()).toEqual([others, unmarked, young]);
    expect(
      (await root.query("select relowner::regrole::text as owner from pg_class where relname = 'kept'")).rows,
    ).toEqual([{ owner: 'template' }]);
    await root.query(`drop role ${others}, ${unmarked}, ${young}; drop table app.kept`);
    await other.close();
  });

  it('masks by the names of the template’s path, and reads the catalogue once for all', async () => {
    await root.query(
      'create table if not exists template.notes as select 1 as id, $$secret words$$ as words; alter table template.notes owner to template',
    );
    gateway.edge.rules = { ...gateway.edge.rules, mask: [{ columns: ['notes.words'], with: 'placeholder' }] } as never;
    try {
      const one = await connect();
      const { rows } = await one.query('select words from notes');
      expect(rows[0].words).not.toContain('secret');
      const readers = await root.query(
        "select usename from pg_stat_activity where application_name = 'gatehouse' and usename like 'gh%'",
      );
      expect(readers.rows).toEqual([]);
    } finally {
      gateway.edge.rules = { ...gateway.edge.rules, mask: [] } as never;
    }
  });

  it('is judged by the path of the role that it begins as', async () => {
    await root.query('create table template.pay as select 1 as id; alter table template.pay owner to template');
    gateway.edge.rules = { ...gateway.edge.rules, statements: [{ block: ['* on template.pay'] }] };
    try {
      const one = await connect();
      await expect(one.query('select * from pay')).rejects.toThrow(/blocked|not allowed|rule/i);
      expect((await one.query('select id from people')).rows).toEqual([{ id: 1 }]);
    } finally {
      const { statements: _, ...rest } = gateway.edge.rules;
      gateway.edge.rules = rest;
    }
  });
});
