import { expect, it } from 'vitest';
import { tablesIn } from './tables.ts';

it.each([
  ['select * from orders', ['orders']],
  ['SELECT a FROM public.orders o JOIN "Line Items" i ON true', ['public.orders', 'Line Items']],
  ['select 1 from a, b x, `c`.`d` where x = 1', ['a', 'b', 'c.d']],
  ["insert into t values ('from nowhere') -- from comment", ['t']],
  ['update only orders set x = 1', ['orders']],
  ['drop table if exists a, b', ['a', 'b']],
  ['create table if not exists s.t (id int)', ['s.t']],
  ['select * from generate_series(1, 2)', []],
  ['select * from (select 1 from inner_t) x', ['inner_t']],
  ['copy orders to stdout', ['orders']],
  ['select $$ from quoted $$, 1 /* from c */', []],
  ['truncate table a', ['a']],
  ['select * from "a.b"', ['"a.b"']],
  ['select * from s."we""ird", `x``y`', ['s."we""ird"', '"x`y"']],
  ['select * from public."from" where x', ['public.from']],
  ['insert into `2024`.`orders` select 1 from 2024_orders', ['2024.orders', '2024_orders']],
  ['select substring(x from 2), extract(day from 5)', []],
  ['select * from U&"d\\0061t\\+000061\\\\"', ['data\\']],
  ['select * from 🦒', ['🦒']],
  ['select * from ""', []],
  ['', []],
])('finds the tables of %j', (text, tables) => {
  expect(tablesIn(text)).toEqual(tables);
});

it('takes no longer for what is made to take long', () => {
  expect(tablesIn(`${"'".repeat(20_000)}${'"'.repeat(20_000)}`)).toEqual([]);
  expect(tablesIn(`from ${'a,'.repeat(10_000)}`)).toHaveLength(1);
});
