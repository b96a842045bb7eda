// Lineage against the truth: in a real PostgreSQL every cell holds the name of its own column, so what
// comes out of a query says where it came from. Lineage may say more than that, never less.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { alignLineage, mayDeriveFrom, type ResultLineage, type Sources } from '../../core/sql/lineage.ts';
import { CONFORMING } from '../../core/sql/postgres/postgres.ts';
import { lineagePostgres } from '../../core/sql/postgres/lineage.ts';
import fc from 'fast-check';
import { loadModule, parseSync } from 'libpg-query';
import pg from 'pg';
import { type OwnDatabase, ownDatabase } from '../harness/postgres/own-database.ts';

const TABLES: Readonly<Record<string, readonly string[]>> = {
  c: ['id', 'email', 'phone', 'name'],
  o: ['id', 'owner', 'note'],
};
const columnsOf = ({ table }: { table: string }) => TABLES[table];
const ALL = Object.entries(TABLES).flatMap(([table, columns]) => columns.map((column) => ({ table, column })));

let server: OwnDatabase;
let client: pg.Client;

beforeAll(async () => {
  await loadModule();
  server = await ownDatabase();
  client = new pg.Client({ host: server.host, port: server.port, user: 'postgres', database: server.database });
  await client.connect();
  for (const [table, columns] of Object.entries(TABLES)) {
    await client.query(`create table ${table} (${columns.map((column) => `${column} text`).join(', ')})`);
    await client.query(`insert into ${table} values (${columns.map((column) => `'<${table}.${column}>'`).join(', ')})`);
  }
  await client.query(`create function names_of(c) returns text language sql as 'select $1.name'`);
  await client.query(`create function peek() returns text language sql as 'select email from c'`);
});
afterAll(async () => {
  await client?.end();
  await server?.drop();
});

const lineageOf = (text: string): ResultLineage => {
  const read = lineagePostgres(parseSync, text, CONFORMING);
  if (!read.ok) throw new Error(read.error.message);
  return read.value[0]?.result ?? { kind: 'none' };
};

/** `c.email`, `c.*`; `?` for unknown. */
const describeSources = (sources: Sources): string =>
  sources === 'unknown'
    ? '?'
    : sources
        .map((source) =>
          source.kind === 'call'
            ? `${source.name}()${source.maybe ? '?' : ''}`
            : `${source.table}.${source.kind === 'row' ? '*' : source.column}`,
        )
        .sort()
        .join(' ');

