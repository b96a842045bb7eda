import { type Case, one, session } from '../case.ts';

const LOOK = 'select id, name, lower(name) as small from customers where id < 3 order by id';
const COUNT = 'select count(*), max(id) from orders';
const undone = (name: string, texts: readonly string[], cells: Omit<Case, 'name' | 'steps'> = {}) =>
  session(
    name,
    ['begin', ...texts, LOOK, COUNT, 'select 1 as one, version() like $$Postgre%$$ as it', 'rollback', LOOK],
    cells,
  );

export const DEFINITIONS: readonly Case[] = [
  undone('a new table', [
    'create table notes (id serial primary key, body text, at timestamptz default now())',
    "insert into notes (body) values ('a'), ('b') returning id, body",
    'select id, body, upper(body) from notes order by id',
    'select count(*) from notes',
  ]),
  undone('a new table with a key to the masked one', [
    'create table tickets (id int primary key, customer int references customers, body text)',
    "insert into tickets values (1, 1, 'help')",
    'select t.id, c.name, t.body from tickets t join customers c on c.id = t.customer',
  ]),
  undone(
    'a new table read with a masked column beside',
    [
      'create table tickets (id int, customer int)',
      'insert into tickets values (1, 1)',
      'select t.id, c.name, c.email from tickets t join customers c on c.id = t.customer',
    ],
    { hides: ['email'] },
  ),
  undone('a new column', [
    'alter table orders add column weight numeric default 1.5',
    'select id, weight, weight * 2 as twice from orders where id < 3 order by id',
  ]),
  undone('a new column of the masked table', [
    "alter table customers add column nick text default 'nick'",
    'select id, nick, upper(nick) from customers where id < 3 order by id',
    'select count(*) from customers',
  ]),
  undone('a filled column', [
    'alter table orders add total numeric',
    'update orders set total = order_total(id)',
    'alter table orders alter total set not null',
    'select sum(total) from orders',
  ]),
  undone('another type', [
    'alter table products alter price type numeric(12,3)',
    'select title, price from products order by id',
  ]),
  undone('another name', [
    'alter table orders rename note to remark',
    'select id, remark from orders where id < 3 order by id',
  ]),
  undone('a dropped column', ['alter table orders drop column note', 'select * from orders where id < 3 order by id']),
  undone('an index', ['create index on orders (placed)', 'create unique index on products (lower(title))']),
  undone('constraints', [
    'alter table products add constraint cheap check (price < 1000) not valid',
    'alter table products validate constraint cheap',
    'alter table products drop constraint cheap',
  ]),
  undone('a view', [
    'create view cheap as select id, title from products where price < 30',
    'select * from cheap order by id',
    'select upper(title) from cheap order by id',
  ]),
  undone('another view', [
    'create or replace view sales as select p.title, sum(i.quantity) as sold, sum(i.quantity * p.price) as total, max(i.quantity) as most from items i join products p on p.id = i.product group by 1',
    'select * from sales order by 1',
  ]),
  undone('a function', [
    "create function twice(n int) returns int language sql immutable as 'select n * 2'",
    'select twice(21)',
    'select twice(id::int), note from orders where id < 3 order by id',
  ]),
  undone('a trigger', [
    'create trigger again after update on products for each row execute function keep_audit()',
    'update products set price = price + 1 where id = 1 returning id, price',
    "select what, body->>'title' as title from audit order by id desc limit 1",
  ]),
  undone('an enum and a domain', [
    "create type size as enum ('S', 'M')",
    'create domain positive as int check (value > 0)',
    'create table shirts (id positive, size size)',
    "insert into shirts values (1, 'M') returning id, size",
    "alter type size add value 'L'",
  ]),
  undone('a schema', [
    'create schema archive',
    'create table archive.orders as select * from orders where id < 4',
    'select count(*), min(note) from archive.orders',
    'set local search_path = archive, public',
    'select count(*) from orders',
  ]),
  undone('a partition', [
    "create table events_2027 partition of events for values from ('2027-01-01') to ('2028-01-01')",
    "insert into events values ('2027-02-02', 'late', '{}')",
    'select tableoid::regclass, kind from events where at > $$2027-01-01$$',
    'alter table events detach partition events_2025',
    'select count(*) from events',
  ]),
  undone('rights', [
    'create role guest',
    'grant select on products to guest',
    'revoke all on orders from clerk',
    'alter table products owner to manager',
    'alter default privileges grant select on tables to clerk',
  ]),
  undone('comments', [
    "comment on table products is 'What is sold'",
    "select obj_description('products'::regclass), col_description('orders'::regclass, 5)",
  ]),
  undone('DO', [
    "do $$ begin insert into audit (tab, what) values ('do', 'x'); raise notice 'done %', 1; end $$",
    "select what from audit where tab = 'do'",
  ]),
  undone('DO that defines', [
    "do $$ begin if not exists (select from pg_type where typname = 'colour') then create type colour as enum ('red'); end if; end $$",
    "select 'red'::colour",
  ]),
  undone('a materialised view', [
    'create materialized view by_status as select status, count(*) from orders group by 1',
    'select * from by_status order by 1',
    'refresh materialized view per_country',
    'select * from per_country order by 1',
  ]),
  undone('a table of migrations', [
    'create table if not exists schema_migrations (version varchar(255) primary key)',
    "insert into schema_migrations values ('1')",
    'select version from schema_migrations order by 1',
    'select exists (select from information_schema.tables where table_name = $$schema_migrations$$)',
  ]),
  session('DO and what comes next', [
    'do $$ begin perform 1; end $$',
    'show search_path',
    LOOK,
    COUNT,
    'do $$ begin perform count(*) from orders; end $$; select 1 as one; show timezone',
  ]),
  session('ANALYZE', [
    'analyze',
    'show search_path',
    LOOK,
    'analyze customers (name)',
    COUNT,
    'analyze orders; select 1 as one',
  ]),
  session('VACUUM', ['vacuum', 'vacuum analyze orders', LOOK, COUNT]),
  session('VACUUM VERBOSE', ['vacuum verbose staff', LOOK], { varies: ['notice M'] }),
  session('REINDEX, CLUSTER', [
    'reindex table orders',
    'cluster orders using orders_pkey',
    'reindex index concurrently orders_by_customer',
    LOOK,
  ]),
  session('a concurrent index', [
    'create index concurrently orders_placed on orders (placed)',
    LOOK,
    'drop index concurrently orders_placed',
    COUNT,
  ]),
  session('a materialised view, concurrently', [
    'refresh materialized view concurrently per_country',
    'select * from per_country order by 1',
  ]),
  session('an extension', [
    'create extension hstore',
    "select 'a=>1'::hstore -> 'a' as a",
    LOOK,
    'create extension if not exists hstore',
    'drop extension hstore',
    LOOK,
  ]),
  session('an extension in a transaction', [
    'begin',
    'create extension fuzzystrmatch',
    "select levenshtein('chair', 'chain'), soundex('chair')",
    LOOK,
    'rollback',
    LOOK,
  ]),
  session('a table, committed', [
    'create table stock (product int primary key, amount int)',
    'insert into stock select id, id * 10 from products',
    'select p.title, s.amount, s.amount * 2 as twice from stock s join products p on p.id = s.product order by p.id',
    'alter table stock add place text',
    "update stock set place = 'A' || product returning product, place",
    'drop table stock',
    'select * from stock',
  ]),
  session('a table, committed in a transaction', [
    'begin',
    'create table stock (product int, amount int)',
    'insert into stock values (1, 2)',
    'commit',
    'select product, amount + 1 as more from stock',
    'drop table stock',
  ]),
  session(
    'a view over the masked table',
    [
      'create view contacts as select id, email, upper(name) as name from customers',
      'select id, name from contacts order by id',
      'select email, name from contacts order by id',
      'drop view contacts',
    ],
    { hides: ['email'] },
  ),
  one('drop table nosuch'),
  one('drop table if exists nosuch'),
  one('create table orders (a int)'),
  one('drop table customers'),
  one('create table if not exists orders (a int)'),
];
