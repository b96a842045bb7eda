// The demo's data: a small shop. The same on every machine, since it is made from row numbers alone.
// Card numbers are the ones that payment providers publish for tests; telephone numbers are from
// the block that is kept for fiction; e-mail domains are from RFC 2606.

import type { Client } from 'pg';

export const DEMO_DATABASE = 'shop';
/** Whom the connector logs in as: owns the shop, and is no superuser. */
export const DEMO_ROLE = 'gatehouse';

/** Does nothing when the data is there. Closes `admin`. */
export async function fillDemoDatabase(
  admin: Client,
  connectTo: (database: string) => Promise<Client>,
  rolePassword: string,
): Promise<void> {
  try {
    const role = await admin.query('select 1 from pg_roles where rolname = $1', [DEMO_ROLE]);
    const clause = `login password ${admin.escapeLiteral(rolePassword)}`;
    await admin.query(`${role.rowCount === 0 ? 'create' : 'alter'} role ${DEMO_ROLE} with ${clause}`);
    const there = await admin.query('select 1 from pg_database where datname = $1', [DEMO_DATABASE]);
    if (there.rowCount === 0) await admin.query(`create database ${DEMO_DATABASE} owner ${DEMO_ROLE}`);
  } finally {
    await admin.end();
  }
  const shop = await connectTo(DEMO_DATABASE);
  try {
    const filled = await shop.query("select to_regclass('public.customers') is not null as filled");
    if (filled.rows[0]?.filled === true) return;
    // One transaction: a start that was interrupted here leaves nothing half done.
    await shop.query(`begin; set local role ${DEMO_ROLE}; ${TABLES} ${ROWS} commit; analyze;`);
  } finally {
    await shop.end();
  }
}

const TABLES = `
create table employees (
  id int primary key, name text not null, email text not null unique, role text not null,
  salary numeric(10,2) not null, manager_id int references employees, hired_on date not null);
create table customers (
  id int primary key, first_name text not null, last_name text not null, email text not null unique,
  phone text not null, city text not null, country char(2) not null,
  card_number text not null, card_expires text not null, created_at timestamptz not null);
create table products (
  id int primary key, sku text not null unique, name text not null, category text not null,
  price numeric(10,2) not null check (price > 0), stock int not null);
create table orders (
  id int primary key, customer_id int not null references customers, placed_at timestamptz not null,
  status text not null, note text);
create index orders_customer on orders (customer_id);
create table order_items (
  order_id int not null references orders, line int not null, product_id int not null references products,
  quantity int not null, unit_price numeric(10,2) not null, primary key (order_id, line));
create view order_totals as
  select o.id as order_id, o.customer_id, o.placed_at, o.status, sum(i.quantity * i.unit_price) as total
  from orders o join order_items i on i.order_id = o.id group by o.id;
`;

const list = (words: string): string => `(array['${words.replaceAll("'", "''").split('|').join("','")}'])`;

const FIRST = list(
  'Ada|Ben|Chloe|Dario|Elif|Farid|Grace|Hana|Ivo|Jana|Kofi|Lena|Mateo|Nadia|Omar|Priya|Quentin|Rosa|Sven|Tomoko|Uma|Viktor|Wei|Ximena|Yusuf|Zofia|Aoife|Björn|Carmen|Dmitri|Esme',
);
const LAST = list(
  "Abbott|Bauer|Costa|Diaz|Eriksen|Fischer|Garcia|Haddad|Ivanova|Jansen|Kowalski|Larsen|Moreau|Nguyen|O'Brien|Petrov|Quinn|Rossi|Schmidt|Tanaka|Usman|Vargas|Weber|Xu|Yilmaz|Zhang|Okafor|Lindqvist|Marchetti",
);
const CITY = list('Berlin|Lisbon|Oslo|Lyon|Kraków|Dublin|Vienna|Utrecht|Porto|Gdańsk|Malmö');
const COUNTRY = list('DE|PT|NO|FR|PL|IE|AT|NL|PT|PL|SE');
const CARD = list(
  '4242424242424242|4111111111111111|5555555555554444|378282246310005|6011111111111117|4000056655665556|5105105105105100|3530111333300000',
);
const ADJECTIVE = list('Walnut|Linen|Copper|Slate|Cork|Wool|Ceramic|Birch|Glass|Brass');
const THING = list('desk lamp|notebook|coffee mill|bookend|blanket|tea pot');
const CATEGORY = list('lighting|stationery|kitchen|office|home|kitchen');
const STATUS = list('delivered|delivered|delivered|shipped|paid|cancelled|delivered|returned');
const NOTE = list('Leave it with the neighbour|Gift: please wrap|Ring twice|Call before delivery');
const ROLE = list('support agent|warehouse lead|buyer|accountant|developer|marketing manager');

// 1-based pick of row n, spread by a prime so that neighbours differ.
const pick = (array: string, n: string, prime: number): string =>
  `${array}[1 + (${n} * ${prime}) % array_length(${array}, 1)]`;

const ROWS = `
insert into employees
  select n, f || ' ' || l, lower(translate(f || '.' || l, 'öéÖ''', 'oeO')) || n || '@shop.example',
    case n when 1 then 'managing director' else ${pick(ROLE, 'n', 5)} end,
    38000 + (n * 7919) % 52000 + (n % 4) * 0.25, case when n = 1 then null else greatest(1, n / 4) end,
    date '2015-02-01' + (n * 97) % 3600
  from (select n, ${pick(FIRST, 'n', 11)} f, ${pick(LAST, 'n', 7)} l from generate_series(1, 24) n) e;
insert into customers
  select n, f, l, lower(translate(f || '.' || l, 'öé''', 'oe')) || n || '@example.' || ${list('com|org|net')}[1 + n % 3],
    '+1-' || (201 + (n * 31) % 700) || '-555-01' || lpad(((n * 17) % 100)::text, 2, '0'),
    ${pick(CITY, 'n', 5)}, ${pick(COUNTRY, 'n', 5)}, ${pick(CARD, 'n', 3)},
    lpad((1 + n % 12)::text, 2, '0') || '/' || (27 + n % 4),
    timestamptz '2023-01-05 08:00+00' + n * interval '1 day 7 hours 13 minutes'
  from (select n, ${pick(FIRST, 'n', 13)} f, ${pick(LAST, 'n', 17)} l from generate_series(1, 600) n) c;
insert into products
  select n, 'SH-' || lpad(n::text, 4, '0'), a || ' ' || t, c, 6 + (n * 37) % 180 + 0.90, (n * 53) % 240
  from (select n, ${ADJECTIVE}[1 + (n - 1) / 6] a, ${THING}[1 + (n - 1) % 6] t, ${CATEGORY}[1 + (n - 1) % 6] c
        from generate_series(1, 60) n) p;
insert into orders
  select n, 1 + (n * 241) % 600, timestamptz '2025-01-02 09:00+00' + n * interval '6 hours 11 minutes 7 seconds',
    ${pick(STATUS, 'n', 5)}, case when n % 9 = 0 then ${pick(NOTE, 'n', 3)} end
  from generate_series(1, 2400) n;
insert into order_items
  select o, line, p.id, 1 + (o + line) % 3, p.price
  from generate_series(1, 2400) o cross join lateral generate_series(1, 1 + o % 4) line
  join products p on p.id = 1 + (o * 7 + line * 13) % 60;
`;
