// The list of a scope's search segments, however many they are.

import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { newId } from '../../core/ids.ts';
import { CatalogueTable, createCatalogueTable } from '../../functions/catalogue-table/table.ts';
import { type LocalDynamoDb, localDynamoDbClient, startLocalDynamoDb } from '../../functions/local/dynamodb.ts';
import { changeHead, type LiveSegment, readHead } from '../../functions/search/head.ts';
import { scopePartition } from '../../functions/search/rows.ts';

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

const SCOPE = 'ab'.repeat(12);
async function newTable() {
  const name = `catalogue-${newId('ses')}`;
  await createCatalogueTable(client, name);
  const table = new CatalogueTable(client, name);
  const rows = () =>
    table.queryAll({
      KeyConditionExpression: 'pk = :pk',
      ExpressionAttributeValues: { ':pk': scopePartition(SCOPE) },
    });
  return { table, rows };
}
const segment = (at: number): LiveSegment => ({
  ...{ id: randomBytes(13).toString('hex'), from: 1_795_000_000_000 + at * 997, until: 1_795_000_060_000 + at * 1013 },
  ...{ documents: at % 50_000, cut: at % 7, bytes: (at * 7919) % 20_000_000, rawBytes: (at * 104_729) % 67_000_000 },
  digest: randomBytes(32).toString('hex'),
});
const many = (count: number, from = 0) => Array.from({ length: count }, (_, i) => segment(from + i));
const byId = (segments: readonly LiveSegment[]) => segments.toSorted((a, b) => (a.id < b.id ? -1 : 1));

it('has room for more segments than an item of the table, and each change leaves what it should', async () => {
  const { table, rows } = await newTable();
  let expected: LiveSegment[] = [];
  for (let i = 0; i < 4; i++) {
    const added = many(4_000, i * 4_000);
    expected.push(...added);
    await changeHead(table, SCOPE, (head) => ({ ...head, segments: [...head.segments, ...added] }));
  }
  expect(byId((await readHead(table, SCOPE)).segments)).toEqual(byId(expected));
  const shelves = (await rows()).filter(({ sk }) => String(sk).startsWith('shelf#'));
  expect(shelves.length).toBeGreaterThan(5);
  for (const { body } of await rows()) expect((body as Uint8Array).length).toBeLessThan(256 * 1024);

  // One is taken away, one changed, one comes: wherever they stand.
  const [gone, changed] = [expected[5], expected[7_001]];
  const added = segment(99_999);
  expected = [...expected.filter((each) => each !== gone && each !== changed), added];
  if (!changed) throw new Error('there is none');
  expected.push({ ...changed, stale: true });
  await changeHead(table, SCOPE, (head) => ({
    ...head,
    segments: [...head.segments, added]
      .filter(({ id }) => id !== gone?.id)
      .map((each) => (each.id === changed.id ? { ...each, stale: true as const } : each)),
  }));
  expect(byId((await readHead(table, SCOPE)).segments)).toEqual(byId(expected));

  // No shelf is left that no head names.
  await changeHead(table, SCOPE, (head) => ({ ...head, segments: [] }));
  expect((await rows()).map(({ sk }) => sk)).toEqual(['head']);
}, 60_000);

it('loses nothing where two change it at once, and is read whole meanwhile', async () => {
  const { table, rows } = await newTable();
  const first = many(6_000);
  await changeHead(table, SCOPE, () => ({ epoch: 0, segments: first, dead: [] }));
  const added = many(6, 50_000);
  const reads = Array.from({ length: 6 }, async () => (await readHead(table, SCOPE)).segments.length);
  await Promise.all([
    ...added.map((each, i) =>
      changeHead(table, SCOPE, (head) => ({
        ...head,
        epoch: head.epoch + 1,
        segments: [...head.segments.filter(({ id }) => id !== first[i * 999]?.id), each],
      })),
    ),
    ...reads,
  ]);
  for (const read of await Promise.all(reads)) expect(read).toBe(6_000);
  const { segments, epoch } = await readHead(table, SCOPE);
  expect(epoch).toBe(6);
  const left = first.filter((_, i) => i % 999 !== 0 || i / 999 > 5);
  expect(byId(segments)).toEqual(byId([...left, ...added]));
  const named = (await rows()).filter(({ sk }) => String(sk).startsWith('shelf#')).length;
  await changeHead(table, SCOPE, (head) => ({ ...head, epoch: 7 }));
  expect((await rows()).filter(({ sk }) => String(sk).startsWith('shelf#'))).toHaveLength(named);
}, 60_000);
