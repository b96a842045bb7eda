// `table:` finds what a statement names, however it is quoted there and in the query, in the newest rows as in segments.

import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { newSearchArchive, statement } from '../harness/search/archive.ts';
import { type LocalDynamoDb, localDynamoDbClient, startLocalDynamoDb } from '../../functions/local/dynamodb.ts';

let database: LocalDynamoDb;
let client: ReturnType<typeof localDynamoDbClient>;
beforeAll(async () => {
  database = await startLocalDynamoDb();
  client = localDynamoDbClient(database.endpoint);
});
afterAll(async () => {
  client.destroy();
  await database.close();
});

const quoted = (name: string, quote: string): string => `${quote}${name.replaceAll(quote, quote + quote)}${quote}`;
/** Whatever a server takes in quotes. Capitals are written in another way in the query, as far as that is the same letter. */
const part = fc
  .oneof(
    fc.string({ unit: 'binary', minLength: 1, maxLength: 20 }),
    fc.string({ unit: fc.constantFrom(...'aB1 ."`\'*():-_%$\\é東😀'), minLength: 1, maxLength: 12 }),
    fc.constantFrom('Order Items', 'Users', 'from', 'select', 'a.b', 'table', 'or', '-x', 'ΑΣ', 'İ'),
  )
  .filter((name) => !name.includes('\0') && name.normalize().trim() !== '' && name.isWellFormed());
const quote = fc.constantFrom('"', '`');
const named = fc.record({ schema: fc.option(part), name: part, inStatement: quote, inQuery: quote });

it('finds what was touched by the name in quotes, with and without its schema, before and after the fold', async () => {
  const names = fc.sample(named, { numRuns: 60, seed: 1 });
  const archive = await newSearchArchive(client);
  const session = await archive.open({});
  const written = ({ schema, name }: (typeof names)[number], by: string) =>
    [...(schema === null ? [] : [quoted(schema, by)]), quoted(name, by)].join('.');
  await archive.add(session, 0, {
    actions: names.map((each, i) => statement(i + 1, i * 1000, `select * from ${written(each, each.inStatement)} x`)),
  });
  const check = async () => {
    for (const [i, each] of names.entries())
      for (const asked of [written(each, each.inQuery), quoted(each.name, each.inQuery)])
        expect({ asked, found: (await archive.ask(`table:${asked}`)).map(({ action }) => action) }).toEqual({
          asked,
          found: expect.arrayContaining([i + 1]),
        });
  };
  await check();
  await archive.fold();
  await check();
});

it.each([
  ['table:public."Users"', [1]],
  ['table:"public"."users"', [1]],
  ['table:"public.users"', [1]],
  ['table:users', [1, 2]],
  ['table:"order items"', [3]],
  ['table:`shop`.`Order Items`', [3]],
  ['table:"Order "*', [3]],
  ['table:"a.b"', [4]],
  // A name with a dot in it is no schema with a table.
  ['table:b', []],
  ['table:2024_orders', [5]],
  ['table:sales.reports.daily', [6]],
  ['table:reports.daily', [6]],
  ['table:cafe\u0301', [7]],
])('%s finds %j', async (query, actions) => {
  const archive = await newSearchArchive(client);
  const session = await archive.open({});
  const texts = [
    'select * from public."Users"',
    'update USERS set x = 1',
    'delete from `shop`.`Order Items`',
    'select * from "a.b"',
    'select * from 2024_orders',
    'select * from sales.reports."Daily"',
    'select * from café',
  ];
  await archive.add(session, 0, { actions: texts.map((text, i) => statement(i + 1, i * 1000, text)) });
  const found = async () => (await archive.ask(query)).map(({ action }) => action ?? 0).sort();
  expect(await found()).toEqual(actions);
  await archive.fold();
  expect(await found()).toEqual(actions);
});
