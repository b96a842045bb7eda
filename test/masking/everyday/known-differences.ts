// Cases that differ other than by masked values, each list with its reason. A case that is listed and does
// not differ any more fails the test as well: it is then to be taken off.

const BY_REASON: Readonly<Record<string, readonly string[]>> = {
  'whether a masked value is NULL is not told': [
    'select count(email), count(distinct phone), count(*) from customers',
    'select name, email is not null as has_email, phone is null as no_phone from customers order by id',
    'select count(*) filter (where email is null) as without, count(*) as all from customers',
    'copy (select count(*), count(email) from customers) to stdout',
  ],
  'grouping sets are not followed': [
    'select country, status, count(*) from orders o join customers c on c.id = o.customer group by rollup (country, status) order by 1, 2',
    'select status, placed > $$2026-03-05$$ as late, count(*), grouping(status) from orders group by cube (status, placed > $$2026-03-05$$) order by 1, 2, 4',
    'select status, customer, count(*) from orders group by grouping sets ((status), (customer), ()) order by 1, 2',
    'copy (select status, count(*) from orders group by rollup (status) order by 1) to stdout csv',
  ],
  "a masked column of an extension's type, here citext, comes as NULL": [
    'select id, status, name, email from open_orders order by id',
    'select * from customers order by id',
    'select c.*, o.id as order_id from customers c join orders o on o.customer = c.id order by o.id',
    'select name, coalesce(email, $$none$$) as contact, lower(email) as small, name || $$ <$$ || email || $$>$$ as full from customers where id < 6 order by id',
    'select country, min(email) as first, string_agg(phone, $$,$$) as phones, count(*) from customers group by 1 order by 1',
    'select (c).* from customers c order by id',
    'DBeaver, a table of data',
    'DataGrip, a table of data',
    'insert a customer, all returned',
    'with parameters of the protocol',
    'a view over the masked table',
    'prepare of masked columns',
    'a cursor over masked columns',
    'copy (select id, email, name from customers where id < 6 order by id) to stdout csv',
    'copy (select id, upper(email), name from customers where id < 6 order by id) to stdout',
    'copy customers (id, email, name) to stdout',
  ],
  'words that only the server or a function wrote are withheld': [
    'a function that talks',
    'insert into customers (id, name) values (1, $$Twice$$)',
    'select nme from customers',
    'a schema',
    'DO',
    'drop table customers',
    '\\set ON_ERROR_ROLLBACK on \\\\ begin; selec 2; select count(*) from orders; insert into items values (1, 1, 0); select name from customers where id = 1; commit;',
  ],
  'after a statement that failed or was undone to a savepoint in a transaction, results are withheld': [
    'a mistake behind a savepoint',
    'a definition that fails behind a savepoint',
    'a definition undone to a savepoint',
    'a definition kept by a savepoint',
    'a temporary table of a transaction',
  ],
  'after a definition, DO or ANALYZE results of the same transaction or text are withheld': [
    'a new table',
    'a new table with a key to the masked one',
    'a new table read with a masked column beside',
    'a new column',
    'a new column of the masked table',
    'a filled column',
    'another name',
    'a dropped column',
    'an index',
    'constraints',
    'a view',
    'another view',
    'a function',
    'a trigger',
    'an enum and a domain',
    'a partition',
    'rights',
    'comments',
    'DO that defines',
    'a materialised view',
    'a table of migrations',
    'DO and what comes next',
    'ANALYZE',
    'an extension in a transaction',
    'COPY in a transaction after a definition',
  ],
  'large objects are not read': ['reading a large object'],
  'an answer of the server that is taken for hidden': [
    'select pid > 0 as has, state, datname, usename, query from pg_stat_activity where pid = pg_backend_pid()',
    'time and chance',
    '\\dF+',
  ],
};

const TOOLS_BY_REASON: Readonly<Record<string, readonly string[]>> = {
  'after a definition in an open transaction its results are withheld': [
    'knex',
    'nodedrivers',
    'django',
    'alembic',
    'activerecord',
    'jdbcautosave',
    'psycopg2',
    'psycopg3',
  ],
  'what a function made in the same text returns is withheld': ['sequelize'],
  'large objects are not read, and citext comes as NULL': ['pg_dump'],
  'the functions of large objects give NULL': ['pg_restore', 'pg_restore in one transaction'],
};

const byName = (reasons: Readonly<Record<string, readonly string[]>>): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(reasons).flatMap(([reason, names]) => names.map((name) => [name, reason])));

export const KNOWN_DIFFERENCES = byName(BY_REASON);

/** The same of tools. */
export const KNOWN_TOOL_DIFFERENCES = byName(TOOLS_BY_REASON);
