// What stands behind columns, asked of real databases.

import { loadModule, parseSync } from 'libpg-query';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Lineage } from '../../../core/masking/columns.ts';
import type { Catalogue } from '../../../connector/protocols/postgres/catalogue/catalogue.ts';
import { type CatalogueLease, Catalogues } from '../../../connector/protocols/postgres/catalogue/catalogues.ts';
import { trusted } from '../../harness/gateway.ts';
import { DEBIAN_BIN, type PostgresServer, startPostgres } from '../../harness/postgres/postgres.ts';
import { existsSync } from 'node:fs';

const SCHEMA = `
  create schema app; create schema other;
  create table app.people (id int primary key, email text, name text, lower_email text generated always as (lower(email)) stored);
  create table other.orders (id int, owner int, note text);
  create view app.v1 as select p.email as mail, p.name, o.note from app.people p join other.orders o on o.owner = p.id;
  create view app.v2 as select upper(mail) as shout, name || note as both from app.v1 union all select 'x', 'y';
  create materialized view app.mv as select * from app.v2;
  create function app.peek() returns text language sql as 'select email from app.people';
  create function app.of_row(app.people) returns text language sql as 'select $1.name';
  create view app.hidden as select app.peek() as a, 1 as one;
  create view app.row_of as select p as whole, row_to_json(p) as j from app.people p;
  set search_path = app; create view app.function_of as select p.of_row from app.people p; reset search_path;
  create table app.parted (id int, email text) partition by list (id);
  create table app.part_1 partition of app.parted for values in (1);
  create table app.parent (a text); create table app.child (b text) inherits (app.parent);
  create table app.archive (id int, person app.people, several app.people[]);
  create table app.with_rule (a text);
  create rule r as on insert to app.with_rule do instead insert into other.orders (note) values (new.a) returning note;
`;

let server: PostgresServer;
let direct: pg.Client;
const leases: CatalogueLease[] = [];
let catalogues: Catalogues;

const lease = (database = 'postgres'): CatalogueLease => {
  const one = catalogues.lease(trusted(server.port), database);
  leases.push(one);
  return one;
};
async function load(one = lease()): Promise<Catalogue> {
  await one.refresh(performance.now());
  if (!one.current) throw new Error(one.fault ?? 'no catalogue');
  return one.current;
}
const oidOf = async (name: string): Promise<number> =>
  Number((await direct.query('select $1::regclass::oid::int8::text as oid', [name])).rows[0].oid);
const show = (lineage: Lineage | undefined): string =>
  lineage === undefined
    ? 'none'
    : lineage === 'unknown'
      ? '?'
      : lineage
          .map(({ schema, table, column }) => `${schema}.${table}.${column}`)
          .sort()
          .join(' ');
async function basesOf(catalogue: Catalogue, table: string, column: string): Promise<string> {
  const oid = await oidOf(table);
  const found = catalogue.relation(oid)?.columns.find(({ name }) => name === column);
  return show(found && catalogue.origin(oid, found.number)?.bases);
}

beforeAll(async () => {
  await loadModule();
  server = await startPostgres();
  catalogues = new Catalogues({ parse: parseSync });
  direct = new pg.Client({ host: '127.0.0.1', port: server.port, user: 'postgres', database: 'postgres' });
  await direct.connect();
  await direct.query(SCHEMA);
});
afterEach(() => {
  for (const one of leases.splice(0)) one.release();
});
afterAll(async () => {
  await direct?.end();
  await server?.stop();
});

describe('columns stand for', () => {
  test.each([
    ['app.people', 'email', 'app.people.email'],
    ['app.v1', 'mail', 'app.people.email app.v1.mail'],
    ['app.v2', 'shout', 'app.people.email app.v1.mail app.v2.shout'],
    ['app.v2', 'both', 'app.people.name app.v1.name app.v1.note app.v2.both other.orders.note'],
    ['app.mv', 'shout', 'app.mv.shout app.people.email app.v1.mail app.v2.shout'],
    ['app.people', 'lower_email', 'app.people.email app.people.lower_email'],
    ['app.hidden', 'a', 'app.hidden.a app.people.email app.people.id app.people.lower_email app.people.name'],
    ['app.hidden', 'one', 'app.hidden.one'],
    ['app.row_of', 'whole', 'app.people.email app.people.id app.people.lower_email app.people.name app.row_of.whole'],
    ['app.row_of', 'j', 'app.people.email app.people.id app.people.lower_email app.people.name app.row_of.j'],
    [
      'app.function_of',
      'of_row',
      'app.function_of.of_row app.people.email app.people.id app.people.lower_email app.people.name',
    ],
    ['app.part_1', 'email', 'app.part_1.email app.parted.email'],
    ['app.parted', 'email', 'app.part_1.email app.parted.email'],
    ['app.child', 'a', 'app.child.a app.parent.a'],
    ['app.parent', 'a', 'app.child.a app.parent.a'],
    ['app.archive', 'id', 'app.archive.id'],
    [
      'app.archive',
      'person',
      'app.archive.person app.people.email app.people.id app.people.lower_email app.people.name',
    ],
    [
      'app.archive',
      'several',
      'app.archive.several app.people.email app.people.id app.people.lower_email app.people.name',
    ],
    ['pg_catalog.pg_class', 'relname', 'pg_catalog.pg_class.relname'],
    ['pg_catalog.pg_statistic', 'stavalues1', '?'],
    ['pg_catalog.pg_stats', 'most_common_vals', '?'],
    ['pg_catalog.pg_stat_activity', 'query', '?'],
  ])('%s.%s', async (table, column, expected) => {
    expect(await basesOf(await load(), table, column)).toBe(expected);
  });

  test('the long values of a table: all its columns', async () => {
    const catalogue = await load();
    const people = await oidOf('app.people');
    const storage = catalogue.named({ schema: 'pg_toast', table: `pg_toast_${people}` })[0];
    const data = storage?.columns.find(({ name }) => name === 'chunk_data');
    if (!storage || !data) throw new Error('people has no storage of long values');
    expect(show(catalogue.basesOf(storage, data))).toContain('app.people.email');
  });

  test('what the server itself keeps about statistics is readable but for the samples', async () => {
    const catalogue = await load();
    expect(await basesOf(catalogue, 'pg_catalog.pg_stats', 'attname')).toContain('pg_catalog.pg_attribute.attname');
    expect(await basesOf(catalogue, 'pg_catalog.pg_stat_activity', 'state')).toBe('pg_catalog.pg_stat_activity.state');
  });
});

