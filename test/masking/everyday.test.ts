// What people do all day in a database like many: with masks on two columns of one table, everything else comes as it
// would without, and is recorded as it was sent.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { leave, type Place, place, psql, straight } from './place.ts';

const SHOP = `
create schema shop; alter database postgres set search_path = shop, public; set search_path = shop, public;
create extension pgcrypto; create extension citext; create extension pg_trgm;
create type status as enum ('new', 'paid', 'sent');
create domain percent as numeric check (value between 0 and 100);
create domain email_address as text check (value ~ '@');
create table customers (id int primary key, email email_address unique, phone text, name text not null,
  country char(2) default 'DE', created timestamptz default '2026-01-01', updated timestamptz, meta jsonb default '{}');
create table products (id int primary key, title text, price numeric(10,2), tags text[], discount percent default 0,
  search tsvector generated always as (to_tsvector('english', title)) stored);
create table orders (id int primary key, customer int references customers on delete cascade, status status default 'new',
  note text, updated timestamptz);
create table items (order_id int references orders, product int references products, quantity int check (quantity > 0),
  primary key (order_id, product));
create table audit (at timestamptz default now(), tab text, what text, body jsonb);
create table events (at timestamptz not null, kind text, body jsonb) partition by range (at);
create table events_2026 partition of events for values from ('2026-01-01') to ('2027-01-01');
create function touch() returns trigger language plpgsql as $$ begin new.updated := '2026-02-02'; return new; end $$;
create trigger touch before update on customers for each row execute function touch();
create trigger touch before update on orders for each row execute function touch();
create function keep_audit() returns trigger language plpgsql as $$
  begin
    -- Opens nothing and creates nothing: "execute" here is a word of a comment.
    insert into shop.audit (tab, what, body) values (tg_table_name, tg_op || ' by open order', to_jsonb(coalesce(new, old)));
    return coalesce(new, old);
  end $$;
create trigger audit after insert or update or delete on orders for each row execute function keep_audit();
create function order_total(o int) returns numeric language sql stable as
  $$ select sum(i.quantity * p.price) from shop.items i join shop.products p on p.id = i.product where i.order_id = o $$;
create function slug(t text) returns text language sql immutable as
  $$ select regexp_replace(lower(t), '[^a-z0-9]+', '-', 'g') $$;
create function make_partition(y int) returns void language plpgsql as $$
  begin execute format('create table shop.events_%s partition of shop.events for values from (%L) to (%L)', y, y || '-01-01', y + 1 || '-01-01'); end $$;
create view open_orders as select o.id, o.status, c.name, c.email from orders o join customers c on c.id = o.customer where o.status <> 'sent';
create view sales as select p.title, sum(i.quantity) as sold, sum(i.quantity * p.price) as total from items i join products p on p.id = i.product group by 1;
create materialized view per_country as select country, count(*) as customers from customers group by 1;
alter table orders enable row level security; create policy everybody on orders using (current_setting('app.tenant', true) is null);
insert into customers (id, email, phone, name) select g, 'secret' || g || '@example.com', '+49 30 12345' || g, 'Name ' || g from generate_series(1, 5) g;
insert into products (id, title, price, tags) select g, 'Product ' || g, g * 10, array['a', 'b'] from generate_series(1, 3) g;
insert into orders (id, customer, note) select id, id, 'note ' || id from customers;
insert into items select o.id, p.id, 2 from orders o, products p;
insert into events values ('2026-05-05', 'click', '{"x": 1}');
analyze; refresh materialized view per_country;
`;

const RULES = {
  policyVersion: 1,
  rule: 'shop-prod',
  limits: {},
  mask: [
    { columns: ['customers.email', 'customers.phone'], with: 'partial' },
    { detect: ['credit-card'], with: 'placeholder' },
  ],
};

const SECRET = /secret\d?@|12345/;

let at: Place;
beforeAll(async () => {
  at = await place(18, [SHOP], RULES);
});
beforeEach(() => {
  at.gateway.log.sessions.length = 0;
});
afterAll(() => leave(at));

