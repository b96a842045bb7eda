import { type Case, one, session } from '../case.ts';

export const COPYING: readonly Case[] = [
  one('copy staff to stdout'),
  one('copy orders (id, customer, note) to stdout csv header'),
  one('copy (select id, name, upper(name), country from customers order by id) to stdout'),
  one('copy (select status, count(*) from orders group by rollup (status) order by 1) to stdout csv'),
  one("copy products (id, title, tags) to stdout with (format csv, delimiter ';', null 'NIL', force_quote *)"),
  one('copy (select id, email, name from customers where id < 6 order by id) to stdout csv', { hides: ['1'] }),
  one('copy (select id, upper(email), name from customers where id < 6 order by id) to stdout', { hides: ['1'] }),
  one('copy customers (id, email, name) to stdout', { hides: ['1'] }),
  one('copy (select count(*), count(email) from customers) to stdout'),
  one('copy (table per_country) to stdout'),
  one('copy (select * from orders) to stdout (format binary)'),
  session('COPY in a transaction after a definition', [
    'begin',
    'create table boxes (id int, label text)',
    { text: 'copy boxes from stdin', copy: '1\ta\n2\tb\n' },
    'copy boxes to stdout',
    'select id, upper(label) from boxes order by id',
    'copy (select count(*) from orders) to stdout',
    'rollback',
  ]),
  session('COPY in', [
    'begin',
    { text: 'copy products (title, price) from stdin csv', copy: 'Sofa,500\n"Wall, white",1\n' },
    'select title, price from products where price in (500, 1) order by 1',
    'rollback',
  ]),
  session('COPY in of the masked table', [
    'begin',
    { text: 'copy customers (email, phone, name) from stdin', copy: 'c@example.com\t\\N\tCopied\n' },
    "select name, country from customers where name = 'Copied'",
    'rollback',
  ]),
  session('COPY in that fails', [
    { text: 'copy items from stdin', copy: '1\t1\tmany\n' },
    { text: 'copy staff (name, hired) from stdin csv', copy: 'Ed,tomorrow-ish\n' },
    'select count(*) from items',
  ]),
];
