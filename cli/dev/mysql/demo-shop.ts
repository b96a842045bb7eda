// The demo's data in MariaDB: a small shop, the same on every machine, since it is made from row numbers alone. Card numbers
// are those that payment providers publish for tests; e-mail domains are from RFC 2606.

import type { Connection } from 'mysql2/promise';

/** Does nothing when the data is there. */
export async function fillShop(shop: Connection): Promise<void> {
  // The last of what is made: a start that was interrupted before begins again.
  const [filled] = await shop.query("show tables like 'order_totals'");
  if (Array.isArray(filled) && filled.length > 0) return;
  await shop.query([...DROPS, ...TABLES, ...ROWS, VIEW].join(';'));
}

const DROPS = ['order_items', 'orders', 'products', 'customers'].map((name) => `drop table if exists ${name}`);

const TABLES = [
  `create table customers (
    id int primary key, name varchar(80) not null, email varchar(120) not null unique, phone varchar(30) not null,
    city varchar(40) not null, card_number varchar(19) not null, created_at datetime not null)`,
  `create table products (
    id int primary key, sku varchar(12) not null unique, name varchar(60) not null, price decimal(10,2) not null, stock int not null)`,
  `create table orders (
    id int primary key, customer_id int not null, placed_at datetime not null,
    status enum('paid', 'shipped', 'delivered', 'returned', 'cancelled') not null, note text,
    foreign key (customer_id) references customers (id))`,
  `create table order_items (
    order_id int not null, line int not null, product_id int not null, quantity int not null, unit_price decimal(10,2) not null,
    primary key (order_id, line), foreign key (order_id) references orders (id), foreign key (product_id) references products (id))`,
];

const elt = (words: string, n: string): string => {
  const list = words.split('|');
  return `elt(1 + (${n}) % ${list.length}, ${list.map((word) => `'${word.replaceAll("'", "''")}'`).join(', ')})`;
};

const FIRST =
  'Amina|Bruno|Clara|Deniz|Elena|Felix|Greta|Hugo|Ines|Jonas|Kira|Luca|Mina|Nils|Olga|Pablo|Rana|Simon|Tessa|Yara';
const LAST =
  "Aalto|Berg|Conti|Dahl|Engel|Ferrer|Gruber|Horvat|Ilves|Jung|Keller|Lund|Maas|Novak|O'Neill|Popov|Riva|Sato|Toth|Wolf";
const CITY = 'Riga|Porto|Graz|Turku|Lille|Bergen|Cork|Brno|Split|Tartu|Aarhus';
const CARD = '4242424242424242|4111111111111111|5555555555554444|378282246310005|6011111111111117|3530111333300000';
const THING = 'lamp|notebook|kettle|bookend|blanket|teapot|stool|clock|vase|basket';
const MATERIAL = 'Oak|Linen|Copper|Slate|Cork|Wool';
const STATUS = 'delivered|delivered|shipped|paid|cancelled|delivered|returned';
const NOTE = 'Ring twice|Gift: please wrap|Leave it with the neighbour';

const ROWS = [
  `insert into customers
    select n, concat(f, ' ', l), lower(concat(f, '.', replace(l, '''', ''), n, '@example.', ${elt('com|org|net', 'n')})),
      concat('+1-', 201 + (n * 31) % 700, '-555-01', lpad((n * 17) % 100, 2, '0')), ${elt(CITY, 'n * 5')}, ${elt(CARD, 'n * 7')},
      timestampadd(minute, n * 1873, '2023-01-05 08:00:00')
    from (select seq as n, ${elt(FIRST, 'seq * 13')} as f, ${elt(LAST, 'seq * 7')} as l from seq_1_to_400) c`,
  `insert into products
    select seq, concat('SH-', lpad(seq, 4, '0')), concat(${elt(MATERIAL, 'seq')}, ' ', ${elt(THING, 'seq * 3')}),
      6 + (seq * 37) % 180 + 0.90, (seq * 53) % 240 from seq_1_to_60`,
  `insert into orders
    select seq, 1 + (seq * 241) % 400, timestampadd(minute, seq * 371, '2025-01-02 09:00:00'), ${elt(STATUS, 'seq * 5')},
      if(seq % 9 = 0, ${elt(NOTE, 'seq')}, null) from seq_1_to_1500`,
  `insert into order_items
    select o.id, l.seq, p.id, 1 + (o.id + l.seq) % 3, p.price
    from orders o join seq_1_to_4 l on l.seq <= 1 + o.id % 4 join products p on p.id = 1 + (o.id * 7 + l.seq * 13) % 60`,
];

const VIEW = `create view order_totals as
  select o.id as order_id, o.customer_id, o.placed_at, o.status, sum(i.quantity * i.unit_price) as total
  from orders o join order_items i on i.order_id = o.id group by o.id`;