describe('comes as it is', () => {
  test.each([
    'select id, name, country, created is not null as has from customers order by id',
    'select count(*), max(id), lower(max(name)) from customers',
    'select country, count(*) from customers group by country',
    'select c.name, count(o.id), sum(order_total(o.id)) from customers c left join orders o on o.customer = c.id group by c.name order by 1',
    'select order_total(id), slug(note) from orders order by id',
    "select title || '\\', lower('C:\\'), slug(title) from products order by id",
    "select slug('Hello World')",
    'select title, price, tags[1], search, discount from products order by id',
    "select status, note || '!', status::text from orders order by id",
    'select name, status from open_orders order by name',
    'select * from sales order by title',
    'select * from per_country',
    "select kind, body->>'x' from events",
    'with t as (select customer, count(*) n from orders group by 1) select c.name, t.n from t join customers c on c.id = t.customer order by 1',
    'select name, row_number() over (order by id) from customers',
    "select jsonb_build_object('id', id, 'name', name) from customers order by id",
    "select similarity('abc', 'abd'), digest('x', 'sha256'), crypt('pw', 'ab')",
    'select (c).name, (c).country from customers c order by id',
    'select pid is not null, state from pg_stat_activity where pid = pg_backend_pid()',
    'explain (costs off) select * from orders',
    'explain (analyze, timing off, costs off, summary off, buffers off) select name from only customers order by name',
    "explain (costs off) update orders set note = 'x' where id = 1",
    'select table_name, column_name, data_type from information_schema.columns where table_name = $$orders$$ order by ordinal_position',
    "select pg_get_viewdef('shop.sales'::regclass), pg_get_functiondef('shop.slug'::regproc)",
    'copy (select id, name, upper(name) from customers order by id) to stdout',
    'copy products (id, title) to stdout csv header',
    ...['\\d', '\\d customers', '\\d+ orders', '\\d+ open_orders', '\\df shop.*', '\\sf shop.slug', '\\sv shop.sales'],
    ...['\\dt+ shop.*', '\\di+ shop.*', '\\du', '\\dn+', '\\dT+ shop.*', '\\dx', '\\dp shop.*', '\\dC'],
  ])('%s', async (text) => {
    const [via, without] = [await psql(at, [text]), await straight(at, [text])];
    expect({ out: via.stdout, err: via.stderr }).toEqual({ out: without.stdout, err: without.stderr });
    expect(via.stdout).not.toBe('');
  });

  test.each([
    [
      'a transaction with triggers',
      [
        'begin',
        "update orders set note = 'x' where id = 2 returning note, upper(note)",
        'select count(*), min(note) from orders',
        'rollback',
      ],
    ],
    [
      'a transaction with functions',
      ['begin', "select slug('a b')", 'select count(*), max(name) from customers', 'rollback'],
    ],
    [
      'a write to the masked table',
      ['begin', "update customers set name = 'New' where id = 2 returning id, name, upper(name), updated", 'rollback'],
    ],
    [
      'a cascade',
      [
        'begin',
        'delete from items',
        'delete from customers where id = 5 returning id, name',
        'select count(*) from orders',
        'rollback',
      ],
    ],
    ['a prepared statement', ['prepare p as select name, upper(name) from customers where id = $1', 'execute p(1)']],
    [
      'a cursor',
      [
        'begin',
        'declare c cursor for select id, name, lower(name) from customers order by id',
        'fetch 2 from c',
        'close c',
        'commit',
      ],
    ],
    ['settings', ["set my.app = 'x'", 'select order_total(1)', 'show my.app', "select current_setting('my.app')"]],
    [
      'a table of the session',
      [
        'create temp table mine (a int, b text)',
        "insert into mine values (1, 'x')",
        'select a + 1, upper(b), slug(b) from mine',
      ],
    ],
    [
      'functions that change definitions',
      ['begin', 'select make_partition(2030)', 'rollback', 'select count(*), max(name) from customers'],
    ],
  ])('%s', async (_name, texts) => {
    const [via, without] = [await psql(at, texts), await straight(at, texts)];
    expect({ out: via.stdout, err: via.stderr }).toEqual({ out: without.stdout, err: without.stderr });
  });
});

describe('is masked, and the rest of it comes', () => {
  test.each([
    ['select * from customers where id = 1', '1|s***@e***.com|+** ** **3451|Name 1|DE|2026-01-01 00:00:00+00||{}\n'],
    ['select * from open_orders where id = 1', '1|new|Name 1|s***@e***.com\n'],
    ['copy (select id, email, name from customers where id = 1) to stdout csv', '1,s***@e***.com,Name 1\n'],
    ['copy customers (id, email) to stdout csv', /^1,s\*\*\*@e\*\*\*\.com\n2,/],
    ['select name, upper(email), order_total(id) from customers where id = 1', 'Name 1|S***@E***.COM|120.00\n'],
    [
      "explain (costs off) select name from only customers where country = 'DE' and id < 1000",
      "Seq Scan on customers\n  Filter: ((id < ****) AND (country = '**'::bpchar))\n",
    ],
    [
      "explain (costs off, verbose) select order_total(id), email from customers where email = 'secret1@example.com'",
      /^Seq Scan on shop\.customers\n {2}Output: order_total\(id\), email\n {2}Filter: \(\(customers\.email\)::text = '\*+'::text\)\n$/,
    ],
  ])('%s', async (text, shown) => {
    const ran = await psql(at, [text]);
    if (typeof shown === 'string') expect(ran.stdout).toBe(shown);
    else expect(ran.stdout).toMatch(shown);
    expect(ran.recorded).not.toMatch(SECRET);
  });
});

test('a slip of the pen is shown where it is, and no literal of it', async () => {
  const ran = await psql(at, [
    'selct name from customers',
    "select name form customers where 'secret1@example.com' oops",
    'select nme from customers',
  ]);
  expect(ran.stderr).toMatch(/syntax error at or near "selct"/);
  expect(ran.stderr).toMatch(/syntax error at or near "customers"/);
  expect(ran.stderr).toMatch(/column "nme" does not exist/);
  expect(ran.recorded).toContain('syntax error at or near "selct"');
  expect(ran.recorded).not.toMatch(SECRET);
});

test('statements that have nothing to do with what is masked are recorded as they were sent', async () => {
  const texts = [
    'begin',
    "select slug('one literal'), order_total(4242) from orders where note = 'two literal'",
    "update orders set note = 'three literal' where id = 4343",
    "insert into products (id, title) values (4444, 'four literal')",
    'rollback',
    "select name from customers where email = 'secret1@example.com'",
  ];
  const ran = await psql(at, texts);
  for (const text of texts.slice(0, -1)) expect(ran.recorded).toContain(text);
  expect(ran.recorded).not.toMatch(SECRET);
});