/** Statement, and what lineage says of each result column. */
const QUERIES: readonly (readonly [string, ...string[]])[] = [
  ['select email as x from c', 'c.email'],
  ['select c.email, o.note from c, o', 'c.email', 'o.note'],
  ['select email, note from c, o', 'c.email o.email', 'c.note o.note'],
  ['select upper(email), lower(phone) || name, 1, null from c', 'c.email', 'c.name c.phone', '', ''],
  ['select * from c', 'c.id', 'c.email', 'c.phone', 'c.name'],
  ['select 1, * from c', '', 'c.id', 'c.email', 'c.phone', 'c.name'],
  ['select a.* from c a', 'c.id', 'c.email', 'c.phone', 'c.name'],
  ['select o.*, a.email from c a, o', 'o.id', 'o.owner', 'o.note', 'c.email'],
  ['table o', 'o.id', 'o.owner', 'o.note'],
  ['select * from only o', 'o.id', 'o.owner', 'o.note'],
  ['select x.e from (select email as e, phone from c) x', 'c.email'],
  ['select * from (select phone, email as e from c) x', 'c.phone', 'c.email'],
  ['select x.b from (select phone, email from c) x(a, b)', 'c.email'],
  ['select x.b from c as x(a, b)', 'b()? c.*'],
  ['select q from c q(a, b)', 'c.*'],
  ['select upper from (select upper(email) from c) x', 'c.email'],
  ['select c from c', 'c.c'],
  ['select x from c x', 'c.x'],
  ['select x::text from c x', 'c.x'],
  ['select row_to_json(x) from c x', 'c.x'],
  ["select to_jsonb(x) - 'id' from c x", 'c.x'],
  ['select row(x.*) from c x', 'c.*'],
  ['select (x).email from c x', 'c.x email()?'],
  ['select (x.*).email from c x', 'c.* email()?'],
  ['select x.names_of from c x', 'c.names_of'],
  ['select names_of(x) from c x', 'c.x names_of()'],
  ['select peek()', 'peek()'],
  ['select * from peek()', 'peek()'],
  ['select email(x) from c x', 'c.x email()'],
  ['select array_agg(email order by phone) from c', 'c.email c.phone'],
  ["select string_agg(email, ',') filter (where phone is not null) from c", 'c.email'],
  ["select json_build_object('a', email), jsonb_agg(c) from c group by email", 'c.email', 'c.c'],
  ["select json_object('a': email), json_array(phone, name) from c", 'c.email', 'c.name c.phone'],
  ['select json_array(select email from c)', 'c.email'],
  ['select xmlelement(name a, email) from c', 'c.email'],
  ['select xmlforest(email, phone) from c', 'c.email c.phone'],
  ['select first_value(email) over (order by phone) from c', 'c.email c.phone'],
  ['select max(email) over w from c window w as (partition by name)', 'c.email c.name'],
  ['select (select email from c limit 1)', 'c.email'],
  ['select array(select phone from c)', 'c.phone'],
  ['select (select x.email) from c x', 'c.email'],
  ['select (select email) from c', 'c.email'],
  ['select (select c.email from o) from c', 'c.email'],
  ["select case when id is null then 'a' else email end from c", 'c.email'],
  ["select coalesce(null, email), greatest(phone, ''), nullif(name, '') from c", 'c.email', 'c.phone', 'c.name'],
  ['select array[email, phone] from c', 'c.email c.phone'],
  ['select (array[email])[1] from c', 'c.email'],
  ['select email collate "C" from c', 'c.email'],
  ['select cast(email as varchar) from c', 'c.email'],
  ['select extract(year from now()), current_user', '', ''],
  ['select email from c union all select note from o', 'c.email o.note'],
  [
    'select * from c union all select id, note, note, owner from o',
    'c.* o.id o.note o.owner',
    'c.* o.id o.note o.owner',
    'c.* o.id o.note o.owner',
    'c.* o.id o.note o.owner',
  ],
  ['values ((select email from c), 1)', 'c.email', ''],
  ['select column1 from (values ((select phone from c))) v', 'c.phone'],
  ['with x as (select email from c) select * from x', 'c.email'],
  ['with x(a) as (select email from c) select a from x', 'c.email'],
  ['with c as (select note as email from o) select email from c', 'o.note'],
  ['with x as (select * from c) select email from x', 'c.email'],
  ['with x as (select * from c), y as (select phone as p from x) select p from y', 'c.phone'],
  [
    'with recursive t(a, b, n) as (select email, phone, 1 from c union all select b, a, n + 1 from t where n < 3) select * from t',
    'c.email c.phone',
    'c.email c.phone',
    '',
  ],
  [
    "with recursive t(a, n) as (select '', 1 union all select (select email from c), n + 1 from t where n < 3) select a from t",
    'c.email',
  ],
  ['with recursive y as (select * from x), x as (select email from c) select * from y', 'c.email'],
  ['with x as (insert into o select * from o where false returning note) select * from x', 'o.note'],
  ['with x as (update c set name = name returning *) select email from x', 'c.email'],
  ['select * from c join o using (id)', ...Array.from({ length: 6 }, () => 'c.* o.*')],
  ['select c.email, note from c natural left join o', 'c.email', 'c.note o.note'],
  ['select id from c full join o using (id)', 'c.id o.id'],
  ['select u.id from c join o using (id) as u', 'c.* id()? o.*'],
  ['select j.email from (c cross join (select 1 as one) k) as j', 'c.email email()?'],
  ['select j.b from (c cross join (select 1 as one) k) as j(a, b)', 'b()? c.*'],
  ['select * from c, lateral (select c.email as e) l', 'c.id', 'c.email', 'c.phone', 'c.name', 'c.email'],
  ['select l.e from c x cross join lateral (select x.phone as e) l', 'c.phone'],
  ['select (select d.x from (select 1 as email) a, (select a.email as x) d) from c a', 'c.email'],
  ['select (select d.x from (select 1 as email) a, lateral (select a.email as x) d) from c a', ''],
  ['select k, v from c, json_each_text(row_to_json(c)) as j(k, v)', 'c.c c.k', 'c.c c.v'],
  ['select u from c, unnest(array[email, name]) u', 'c.email c.name c.u'],
  ['select u.u from c, unnest(array[email, name]) u', 'c.email c.name u()?'],
  ['select unnest from c, unnest(array[phone])', 'c.phone c.unnest'],
  ['select t.* from c, rows from (unnest(array[email]), generate_series(1, 1)) t', 'c.email', 'c.email'],
  ['select (json_each_text(row_to_json(c))).* from c', 'c.c', 'c.c'],
  ["select * from json_table('[1]', '$[*]' columns (a int path '$')) t", ''],
  ["select t.a from c, json_table(to_json(email)::jsonb, '$' columns (a text path '$')) t", 'a()? c.email'],
  ['update c set name = name returning email, c.*', 'c.email', 'c.id', 'c.email', 'c.phone', 'c.name'],
  [
    'update c set name = name from o returning note, *',
    'c.note o.note',
    'c.id',
    'c.email',
    'c.phone',
    'c.name',
    'o.id',
    'o.owner',
    'o.note',
  ],
  ['update c x set name = name returning old.email, new.phone, x', 'c.email', 'c.phone', 'c.x'],
  ['update c set name = name returning with (old as vorher) vorher.email', 'c.email'],
  ['delete from o using c where false returning c.email', 'c.email'],
  ['insert into o select * from o where false returning upper(note), *', 'o.note', 'o.id', 'o.owner', 'o.note'],
  ['merge into o using c on false when matched then do nothing returning email', 'c.email o.email'],
  ['explain (costs off) select email from c', ''],
  ['show search_path', ''],
];