test('a column that was renamed, or its table, goes on under its former names', async () => {
  await direct.query('create table app.renamed (email text)');
  const one = lease();
  await load(one);
  await direct.query('alter table app.renamed rename email to x');
  expect(await basesOf(await load(one), 'app.renamed', 'x')).toBe('app.renamed.email app.renamed.x');
  await direct.query('alter table app.renamed rename to plain');
  await direct.query('alter table app.plain set schema other');
  const last = await load(one);
  expect(await basesOf(last, 'other.plain', 'x')).toBe('app.renamed.email app.renamed.x other.plain.x');
  expect(show(last.expand([{ kind: 'column', table: 'plain', column: 'x', otherwise: 'row' }]))).toContain(
    'app.renamed.email',
  );
});

test('a view that is made anew is read anew, and what did not change is not', async () => {
  await direct.query('create view app.changing as select name as x from app.people');
  const one = lease();
  const first = await load(one);
  expect(await basesOf(first, 'app.changing', 'x')).toBe('app.changing.x app.people.name');
  expect(await load(one)).toBe(first);
  await direct.query('create or replace view app.changing as select email as x from app.people');
  expect(await basesOf(await load(one), 'app.changing', 'x')).toBe('app.changing.x app.people.email');
});

test('one load serves all sessions that wait', async () => {
  let opened = 0;
  const { openCatalogueConnection } = await import(
    '../../../connector/protocols/postgres/catalogue/catalogue-connection.ts'
  );
  const counted = new Catalogues({
    parse: parseSync,
    open: (...given) => {
      opened++;
      return openCatalogueConnection(...given);
    },
  });
  const all = Array.from({ length: 20 }, () => counted.lease(trusted(server.port), undefined));
  const since = performance.now();
  await Promise.all(all.map((one) => one.refresh(since)));
  expect(opened).toBe(1);
  expect(new Set(all.map((one) => one.current)).size).toBe(1);
  expect(all[0]?.current).toBeDefined();
  for (const one of all) one.release();
});

test('a target that is away is a fault, and the next to ask does not wait for it again', async () => {
  const one = catalogues.lease(trusted(1), undefined);
  await one.refresh(performance.now());
  expect(one.current).toBeUndefined();
  expect(one.fault).toMatch(/not reachable/);
  const begun = performance.now();
  await one.refresh(begun);
  expect(performance.now() - begun).toBeLessThan(200);
  one.release();
});

test('a view that somebody holds a lock on is unknown, and the rest is known', async () => {
  const other = new pg.Client({ host: '127.0.0.1', port: server.port, user: 'postgres', database: 'postgres' });
  await other.connect();
  try {
    await other.query('begin; lock app.v1 in access exclusive mode');
    const own = new Catalogues({ parse: parseSync }).lease(trusted(server.port), undefined);
    leases.push(own);
    const catalogue = await load(own);
    expect(await basesOf(catalogue, 'app.v1', 'mail')).toBe('?');
    expect(await basesOf(catalogue, 'app.people', 'email')).toBe('app.people.email');
  } finally {
    await other.end();
  }
});

test('PostgreSQL 15 is read as 18 is', async (context) => {
  if (!existsSync(`${DEBIAN_BIN}/postgres`)) context.skip('postgresql-15 is not installed');
  const old = await startPostgres({ version: 15 });
  const client = new pg.Client({ host: '127.0.0.1', port: old.port, user: 'postgres', database: 'postgres' });
  await client.connect();
  try {
    await client.query(SCHEMA);
    const one = catalogues.lease(trusted(old.port), undefined);
    await one.refresh(performance.now());
    const catalogue = one.current;
    const v2 = catalogue?.named({ schema: 'app', table: 'v2' })[0];
    expect(show(v2 && catalogue?.basesOf(v2, v2.columns[0] as never))).toBe(
      'app.people.email app.v1.mail app.v2.shout',
    );
    one.release();
  } finally {
    await client.end();
    await old.stop();
  }
});
