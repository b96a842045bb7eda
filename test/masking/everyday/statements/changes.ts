import { type Case, one, session } from '../case.ts';

const undone = (name: string, texts: readonly string[], cells: Omit<Case, 'name' | 'steps'> = {}) =>
  session(name, ['begin', ...texts, 'rollback'], cells);

export const CHANGES: readonly Case[] = [
  undone('insert returning', [
    "insert into products (title, price) values ('Desk', 80), ('Shelf', 30) returning id, title, net",
  ]),
  undone('insert a customer', [
    "insert into customers (email, phone, name) values ('new@example.com', '+49 30 999', 'New') returning id, name, created, meta",
  ]),
  undone(
    'insert a customer, all returned',
    ["insert into customers (email, phone, name) values ('new@example.com', '+49 30 99955', 'New') returning *"],
    { hides: ['email', 'phone'] },
  ),
  undone('update returning', [
    "update orders set note = upper(note), status = 'paid' where id = 2 returning id, note, status, updated",
  ]),
  undone('update of the masked table', [
    "update customers set name = 'Other' where id = 2 returning id, name, upper(name), updated",
  ]),
  undone('update of a masked column', [
    "update customers set email = 'other@example.com' where id = 2",
    'select id, name, updated from customers where id = 2',
  ]),
  undone('update from', [
    'update orders o set note = c.name from customers c where c.id = o.customer and o.id < 4 returning o.id, o.note',
  ]),
  undone('delete using', [
    "delete from items i using orders o where o.id = i.order_id and o.status = 'sent' returning i.order_id, product",
  ]),
  undone('delete that cascades', [
    'delete from customers where id = 5 returning id, name',
    'select count(*) from orders',
    'select tab, what, body->>$$note$$ as note from audit order by id desc limit 2',
  ]),
  undone('upsert', [
    "insert into products (id, title, price) values (1, 'Chair', 41), (90, 'Rug', 9) on conflict (id) do update set price = excluded.price, title = products.title || '!' returning id, title, price",
  ]),
  undone('upsert of a customer by e-mail', [
    "insert into customers (email, name) values ('secret3@example.com', 'Three') on conflict (email) do update set name = excluded.name returning id, name",
  ]),
  undone('upsert that does nothing', ["insert into customers (id, name) values (1, 'x') on conflict do nothing"]),
  undone('merge', [
    "merge into products p using (values (1, 50.0), (91, 7.0)) v(id, price) on v.id = p.id when matched then update set price = v.price when not matched then insert (id, title, price) values (v.id, 'Merged', v.price)",
    'select id, title, price from products order by id',
  ]),
  undone('merge returning', [
    'merge into products p using (values (1, 50.0)) v(id, price) on v.id = p.id when matched then update set price = v.price returning merge_action(), p.id, p.price',
  ]),
  undone('a CTE that changes', [
    'with gone as (delete from items where order_id = 1 returning *), kept as (insert into audit (tab, what) select $$items$$, count(*)::text from gone returning what) select * from kept',
  ]),
  undone('insert select', [
    "insert into audit (tab, what) select 'customers', country || ' ' || count(*) from customers group by country returning tab, what",
  ]),
  undone('a procedure, and settings behind it', [
    "call close_orders('2026-03-05')",
    'select id, status, updated from orders order by id',
    "select set_config('my.app', 'x', true), current_setting('my.app')",
    'prepare counts as select count(*) + 0 from orders',
    'execute counts',
    'deallocate counts',
  ]),
  undone('a block that changes masked rows, and settings behind it', [
    "do $$ begin update customers set country = 'NO' where email like 'a%'; end $$",
    'show timezone',
    "select set_config('my.app', 'x', true), current_setting('my.app')",
  ]),
  undone('a function that talks', ['select restock(4), restock(product => 2, more => 3)']),
  undone('defaults and sequences', [
    'insert into orders (customer) values (1) returning id, status, placed',
    "select nextval('invoice_number'), currval('orders_id_seq'), lastval()",
    "select setval('invoice_number', 2000), last_value, is_called from invoice_number",
  ]),
  undone('truncate', [
    'truncate items, audit restart identity',
    'select count(*) from items',
    'insert into audit (tab) values ($$x$$) returning id, tab',
  ]),
  undone('arrays and JSON', [
    "update products set tags = array_append(tags, 'new') where id = 1 returning tags",
    'update customers set meta = meta || \'{"vip": true}\' where id = 1 returning meta',
  ]),
  undone('into a partition', [
    "insert into events values ('2026-06-06', 'buy', '{\"n\": 1}') returning at, kind, body",
    'select count(*) from events_2026',
  ]),
  undone('for update', [
    'select id, note from orders where id < 3 order by id for update skip locked',
    'lock table products in share mode',
  ]),
  session(
    'with parameters of the protocol',
    [
      {
        text: 'select id, name, country from customers where country = $1 and id < $2 order by id',
        parameters: ['DE', '4'],
      },
      { text: 'select id, email, name from customers where email = $1', parameters: ['secret1@example.com'] },
      {
        text: 'select $1::int + 1 as more, $2::text as said, $3::date as day',
        parameters: ['41', 'hello', '2026-05-05'],
      },
      { text: 'insert into audit (tab, what) values ($1, $2) returning tab, what', parameters: ['p', null] },
      { text: 'delete from audit where tab = $1', parameters: ['p'] },
    ],
    { hides: ['email'] },
  ),
  one('insert into items values (1, 2, -1)'),
  one("insert into products (title, discount) values ('x', 101)"),
  one('insert into orders (customer) values (999)'),
  one("update orders set status = 'lost' where id = 1"),
  one('insert into customers (id, name) values (1, $$Twice$$)'),
  one('insert into customers (email, name) values ($$secret1@example.com$$, $$Twice$$)', { hidesWithin: ['error D'] }),
  one('insert into customers (name) values (null)', { hidesWithin: ['error D'] }),
  one('select nme from customers'),
  one('selct name from customers'),
  one('select * from customer'),
  one('select title::int from products where id = 1'),
  one('select 1 / 0 as x from orders'),
];