describe('what lineage says', () => {
  test.each(QUERIES)('%s', async (text, ...expected) => {
    const sources = await compare(text);
    expect(sources.map(describeSources)).toEqual(expected);
  });
});

/** Runs it, and fails where a value came out of a column that lineage does not know of. */
async function compare(text: string): Promise<readonly Sources[]> {
  await client.query('begin');
  const result = await client.query({ text, rowMode: 'array' }).finally(() => client.query('rollback'));
  const sources = alignLineage(lineageOf(text), result.fields.length, columnsOf);
  const rows: unknown[][] = result.rows;
  for (const [index, ofColumn] of sources.entries()) {
    const out = JSON.stringify(rows.map((row) => row[index])).toLowerCase();
    const leaked = ALL.filter(({ table, column }) => out.includes(`${table}.${column}`)).filter(
      (column) => !mayDeriveFrom(ofColumn, column, columnsOf),
    );
    expect({ text, index, leaked }).toEqual({ text, index, leaked: [] });
  }
  return sources;
}

/** Queries of two columns a and b, in one another, under names that hide each other. */
const { query } = fc.letrec<{ query: string }>((tie) => {
  const inner = tie('query');
  const name = fc.constantFrom('c', 'o', 's');
  return {
    query: fc.oneof(
      { maxDepth: 4, depthSize: 'small' },
      fc.constantFrom(
        'select email as a, name as b from c',
        'select c.phone a, note b from c, o',
        'select owner as a, o.note as b from o',
      ),
      inner.map((q) => `select b as a, upper(a) as b from (${q}) s`),
      fc.tuple(inner, name).map(([q, n]) => `with ${n} as (${q}) select b as a, a as b from ${n}`),
      fc
        .tuple(inner, inner, name)
        .map(([q, r, n]) => `with ${n}(a, b) as (${q}), t as (${r}) select ${n}.b as a, t.b from ${n}, t`),
      fc.tuple(inner, inner).map(([q, r]) => `(${q}) union all (${r})`),
      fc
        .tuple(inner, inner, name)
        .map(([q, r, n]) => `select a, (select max(${n}.b) from (${r}) s) as b from (${q}) ${n}`),
      fc
        .tuple(inner, name)
        .map(([q, n]) => `select l.a, ${n}.b from (${q}) ${n} cross join lateral (select ${n}.b || '' as a) l`),
      fc.tuple(inner, inner).map(([q, r]) => `select a, s.b from (${q}) s left join (${r}) t using (a)`),
      fc.tuple(inner, inner).map(([q, r]) => `select * from (${q}) c natural full join (${r}) o`),
      fc.tuple(inner, name).map(([q, n]) => `select coalesce(null, a) as a, ${n}::text as b from (${q}) ${n}`),
      fc.tuple(inner, name).map(([q, n]) => `select x.a, x.b from (select * from (${q}) ${n}) as x`),
      inner.map(
        (q) =>
          `with recursive r(a, b, n) as (select a, b, 1 from (${q}) s union all select b, a, n + 1 from r where n < 3) select a, b from r`,
      ),
      inner.map((q) => `select j.k as a, row_to_json(j)::text as b from (${q}) as j(k)`),
    ),
  };
});

