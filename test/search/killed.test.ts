// Whatever is killed at any of its writes, and run again, leaves what it would have left.

import { afterAll, beforeAll, expect, it } from 'vitest';
import type { CatalogueTable, Item, ItemKey } from '../../functions/catalogue-table/table.ts';
import { type LocalDynamoDb, localDynamoDbClient, startLocalDynamoDb } from '../../functions/local/dynamodb.ts';
import { knownScopes } from '../../functions/search/fold.ts';
import { readHead } from '../../functions/search/head.ts';
import { removeFromSearch } from '../../functions/search/remove-session.ts';
import { SOAK } from '../harness/soak.ts';
import { Killed, newMortal } from '../harness/search/mortal.ts';
import { began, CUSTOMERS, newReindexArchive, purge, store } from '../harness/search/reindex-archive.ts';

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

const short = began({ task: 'OPS-7' }, 1).query('select customers', CUSTOMERS).cut().query('drop it', CUSTOMERS).end();
const other = began({ email: 'bob@example.com' }, 2).query('select purged', CUSTOMERS).end();
/** Eight segments: with the last one folded alone a merge is due. */
const long = began({}, 3);
for (let i = 0; i < 8; i++) long.query(`select ${i}`, CUSTOMERS).cut();

const ASKED = { queries: ['-nothing', 'purged', 'rows:1'], lists: [{}, { task: 'OPS-7' }] };

type Archive = Awaited<ReturnType<typeof newReindexArchive>>;
type Derived = Awaited<ReturnType<Archive['derived']>>;
interface Work {
  /** What has gone before. */
  readonly prepare: (archive: Archive, derived: Derived) => Promise<unknown>;
  readonly work: (derived: Derived) => Promise<unknown>;
}

const indexed = async (archive: Archive, { event, fold }: Derived) => {
  for (const builder of [short, other]) for (const key of store(archive, builder)) await event(key);
  await fold();
};

const WORKS: Readonly<Record<string, Work>> = {
  'the indexing of a batch': {
    prepare: async (archive) => store(archive, short),
    // What is named as failed comes again, and so does all of a batch that was not answered for.
    work: ({ batch }) => batch(...short.objects.keys()),
  },
  'a fold, its merge and its clean-up': {
    prepare: async (archive, { event, fold }) => {
      for (const [index, key] of store(archive, long).entries()) {
        if (index > 0) await fold();
        await event(key);
      }
    },
    work: ({ fold }) => fold(),
  },
  'taking a session out of the index': {
    prepare: async (archive, derived) => {
      await indexed(archive, derived);
      for (const key of other.objects.keys()) archive.objects.delete(key);
      const rows = await derived.table.queryAll({
        KeyConditionExpression: 'pk = :pk',
        ExpressionAttributeValues: { ':pk': `session#${other.session}` },
      });
      await derived.table.deleteAll(rows.map(({ pk, sk }) => ({ pk: String(pk), sk: String(sk) })));
    },
    work: ({ search }) => removeFromSearch([other.session], search),
  },
  'a reindex that drops what there is': {
    prepare: async (archive, derived) => {
      await indexed(archive, derived);
      await purge(archive, derived, other);
    },
    work: ({ reindex }) => reindex(true),
  },
  'a reindex beside what there is': {
    prepare: async (archive, derived) => {
      await indexed(archive, derived);
      await purge(archive, derived, other);
    },
    work: ({ reindex }) => reindex(false),
  },
};

/** Segments that a head lists, and those that are stored. */
async function segments({ table, store: stored }: { table: CatalogueTable; store: Derived['store'] }) {
  const listed: string[] = [];
  for (const { id } of await knownScopes({ table }))
    listed.push(...(await readHead(table, id)).segments.map((each) => each.id));
  return { listed: listed.sort(), stored: [...stored.objects.keys()].map((key) => key.slice(-34, -8)).sort() };
}

it.each(Object.entries(WORKS))('%s', async (_, { prepare, work }) => {
  const before = await newReindexArchive(client);
  const prepared = await before.derived();
  await prepare(before, prepared);
  const rows = (await prepared.table.scan({})).items as (Item & ItemKey)[];
  /** How it was seen to be, and whether it was killed before it was done. */
  const run = async (dieAt: number) => {
    const mortal = newMortal();
    const archive = await newReindexArchive(client, mortal.Table);
    archive.clock.now = before.clock.now;
    for (const [key, bytes] of before.objects) archive.objects.set(key, bytes);
    const derived = await archive.derived();
    await derived.table.putAll(rows);
    for (const [key, bytes] of prepared.store.objects) derived.store.objects.set(key, bytes);
    mortal.wrap(derived.store);
    mortal.dieAtWrite(dieAt);
    await work(derived).catch((fault: unknown) => {
      if (!(fault instanceof Killed)) throw fault;
    });
    const died = mortal.revive();
    // What a killed one planned is cleaned up in its time.
    archive.clock.now += 3_600_000;
    await derived.fold();
    await work(derived);
    archive.clock.now += 3_600_000;
    await derived.fold();
    const { listed, stored } = await segments(derived);
    expect([dieAt, stored]).toEqual([dieAt, listed]);
    return { died, answers: await derived.answers(ASKED) };
  };
  const whole = await run(Number.POSITIVE_INFINITY);
  expect(whole.died).toBe(false);
  let died = true;
  let dieAt = 0;
  while (died) {
    // Many writes of a reindex are alike: `npm run soak` kills at each of them.
    dieAt += SOAK || dieAt < 12 ? 1 : 5;
    const killed = await run(dieAt);
    expect([dieAt, killed.answers]).toEqual([dieAt, whole.answers]);
    died = killed.died;
  }
  expect(dieAt).toBeGreaterThan(5);
});
