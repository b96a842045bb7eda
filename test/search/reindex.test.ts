// Catalogue and index are made again from the objects alone, and answer as before.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { filledArchive } from '../harness/search/reindex-archive.ts';
import { HELD_SESSIONS, HOLDS, PURGES, SESSION_ROW, sessionPartition } from '../../functions/catalogue-table/schema.ts';
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

const kept = async (table: Awaited<ReturnType<typeof filledArchive>>['before']['table']) => {
  const { items } = await table.scan({});
  return items.filter(({ pk, purged }) => [HELD_SESSIONS, HOLDS, PURGES].includes(String(pk)) || purged !== undefined);
};

describe('every answer is as before', () => {
  it.each([
    ['with --drop', true],
    ['without', false],
  ])('when it is made again %s, and nothing is lost that no object says', async (_, drop) => {
    const { before, archive, sessions } = await filledArchive(client);
    const [answers, rows] = [await before.answers(), await kept(before.table)];
    expect(answers['search -nothing']).toHaveLength(22);
    expect(answers[sessions.purged.session]).toBeUndefined();
    expect(answers[sessions.damaged.session]).toMatchObject({ state: 'broken' });
    expect(answers[sessions.running.session]).toMatchObject({ state: 'live', segments: 3 });
    await before.reindex(drop);
    expect(await before.answers()).toEqual(answers);
    expect(await kept(before.table)).toEqual(rows);
    const held = [...before.store.objects.keys()];
    archive.clock.now += 3_600_000;
    await before.fold();
    expect(await before.answers()).toEqual(answers);
    // What was made before is gone, and what is there is known.
    expect([...before.store.objects.keys()]).toEqual(held);
  });

  it('when table and index were lost', async () => {
    const { before, archive, sessions } = await filledArchive(client);
    const answers = await before.answers();
    const lost = await archive.derived();
    // What says more than the objects is in nobody's recording: the edge tells holds again, and marks of purges are kept elsewhere.
    await lost.table.putAll(
      (await kept(before.table)).map((item) => ({ ...item, pk: String(item.pk), sk: String(item.sk) })),
    );
    await lost.reindex(false);
    expect(await lost.answers()).toEqual(answers);
    expect(await lost.table.get({ pk: sessionPartition(sessions.purged.session), sk: SESSION_ROW })).toHaveProperty(
      'purged',
    );
  });
});
