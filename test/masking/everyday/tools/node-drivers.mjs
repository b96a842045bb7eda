// `pg` and `postgres`: a table made and used in one transaction, savepoints, cursors, COPY.

import pg from 'pg';
import postgres from 'postgres';

const say = (what, value) => console.log(what, JSON.stringify(value));

const client = new pg.Client();
await client.connect();
await client.query('begin');
await client.query('create table people (id serial primary key, email text unique, name text)');
const made = await client.query(
  "insert into people (email, name) values ($1, $2), ('bob@example.com', 'Bob') returning id, name, email",
  ['ann@example.com', 'Ann'],
);
say('made', made.rows);
await client.query('savepoint a');
await client.query('select nosuch').catch(({ code }) => say('mistake', code));
await client.query('rollback to a');
say('goes on', (await client.query('select count(*)::int, count(email)::int as emails, max(name) from people')).rows);
await client.query('commit');
say(
  'named',
  (await client.query({ name: 'n', text: 'select name, email, upper(name) from people where id = $1', values: [1] }))
    .rows,
);
say(
  'named',
  (await client.query({ name: 'n', text: 'select name, email, upper(name) from people where id = $1', values: [2] }))
    .rows,
);
say(
  'several',
  (await client.query('select 1 as one; select upper(name) from people order by 1; show timezone')).map(
    ({ rows }) => rows.length,
  ),
);
await client.end();

const { PGHOST, PGPORT, PGUSER, PGPASSWORD, PGDATABASE } = process.env;
const sql = postgres({
  host: PGHOST,
  port: Number(PGPORT),
  user: PGUSER,
  pass: PGPASSWORD,
  database: PGDATABASE,
  max: 1,
  onnotice: () => {},
});
await sql.begin(async (sql) => {
  await sql`alter table people add column city text default 'Riga'`;
  await sql`insert into people ${sql([{ email: 'cy@example.com', name: 'Cy', city: 'Turku' }])}`;
  await sql
    .savepoint((sql) => sql`insert into people (email) values ('cy@example.com')`)
    .catch(({ code }) => say('mistake', code));
  say('goes on', await sql`select id, name, city, lower(city) as small from people order by id`);
});
say('in pieces', await sql`select name, email from people order by id`);
for await (const rows of sql`select id, name from people order by id`.cursor(2)) say('cursor', rows);
say(
  'counted',
  await sql`select city, count(*)::int, count(email)::int as emails from people group by rollup (city) order by 1`,
);
await sql.unsafe('create index on people (city); analyze people; select 1');
await sql.end();
