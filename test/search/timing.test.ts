// How long a query takes tells nothing of what its asker may not see: measured, in `npm run soak` alone, as times are never the same.
// What stands in every run counts instead what a query opens, reads and compares (functions/search/viewing.test.ts).

import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import type { SearchView } from '../../core/search/page.ts';
import { CatalogueTable } from '../../functions/catalogue-table/table.ts';
import { type LocalDynamoDb, localDynamoDbClient, startLocalDynamoDb } from '../../functions/local/dynamodb.ts';
import { runQuery } from '../../functions/search/run-query.ts';
import { ALL, newSearchArchive, statement } from '../harness/search/archive.ts';
import { SOAK } from '../harness/soak.ts';

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

const SAMPLES = 300;
const WARM = 40;
/** A hidden action is `word`; of one's own there are few. */
const HIDDEN = 2_000;
const own = (name: string) => ({ subject: `https://idp.example#${name}@example.com`, forbiddenBy: [] });

/** What it was asked before it does not ask the database again, whose time would hide the query's own. */
class KeptTable extends CatalogueTable {
  readonly kept = new Map<string, Promise<unknown>>();
  keeps = false;
  #keep<T>(key: unknown, read: () => Promise<T>): Promise<T> {
    if (!this.keeps) return read();
    const name = JSON.stringify(key);
    const known = (this.kept.get(name) as Promise<T> | undefined) ?? read();
    this.kept.set(name, known);
    return known;
  }
  override get(key: Parameters<CatalogueTable['get']>[0]) {
    return this.#keep(key, () => super.get(key));
  }
  override queryAll(input: Parameters<CatalogueTable['queryAll']>[0]) {
    return this.#keep(input, () => super.queryAll(input));
  }
}

async function archiveWith(word: string) {
  const archive = await newSearchArchive(client, KeptTable);
  const alice = await archive.open({ rule: 'orders', email: 'alice@example.com' });
  await archive.add(alice, 0, {
    actions: Array.from({ length: 20 }, (_, i) =>
      statement(i + 1, i * 1_000_000, `select secret ${i}`, { durationUs: 1 }),
    ),
  });
  for (const rule of ['orders', 'payroll']) {
    const bob = await archive.open({ rule, email: 'bob@example.com' });
    await archive.add(bob, 0, {
      actions: Array.from({ length: HIDDEN }, (_, i) =>
        statement(i + 1, i * 1_000, `select ${word} ${i}`, { durationUs: 1 }),
      ),
    });
  }
  await archive.fold();
  if (archive.table instanceof KeptTable) archive.table.keeps = true;
  return archive;
}

/**
 * How often a time of the one is above a time of the other: 0.5 where none can be told from the other (the statistic of Mann and
 * Whitney over the number of pairs). Ties count half.
 */
function above(ones: readonly number[], others: readonly number[]): number {
  let sum = 0;
  for (const one of ones) for (const other of others) sum += one > other ? 1 : one === other ? 0.5 : 0;
  return sum / (ones.length * others.length);
}

/** Interleaved, so that whatever else the machine does falls on both. */
async function compared(text: string, view: SearchView): Promise<number> {
  const archives = [await archiveWith('secret'), await archiveWith('sacred')] as const;
  const times: [number[], number[]] = [[], []];
  for (let i = 0; i < SAMPLES + WARM; i++)
    for (const which of i % 2 === 0 ? ([0, 1] as const) : ([1, 0] as const)) {
      const begun = performance.now();
      const page = await runQuery({ text, view, limit: 10, cursor: undefined }, archives[which].deps);
      if (!page.ok) throw new Error('refused');
      if (i >= WARM) times[which].push(performance.now() - begun);
    }
  return above(...times);
}

beforeEach((context) => {
  if (!SOAK) context.skip('compares durations: npm run soak');
});

it.each<[string, string, SearchView]>([
  ["one's own sessions, beside others' that match", 'secret', { rules: [], own: own('alice') }],
  ["one's own, where nothing of them matches", 'secret nothing', { rules: [], own: own('alice') }],
  ['a stranger', 'secret', { rules: [], own: own('mallory') }],
])(
  'the time of %s does not tell whether hidden actions match',
  async (_, text, view) => {
    // Of so many samples chance makes 0.02 (one standard error).
    expect(Math.abs((await compared(text, view)) - 0.5)).toBeLessThan(0.1);
  },
  300_000,
);

it('the comparison would find what can be told', async () => {
  // An auditor sees them all: in the one archive nothing matches, in the other thousands.
  expect(Math.abs((await compared('sacred', ALL)) - 0.5)).toBeGreaterThan(0.3);
}, 300_000);
