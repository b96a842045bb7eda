// What a drop takes away of the catalogue, and what it leaves: what says more than the recordings do.

import { afterAll, beforeAll, expect, it } from 'vitest';
import { CatalogueTable, createCatalogueTable, type Item } from '../catalogue-table/table.ts';
import { type LocalDynamoDb, localDynamoDbClient, startLocalDynamoDb } from '../local/dynamodb.ts';
import { dropRows } from './drop-catalogue.ts';

let database: LocalDynamoDb;
let client: ReturnType<typeof localDynamoDbClient>;
let table: CatalogueTable;
beforeAll(async () => {
  database = await startLocalDynamoDb();
  client = localDynamoDbClient(database.endpoint);
  await createCatalogueTable(client, 'dropped');
  table = new CatalogueTable(client, 'dropped');
});
afterAll(async () => {
  client.destroy();
  await database.close();
});

it('are sessions, their actions and due days; marks of purged ones, purges, holds and other rows stay', async () => {
  const stays = [
    { pk: 'session#ses_purged', sk: 'session', purged: '2026-11-20T12:00:00.000Z' },
    { pk: 'purges', sk: 'ses_purged' },
    { pk: 'holds', sk: 'hld_one' },
    { pk: 'held', sk: 'ses_one' },
    // As if a session were one: its partition is another.
    { pk: 'months', sk: 'session' },
  ];
  const goes = [
    { pk: 'session#ses_one', sk: 'session' },
    { pk: 'session#ses_one', sk: 'action#1' },
    { pk: 'session#ses_purged', sk: 'action#1' },
    { pk: 'due#2026-11-20', sk: 'ses_one' },
  ];
  await table.putAll([...stays, ...goes]);
  // A few rows a page, as a table of any size has pages.
  class Paged extends CatalogueTable {
    override scan(input: Parameters<CatalogueTable['scan']>[0]): ReturnType<CatalogueTable['scan']> {
      return super.scan({ ...input, Limit: 2 });
    }
  }
  const paged = new Paged(client, 'dropped');
  let after: Item | undefined;
  let dropped = 0;
  let pages = 0;
  do {
    const page = await dropRows(paged, after);
    dropped += page.dropped;
    after = page.after;
  } while (after && ++pages < 20);
  const left = (await table.scan({})).items.map(({ pk, sk }) => `${pk} ${sk}`);
  expect(left.sort()).toEqual(stays.map(({ pk, sk }) => `${pk} ${sk}`).sort());
  expect(dropped).toBe(goes.length);
  expect(pages).toBeGreaterThan(2);
  expect(pages).toBeLessThan(20);
});