test('queries in queries: nothing comes out of a column that lineage does not know of', async () => {
  let certain = 0;
  let refused = 0;
  let all = 0;
  await fc.assert(
    fc.asyncProperty(query, async (text) => {
      const found = await compare(text).catch((error: unknown) => {
        // Where a name hides a table, PostgreSQL may not find a column in it.
        if (error instanceof pg.DatabaseError) return undefined;
        throw error;
      });
      if (!found) refused++;
      for (const sources of found ?? []) {
        all++;
        if (sources !== 'unknown') certain++;
      }
    }),
    { numRuns: 150 },
  );
  // Saying `unknown` always would be safe and of no use.
  expect(certain).toBeGreaterThan(all * 0.9);
  expect(refused).toBeLessThan(75);
});

test('cursors and prepared statements are named for the session to remember', () => {
  const read = lineagePostgres(
    parseSync,
    'declare k cursor for select email from c; fetch k; prepare p as select phone from c; execute p; close k',
    CONFORMING,
  );
  expect(read).toMatchObject({
    ok: true,
    value: [
      {
        result: { kind: 'none' },
        defines: { kind: 'cursor', name: 'k', result: { kind: 'columns', columns: [{ name: 'email' }] } },
      },
      { result: { kind: 'cursor', name: 'k' } },
      {
        result: { kind: 'none' },
        defines: { kind: 'prepared', name: 'p', result: { kind: 'columns', columns: [{ name: 'phone' }] } },
      },
      { result: { kind: 'prepared', name: 'p' } },
      { result: { kind: 'none' } },
    ],
  });
});

test('COPY out has the columns that it names, or all', () => {
  const sources = (text: string, count: number) => alignLineage(lineageOf(text), count, columnsOf).map(describeSources);
  expect(sources('copy c (phone, id) to stdout', 2)).toEqual(['c.phone', 'c.id']);
  expect(sources('copy c to stdout', 4)).toEqual(['c.id', 'c.email', 'c.phone', 'c.name']);
  expect(sources('copy (select email from c) to stdout', 1)).toEqual(['c.email']);
});

test('what does not line up with the result is unknown', () => {
  expect(alignLineage(lineageOf('select email from c'), 2, columnsOf)).toEqual(['unknown', 'unknown']);
  expect(alignLineage(lineageOf('select * from c'), 3, columnsOf)).toEqual(['unknown', 'unknown', 'unknown']);
  expect(alignLineage(lineageOf('select 1, v.*, email from v, c'), 4, columnsOf).map(describeSources)).toEqual([
    '',
    'v.*',
    'v.*',
    'c.email v.email',
  ]);
  expect(mayDeriveFrom([{ kind: 'row', table: 'v' }], { table: 'c', column: 'email' }, columnsOf)).toBe(true);
  expect(mayDeriveFrom([], { table: 'c', column: 'email' }, columnsOf)).toBe(false);
});

test('recursion within recursion ends', () => {
  let text = 'select email from c';
  for (let depth = 0; depth < 12; depth++)
    text = `with recursive t(a) as (select * from (${text}) x union all (with recursive u(b) as (select a from t union all select b from u) select b from u)) select a from t`;
  const begun = performance.now();
  lineagePostgres(parseSync, text, CONFORMING);
  expect(performance.now() - begun).toBeLessThan(5_000);
});
