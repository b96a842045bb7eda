// The same shop: what is recorded of statements and of mistakes in them, and values in plans.

import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { leave, type Place, place, psql } from '../place.ts';
import { SHOP, SHOP_RULES } from './schema.ts';

const SECRET = /secret\d?@|12345/;

let at: Place;
beforeAll(async () => {
  at = await place('shared', [SHOP], SHOP_RULES);
});
beforeEach(() => {
  at.gateway.log.sessions.length = 0;
});
afterAll(() => leave(at));

test('values in a plan beside the masked table are stars', async () => {
  const ran = await psql(at, [
    "explain (costs off) select name from only customers where country = 'DE' and id < 1000",
    "explain (costs off, verbose) select id, email from customers where phone = '+49 30 123451'",
  ]);
  expect(ran.stdout).toMatch(/Filter: .*id < \*{4}.*/);
  expect(ran.stdout).toContain("country = '**'::bpchar");
  expect(ran.stdout).toMatch(/Filter: \(customers\.phone = '\*+'::text\)/);
  expect(ran.stdout + ran.recorded).not.toMatch(SECRET);
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
